"""The funnel's identity and both rates, whatever happens in whatever order."""

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

from services.ingest.batch import Batch, Delivery, Verdict
from services.ingest.counters import Count
from services.ingest.records import ANSWERS_KEPT, Answer, Row, RowState
from services.ingest.submit import submit, submit_next
from services.peers.active import Budget
from services.records.records import decode
from sluice import errors, rpc_errors
from tests.unit.ingest.world import (
    DIMENSION,
    PROJECT,
    World,
    delivery,
    frame,
    session,
    world,
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

frames = st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=8, unique=True)
sessions = st.sampled_from(SESSIONS)
campaigns = st.sampled_from(CAMPAIGNS)


def _unreadable() -> Batch:
    raise errors.InvalidArgument.of("batch.embeddings", "not a number")


class FunnelMachine(RuleBasedStateMachine):
    """Two sessions submit frames to two campaigns while everything else goes on.

    The model knows what was sent and answered; the verdicts themselves are ingest's, and are
    checked against what the model has seen acknowledged before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.sent: dict[str, list[tuple[Delivery, Answer]]] = {name: [] for name in SESSIONS}
        self.seen: Counter[str] = Counter()
        self.distinct: dict[str, set[str]] = {name: set() for name in CAMPAIGNS}
        self.verdicts: dict[str, Counter[Verdict]] = {name: Counter() for name in CAMPAIGNS}
        self.taken: dict[str, set[str]] = {name: set() for name in CAMPAIGNS}
        self.content = 0

    @initialize(budget=st.sampled_from([None, BUDGET]), background=st.booleans())
    def begin(self, budget: Budget | None, background: bool) -> None:
        """Two campaigns, one of them perhaps with a budget."""
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.world: World = self.run(self.stack.enter_async_context(world(folder)))
        self.projector = self.world.projector()
        if background:
            self.run(self.world.set_background(BACKGROUND))
        for index, name in enumerate(CAMPAIGNS):
            elements = np.stack([FRAMES[i][1] for i in range(index, 12, 4)])
            self.run(self.world.commit(name, elements, budget=budget if name == "a" else None))

    def run(self, awaitable: Coroutine[Any, Any, Result]) -> Result:
        """The result of a coroutine."""
        return self.loop.run_until_complete(awaitable)

    def teardown(self) -> None:
        """Close the stores."""
        self.run(self.stack.aclose())
        self.loop.close()

    @rule(
        name=sessions,
        chosen=frames,
        old=st.booleans(),
        score_error=st.sampled_from([0.0, 0.0, 0.1]),
    )
    def submit_next(self, name: str, chosen: list[int], old: bool, score_error: float) -> None:
        """A logger sends its next batch, perhaps under old versions, perhaps with wrong scores."""
        judged = [(c, n) for c in CAMPAIGNS for n in [self._version(c, old=old)]]
        batch = self.world.batch([FRAMES[i] for i in chosen], judged, score_error=score_error)
        self._submit(name, batch, [FRAMES[i][0].id for i in chosen])

    @rule(name=sessions, groups=st.lists(frames, min_size=2, max_size=4), bad=st.booleans())
    def submit_several(self, name: str, groups: list[list[int]], bad: bool) -> None:
        """Batches that have arrived together share a transaction; one of them may be refused."""
        judged = [(campaign, self._version(campaign, old=False)) for campaign in CAMPAIGNS]
        batches = [self.world.batch([FRAMES[i] for i in chosen], judged) for chosen in groups]
        first = len(self.sent[name]) + 1
        sent = [self._delivery(first + at, batch) for at, batch in enumerate(batches)]
        if bad:
            sent.insert(1, Delivery(first + 1, b"bad", _unreadable))
            sent[2:] = [replace(each, seq=each.seq + 1) for each in sent[2:]]
        answers = self.run(submit_next(self.world.ingest, session(name), sent))
        self.sent[name] += zip(sent, answers, strict=True)
        if bad:
            assert isinstance(rpc_errors.loads(answers.pop(1).error), errors.InvalidArgument)
        for batch, chosen, answer in zip(batches, groups, answers, strict=True):
            self._account(batch, [FRAMES[i][0].id for i in chosen], answer)

    def _version(self, campaign: str, *, old: bool) -> int:
        numbers = [number for c, number in self.world.versions.committed if c == campaign]
        return min(numbers) if old else max(numbers)

    def _submit(self, name: str, batch: Batch, frame_ids: list[str]) -> None:
        sent = self._delivery(len(self.sent[name]) + 1, batch)
        answer = self.run(submit(self.world.ingest, session(name), sent))
        self.sent[name].append((sent, answer))
        self._account(batch, frame_ids, answer)

    def _delivery(self, seq: int, batch: Batch) -> Delivery:
        self.content += 1
        return delivery(seq, batch, str(self.content))

    def _account(self, batch: Batch, frame_ids: list[str], answer: Answer) -> None:
        """Note what was acknowledged, and hold each verdict to what was taken before."""
        assert not answer.error
        verdicts = iter(answer.verdicts)
        for tally in batch.tallies:
            campaign = tally.campaign.rsplit("/", 1)[1]
            self.seen[campaign] += tally.count
            self.distinct[campaign].update(frame_ids)
        for match in batch.matches:
            for index, _ in match.scores:
                campaign = batch.tallies[index].campaign.rsplit("/", 1)[1]
                verdict = Verdict(next(verdicts))
                self.verdicts[campaign][verdict] += 1
                known = match.frame.id in self.taken[campaign]
                assert (verdict is Verdict.DUPLICATE) <= known
                assert (verdict is Verdict.PENDING) <= (not known)
                if verdict is Verdict.PENDING:
                    self.taken[campaign].add(match.frame.id)

    @rule(name=sessions, back=st.integers(0, ANSWERS_KEPT - 1))
    def replay(self, name: str, back: int) -> None:
        """A number sent again is answered as before."""
        if back < len(self.sent[name]):
            sent, answer = self.sent[name][-1 - back]
            assert self.run(submit(self.world.ingest, session(name), sent)) == answer

    @rule(name=sessions, chosen=frames)
    def replay_with_other_content(self, name: str, chosen: list[int]) -> None:
        """Other content under a number that has an outcome is refused."""
        if self.sent[name]:
            batch = self.world.batch([FRAMES[i] for i in chosen], [("b", 1)])
            other = delivery(len(self.sent[name]), batch, "other")
            with pytest.raises(errors.Aborted):
                self.run(submit(self.world.ingest, session(name), other))

    @rule(name=sessions, skipped=st.integers(1, 3))
    def gap(self, name: str, skipped: int) -> None:
        """A number that does not follow is refused, naming the one that does."""
        expected = len(self.sent[name]) + 1
        batch = self.world.batch(FRAMES[:1], [("b", 1)])
        with pytest.raises(errors.SequenceGap) as refused:
            self.run(submit(self.world.ingest, session(name), delivery(expected + skipped, batch)))
        assert refused.value.expected_seq == expected

    @rule(name=sessions)
    def bad_batch(self, name: str) -> None:
        """A batch that cannot be read gets its refusal as outcome, and its number is used up."""
        sent = Delivery(len(self.sent[name]) + 1, b"bad", _unreadable)
        answer = self.run(submit(self.world.ingest, session(name), sent))
        assert isinstance(rpc_errors.loads(answer.error), errors.InvalidArgument)
        self.sent[name].append((sent, answer))

    @rule(name=campaigns, first=st.integers(0, 8))
    def commit(self, name: str, first: int) -> None:
        """A new version, of other elements."""
        if name in self.world.versions.standing:
            self.run(self.world.commit(name, np.stack([v for _, v in FRAMES[first : first + 3]])))

    @rule(name=campaigns)
    def switch(self, name: str) -> None:
        """A campaign is deactivated, or activated again."""
        if name in self.world.versions.standing:
            self.world.deactivate(name)
        else:
            self.world.activate(name)

    @rule()
    def project_a_page(self) -> None:
        """The projector works on."""
        self.run(self.projector.step(PROJECT))

    @rule()
    def projector_is_replaced(self) -> None:
        """A projector is gone, and another takes its place."""
        self.world.clock.advance(timedelta(seconds=30))
        self.projector = self.world.projector("successor")

    @rule()
    def next_day(self) -> None:
        """A new UTC day begins, with a new daily budget."""
        self.world.clock.advance(timedelta(days=1))

    @invariant()
    def counts_agree(self) -> None:
        """Matches are the sum of their verdicts, and every count is what was acknowledged."""
        for campaign in CAMPAIGNS:
            funnel = self.run(self.world.funnel(campaign))
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
            assert abs(len(self.distinct[campaign]) - funnel.distinct_seen) <= 1
            if counts[Count.SEEN]:
                collected = counts[Count.COLLECTED]
                assert collected / counts[Count.SEEN] == funnel.collection_rate
                assert collected / funnel.distinct_seen == funnel.collection_rate_distinct

    @invariant()
    def rows_agree(self) -> None:
        """There is one row for each match taken, in the state that is counted."""
        for campaign in CAMPAIGNS:
            rows = self.run(self._rows(campaign))
            states = Counter(row.state for row in rows.values())
            counts = self.run(self.world.funnel(campaign)).counts
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
        standing = self.world.versions.standing | self.world.versions.inactive
        return standing[campaign].budget == BUDGET

    async def _rows(self, campaign: str) -> dict[str, Row]:
        found = await self.world.stores.ledger.scan(PROJECT, f"row/{campaign}/", limit=1_000)
        return {entry.key.rsplit("/", 1)[1]: decode(Row, entry) for entry in found}


FunnelMachine.TestCase.settings = settings(
    settings(), max_examples=max(settings().max_examples // 2, 10), stateful_step_count=25
)
TestFunnel = FunnelMachine.TestCase
