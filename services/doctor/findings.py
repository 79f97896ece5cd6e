"""Findings of a doctor about a project; the terms are those of sluice/v1/finding.proto."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeAlias


class FindingKind(IntEnum):
    """The kind of difference; numbered as in the API."""

    COUNTER = 1
    FUNNEL_SUM = 2
    PENDING_WITHOUT_ENTRY = 3
    ENTRY_WITHOUT_ROW = 4
    ENTRY_OF_DECIDED = 5
    PROJECT_UNKNOWN = 6
    DOCUMENT_MISSING = 7
    DOCUMENT_ORPHAN = 8
    LISTING_MISSING = 9
    LISTING_ORPHAN = 10
    SAMPLE_MISSING = 11
    SAMPLE_ORPHAN = 12
    SAMPLE_PAYLOAD = 13
    SAMPLE_VECTOR = 14
    ELEMENT_COUNT = 15
    ELEMENT_VECTOR = 16
    ELEMENT_ORPHAN = 17
    ISSUE_LEFTOVER = 18
    ISSUE_CAMPAIGNS = 19
    SPACE_MISSING = 20
    ACTIVE_VERSION = 21
    VERSION_MISSING = 22
    GENERATION = 23
    SNAPSHOT_POINTS = 24
    SNAPSHOT_UNBOUND = 25
    BLOB_DAMAGED = 26
    BLOB_UNNAMED = 27
    FRAME_RECORDS = 28
    FRAME_GROUP = 29
    FRAME_COUNT = 30
    FRAME_VECTOR = 31
    FRAME_ORPHAN = 32
    BATCH_UNFINISHED = 33
    BATCH_PLAN = 34
    BATCH_PICKS = 35
    BATCH_VIEW = 36
    GOLDEN_NEWEST = 37
    DELETION_UNFINISHED = 38


class FindingOutcome(IntEnum):
    """The outcome of a finding; numbered as in the API."""

    REPAIRABLE = 1
    REPAIRED = 2
    LOST = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between what the source of truth implies and what is stored."""

    kind: FindingKind
    subject: str
    expected: str
    actual: str
    outcome: FindingOutcome = FindingOutcome.REPAIRABLE

    def mark_repaired(self, done: bool) -> Finding:
        """A copy after an attempt to repair: REPAIRED if that was done, else unchanged."""
        return replace(self, outcome=FindingOutcome.REPAIRED if done else self.outcome)

    def mark_lost(self) -> Finding:
        """A copy with the outcome LOST: nothing can repair it."""
        return replace(self, outcome=FindingOutcome.LOST)


@dataclass(frozen=True, slots=True)
class ExaminationProgress:
    """How many items of a stage have been examined."""

    stage: str
    examined: int


ExaminationEvent: TypeAlias = Finding | ExaminationProgress
ExaminationEvents: TypeAlias = AsyncIterator[ExaminationEvent]
