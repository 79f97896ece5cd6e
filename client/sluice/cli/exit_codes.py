"""The exit codes that scripts can trust: this table, and no other place, says what they are."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sluice import errors


class Exit(IntEnum):
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
    Exit.DONE: "done",
    Exit.REFUSED: "the server, or the command, refused: what is wrong stands on stderr",
    Exit.USAGE: "wrong usage",
    Exit.NOT_FOUND: "not found",
    Exit.DENIED: "no key, an unknown one, or one without the right",
    Exit.UNAVAILABLE: "the server cannot be reached",
    Exit.DIFFERENT: "`doctor` found differences that remain",
    Exit.BLOCKED: "`golden check` or `golden gate`: a failed check blocks the next batch",
    Exit.INTERRUPTED: "Ctrl-C",
}

_BY_ERROR: Final[dict[type[errors.SluiceError], Exit]] = {
    errors.NotFound: Exit.NOT_FOUND,
    errors.Unauthenticated: Exit.DENIED,
    errors.PermissionDenied: Exit.DENIED,
    errors.Unavailable: Exit.UNAVAILABLE,
}


def exit_of(error: errors.SluiceError) -> Exit:
    """The code that a command ends with."""
    return _BY_ERROR.get(type(error), Exit.REFUSED)
