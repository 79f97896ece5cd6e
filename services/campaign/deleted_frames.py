"""Frames that were deleted, and that no issue and no version takes in any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.campaign.candidates import Candidate, candidate_error
from services.records.tombstones import Tombstones

TOMBSTONES: Final = Tombstones("campaign")


def check_not_deleted(candidates: Sequence[Candidate], deleted: frozenset[str]) -> None:
    """Refuse the first candidate whose frame was deleted."""
    for index, candidate in enumerate(candidates):
        if candidate.frame.id in deleted:
            problem = f"frame {candidate.frame.id!r} was deleted, and is not accepted again"
            raise candidate_error(index, candidate, ".frame.id", problem)
