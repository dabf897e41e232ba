//! Addresses of this process to functions, files and lines.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolized, Symbolizer};

/// Always this program, also when its file was replaced while it ran.
const OWN: &str = "/proc/self/exe";

/// What is known about addresses, for as many profiles as there are.
pub(super) struct Symbols {
    symbolizer: Symbolizer,
    pub(super) mappings: Vec<Mapping>,
    known: HashMap<u64, Place>,
}

/// A file's code in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) offset: u64,
    pub(super) path: String,
}

/// What is at an address.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Its index in [`Symbols::mappings`].
    pub(super) mapping: Option<usize>,
    /// From the innermost inlined function to the one that was called. Empty: nothing is known.
    pub(super) functions: Vec<Function>,
}

/// A function and the line of it that an address belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) line: u32,
}

impl Default for Symbols {
    fn default() -> Self {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        Self {
            symbolizer: Symbolizer::new(),
            mappings: maps.lines().filter_map(mapping).collect(),
            known: HashMap::new(),
        }
    }
}

impl Symbols {
    /// Finds out about all these addresses at once.
    pub(super) fn learn(&mut self, addresses: impl Iterator<Item = u64>) {
        let mut asked: Vec<Vec<u64>> = vec![Vec::new(); self.mappings.len()];
        for address in addresses {
            if self.known.contains_key(&address) {
                continue;
            }
            let mapping = self.mappings.iter().position(|m| (m.start..m.end).contains(&address));
            self.known.insert(address, Place { mapping, functions: Vec::new() });
            if let Some(asked) = mapping.and_then(|index| asked.get_mut(index)) {
                asked.push(address);
            }
        }
        let own = fs::read_link(OWN).unwrap_or_default();
        for (mapping, addresses) in self.mappings.iter().zip(asked) {
            if !addresses.is_empty() {
                let path = PathBuf::from(&mapping.path);
                let path = if path == own { PathBuf::from(OWN) } else { path };
                let found = found(&self.symbolizer, &Elf::new(path), mapping, &addresses);
                for (address, functions) in addresses.iter().zip(found) {
                    if let Some(place) = self.known.get_mut(address) {
                        place.functions = functions;
                    }
                }
            }
        }
    }

    /// What [`Symbols::learn`] found.
    pub(super) fn at(&self, address: u64) -> Option<&Place> {
        self.known.get(&address)
    }
}

/// A file that is gone or has no symbols leaves bare addresses, which is what is known then.
fn found(
    symbolizer: &Symbolizer,
    file: &Elf,
    mapping: &Mapping,
    addresses: &[u64],
) -> Vec<Vec<Function>> {
    let offsets = addresses.iter().map(|address| address - mapping.start + mapping.offset);
    let offsets: Vec<u64> = offsets.collect();
    let symbols = |debug_syms| {
        let source = Source::Elf(Elf { debug_syms, ..file.clone() });
        symbolizer.symbolize(&source, Input::FileOffset(&offsets)).unwrap_or_default()
    };
    // Debug information knows inlined functions and lines, the symbol table whole names.
    let (detailed, named) = (symbols(true), symbols(false));
    let mut named = named.into_iter();
    let both = detailed.iter().map(|symbol| (symbol, named.next().and_then(Symbolized::into_sym)));
    both.map(|(symbol, named)| functions(symbol.as_sym(), named.as_ref())).collect()
}

fn functions(detailed: Option<&Sym<'_>>, named: Option<&Sym<'_>>) -> Vec<Function> {
    let Some(outer) = named.or(detailed) else { return Vec::new() };
    let code = detailed.and_then(|symbol| symbol.code_info.as_deref());
    let mut functions = vec![function(&outer.name, code)];
    let inlined = detailed.map(|symbol| &symbol.inlined[..]).unwrap_or_default();
    functions.extend(inlined.iter().map(|f| function(&f.name, f.code_info.as_ref())));
    functions.reverse();
    functions
}

fn function(name: &str, code: Option<&CodeInfo<'_>>) -> Function {
    let file = code.map(|code| code.to_path().to_string_lossy().into_owned());
    let line = code.and_then(|code| code.line);
    Function { name: name.to_owned(), file: file.unwrap_or_default(), line: line.unwrap_or(0) }
}

/// A line of `/proc/self/maps`, if it is code of a file.
fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let executable = words.next()?.contains('x');
    let offset = words.next()?;
    let path = words.nth(2)?.trim_start();
    let number = |text| u64::from_str_radix(text, 16).ok();
    (executable && path.starts_with('/')).then_some(())?;
    let (start, end, offset) = (number(start)?, number(end)?, number(offset)?);
    Some(Mapping { start, end, offset, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_files_is_found_whatever_their_names() {
        let line = "7f00-7f10 r-xp 00001000 08:01 1234      /opt/a b/surewire (deleted)";
        let path = "/opt/a b/surewire (deleted)".to_owned();
        let expected = Mapping { start: 0x7f00, end: 0x7f10, offset: 0x1000, path };
        assert_eq!(mapping(line), Some(expected));
        assert_eq!(mapping("7f00-7f10 r--p 00000000 08:01 1234  /usr/lib/foo.so"), None);
        assert_eq!(mapping("7f00-7f10 r-xp 00000000 00:00 0     [vdso]"), None);
        assert_eq!(mapping("7f00-7f10 r-xp 00000000 00:00 0"), None);
        assert_eq!(mapping(""), None);
    }
}
