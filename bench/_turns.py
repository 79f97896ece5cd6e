"""Measuring things by turns, so that what disturbs the machine disturbs all of them alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

ROUNDS: Final = 5
TURN_S: Final = 0.1
"""How long a turn lasts at least; it is repeated calls of one thing."""


def log(said: str) -> None:
    """Say on stderr what is going on."""
    print(said, file=sys.stderr, flush=True)


def by_turns(
    things: Mapping[str, Callable[[], object]], *, rounds: int = ROUNDS, turn_s: float = TURN_S
) -> dict[str, float]:
    """The seconds that one call of each thing takes: the mean of its best turn.

    Each has a turn in every round, after one call that warms it up.
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
    while (taken_s := time.perf_counter() - start) < turn_s or not calls:
        thing()
        calls += 1
    return taken_s / calls
