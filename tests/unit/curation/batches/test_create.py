"""Batches that are cut off, and groups that others take meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import cast

import pytest

from services.curation.batches import create as creating
from services.curation.batches import select as selecting
from services.curation.batches.plan_input import PlanInput
from services.curation.batches.plan_part import PlanPart, plan_part
from services.curation.batches.records import BatchState, CreateBatchSpec, batch_key
from services.curation.datasets.updates import TAGS_MAX, GroupUpdate, tag_frames, update_groups
from services.curation.records import Status
from services.ledger.interface import Ledger, Transaction
from sluice.errors import AlreadyExists, InvalidArgument, Unavailable
from sluice.names import BatchName
from tests.unit.curation.batches.helpers import (
    CommitHookLedger,
    DyingLedger,
    count,
    create,
    frames,
    mark,
    picks,
)
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame

BATCH = batch_key(BatchName(NAME.project, NAME.dataset, "b1"))
COMMITS = 3 + 1 + 4 + 1
"""Of a batch of 10: its plan in parts of 4, its name, its groups in parts of 3, its end."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are written, and groups marked, a few at a time."""
    monkeypatch.setattr(creating, "PICKS_PER_COMMIT", 4)
    monkeypatch.setattr(selecting, "GROUPS_PER_COMMIT", 3)


async def check_whole(harness: DatasetHarness, id: str, size: int) -> None:
    """A batch has exactly so many groups, with all their slices marked, and nothing is left."""
    found = await picks(harness, id)
    assert list(range(1, size + 1)) == [pick.rank for pick in found]
    tagged = {known.row.id for known in await frames(harness) if f"batch:{id}" in known.row.tags}
    assert {id for pick in found for id in pick.frames} == tagged
    assert 2 * size == len(tagged)
    ledger = harness.curation.stores.ledger
    assert [] == await ledger.scan(NAME.project, f"batch-plan/{NAME.dataset}/{id}/", limit=1)


@pytest.mark.parametrize("commits", range(COMMITS))
async def test_what_is_cut_off_is_finished(harness: DatasetHarness, commits: int) -> None:
    """Wherever a batch dies, the same request finishes it: each group once, each slice tagged."""
    dying = harness.with_stores(ledger=DyingLedger(harness.curation.stores.ledger, commits))
    with pytest.raises(Unavailable):
        await create(dying, count=10)
    before = [pick.group for pick in await picks(harness)]
    assert len(before) == await count(harness, Status.SELECTED)

    made = await create(harness, count=10)

    assert (BatchState.READY, 10, 10) == (made.state, made.size, made.picked)
    assert before == [pick.group for pick in await picks(harness)][: len(before)]
    assert (30, 10) == (
        await count(harness, Status.UNLABELLED),
        await count(harness, Status.SELECTED),
    )
    await check_whole(harness, "b1", 10)


async def test_it_dies_nowhere_else(harness: DatasetHarness) -> None:
    """The test above stops a batch of ten at each of its commits."""
    await create(
        harness.with_stores(ledger=DyingLedger(harness.curation.stores.ledger, COMMITS)), count=10
    )


async def test_another_request_finishes_nothing(harness: DatasetHarness) -> None:
    """A batch that was cut off is not touched by another request under its name."""
    dying = harness.with_stores(ledger=DyingLedger(harness.curation.stores.ledger, 5))
    with pytest.raises(Unavailable):
        await create(dying, count=10)
    before = await picks(harness)
    with pytest.raises(AlreadyExists):
        await create(harness, count=11)

    assert 3 == len(before)
    assert before == await picks(harness)


def _binds(transaction: Transaction) -> bool:
    """Whether a transaction gives the batch its plan."""
    return transaction.checks.get(BATCH) == 0


