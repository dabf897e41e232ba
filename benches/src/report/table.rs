//! A table of text: aligned in a terminal, a `table` in a page.

use std::fmt;

/// What to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// One line above it.
    pub title: String,
    /// A name for every column.
    pub head: Vec<String>,
    /// As many cells each as there are columns; the first names the row.
    pub rows: Vec<Vec<String>>,
}

/// The first column begins at the left, all others end at the right.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| {
            let cells = lines().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.head.len()).map(width).collect();
        writeln!(f, "{}\n", self.title)?;
        for line in lines() {
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(f, "{cell:<width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let line = |cells: [&str; 2]| cells.map(String::from).to_vec();
        let rows = vec![line(["a", "1,000"]), line(["long", "2"])];
        let table = Table { title: "Title".into(), head: line(["row", "of"]), rows };
        assert_eq!(table.to_string(), "Title\n\nrow      of\na     1,000\nlong      2\n");
    }
}
