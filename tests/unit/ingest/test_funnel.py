"""The funnel adds up and its rates are right, in any order of events."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.ingest.batch import Delivery, SubmittedBatch, Verdict
from services.ingest.counters import Count
from services.ingest.records import OUTCOMES_KEPT, BatchOutcome, Row, RowState
from services.ingest.submit import submit, submit_group
from services.peers.active import Budget
from services.records.records import decode
from sluice import errors, rpc_errors
from sluice.scoring import normalise
from tests.unit.ingest.harness import (
    DIMENSION,
    EYE,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    near,
    open_harness,
    session,
)

Result = TypeVar("Result")

CAMPAIGNS = ("a", "b")
SESSIONS = ("one", "two")
BUDGET = Budget(total=8, per_day=5)

_random = np.random.default_rng(7)
_CENTRES = _random.normal(size=(4, DIMENSION))
FRAMES = [
    (
        frame(f"f{index}"),
        (_CENTRES[index % 4] + spread * _random.normal(size=DIMENSION)).astype("f4"),
    )
    for index, spread in enumerate(np.tile([0.02, 0.3, 0.6], 10))
]
BACKGROUND = _random.normal(size=(64, DIMENSION)).astype("f4")

frame_indices = st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=8, unique=True)
sessions = st.sampled_from(SESSIONS)
campaigns = st.sampled_from(CAMPAIGNS)


def _unreadable() -> SubmittedBatch:
    raise errors.InvalidArgument.of("batch.embeddings", "not a number")


class FunnelMachine(RuleBasedStateMachine):
    """Two sessions submit frames to two campaigns, between all other operations.

    The model records batches and their outcomes. The verdicts are ingest's; they are checked
    against the frames that were taken before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.sent: dict[str, list[tuple[Delivery, BatchOutcome]]] = {name: [] for name in SESSIONS}
        self.seen: Counter[str] = Counter()
        self.distinct: dict[str, set[str]] = {name: set() for name in CAMPAIGNS}
        self.verdicts: dict[str, Counter[Verdict]] = {name: Counter() for name in CAMPAIGNS}
        self.taken: dict[str, set[str]] = {name: set() for name in CAMPAIGNS}
        self.content = 0

    @initialize(budget=st.sampled_from([None, BUDGET]), background=st.booleans())
    def begin(self, budget: Budget | None, background: bool) -> None:
        """Start two campaigns, one of them with a budget in some runs."""
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.harness: IngestHarness = self.run(self.stack.enter_async_context(open_harness(folder)))
        self.projector = self.harness.projector()
        if background:
            self.run(self.harness.set_background(BACKGROUND))
        for index, name in enumerate(CAMPAIGNS):
            elements = np.stack([FRAMES[i][1] for i in range(index, 12, 4)])
            self.run(self.harness.commit(name, elements, budget=budget if name == "a" else None))

    def run(self, awaitable: Coroutine[Any, Any, Result]) -> Result:
        """The result of a coroutine."""
        return self.loop.run_until_complete(awaitable)

    def teardown(self) -> None:
        """Close the stores."""
        self.run(self.stack.aclose())
        self.loop.close()

    @rule(
        name=sessions,
        frames=frame_indices,
        old=st.booleans(),
        score_error=st.sampled_from([0.0, 0.0, 0.1]),
    )
    def submit_group(self, name: str, frames: list[int], old: bool, score_error: float) -> None:
        """A logger sends its next batch, perhaps under old versions, perhaps with wrong scores."""
        judged = [(c, n) for c in CAMPAIGNS for n in [self._version(c, old=old)]]
        batch = self.harness.batch([FRAMES[i] for i in frames], judged, score_error=score_error)
        self._submit(name, batch, [FRAMES[i][0].id for i in frames])

    @rule(name=sessions, groups=st.lists(frame_indices, min_size=2, max_size=4), bad=st.booleans())
    def submit_several(self, name: str, groups: list[list[int]], bad: bool) -> None:
        """Batches that arrived together share a transaction; one of them may be rejected."""
        judged = [(campaign, self._version(campaign, old=False)) for campaign in CAMPAIGNS]
        batches = [self.harness.batch([FRAMES[i] for i in frames], judged) for frames in groups]
        first = len(self.sent[name]) + 1
        sent = [self._delivery(first + at, batch) for at, batch in enumerate(batches)]
        if bad:
            sent.insert(1, Delivery(first + 1, b"bad", _unreadable))
            sent[2:] = [replace(later, seq=later.seq + 1) for later in sent[2:]]
        outcomes = self.run(submit_group(self.harness.ingest, session(name), sent))
        self.sent[name] += zip(sent, outcomes, strict=True)
        if bad:
            assert isinstance(rpc_errors.loads(outcomes.pop(1).error), errors.InvalidArgument)
        for batch, frames, outcome in zip(batches, groups, outcomes, strict=True):
            self._account(batch, [FRAMES[i][0].id for i in frames], outcome)

    def _version(self, campaign: str, *, old: bool) -> int:
        numbers = [number for c, number in self.harness.versions.committed if c == campaign]
        return min(numbers) if old else max(numbers)

    def _submit(self, name: str, batch: SubmittedBatch, frame_ids: list[str]) -> None:
        sent = self._delivery(len(self.sent[name]) + 1, batch)
        outcome = self.run(submit(self.harness.ingest, session(name), sent))
        self.sent[name].append((sent, outcome))
        self._account(batch, frame_ids, outcome)

    def _delivery(self, seq: int, batch: SubmittedBatch) -> Delivery:
        self.content += 1
        return delivery(seq, batch, str(self.content))

    def _account(self, batch: SubmittedBatch, frame_ids: list[str], outcome: BatchOutcome) -> None:
        """Record an acknowledged batch, and check its verdicts against the frames taken before."""
        assert not outcome.error
        verdicts = iter(outcome.verdicts)
        for tally in batch.tallies:
            campaign = tally.campaign.rsplit("/", 1)[1]
            self.seen[campaign] += tally.count
            self.distinct[campaign].update(frame_ids)
        for match in batch.matches:
            for index, _ in match.scores:
                campaign = batch.tallies[index].campaign.rsplit("/", 1)[1]
                verdict = Verdict(next(verdicts))
                self.verdicts[campaign][verdict] += 1
                is_taken = match.frame.id in self.taken[campaign]
                assert (verdict is Verdict.DUPLICATE) <= is_taken
                assert (verdict is Verdict.PENDING) <= (not is_taken)
                if verdict is Verdict.PENDING:
                    self.taken[campaign].add(match.frame.id)

    @rule(name=sessions, back=st.integers(0, OUTCOMES_KEPT - 1))
    def replay(self, name: str, back: int) -> None:
        """A batch that is sent again gets the same outcome."""
        if back < len(self.sent[name]):
            sent, outcome = self.sent[name][-1 - back]
            assert self.run(submit(self.harness.ingest, session(name), sent)) == outcome

    @rule(name=sessions, frames=frame_indices)
    def replay_with_other_content(self, name: str, frames: list[int]) -> None:
        """Other content under a number that has an outcome is rejected."""
        if self.sent[name]:
            batch = self.harness.batch([FRAMES[i] for i in frames], [("b", 1)])
            other = delivery(len(self.sent[name]), batch, "other")
            with pytest.raises(errors.Aborted):
                self.run(submit(self.harness.ingest, session(name), other))

    @rule(name=sessions, skipped=st.integers(1, 3))
    def gap(self, name: str, skipped: int) -> None:
        """A number out of sequence is rejected, naming the expected one."""
        expected = len(self.sent[name]) + 1
        batch = self.harness.batch(FRAMES[:1], [("b", 1)])
        with pytest.raises(errors.SequenceGap) as raised:
            self.run(
                submit(self.harness.ingest, session(name), delivery(expected + skipped, batch))
            )
        assert raised.value.expected_seq == expected

    @rule(name=sessions)
    def bad_batch(self, name: str) -> None:
        """A malformed batch gets the error as its outcome, and its number is used."""
        sent = Delivery(len(self.sent[name]) + 1, b"bad", _unreadable)
        outcome = self.run(submit(self.harness.ingest, session(name), sent))
        assert isinstance(rpc_errors.loads(outcome.error), errors.InvalidArgument)
        self.sent[name].append((sent, outcome))

    @rule(name=campaigns, first=st.integers(0, 8))
    def commit(self, name: str, first: int) -> None:
        """Commit a new version with other elements."""
        if name in self.harness.versions.active:
            self.run(self.harness.commit(name, np.stack([v for _, v in FRAMES[first : first + 3]])))

    @rule(name=campaigns)
    def switch(self, name: str) -> None:
        """Deactivate a campaign, or activate it again."""
        if name in self.harness.versions.active:
            self.harness.deactivate(name)
        else:
            self.harness.activate(name)

    @rule()
    def project_a_page(self) -> None:
        """The projector processes a page."""
        self.run(self.projector.step(PROJECT))

    @rule()
    def projector_is_replaced(self) -> None:
        """A projector stops, and another takes over."""
        self.harness.clock.advance(timedelta(seconds=30))
        self.projector = self.harness.projector("successor")

    @rule()
    def next_day(self) -> None:
        """A new UTC day begins, with a new daily budget."""
        self.harness.clock.advance(timedelta(days=1))

    @invariant()
    def counts_agree(self) -> None:
        """Matches are the sum of their verdicts, and every count matches the outcomes."""
        for campaign in CAMPAIGNS:
            funnel = self.run(self.harness.funnel(campaign))
            counts, verdicts = funnel.counts, self.verdicts[campaign]
            after = [Count.PENDING, Count.NEAR_DUPLICATE, Count.COLLECTED]
            judged = {
                Count.DUPLICATE: Verdict.DUPLICATE,
                Count.OVER_BUDGET: Verdict.OVER_BUDGET,
                Count.INACTIVE: Verdict.INACTIVE,
                Count.SCORE_MISMATCH: Verdict.SCORE_MISMATCH,
            }
            assert counts[Count.MATCHES] == sum(counts[c] for c in [*judged, *after])
            assert {c: verdicts[v] for c, v in judged.items()} == {c: counts[c] for c in judged}
            assert verdicts[Verdict.PENDING] == sum(counts[c] for c in after)
            assert self.seen[campaign] == counts[Count.SEEN] == sum(funnel.scores.histogram)
            assert sum(funnel.mismatches.values()) == counts[Count.SCORE_MISMATCH]
            assert (len(self.distinct[campaign]), True) == (
                funnel.distinct_seen,
                funnel.distinct_seen_exact,
            )
            if counts[Count.SEEN]:
                collected = counts[Count.COLLECTED]
                assert collected / counts[Count.SEEN] == funnel.collection_rate
                assert collected / funnel.distinct_seen == funnel.collection_rate_distinct

    @invariant()
    def rows_agree(self) -> None:
        """Each match taken has one row, in the state that is counted."""
        for campaign in CAMPAIGNS:
            rows = self.run(self._rows(campaign))
            states = Counter(row.state for row in rows.values())
            counts = self.run(self.harness.funnel(campaign)).counts
            assert self.taken[campaign] == set(rows)
            assert counts[Count.PENDING] == states[RowState.PENDING]
            assert counts[Count.NEAR_DUPLICATE] == states[RowState.NEAR_DUPLICATE]
            assert counts[Count.COLLECTED] == states[RowState.COLLECTED]
            budget = BUDGET if self._has_budget(campaign) else Budget()
            used = counts[Count.PENDING] + counts[Count.COLLECTED]
            assert counts[Count.BUDGET_USED] == used <= (budget.total or used)
            for row in rows.values():
                if row.state is RowState.NEAR_DUPLICATE:
                    assert rows[row.duplicate_of].state is RowState.COLLECTED

    def _has_budget(self, campaign: str) -> bool:
        campaigns = self.harness.versions.active | self.harness.versions.inactive
        return campaigns[campaign].budget == BUDGET

    async def _rows(self, campaign: str) -> dict[str, Row]:
        entries = await self.harness.stores.ledger.scan(PROJECT, f"row/{campaign}/", limit=1_000)
        return {entry.key.rsplit("/", 1)[1]: decode(Row, entry) for entry in entries}