async def test_what_others_take_is_made_up_for(harness: DatasetHarness) -> None:
    """Groups that are labelled between plan and mark stay as they are; others replace them."""
    unhindered = await _planned(harness)
    taken = unhindered[2:5]
    beside = CommitHookLedger(
        harness.curation.stores.ledger, _binds, lambda: mark(harness, taken, Status.ANNOTATED)
    )
    made = await create(harness.with_stores(ledger=beside), count=10)

    found = [pick.group for pick in await picks(harness)]
    assert (BatchState.READY, 10, 10) == (made.state, made.size, made.picked)
    assert "3 groups were taken by others meanwhile; 3 replace them." in made.notes
    assert [group for group in unhindered if group not in taken] == found[:7]
    assert not set(taken) & set(found)
    assert (27, 10, 3) == tuple(
        [
            await count(harness, each)
            for each in (Status.UNLABELLED, Status.SELECTED, Status.ANNOTATED)
        ]
    )
    await check_whole(harness, "b1", 10)


async def _planned(harness: DatasetHarness) -> list[str]:
    """The groups that a batch of ten has where nobody interferes; they are let go again."""
    await create(harness, "b0", count=10)
    found = [pick.group for pick in await picks(harness, "b0")]
    back = GroupUpdate(Status.UNLABELLED, allow_backward=True)
    await update_groups(harness.curation, ONCE, NAME, found, back)
    return found


def _marks(transaction: Transaction) -> bool:
    """Whether a transaction takes picks off a plan."""
    return bool(list(transaction.deletes)) and BATCH in transaction.puts


async def test_who_is_slow_undoes_nothing(harness: DatasetHarness) -> None:
    """Who has found a page without a group to mark does not overwrite what another has marked."""
    taken = (await _planned(harness))[:3]
    ledger = harness.curation.stores.ledger
    slow = CommitHookLedger(ledger, _marks, lambda: create(harness, count=10), before=True)
    beside = CommitHookLedger(
        cast(Ledger, slow), _binds, lambda: mark(harness, taken, Status.ANNOTATED)
    )
    made = await create(harness.with_stores(ledger=beside), count=10)

    assert (BatchState.READY, 10) == (made.state, made.picked)
    assert 10 == await count(harness, Status.SELECTED)
    await check_whole(harness, "b1", 10)


async def test_tags_that_others_give_meanwhile_stay(harness: DatasetHarness) -> None:
    """A tag that a frame gets while its group is marked is not lost."""
    first, *_ = await _planned(harness)
    slice_ = f"{first[1:]}-left"
    beside = CommitHookLedger(
        harness.curation.stores.ledger,
        _marks,
        lambda: tag_frames(harness.curation, ONCE, NAME, [slice_], ["night"], []),
        before=True,
    )
    await create(harness.with_stores(ledger=beside), count=10)

    [row] = [known.row for known in await frames(harness) if known.row.id == slice_]
    assert {"night", "batch:b1"} <= set(row.tags)


async def test_a_batch_ends_short_where_nothing_is_left(harness: DatasetHarness) -> None:
    """When others take all that remains, a batch is what it has by then, and says so."""
    rest = [f"g{number}" for number in range(40)]

    async def others_take_all() -> None:
        marked = {pick.group for pick in await picks(harness)}
        await mark(harness, [group for group in rest if group not in marked], Status.ANNOTATED)

    beside = CommitHookLedger(
        harness.curation.stores.ledger,
        lambda transaction: bool(transaction.adds),
        others_take_all,
    )
    made = await create(harness.with_stores(ledger=beside), count=10)

    assert (BatchState.READY, 3, 3) == (made.state, made.size, made.picked)
    assert "7 groups were taken by others meanwhile; 0 replace them." in made.notes
    await check_whole(harness, "b1", 3)


async def test_slices_that_come_meanwhile_are_tagged(harness: DatasetHarness) -> None:
    """A slice that is appended between plan and mark belongs to its group's batch."""
    late = [frame(f"{number}-top", group=f"g{number}", slice_="top") for number in range(40)]
    beside = CommitHookLedger(harness.curation.stores.ledger, _binds, lambda: harness.append(*late))
    await create(harness.with_stores(ledger=beside), count=10)

    found = await picks(harness)
    assert [3] * 10 == [len(pick.frames) for pick in found]
    tagged = {known.row.id for known in await frames(harness) if "batch:b1" in known.row.tags}
    assert {id for pick in found for id in pick.frames} == tagged


