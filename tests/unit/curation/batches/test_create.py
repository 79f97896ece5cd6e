"""Batches that are cut off, and groups that others take meanwhile."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.curation.batches import create as creating
from services.curation.batches import select as selecting
from services.curation.batches.plan_input import PlanInput
from services.curation.batches.plan_part import PlanPart, plan_part
from services.curation.batches.records import (
    BatchState,
    CreateBatchSpec,
)
from services.curation.golden.golden_checks import override_check
from services.curation.golden.records import check_name
from services.curation.records import (
    Status,
)
from sluice.errors import AlreadyExists, FailedPrecondition, Unavailable
from sluice.names import BatchName, GoldenSetName
from tests.unit.curation.batches.helpers import (
    CommitHookLedger,
    DyingLedger,
    binds_plan,
    check_batch,
    count,
    create,
    fail_golden_check,
    mark,
    picks,
    plan_groups,
)
from tests.unit.curation.datasets.harness import (
    NAME,
    DatasetHarness,
)

COMMITS = 3 + 1 + 4 + 1
"""Of a batch of 10: its plan in parts of 4, its name, its groups in parts of 3, its end."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are written, and groups marked, a few at a time."""
    monkeypatch.setattr(creating, "PICKS_PER_COMMIT", 4)
    monkeypatch.setattr(selecting, "GROUPS_PER_COMMIT", 3)


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
    await check_batch(harness, "b1", 10)


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


async def test_what_others_take_is_made_up_for(harness: DatasetHarness) -> None:
    """Groups that are labelled between plan and mark stay as they are; others replace them."""
    unhindered = await plan_groups(harness)
    taken = unhindered[2:5]
    beside = CommitHookLedger(
        harness.curation.stores.ledger, binds_plan, lambda: mark(harness, taken, Status.ANNOTATED)
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
    await check_batch(harness, "b1", 10)


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
    await check_batch(harness, "b1", 3)


async def test_two_finish_one_batch_together(harness: DatasetHarness) -> None:
    """A batch that several callers finish at once has each group once."""
    dying = harness.with_stores(ledger=DyingLedger(harness.curation.stores.ledger, 4))
    with pytest.raises(Unavailable):
        await create(dying, count=10)
    made = await asyncio.gather(*(create(harness, count=10) for _ in range(4)))

    assert made == [made[0]] * 4
    assert 10 == await count(harness, Status.SELECTED)
    await check_batch(harness, "b1", 10)


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


async def test_batches_at_once_share_nothing(harness: DatasetHarness) -> None:
    """Batches of processes that know nothing of each other are whole and have no common group."""
    made = await asyncio.gather(*(create(harness, f"b{n}", count=10, seed=n) for n in range(4)))

    chosen = [pick.group for n in range(4) for pick in await picks(harness, f"b{n}")]
    assert 40 == len(chosen) == len(set(chosen)) == await count(harness, Status.SELECTED)
    assert [10] * 4 == [batch.picked for batch in made]
    for number in range(4):
        await check_batch(harness, f"b{number}", 10)


async def test_a_failed_golden_check_blocks(harness: DatasetHarness) -> None:
    """A batch is refused with how to go on, and goes on with the reason, which is kept."""
    unblocked = await create(harness, "b0", count=4)
    check = await fail_golden_check(harness)
    with pytest.raises(FailedPrecondition) as refused:
        await create(harness, count=4)
    made = await create(harness, count=4, golden_override="new guideline")

    said = f"round 1 failed golden set 'g': {check.reason}"
    assert (
        f"{NAME}: {said}; to create the batch anyway, give a reason in golden_override"
        == refused.value.message
    )
    assert (said, "new guideline") == (made.golden_problem, made.spec.golden_override)
    assert "" == unblocked.golden_problem


async def test_an_overridden_check_blocks_no_batch(harness: DatasetHarness) -> None:
    """What was decided of the check itself needs no reason with the batch."""
    failed = await fail_golden_check(harness)
    check = check_name(GoldenSetName(NAME.project, NAME.dataset, "g"), failed.key)
    await override_check(harness.curation.stores, check, "new guideline", "Ada", "k")

    assert "" == (await create(harness, count=4)).golden_problem


async def test_a_batch_that_began_is_not_blocked(harness: DatasetHarness) -> None:
    """A golden check that fails later stops no batch that has its plan."""
    made = await create(harness, count=4)
    await fail_golden_check(harness)

    assert made == await create(harness, count=4)
