"""Changing the status and the tags of groups."""

from __future__ import annotations

from services.curation.datasets.frames import (
    get_frames,
)
from services.curation.datasets.updates import GroupUpdate, update_groups
from services.curation.records import Status
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame


async def test_marks_reach_every_slice(harness: DatasetHarness) -> None:
    """A group that is marked gets its status, and each of its slices the tags, at once."""
    await harness.append(frame("a", group="g", slice_="l"), frame("b", group="g", slice_="r"), "c")
    marks = GroupUpdate(Status.SELECTED, add=("batch:x", "to_annotate"))
    changed = await update_groups(harness.curation, ONCE, NAME, ["g"], marks)
    found = await get_frames(harness.curation.stores, NAME, ["a", "b", "c"])

    assert 1 == changed.count
    assert [("batch:x", "to_annotate")] * 2 + [()] == [each.row.tags for each in found]
    assert [Status.SELECTED] * 2 + [Status.UNLABELLED] == [each.group.status for each in found]
