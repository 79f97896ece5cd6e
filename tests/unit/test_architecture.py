"""docs/architecture.md: the index of rules, limits and their homes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
QUOTED = re.compile(r"`([^`]+)`")


def index_rows() -> list[tuple[str, list[str], list[str]]]:
    """The rule, the quoted words of its home and those of its test, for each row of the index."""
    _, _, index = PAGE.partition("## Where to change what")
    rows = [line.strip("|").split(" | ") for line in index.splitlines() if line.startswith("| ")]
    return [(row[0].strip(), QUOTED.findall(row[1]), QUOTED.findall(row[2])) for row in rows[2:]]


def defined_names(path: Path) -> set[str]:
    """The names that a module defines at its top level."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize("row", index_rows(), ids=lambda row: row[0])
def test_a_row_names_what_exists(row: tuple[str, list[str], list[str]]) -> None:
    """The home of each rule exists and defines the names given, and so does its test file."""
    _, (home, *names), [test_file] = row

    assert (ROOT / home).is_file()
    assert set() == set(names) - defined_names(ROOT / home)
    assert (ROOT / test_file).is_file()
    assert re.search(r"^(async )?def test_", (ROOT / test_file).read_text(), re.MULTILINE)


def test_the_index_is_read() -> None:
    """The index has at least 30 rows, and the golden gate is one of them."""
    rows = index_rows()

    assert 30 <= len(rows)
    assert "the golden gate" in {rule for rule, _, _ in rows}


def test_files_on_the_page_exist() -> None:
    """Every path from the root of the repository that the page quotes exists."""
    paths = [
        word
        for word in QUOTED.findall(PAGE)
        if re.fullmatch(r"(services|client|tests|docs)/[\w/.]+", word)
    ]

    assert "services/ingest/submit.py" in paths
    assert [] == [path for path in paths if not (ROOT / path).exists()]
