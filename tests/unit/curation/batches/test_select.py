"""Marking the groups of a batch while others mark, tag and append."""

from __future__ import annotations

from typing import cast

import pytest

from services.curation.batches import create as creating
from services.curation.batches import select as selecting
from services.curation.batches.records import (
    BatchState,
)
from services.curation.datasets.updates import TAGS_MAX, tag_frames
from services.curation.records import (
    Status,
)
from services.ledger.interface import Ledger
from sluice.errors import InvalidArgument
from tests.unit.curation.batches.helpers import (
    CommitHookLedger,
    binds_plan,
    check_batch,
    count,
    create,
    frames,
    mark,
    marks_groups,
    picks,
    plan_groups,
)
from tests.unit.curation.datasets.harness import (
    NAME,
    ONCE,
    DatasetHarness,
    frame,
)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are written, and groups marked, a few at a time."""
    monkeypatch.setattr(creating, "PICKS_PER_COMMIT", 4)
    monkeypatch.setattr(selecting, "GROUPS_PER_COMMIT", 3)


async def test_who_is_slow_undoes_nothing(harness: DatasetHarness) -> None:
    """Who has found a page without a group to mark does not overwrite what another has marked."""
    taken = (await plan_groups(harness))[:3]
    ledger = harness.curation.stores.ledger
    slow = CommitHookLedger(ledger, marks_groups, lambda: create(harness, count=10), before=True)
    beside = CommitHookLedger(
        cast(Ledger, slow), binds_plan, lambda: mark(harness, taken, Status.ANNOTATED)
    )
    made = await create(harness.with_stores(ledger=beside), count=10)

    assert (BatchState.READY, 10) == (made.state, made.picked)
    assert 10 == await count(harness, Status.SELECTED)
    await check_batch(harness, "b1", 10)


async def test_tags_that_others_give_meanwhile_stay(harness: DatasetHarness) -> None:
    """A tag that a frame gets while its group is marked is not lost."""
    first, *_ = await plan_groups(harness)
    slice_ = f"{first[1:]}-left"
    beside = CommitHookLedger(
        harness.curation.stores.ledger,
        marks_groups,
        lambda: tag_frames(harness.curation, ONCE, NAME, [slice_], ["night"], []),
        before=True,
    )
    await create(harness.with_stores(ledger=beside), count=10)

    [row] = [known.row for known in await frames(harness) if known.row.id == slice_]
    assert {"night", "batch:b1"} <= set(row.tags)


async def test_slices_that_come_meanwhile_are_tagged(harness: DatasetHarness) -> None:
    """A slice that is appended between plan and mark belongs to its group's batch."""
    late = [frame(f"{number}-top", group=f"g{number}", slice_="top") for number in range(40)]
    beside = CommitHookLedger(
        harness.curation.stores.ledger, binds_plan, lambda: harness.append(*late)
    )
    await create(harness.with_stores(ledger=beside), count=10)

    found = await picks(harness)
    assert [3] * 10 == [len(pick.frames) for pick in found]
    tagged = {known.row.id for known in await frames(harness) if "batch:b1" in known.row.tags}
    assert {id for pick in found for id in pick.frames} == tagged


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
