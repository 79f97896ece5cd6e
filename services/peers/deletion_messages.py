"""Conversions of what a deletion removes, for servicers and for clients of other services."""

from __future__ import annotations

from services.records.tombstones import DeletionCounts
from sluice.v1 import deletion_pb2 as pb


def summary(counts: DeletionCounts, *, validate_only: bool) -> pb.DeletionSummary:
    """The response of a deletion."""
    return pb.DeletionSummary(
        validate_only=validate_only,
        frame_count=counts.frames,
        sample_count=counts.samples,
        element_count=counts.elements,
        member_count=counts.members,
        prediction_count=counts.predictions,
        pick_count=counts.picks,
        check_count=counts.checks,
    )


def read_counts(message: pb.DeletionSummary) -> DeletionCounts:
    """The counts of a response."""
    return DeletionCounts(
        frames=message.frame_count,
        samples=message.sample_count,
        elements=message.element_count,
        members=message.member_count,
        predictions=message.prediction_count,
        picks=message.pick_count,
        checks=message.check_count,
    )
