"""Every command that a page names exists, with its options; so does every target of make."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sluice.cli.app import app

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK_LINE = re.compile(r"^(?: {4}|\$ )(sluice [^\n]*)$", re.MULTILINE)
_SPAN = re.compile(r"`(sluice\s[^`]+)`")
_MAKE = re.compile(r"(?:`|^\$ |^ {4})make ([a-z][a-z-]*)", re.MULTILINE)


def find_commands(text: str) -> Iterator[list[str]]:
    """The words of each `sluice` command in a page, without `sluice`."""
    for pattern in (_BLOCK_LINE, _SPAN):
        for match in pattern.finditer(text):
            yield [word for word in shlex.split(match[1].partition("#")[0])[1:] if word != "…"]


def explain_unknown(words: list[str]) -> str:
    """Which word of a command does not exist; "" if all do."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            return f"{name!r} is not one of {', '.join(command.commands)}"
        command = command.commands[name]
    names = [name for param in command.params for name in param.opts if name.startswith("-")]
    options = {"--help", *names}
    unknown = [
        word for word in rest if word.startswith("-") and word.partition("=")[0] not in options
    ]
    return f"{unknown[0]!r} is not one of {', '.join(sorted(options))}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    """No page names a group, a command or an option that cannot be typed."""
    commands = list(find_commands(page.read_text()))
    unknown = {
        shlex.join(words): problem for words in commands if (problem := explain_unknown(words))
    }
    assert {} == unknown


def test_the_pages_of_operators_and_users_have_commands() -> None:
    """The search for commands finds those of the pages that are made of them."""
    counts = {page.name: len(list(find_commands(page.read_text()))) for page in PAGES}
    assert counts["cli.md"] > 40
    assert counts["deploy.md"] > 2


def test_unknown_words_are_found() -> None:
    """A misspelt group, command or option is named."""
    assert "'campaign' is not one of" in explain_unknown(["campaign", "list"])
    assert "'start-all' is not one of list" in explain_unknown(["campaigns", "start-all"])
    assert "'--by=x' is not one of" in explain_unknown(["samples", "list", "C", "--by=x"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_exists(page: Path) -> None:
    """No page names a target that the Makefile lacks."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set() == set(_MAKE.findall(page.read_text())) - targets
