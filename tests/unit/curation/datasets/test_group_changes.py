"""The status and split of groups whose frames are appended."""

from __future__ import annotations

import pytest

from services.curation.datasets.append import AppendResult, append_frames
from services.curation.datasets.counts import count_frames
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.datasets.new_frames import AppendRequest
from services.curation.datasets.updates import GroupUpdate, update_groups
from services.curation.records import Split, Status
from services.records.tombstones import DeletionCounts
from sluice.errors import FailedPrecondition, InvalidArgument
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame


async def append(
    harness: DatasetHarness, *ids: str, status: Status | None = None, split: Split = Split.NONE
) -> AppendResult:
    """Append frames without embeddings."""
    request = AppendRequest([frame(id) for id in ids], None, status, split)
    return await append_frames(harness.curation, NAME, request)


async def counts(harness: DatasetHarness) -> tuple[dict[Status, int], dict[Split, int]]:
    """The numbers of groups by status and by split, without zeros."""
    result = await count_frames(harness.curation, NAME)
    return (
        {status: count for status, count in result.by_status.items() if count},
        {split: count for split, count in result.by_split.items() if count},
    )


async def test_existing_groups_move_on_to_the_status(harness: DatasetHarness) -> None:
    """A status and a split are set in groups that exist, and counted; twice is the same."""
    await append(harness, "a", "b")
    for changed in (2, 0):
        result = await append(harness, "a", "b", status=Status.ANNOTATED, split=Split.TEST)
        assert AppendResult(0, changed, 2 - changed) == result
    assert ({Status.ANNOTATED: 2}, {Split.TEST: 2}) == await counts(harness)
    held_out = (await count_frames(harness.curation, NAME)).held_out
    assert 2 == held_out[Status.ANNOTATED]


async def test_a_later_status_stays_and_is_counted(harness: DatasetHarness) -> None:
    """A group that is further keeps its status, and the caller learns of it."""
    await append(harness, "a", "b")
    await update_groups(harness.curation, ONCE, NAME, ["a"], GroupUpdate(Status.REVIEWED))
    assert AppendResult(0, 1, 1, 1) == await append(harness, "a", "b", status=Status.ANNOTATED)
    assert {Status.REVIEWED: 1, Status.ANNOTATED: 1} == (await counts(harness))[0]
    assert AppendResult(0, 0, 2) == await append(harness, "a", "b")


async def test_a_group_stays_in_its_split(harness: DatasetHarness) -> None:
    """Another split is refused naming the group and both, and nothing is appended."""
    await append(harness, "a", split=Split.TRAIN)
    with pytest.raises(FailedPrecondition, match=r"'test', but group 'a' of .* in split 'train'"):
        await append(harness, "b", "a", split=Split.TEST)
    assert ({Status.UNLABELLED: 1}, {Split.TRAIN: 1}) == await counts(harness)


async def test_a_new_slice_moves_its_group_on(harness: DatasetHarness) -> None:
    """The status of a call applies to the group that a new frame joins."""
    left, right = (frame(f"s-{side}", group="s", slice_=side) for side in ("left", "right"))
    await append_frames(harness.curation, NAME, AppendRequest([left]))
    result = await append_frames(
        harness.curation, NAME, AppendRequest([right], None, Status.ANNOTATED)
    )
    assert AppendResult(1, 0, 0) == result
    assert {Status.ANNOTATED: 1} == (await counts(harness))[0]


async def test_an_error_names_the_index_in_the_request(harness: DatasetHarness) -> None:
    """Deleted and existing frames before the invalid one are counted in its index."""
    await append(harness, "known")
    ledger = harness.curation.stores.ledger
    await TOMBSTONES.put(ledger, NAME.project, {"deleted": DeletionCounts()})
    slices = [frame(id, group="s", slice_="left") for id in ("first", "second")]
    with pytest.raises(InvalidArgument) as info:
        await harness.append("deleted", "known", *slices)
    assert ["frames[3].slice"] == [violation.field for violation in info.value.fields]
