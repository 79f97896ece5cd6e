"""Checks what linters do not know: names that say what they hold, and plain English.

`make check` runs it; each rule is described in CONTRIBUTING.md. Exceptions are listed in
`tools/readability.toml`, each with its reason, and one that is not needed any more is an error.
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent

VAGUE_NAMES: Final = {"found", "wanted", "asked", "said", "told", "begun"}
"""Names that say how a value came about instead of what it holds."""

PHRASES: Final = {
    "stands twice": "duplicate",
    "has not(?=[.,;:)\"'`]| (?:the|an?|any|that|this|its|what)\\b)": "is not in …, lacks",
    "have not(?=[.,;:)\"'`]| (?:the|an?|any|that|this|its|what)\\b)": "are not in …, lack",
    "(?<!there )is no (?!(?:longer|more|less)\\b)": "is not a, malformed",
    "(?<!there )are no (?!(?:longer|more|less)\\b)": "are not",
    "lies": "is",
    "lie (?:in|under|below|on)": "are",
    "goes before": "overrides",
    "what is wrong stands": "see",
    "is said of": "name the thing",
    "said of": "name the thing",
    "is told": "gets, is sent",
    "are told": "get, are sent",
    "of late": "recently",
    "as good as": "name the tolerance",
    "those who": "users, callers",
    "whose [\\w ]+? is\\b": "name the owner",
}
"""Phrases of ../shared/conventions.md that an engineer reads twice, with what to write instead."""

PARTICIPLE: Final = re.compile(r"_*(?:[A-Z][a-z]+ed|Begun|Chosen|Found|Known|Left|Made|Sent)")
"""Class names that are one bare participle."""

COLUMNS_MAX: Final = 100
"""Columns of a line of Markdown, outside tables, code and lines that a link makes long."""


@dataclass
class Report:
    """Problems as `file:line: message`, and the exceptions of the settings that were used."""

    root: Path
    settings: dict[str, dict[str, str]]
    problems: list[str] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)

    def add(self, path: Path, line: int, message: str) -> None:
        """Record a problem."""
        self.problems.append(f"{path.relative_to(self.root)}:{line}: {message}")

    def excuses(self, rule: str, subject: str) -> bool:
        """Whether the settings excuse a subject from a rule."""
        excused = subject in self.settings.get(rule, {})
        if excused:
            self.used.add((rule, subject))
        return excused

    def unused(self) -> list[str]:
        """Exceptions that excuse nothing."""
        return [
            f"tools/readability.toml: [{rule}] {subject}: not needed, delete it"
            for rule, subjects in self.settings.items()
            for subject in subjects
            if (rule, subject) not in self.used
        ]


def main() -> int:
    """Check the repository; the exit status."""
    problems = check(ROOT)
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return bool(problems)


def check(root: Path) -> list[str]:
    """All problems of a repository, sorted."""
    report = Report(root, tomllib.loads((root / "tools/readability.toml").read_text()))
    code = [*files(root, "services", "*.py"), *files(root, "client/sluice", "*.py")]
    trees = {path: ast.parse(path.read_text()) for path in code}
    check_classes(trees, report)
    for path, tree in trees.items():
        check_names(path, tree, report)
    check_test_files(report)
    others = [path for folder in ("tests", "bench", "demo") for path in files(root, folder, "*.py")]
    for path in [*code, *others]:
        check_text(path, texts(path), report)
    pages = files(root, ".", "*.md")
    for path in [*files(root, "protos", "*.proto"), *pages]:
        check_text(path, enumerate(path.read_text().splitlines(), 1), report)
    for path in pages:
        check_width(path, report)
    return sorted(report.problems) + report.unused()


def files(root: Path, folder: str, pattern: str) -> list[Path]:
    """The files below a folder that people write: no environments, caches or generated stubs."""
    return sorted(
        path
        for path in (root / folder).rglob(pattern)
        if not any(
            part.startswith(".") or part == "node_modules" for part in path.relative_to(root).parts
        )
        and not path.stem.endswith(("_pb2", "_pb2_grpc"))
    )


def check_classes(trees: dict[Path, ast.Module], report: Report) -> None:
    """A class is a noun, defined once; private ones too, since a reader searches for both."""
    places: dict[str, list[tuple[Path, int]]] = defaultdict(list)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append((path, node.lineno))
    for name, defined in places.items():
        if len(defined) > 1 and not report.excuses("class-defined-twice", name):
            for path, line in defined:
                report.add(path, line, f"class {name} is defined {len(defined)} times")
        if PARTICIPLE.fullmatch(name) and not report.excuses("class-is-a-participle", name):
            report.add(*defined[0], f"class {name} is not a noun")


def check_names(path: Path, tree: ast.Module, report: Report) -> None:
    """No variable, argument, field or function has a vague name."""
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.attr
        if name.lstrip("_") in VAGUE_NAMES:
            line: int = getattr(node, "lineno", 1)
            report.add(path, line, f"`{name}` does not say what it holds")


def check_test_files(report: Report) -> None:
    """Every module of the services has a test file of its name, below tests/."""
    tests = {path.stem for path in files(report.root, "tests", "test_*.py")}
    for path in files(report.root, "services", "*.py"):
        if path.stem.startswith("__") or f"test_{path.stem}" in tests:
            continue
        subject = path.relative_to(report.root).as_posix()
        if not report.excuses("module-without-test-file", subject):
            report.add(path, 1, f"no tests/**/test_{path.stem}.py")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The comments and string literals of a module, docstrings among them, by line."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                yield from enumerate(token.string.splitlines(), token.start[0])
            elif tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
                yield token.start[0], token.string


_PATTERNS: Final = {
    re.compile(rf"\b{phrase}" if phrase.endswith(")") else rf"\b{phrase}\b", re.IGNORECASE): advice
    for phrase, advice in PHRASES.items()
}


def check_text(path: Path, lines: Iterable[tuple[int, str]], report: Report) -> None:
    """No message, docstring, comment or page uses a phrase that is read twice."""
    subject = path.relative_to(report.root).as_posix()
    for number, line in lines:
        for pattern, advice in _PATTERNS.items():
            if (match := pattern.search(line)) and not report.excuses("phrases", subject):
                report.add(path, number, f"“{match[0].strip()}”: write {advice}")


def check_width(path: Path, report: Report) -> None:
    """Markdown is wrapped, save for tables, code and lines that a link makes long."""
    fenced = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        wide = len(line) > COLUMNS_MAX and len(re.sub(r"\]\([^)]*\)", "]", line)) > COLUMNS_MAX
        if wide and not fenced and not line.startswith(("|", "![", "    ")):
            report.add(path, number, f"{len(line)} columns; wrap at {COLUMNS_MAX}")


if __name__ == "__main__":
    sys.exit(main())
