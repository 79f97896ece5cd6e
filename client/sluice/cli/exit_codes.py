"""The exit codes that scripts can rely on; docs/cli.md repeats this table, and a test compares."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sluice import errors
from sluice.resources.resolver import ProjectRequired


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4
    UNAVAILABLE = 5
    DIFFERENT = 6
    BLOCKED = 7
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitCode.DONE: "done",
    ExitCode.REFUSED: "request rejected; see stderr",
    ExitCode.USAGE: "wrong usage",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.DENIED: "API key missing, unknown, or without the required scope",
    ExitCode.UNAVAILABLE: "server unreachable",
    ExitCode.DIFFERENT: "`doctor` found differences that remain",
    ExitCode.BLOCKED: (
        "`golden-sets check` or `golden-sets gate`: a failed check blocks the next batch"
    ),
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}

_BY_ERROR: Final[dict[type[errors.SluiceError], ExitCode]] = {
    ProjectRequired: ExitCode.USAGE,
    errors.NotFound: ExitCode.NOT_FOUND,
    errors.Unauthenticated: ExitCode.DENIED,
    errors.PermissionDenied: ExitCode.DENIED,
    errors.Unavailable: ExitCode.UNAVAILABLE,
}


def exit_code_of(error: errors.SluiceError) -> ExitCode:
    """The exit code for an error."""
    return _BY_ERROR.get(type(error), ExitCode.REFUSED)
