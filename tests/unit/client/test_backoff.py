"""Backoff: pauses grow, have jitter, respect the server's delay, and end at the deadline."""

from __future__ import annotations

import random
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.backoff import PAUSE_S_MAX, PAUSE_S_MIN, Backoff
from sluice.errors import Unavailable

PATIENCE_S = 60.0


class FakeClock:
    """A clock that advances only in pauses, which it records."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.pauses_s: list[float] = []

    def __call__(self) -> float:
        """The time now."""
        return self.now_s

    def sleep(self, pause_s: float) -> None:
        """Advance the clock at once."""
        self.pauses_s.append(pause_s)
        self.now_s += pause_s


def longest(low: float, high: float) -> float:
    """A random source that always draws the upper bound."""
    return high


def fail_forever(backoff: Backoff, error: Unavailable) -> NoReturn:
    """Fail and wait repeatedly, until the backoff raises the error."""
    while True:
        backoff.wait(error)


def test_the_bound_doubles_up_to_a_maximum() -> None:
    """Without a delay from the server, the longest pause doubles, up to 5 s."""
    clock = FakeClock()
    backoff = Backoff(PATIENCE_S, uniform=longest, clock=clock, sleep=clock.sleep)

    for _ in range(8):
        backoff.wait(Unavailable("away"))

    assert [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0] == pytest.approx(clock.pauses_s)


def test_a_success_starts_over() -> None:
    """After a success, the bound and the deadline start over."""
    clock = FakeClock()
    backoff = Backoff(PATIENCE_S, uniform=longest, clock=clock, sleep=clock.sleep)
    for _ in range(4):
        backoff.wait(Unavailable("away"))
    backoff.reset()
    clock.now_s += PATIENCE_S
    clock.pauses_s.clear()

    backoff.wait(Unavailable("away"))

    assert [PAUSE_S_MIN] == clock.pauses_s


@given(st.integers(), st.floats(0, 30), st.floats(0.5, 100))
def test_pauses_respect_the_server_and_the_deadline(
    seed: int, retry_after_s: float, patience_s: float
) -> None:
    """Whatever is drawn, no pause is under `retry_after_s`, and none passes the deadline.

    Only the last pause before the deadline is cut, and never under `retry_after_s`.
    """
    clock = FakeClock()
    start_s, uniform = clock.now_s, random.Random(seed).uniform  # noqa: S311 - no secret
    backoff = Backoff(patience_s, uniform=uniform, clock=clock, sleep=clock.sleep)

    with pytest.raises(Unavailable, match="away"):
        fail_forever(backoff, Unavailable("away", retry_after_s=retry_after_s))

    assert all(retry_after_s <= pause_s for pause_s in clock.pauses_s)
    assert all(pause_s <= retry_after_s + PAUSE_S_MAX for pause_s in clock.pauses_s)
    assert clock.now_s - start_s <= patience_s + 1e-9


def test_a_delay_beyond_the_deadline_is_not_waited_for() -> None:
    """A delay beyond the deadline raises the error at once, without a pause."""
    clock = FakeClock()
    backoff = Backoff(2.0, uniform=longest, clock=clock, sleep=clock.sleep)

    with pytest.raises(Unavailable, match="away"):
        fail_forever(backoff, Unavailable("away", retry_after_s=3))

    assert [] == clock.pauses_s


def test_a_fleet_does_not_retry_in_step() -> None:
    """Clients with the same failure and the same `retry_after_s` pause for different times."""
    clocks = [FakeClock() for _ in range(100)]
    for seed, clock in enumerate(clocks):
        uniform = random.Random(seed).uniform  # noqa: S311 - no secret
        backoff = Backoff(PATIENCE_S, uniform=uniform, clock=clock, sleep=clock.sleep)
        backoff.wait(Unavailable("away", retry_after_s=1))

    pauses_s = [clock.pauses_s[0] for clock in clocks]
    assert 100 == len(set(pauses_s))
    assert min(pauses_s) < 1 + PAUSE_S_MIN / 4
    assert max(pauses_s) > 1 + PAUSE_S_MIN * 3 / 4
