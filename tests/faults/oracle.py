"""Whether a campaign's accounts agree: the loggers' responses, the API and the stored data.

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
        """The responses to a session that sent these batches; all of them must be answered."""
        assert len(batches) == session.acknowledged == session.outcomes.batches
        return cls(session.session_id, batches, session.outcomes.verdicts)


@dataclass(frozen=True, slots=True)
class LoggerTotals:
    """Totals of the responses that all loggers got about one campaign."""

    seen: int
    distinct: int
    score_sum: int
    matches: Counter[str]
    verdicts: Counter[str]
    watermarks: dict[str, int]

    @classmethod
    def from_reports(cls, reports: Sequence[Report], campaign: str) -> LoggerTotals:
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
    """Wait until nothing is pending, then compare all accounts; returns the stored data.

    `reports` are those of all sessions that the campaign has ever had.
    """
    totals = LoggerTotals.from_reports(list(reports), campaign)
    with connect_sync(cluster.target, cluster.admin_key) as channel:
        stored = read_settled(cluster, campaign)
        check_funnel(Samples(channel).funnel(campaign), totals)
        check_rows(stored, totals)
        check_counters(stored)
        check_samples(channel, campaign, stored)
    return stored


def read_settled(cluster: Cluster, campaign: str) -> Stored:
    """The stored data, once the projector has nothing left to do in the project."""
    deadline = time.monotonic() + SETTLE_S_MAX
    while not (stored := read_campaign(cluster, campaign)).settled:
        assert time.monotonic() < deadline, f"still pending: {stored.outbox}, {stored.counters}"
    return stored


def read_campaign(cluster: Cluster, campaign: str) -> Stored:
    """The stored data of a campaign, by its resource name."""
    return asyncio.run(read_stored(cluster, CampaignName.parse(campaign, "campaign")))


def check_funnel(funnel: ingest_pb2.Funnel, totals: LoggerTotals) -> None:
    """The funnel adds up, and agrees with the responses to loggers, counting each frame once."""
    assert funnel.matches == (
        funnel.duplicate
        + funnel.over_budget
        + funnel.inactive
        + funnel.score_mismatch
        + funnel.pending
        + funnel.near_duplicate
        + funnel.collected
    )
    assert totals.seen == funnel.seen == sum(funnel.scores.histogram)
    assert totals.distinct == pytest.approx(funnel.distinct_seen, rel=DISTINCT_TOLERANCE)
    assert totals.verdicts.total() - totals.verdicts["below_threshold"] == funnel.matches
    for verdict in ("duplicate", *NO_ROW):
        assert (verdict, totals.verdicts[verdict]) == (verdict, getattr(funnel, verdict))
    assert totals.verdicts["pending"] == funnel.pending + funnel.near_duplicate + funnel.collected


def check_rows(stored: Stored, totals: LoggerTotals) -> None:
    """Each match that was taken has one row; watermarks are at least the acknowledged ones."""
    assert totals.verdicts["pending"] == len(stored.rows)
    assert stored.rows.keys() <= totals.matches.keys()
    if not any(totals.verdicts[verdict] for verdict in NO_ROW):
        assert totals.matches.keys() == stored.rows.keys()
    assert stored.rows.keys() == stored.documents
    assert totals.watermarks.items() <= stored.watermarks.items()
    assert totals.score_sum == stored.counters[Count.SCORE_SUM]


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
