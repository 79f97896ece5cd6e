"""The counters of a campaign: their names, and sums of scores as whole numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from services.records.records import key

OUTBOX = "outbox"
"""How many matches of the project wait for the projector."""

SUM_SCALE = 10**9
"""Sums of scores are kept in units of 1e-9: whole numbers add up the same in any order."""


_NAMES_KEPT = 16_384
"""How many names are kept: those of the counters that every batch of recent campaigns adds to."""

_name = lru_cache(_NAMES_KEPT)(key)


class Count(StrEnum):
    """What is counted for each campaign; the verdicts sum up to the matches."""

    SEEN = "seen"
    MATCHES = "matches"
    DUPLICATE = "duplicate"
    OVER_BUDGET = "over-budget"
    INACTIVE = "inactive"
    SCORE_MISMATCH = "score-mismatch"
    PENDING = "pending"
    NEAR_DUPLICATE = "near-duplicate"
    COLLECTED = "collected"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"
    ID_CONFLICTS = "id-conflicts"
    NOT_SELECTED = "not-selected"
    BUDGET_USED = "budget-used"
    SCORE_SUM = "score-sum"
    SCORE_SUM_SQUARES = "score-sum-squares"

    def of(self, campaign: str) -> str:
        """The counter's name for a campaign."""
        return _name(self.value, campaign)


def score_bin(campaign: str, index: int) -> str:
    """The counter of one bin of the score histogram."""
    return _name("score-bin", campaign, f"{index:02d}")


def budget_used_on(campaign: str, received_us: int) -> str:
    """The counter of the budget used on the UTC day of receipt."""
    day = datetime.fromtimestamp(received_us / 1e6, tz=UTC).date().isoformat()
    return key("budget-used-on", campaign, day)


def mismatches_of(campaign: str, logger: str) -> str:
    """The counter of the wrong scores that a logger sent."""
    return key("mismatches", campaign, logger)
