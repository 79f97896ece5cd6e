"""The names of the ledger's counters, and the unit of those that sum up scores."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from services.records.records import key

OUTBOX = "outbox"
"""The number of entries in the project's outbox."""

SUM_SCALE = 10**9
"""Sums of scores are stored in units of 1e-9: the sum of integers is the same in any order."""

_CACHED_NAMES_MAX = 16_384
"""Cached names: those of the counters that every batch of a recent campaign adds to."""

_name = lru_cache(_CACHED_NAMES_MAX)(key)


class Count(StrEnum):
    """The counters of each campaign; the matches are the sum of the verdicts."""

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
        """The name of this counter for a campaign."""
        return _name(self.value, campaign)


def score_bin(campaign: str, index: int) -> str:
    """The name of the counter of one bin of the score histogram."""
    return _name("score-bin", campaign, f"{index:02d}")


def budget_used_on(campaign: str, received_us: int) -> str:
    """The name of the counter of the budget used on the UTC day of receipt."""
    day = datetime.fromtimestamp(received_us / 1e6, tz=UTC).date().isoformat()
    return key("budget-used-on", campaign, day)


def mismatches_of(campaign: str, logger: str) -> str:
    """The name of the counter of score mismatches of a logger."""
    return key("mismatches", campaign, logger)
