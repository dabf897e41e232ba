"""Reads Rust source as far as counting it needs: comments, literals, functions, test code."""

import pathlib
import re
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATES = ("engine", "server", "sim", "load", "benches", "fuzz")
TEST_FOLDERS = {"tests", "benches", "examples", "fuzz_targets"}

_COMMENT_OR_LITERAL = re.compile(
    r"""(?P<comment> //[^\n]* | /\*.*?\*/ )
      | (?<![A-Za-z0-9_]) b?c?r(?P<hashes>\#*)".*?"(?P=hashes)
      | b?"(?:\\.|[^"\\])*"
      | b?'(?:\\(?:x..|u\{[^}]*\}|.)|[^\\'\n])'""",
    re.DOTALL | re.VERBOSE,
)
_TEST_ITEM = re.compile(
    r"#\[\s*(?:cfg\s*\(\s*(?:all\s*\(\s*|any\s*\(\s*)?test\b[^]]*|(?:\w+::)*test\b[^]]*)\]"
)
_FUNCTION = re.compile(r"\bfn\s+(\w+)")


class Function(NamedTuple):
    name: str
    line: int
    lines: int
    offset: int


class Source:
    """One file. `code` is its text with comments and literals blanked, offsets unchanged."""

    def __init__(self, path):
        self.path = path.relative_to(ROOT)
        self.text = path.read_text(encoding="utf-8")
        self.comments = []
        self.code = _COMMENT_OR_LITERAL.sub(self._blank, self.text)
        self.tests = [self._item_after(m) for m in _TEST_ITEM.finditer(self.code)]

    def line(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def is_test(self, offset):
        return any(start <= offset < end for start, end in self.tests)

    def functions(self):
        for match in _FUNCTION.finditer(self.code):
            end = self._end_of_item(match.end())
            if self.code[end - 1] == "}":
                first, last = self.line(match.start()), self.line(end)
                yield Function(match[1], first, last - first + 1, match.start())

    def lines_without_tests(self):
        test_lines = set()
        for start, end in self.tests:
            test_lines.update(range(self.line(start), self.line(end) + 1))
        return self.text.count("\n") - len(test_lines)

    def test_modules_elsewhere(self):
        """Names of modules that only tests have and that are files of their own."""
        for start, end in self.tests:
            if module := re.search(r"\bmod\s+(\w+)\s*;$", self.code[start:end]):
                yield module[1]

    def _blank(self, match):
        if match["comment"]:
            self.comments.append(match.span())
        return re.sub(r"[^\n]", " ", match[0])

    def _item_after(self, match):
        return match.start(), self._end_of_item(match.end())

    def _end_of_item(self, start):
        """Behind the `;` or the closing brace of the item whose head begins at `start`."""
        depth = 0
        for match in re.compile(r"[()\[\]{};]").finditer(self.code, start):
            mark = match[0]
            if mark in "([{":
                depth += 1
            elif mark in ")]}":
                depth -= 1
            if depth == 0 and mark in ";}":
                return match.end()
        return len(self.code)


def sources(*crates):
    """Pairs (Source, whole file is test code) of every Rust file of the crates."""
    for crate in crates or CRATES:
        files = [p for p in sorted((ROOT / crate).rglob("*.rs")) if "target" not in p.parts]
        found = [Source(p) for p in files]
        test_files = {t for source in found for t in _test_files(source)}
        for source in found:
            in_test_folder = bool(TEST_FOLDERS & set(source.path.parts[1:-1]))
            is_test = in_test_folder or any(source.path.is_relative_to(t) for t in test_files)
            yield source, is_test


def _test_files(source):
    folder = source.path.parent
    if source.path.stem not in ("lib", "main", "mod"):
        folder = folder / source.path.stem
    for module in source.test_modules_elsewhere():
        yield folder / f"{module}.rs"
        yield folder / module
