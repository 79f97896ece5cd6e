"""The `sluice` command: its groups, and the options that all of them share."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from sluice import __version__
from sluice.cli import (
    batches,
    campaigns,
    doctor,
    found,
    frames,
    golden,
    issues,
    projects,
    rounds,
    samples,
    scan,
    stopping,
    zcore,
)
from sluice.cli.context import Connection
from sluice.cli.exits import MEANINGS, Exit
from sluice.cli.output import complaints
from sluice.client import DEFAULT_TARGET

app = typer.Typer(
    name="sluice",
    epilog=f"Exit codes: {'; '.join(f'{code:d} {said}' for code, said in MEANINGS.items())}.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(projects.app, name="projects")
# One group, whose commands stand in several files.
assert frames.app is found.app is rounds.app is zcore.app
app.add_typer(frames.app, name="datasets")
app.add_typer(batches.app, name="batch")
app.add_typer(issues.app, name="issues")
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(samples.app, name="samples")
app.add_typer(golden.app, name="golden")
app.add_typer(stopping.app, name="progress")
app.command("funnel")(samples.funnel)
app.command("background")(scan.background)
app.command("scan")(scan.scan)
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    target: Annotated[
        str, typer.Option(envvar="SLUICE_TARGET", help="Where the server listens.")
    ] = DEFAULT_TARGET,
    api_key: Annotated[str, typer.Option(envvar="SLUICE_API_KEY", help="The API key.")] = "",
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SLUICE_API_KEY_FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="A file that holds the key.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Find the few frames worth labelling."""
    key = api_key_file.read_text().strip() if api_key_file and not api_key else api_key
    context.obj = Connection(target, key)


@app.command()
def demo() -> None:
    """Run the main job on real frames, on a server of its own.

    Example: sluice demo
    """
    if importlib.util.find_spec("demo") is None:
        complaints.print("the demo is part of the repository: clone it and run `make demo`")
        raise typer.Exit(Exit.REFUSED)
    importlib.import_module("demo.__main__").main()