async def test_two_finish_one_batch_together(harness: DatasetHarness) -> None:
    """A batch that several callers finish at once has each group once."""
    dying = harness.with_stores(ledger=DyingLedger(harness.curation.stores.ledger, 4))
    with pytest.raises(Unavailable):
        await create(dying, count=10)
    made = await asyncio.gather(*(create(harness, count=10) for _ in range(4)))

    assert made == [made[0]] * 4
    assert 10 == await count(harness, Status.SELECTED)
    await check_whole(harness, "b1", 10)


async def test_who_leaves_keeps_the_turn_until_the_plan_is_made(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No plan begins while one is made whose caller has left: it still has its memory."""
    planning, at_once = [0], []
    began, go_on = threading.Event(), threading.Event()

    def slow(gathered: PlanInput, wanted: CreateBatchSpec) -> PlanPart:
        planning[0] += 1
        at_once.append(planning[0])
        began.set()
        go_on.wait(10)
        planning[0] -= 1
        return plan_part(gathered, wanted)

    monkeypatch.setattr(creating, "plan_part", slow)
    creation = creating.Creation(harness.curation, asyncio.Lock())
    name = BatchName(NAME.project, NAME.dataset, "b1")
    left = asyncio.create_task(creation.create_batch(name, CreateBatchSpec(count=10)))
    await asyncio.to_thread(began.wait, 10)
    left.cancel()
    again = asyncio.create_task(creation.create_batch(name, CreateBatchSpec(count=10)))
    await asyncio.sleep(0.2)
    go_on.set()

    assert BatchState.READY == (await again).state
    assert [1, 1] == at_once
    assert left.cancelled()


async def test_a_request_that_waits_for_itself_is_planned_once(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request sent twice at the same time takes the batch that the first has made."""
    planned = []

    def counted(gathered: PlanInput, wanted: CreateBatchSpec) -> PlanPart:
        planned.append(wanted)
        return plan_part(gathered, wanted)

    monkeypatch.setattr(creating, "plan_part", counted)
    creation = creating.Creation(harness.curation, asyncio.Lock())
    name = BatchName(NAME.project, NAME.dataset, "b1")
    made = await asyncio.gather(
        *(creation.create_batch(name, CreateBatchSpec(count=10)) for _ in range(3))
    )

    assert made == [made[0]] * 3
    assert [CreateBatchSpec(count=10)] == planned


async def test_a_group_that_was_let_go_has_one_source(harness: DatasetHarness) -> None:
    """What is picked again has the source of the later batch, and no other."""
    ids = [known.row.id for known in await frames(harness)]
    await tag_frames(harness.curation, ONCE, NAME, ids, ["source:targeted", "night"], [])
    await create(harness, count=40)

    assert {("batch:b1", "night", "source:coverage", "to_annotate")} == {
        known.row.tags for known in await frames(harness)
    }


async def test_tags_of_a_full_frame_can_be_taken_away(harness: DatasetHarness) -> None:
    """A batch tags a frame that has as many tags as there may be; each of them can be removed."""
    tags = [f"t{number}" for number in range(TAGS_MAX)]
    await tag_frames(harness.curation, ONCE, NAME, ["0-left"], tags, [])
    await create(harness, count=40)
    await tag_frames(harness.curation, ONCE, NAME, ["0-left"], [], ["t0"])
    with pytest.raises(InvalidArgument, match="at most 64 are accepted"):
        await tag_frames(harness.curation, ONCE, NAME, ["0-left"], ["t0"], [])

    [row] = [known.row for known in await frames(harness) if known.row.id == "0-left"]
    assert {*tags[1:], "batch:b1", "source:coverage", "to_annotate"} == set(row.tags)


async def test_batches_at_once_share_nothing(harness: DatasetHarness) -> None:
    """Batches of processes that know nothing of each other are whole and have no common group."""
    made = await asyncio.gather(*(create(harness, f"b{n}", count=10, seed=n) for n in range(4)))

    chosen = [pick.group for n in range(4) for pick in await picks(harness, f"b{n}")]
    assert 40 == len(chosen) == len(set(chosen)) == await count(harness, Status.SELECTED)
    assert [10] * 4 == [batch.picked for batch in made]
    for number in range(4):
        await check_whole(harness, f"b{number}", 10)
