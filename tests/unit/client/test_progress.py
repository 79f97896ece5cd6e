"""Progress is written to terminals only."""

from __future__ import annotations

import io

import pytest

from sluice.progress import TextProgress


class Terminal(io.StringIO):
    """A stream that reports to be a terminal."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return True


def test_one_line_of_a_terminal_is_rewritten() -> None:
    """Each step overwrites the previous one; the last step ends the line."""
    stream = Terminal()
    show = TextProgress(stream)
    show("frames scored", 4_096, 5_000)
    show("frames scored", 5_000, 5_000)
    assert (
        "\rframes scored: 4,096 of 5,000\x1b[K\rframes scored: 5,000 of 5,000\x1b[K\n"
    ) == stream.getvalue()


def test_nothing_is_written_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file gets no progress, and an empty task prints nothing."""
    TextProgress()("models", 1, 2)
    terminal = Terminal()
    TextProgress(terminal)("models", 0, 0)
    assert ("", "", "") == (*capsys.readouterr(), terminal.getvalue())
