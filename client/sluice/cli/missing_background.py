"""Warnings and questions of commands about campaigns without a background."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from sluice.cli.exit_codes import ExitCode
from sluice.cli.output import stderr_console
from sluice.missing_background import CONSEQUENCE
from sluice.names import CampaignName
from sluice.v1 import campaign_pb2

FLAG = "--without-background"

WithoutBackground = Annotated[
    bool, typer.Option(FLAG, help="Go on without a background; collects far too many frames.")
]


def background_command(project: str, model_id: str) -> str:
    """The command that sets the background of a model; `project` is a resource name or an id."""
    project_id = project.removeprefix("projects/")
    return f"sluice background FILE -p {project_id} --model-id {shlex.quote(model_id)}"


def commit_command(campaign: str, version: campaign_pb2.CampaignVersion) -> str:
    """The command that commits a campaign again, with its reviews if its version has any."""
    flag = " --with-feedback" if has_feedback(version) else ""
    return f"sluice campaigns commit {campaign}{flag}"


def has_feedback(version: campaign_pb2.CampaignVersion) -> bool:
    """Whether a version was made from reviewed samples too."""
    return bool(version.accepted_count + version.negative_count)


def print_warning(text: str) -> None:
    """Print a warning on stderr."""
    stderr_console.print("[yellow]warning[/]: ", end="")
    stderr_console.print(text, markup=False, highlight=False, soft_wrap=True)


def confirm(problem: str, next_step: str, *, accepted: bool) -> None:
    """Warn, and ask whether to go on unless that was accepted.

    Without a terminal to answer at, that is wrong usage, and the message names the option.
    """
    if not accepted and not (sys.stdin.isatty() and sys.stderr.isatty()):
        # A usage error of typer is wrapped in a box, from which no command can be copied.
        text = f"{problem}. {next_step}; or go on with {FLAG}"
        stderr_console.print(text, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(ExitCode.USAGE)
    print_warning(f"{problem}. {next_step}")
    if not accepted:
        typer.confirm("Go on without a background?", default=False, abort=True, err=True)


def warn_of_version(campaign: str, version: campaign_pb2.CampaignVersion, *, is_set: bool) -> None:
    """Warn if a version was made without a background; `is_set` if its space has one by now."""
    if version.basis_digest or not version.model_digest:
        return
    project = CampaignName.parse(campaign).project
    steps = [] if is_set else [background_command(project, version.model_id)]
    commands = "`, then `".join([*steps, commit_command(campaign, version)])
    print_warning(
        f"version {version.number} was made without a background; {CONSEQUENCE}. Run `{commands}`"
    )
