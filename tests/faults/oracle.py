"""Whether a campaign's accounts are true: what loggers were told, the API says and is stored.

Acknowledged is stored; a matching frame has one row; counters are the rows' numbers; the funnel
adds up; every frame is counted once. For the cluster form, whose stores are read directly.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import grpc
import numpy as np
import pytest

from deploy.local.cluster import Cluster
from services.ingest.counters import SUM_SCALE, Count
from services.ingest.records import RowState
from sluice.channel import connect_sync
from sluice.names import CampaignName
from sluice.resources.samples import Samples
from sluice.session import SubmitSession
from sluice.v1 import ingest_pb2
from tests.faults.stored import Stored, read_stored

SETTLE_S_MAX = 120
DISTINCT_TOLERANCE = 0.03
"""Distinct frames are estimated, with a standard error of 0.81 %."""

NO_ROW = ("over_budget", "inactive", "score_mismatch")
"""The verdicts of matches that leave counters only."""


@dataclass(frozen=True, slots=True)
class Report:
    """One session as its logger knows it, with all of its batches acknowledged.

    `verdicts` counts matches by (campaign's resource name, verdict in lower case).
    """

    session_id: str
    batches: Sequence[ingest_pb2.SubmitBatch]
    verdicts: Counter[tuple[str, str]]

    @classmethod
    def of(cls, session: SubmitSession, batches: Sequence[ingest_pb2.SubmitBatch]) -> Report:
        """What a session that has sent these batches was told; all of them must be answered."""
        assert len(batches) == session.acknowledged == session.outcomes.batches
        return cls(session.session_id, batches, session.outcomes.verdicts)


@dataclass(frozen=True, slots=True)
class Told:
    """What all loggers together were told about one campaign."""

    seen: int
    distinct: int
    score_sum: int
    matches: Counter[str]
    verdicts: Counter[str]
    watermarks: dict[str, int]

    @classmethod
    def by(cls, reports: Sequence[Report], campaign: str) -> Told:
        """Sum up reports, of which each batch was scored for the campaign."""
        batches = [batch for report in reports for batch in report.batches]
        hashes = [np.frombuffer(batch.seen_hashes, "<u8") for batch in batches]
        verdicts: Counter[str] = Counter()
        for report in reports:
            for (name, verdict), count in report.verdicts.items():
                verdicts[verdict] += count if name == campaign else 0
        return cls(
            seen=sum(map(len, hashes)),
            distinct=len(np.unique(np.concatenate(hashes))),
            score_sum=sum(_score_sum(batch, campaign) for batch in batches),
            matches=Counter(name for batch in batches for name in _matches(batch, campaign)),
            verdicts=verdicts,
            watermarks={report.session_id: len(report.batches) for report in reports},
        )


def check_accounts(cluster: Cluster, campaign: str, reports: Iterable[Report]) -> Stored:
    """Wait until nothing is pending, then hold all accounts to each other; what is stored.

    `reports` are those of all sessions that the campaign has ever had.
    """
    told = Told.by(list(reports), campaign)
    with connect_sync(cluster.target, cluster.admin_key) as channel:
        stored = settled(cluster, campaign)
        check_funnel(Samples(channel).funnel(campaign), told)
        check_rows(stored, told)
        check_counters(stored)
        check_samples(channel, campaign, stored)
    return stored


def settled(cluster: Cluster, campaign: str) -> Stored:
    """What is stored, once the projector has nothing left to do in the project."""
    deadline = time.monotonic() + SETTLE_S_MAX
    while not (stored := stored_of(cluster, campaign)).settled:
        assert time.monotonic() < deadline, f"still pending: {stored.outbox}, {stored.counters}"
    return stored


def stored_of(cluster: Cluster, campaign: str) -> Stored:
    """What is stored now; a campaign by its resource name."""
    return asyncio.run(read_stored(cluster, CampaignName.parse(campaign, "campaign")))


def check_funnel(funnel: ingest_pb2.Funnel, told: Told) -> None:
    """The funnel adds up, and counts what loggers were told, each frame once."""
    assert funnel.matches == (
        funnel.duplicate
        + funnel.over_budget
        + funnel.inactive
        + funnel.score_mismatch
        + funnel.pending
        + funnel.near_duplicate
        + funnel.collected
    )
    assert told.seen == funnel.seen == sum(funnel.scores.histogram)
    assert told.distinct == pytest.approx(funnel.distinct_seen, rel=DISTINCT_TOLERANCE)
    assert told.verdicts.total() - told.verdicts["below_threshold"] == funnel.matches
    for verdict in ("duplicate", *NO_ROW):
        assert (verdict, told.verdicts[verdict]) == (verdict, getattr(funnel, verdict))
    assert told.verdicts["pending"] == funnel.pending + funnel.near_duplicate + funnel.collected


def check_rows(stored: Stored, told: Told) -> None:
    """Each match that was taken has one row; the loggers' sessions stand where they were told."""
    assert told.verdicts["pending"] == len(stored.rows)
    assert stored.rows.keys() <= told.matches.keys()
    if not any(told.verdicts[verdict] for verdict in NO_ROW):
        assert told.matches.keys() == stored.rows.keys()
    assert stored.rows.keys() == stored.documents
    assert told.watermarks.items() <= stored.watermarks.items()
    assert told.score_sum == stored.counters[Count.SCORE_SUM]


def check_counters(stored: Stored) -> None:
    """Counters are the numbers of rows, and the samples are in Qdrant, each once."""
    assert 0 == stored.outbox_counter
    states = Counter(row.state for row in stored.rows.values())
    assert 0 == states[RowState.PENDING] == stored.counters[Count.PENDING]
    assert states[RowState.NEAR_DUPLICATE] == stored.counters[Count.NEAR_DUPLICATE]
    assert states[RowState.COLLECTED] == stored.counters[Count.COLLECTED]
    assert states[RowState.COLLECTED] == stored.counters[Count.BUDGET_USED]
    assert stored.collected_by_day == stored.budget_used_by_day
    collected = set(stored.collected)
    assert {row.duplicate_of for row in stored.rows.values()} <= {"", *collected}
    assert sorted(collected) == sorted(stored.points)


def check_samples(channel: grpc.Channel, campaign: str, stored: Stored) -> None:
    """Each collected row can be read back, once in each order."""
    for by_version in (False, True):
        samples = Samples(channel).list(campaign, by_version=by_version)
        assert sorted(stored.collected) == sorted(sample.frame.id for sample in samples)


def _matches(batch: ingest_pb2.SubmitBatch, campaign: str) -> Iterable[str]:
    index = _tally_index(batch, campaign)
    for match in batch.matches:
        if any(score.tally_index == index for score in match.scores):
            yield match.frame.id


def _score_sum(batch: ingest_pb2.SubmitBatch, campaign: str) -> int:
    return round(batch.tallies[_tally_index(batch, campaign)].sum * SUM_SCALE)


def _tally_index(batch: ingest_pb2.SubmitBatch, campaign: str) -> int:
    return [tally.campaign for tally in batch.tallies].index(campaign)
