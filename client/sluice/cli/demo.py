"""`sluice demo`: the demo of the repository."""

from __future__ import annotations

import importlib
import importlib.util

import typer

from sluice.cli.exit_codes import ExitCode
from sluice.cli.output import stderr_console


def demo() -> None:
    """Run the main job on real frames, on a server of its own.

    Example: sluice demo
    """
    if importlib.util.find_spec("demo") is None:
        stderr_console.print("the demo is part of the repository: clone it and run `make demo`")
        raise typer.Exit(ExitCode.REFUSED)
    importlib.import_module("demo.__main__").main()