FunnelMachine.TestCase.settings = settings(
    settings(), max_examples=max(settings().max_examples // 2, 10), stateful_step_count=25
)
TestFunnel = FunnelMachine.TestCase


async def test_a_batch_without_matches_counts(harness: IngestHarness) -> None:
    """Frames that match nothing are counted as seen, or the rate would be biased."""
    await harness.submit(1, harness.batch([(frame("x"), EYE[4]), (frame("y"), EYE[5])]))
    funnel = await harness.funnel("c")
    assert (2, 2, 0) == (
        funnel.counts[Count.SEEN],
        funnel.distinct_seen,
        funnel.counts[Count.MATCHES],
    )


async def test_few_distinct_frames_are_counted_exactly(harness: IngestHarness) -> None:
    """Frames seen again count once, also in a later batch, and the funnel says that it is exact."""
    frames = [(frame(f"f{index}"), EYE[4]) for index in range(2_000)]
    await harness.submit(1, harness.batch(frames))
    await harness.submit(2, harness.batch(frames[:700]))
    funnel = await harness.funnel("c")
    assert (2_700, 2_000, True) == (
        funnel.counts[Count.SEEN],
        funnel.distinct_seen,
        funnel.distinct_seen_exact,
    )


async def test_distinct_frames_never_exceed_frames_seen(
    harness: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate of distinct frames is bounded by the exact count of frames seen."""

    async def unknown(_project: str, _names: list[str]) -> None:
        """See `Ledger.count_exactly`: there were too many."""

    monkeypatch.setattr(harness.stores.ledger, "count_exactly", unknown)
    frames = [(frame(f"f{index}"), EYE[4]) for index in range(2_000)]
    batch = harness.batch(frames)
    await harness.submit(1, batch)
    [seen_set] = await harness.stores.ledger.scan(PROJECT, "seen-set/c/", limit=2)
    estimate = await harness.stores.ledger.count_distinct(PROJECT, [seen_set.key.split("/")[-1]])
    assert estimate > len(frames), "these frames are not overestimated: use others"
    funnel = await harness.funnel("c")
    assert (len(frames), False) == (funnel.distinct_seen, funnel.distinct_seen_exact)


async def test_the_summary_covers_the_scores_of_all_frames(harness: IngestHarness) -> None:
    """Mean, deviation, extremes and histogram are those of the scores of all batches."""
    parts = [[near(0), EYE[3]], [near(4), EYE[5], EYE[0]]]
    for seq, part in enumerate(parts, 1):
        frames = [(frame(f"{seq}-{i}"), vector) for i, vector in enumerate(part)]
        await harness.submit(seq, harness.batch(frames))
    scorer, _ = harness.scorers["c", 1]
    scores = scorer.score(normalise(np.concatenate(parts))).scores[:, 0]
    summary = (await harness.funnel("c")).scores
    assert scores.mean() == pytest.approx(summary.mean, abs=1e-8)
    assert scores.std() == pytest.approx(summary.standard_deviation, abs=1e-6)
    assert (scores.min(), scores.max()) == (summary.minimum, summary.maximum)
    assert tuple(np.histogram(scores, 64, (0, 1))[0]) == summary.histogram


async def test_frames_not_selected_are_counted(harness: IngestHarness) -> None:
    """Frames that a client does not select are counted, and are not matches."""
    batch = harness.batch([(frame("x"), EYE[4])])
    tally = replace(batch.tallies[0], not_selected=1)
    await harness.submit(1, replace(batch, tallies=(tally,)))
    counts = (await harness.funnel("c")).counts
    assert (1, 0) == (counts[Count.NOT_SELECTED], counts[Count.MATCHES])
