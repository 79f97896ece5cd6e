"""Measures things in turns, so that a disturbance of the machine affects all of them alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

ROUNDS: Final = 5
TURN_S: Final = 0.1
"""Minimum duration of a turn, which is repeated calls of one thing."""


def log(line: str) -> None:
    """Print a line of progress to stderr."""
    print(line, file=sys.stderr, flush=True)


def by_turns(
    things: Mapping[str, Callable[[], object]], *, rounds: int = ROUNDS, turn_s: float = TURN_S
) -> dict[str, float]:
    """The seconds per call of each thing: the mean of its best turn.

    Each has a turn in every round, after one call to warm up.
    """
    for thing in things.values():
        thing()
    best = dict.fromkeys(things, float("inf"))
    for _ in range(rounds):
        for name, thing in things.items():
            best[name] = min(best[name], _turn(thing, turn_s))
    return best


def _turn(thing: Callable[[], object], turn_s: float) -> float:
    """The mean seconds of calls that fill a turn."""
    calls, start = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - start) < turn_s or not calls:
        thing()
        calls += 1
    return elapsed_s / calls
