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
        campaign_count=counts.campaigns,
        issue_count=counts.issues,
        dataset_count=counts.datasets,
        round_count=counts.rounds,
        batch_count=counts.batches,
        golden_set_count=counts.golden_sets,
        api_key_count=counts.keys,
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
        campaigns=message.campaign_count,
        issues=message.issue_count,
        datasets=message.dataset_count,
        rounds=message.round_count,
        batches=message.batch_count,
        golden_sets=message.golden_set_count,
        keys=message.api_key_count,
    )
