"""Appending frames while stores fail, and while others change the same dataset."""

from __future__ import annotations

import asyncio
from uuid import UUID

import numpy as np
import pytest

from services.curation.datasets import points
from services.curation.datasets.append import AppendCounts, append_frames
from services.curation.datasets.counts import count_frames, read_dataset_frames
from services.curation.datasets.filters import EVERYTHING
from services.curation.datasets.frames import (
    get_frames,
    list_frames,
    read_summaries,
    stream_frames,
)
from services.curation.datasets.new_frames import AppendRequest
from services.curation.datasets.similar import SimilarityQuery, find_similar
from services.curation.datasets.split import split_groups
from services.curation.datasets.stratification import Shares
from services.curation.datasets.updates import GroupUpdate, tag_frames, update_groups
from services.curation.records import Split, Status
from services.records.pages import read_page
from sluice.errors import DataLoss, InvalidArgument, Unavailable
from sluice.labels import Box2D, Label
from sluice.scoring.vectors import normalise
from tests.unit.campaign.faults import failing, overtaken
from tests.unit.curation.datasets.harness import NAME, ONCE, DatasetHarness, frame, vector


async def stored_points(harness: DatasetHarness) -> set[UUID]:
    """The points of the dataset that the vector store has."""
    stores = harness.curation.stores
    space = (await read_dataset_frames(stores, NAME)).record
    collection = points.frames_collection(NAME.project, space.model_id, space.dimension)
    return set((await stores.vectors.read(collection, points.tenant_of(NAME))).ids)


async def named_points(harness: DatasetHarness, *frame_ids: str) -> set[UUID]:
    """The points that the rows of frames name."""
    known = await read_summaries(harness.curation.stores.ledger, NAME, frame_ids)
    return {UUID(bytes=v.point) for each in known.values() for v in each.row.vectors}


async def numbers(harness: DatasetHarness) -> dict[str, int]:
    """The frames of the dataset in their order, each with its number."""
    page = read_page(1_000, "", "test")
    found, _ = await list_frames(harness.curation, NAME, EVERYTHING, page)
    return {each.row.id: each.row.number for each in found}


async def test_a_failed_vector_store_adds_nothing(harness: DatasetHarness) -> None:
    """Frames are added with their vectors or not at all; tried again, they are."""
    broken = harness.with_stores(vectors=failing(harness.curation.stores.vectors, "write"))
    with pytest.raises(Unavailable):
        await broken.append("a", "b")

    assert {} == await numbers(harness)
    assert AppendCounts(2, 0, 0) == await broken.append("a", "b")
    assert await named_points(harness, "a", "b") == await stored_points(harness)


async def test_replaced_vectors_are_deleted(harness: DatasetHarness) -> None:
    """A frame has one point; a store that cannot delete the old one fails nobody."""
    await harness.append("a")
    await harness.append("a", seed=1)
    assert await named_points(harness, "a") == await stored_points(harness)
    broken = harness.with_stores(vectors=failing(harness.curation.stores.vectors, "delete"))

    assert AppendCounts(0, 1, 0) == await broken.append("a", seed=2)
    assert 2 == len(await stored_points(harness))


async def test_appends_take_turns(harness: DatasetHarness) -> None:
    """Of calls at once each frame gets one number, and none is lost or counted twice."""
    calls = [harness.append(f"a{n}", f"b{n}", "shared") for n in range(6)]
    done = await asyncio.gather(*calls)
    counts = await count_frames(harness.curation, NAME)

    assert 13 == sum(each.added_count for each in done)
    assert list(range(1, 14)) == list((await numbers(harness)).values())
    assert (13, 13) == (counts.frames.count, counts.groups)


async def test_only_new_frames_get_numbers(harness: DatasetHarness) -> None:
    """Frames that are replaced in a call between new ones keep theirs, and leave no gap."""
    await harness.append("a", "b")
    label = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))
    await harness.append("c", frame("a", label), "d")
    await harness.append("e")

    assert {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5} == await numbers(harness)


async def test_a_point_left_behind_is_not_found(harness: DatasetHarness) -> None:
    """A frame is found by the embedding that it has, also while its old one is still stored."""
    await harness.append("a", "b")
    broken = harness.with_stores(vectors=failing(harness.curation.stores.vectors, "delete"))
    await broken.append("b", seed=1)
    asked = SimilarityQuery(["a"], NAME, 10, EVERYTHING)
    [found] = await find_similar(harness.curation, NAME, asked)
    given, now = normalise(np.stack([vector("a"), vector("b", 1)]))

    assert 3 == len(await stored_points(harness))
    assert "b" == found.frame.row.id
    np.testing.assert_allclose(given @ now, found.similarity, rtol=1e-5)


async def test_a_change_in_between_is_not_lost(harness: DatasetHarness) -> None:
    """Tags and a status that come while a frame is replaced stay as they are."""
    await harness.append("a")
    curation = harness.curation

    async def meanwhile() -> None:
        await tag_frames(curation, ONCE, NAME, ["a"], ["night"], [])
        await update_groups(curation, ONCE, NAME, ["a"], GroupUpdate(Status.SELECTED))

    changed = harness.with_stores(ledger=overtaken(curation.stores.ledger, "commit", meanwhile()))
    label = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))
    assert AppendCounts(0, 1, 0) == await changed.append(frame("a", label))
    [found] = await get_frames(curation.stores, NAME, ["a"])

    assert (("night",), Status.SELECTED) == (found.row.tags, found.group.status)
    assert (label,) == found.frame.labels
    counts = await count_frames(curation, NAME)
    assert (0, 1) == (counts.by_status[Status.UNLABELLED], counts.by_status[Status.SELECTED])


async def test_marks_reach_every_slice(harness: DatasetHarness) -> None:
    """A group that is marked gets its status, and each of its slices the tags, at once."""
    await harness.append(frame("a", group="g", slice_="l"), frame("b", group="g", slice_="r"), "c")
    marks = GroupUpdate(Status.SELECTED, add=("batch:x", "to_annotate"))
    changed = await update_groups(harness.curation, ONCE, NAME, ["g"], marks)
    found = await get_frames(harness.curation.stores, NAME, ["a", "b", "c"])

    assert 1 == changed.count
    assert [("batch:x", "to_annotate")] * 2 + [()] == [each.row.tags for each in found]
    assert [Status.SELECTED] * 2 + [Status.UNLABELLED] == [each.group.status for each in found]


async def test_a_group_has_so_many_slices(harness: DatasetHarness) -> None:
    """The slice over the limit is named, and its whole call refused."""
    slices = [frame(f"a{n}", group="g", slice_=str(n)) for n in range(65)]
    with pytest.raises(InvalidArgument, match=r"frames\[64\].group \(frame 'a64'\): 'g' has 64"):
        await harness.append(*slices)
    assert {} == await numbers(harness)


async def test_splits_survive_being_cut_off(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An assignment that failed half way is finished by the next call, to the same splits."""
    monkeypatch.setattr("services.curation.datasets.split.GROUPS_PER_COMMIT", 5)
    ids = [f"a{number}" for number in range(20)]
    await harness.append(*ids)
    shares: Shares = {Split.TRAIN: 0.75, Split.TEST: 0.25}
    broken = harness.with_stores(ledger=failing(harness.curation.stores.ledger, "commit", at=3))
    with pytest.raises(Unavailable):
        await split_groups(broken.curation, NAME, shares, seed=1)
    half = (await count_frames(harness.curation, NAME)).by_split
    await split_groups(harness.curation, NAME, shares, seed=1)
    whole = (await count_frames(harness.curation, NAME)).by_split
    known = await read_summaries(harness.curation.stores.ledger, NAME, ids)

    assert 10 == sum(half.values())
    assert (15, 5) == (whole[Split.TRAIN], whole[Split.TEST])
    assert 15 == sum(each.group.split is Split.TRAIN for each in known.values())


async def test_a_lost_vector_is_named(harness: DatasetHarness) -> None:
    """A frame whose point is gone is DATA_LOSS by its name, and no frame gets another's vector."""
    await harness.append("a", "b")
    [lost] = await named_points(harness, "b")
    space = (await read_dataset_frames(harness.curation.stores, NAME)).record
    collection = points.frames_collection(NAME.project, space.model_id, space.dimension)
    await harness.curation.stores.vectors.delete(collection, points.tenant_of(NAME), [lost])
    with pytest.raises(DataLoss, match="frame 'b' of projects/p/datasets/d"):
        _ = [
            each
            async for each in stream_frames(
                harness.curation, NAME, EVERYTHING, with_embeddings=True
            )
        ]


async def test_pages_are_bounded_by_their_bytes(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large frames come in more pages and parts, all of them once, with the right vectors."""
    monkeypatch.setattr("services.curation.datasets.frames.PAGE_BYTES_MAX", 5)
    ids = [f"frame-{number}" for number in range(4)]
    await harness.append(*ids)
    first, token = await list_frames(
        harness.curation, NAME, EVERYTHING, read_page(1_000, "", "test")
    )
    rest, _ = await list_frames(harness.curation, NAME, EVERYTHING, read_page(1_000, token, "test"))
    parts = [
        part
        async for part in stream_frames(harness.curation, NAME, EVERYTHING, with_embeddings=True)
    ]

    assert ids[:2] == [each.row.id for each in (*first, *rest)]
    assert ids == [each.row.id for part in parts for each in part.frames]
    assert [1] * 4 == [len(part.frames) for part in parts]
    for id, part in zip(ids, parts, strict=True):
        assert part.embeddings is not None
        np.testing.assert_array_equal(normalise(vector(id)[None]), part.embeddings.vectors)


async def test_embeddings_that_are_replaced_while_read_are_not_lost(
    harness: DatasetHarness,
) -> None:
    """Who reads a frame while it gets another embedding reads the new one."""
    await harness.append("a")

    async def meanwhile() -> None:
        await harness.append("a", seed=1)

    vectors = overtaken(harness.curation.stores.vectors, "retrieve", meanwhile())
    changed = harness.with_stores(vectors=vectors).curation
    [part] = [part async for part in stream_frames(changed, NAME, EVERYTHING, with_embeddings=True)]

    assert part.embeddings is not None
    np.testing.assert_array_equal(normalise(vector("a", 1)[None]), part.embeddings.vectors)


async def test_frames_without_embeddings_come_last_in_their_part(harness: DatasetHarness) -> None:
    """In one part of a stream the rows of embeddings are those of the first frames."""
    await harness.append("a")
    await append_frames(harness.curation, NAME, AppendRequest([frame("bare")]))
    await harness.append("b")
    [part] = [
        part
        async for part in stream_frames(harness.curation, NAME, EVERYTHING, with_embeddings=True)
    ]

    assert ["a", "b", "bare"] == [each.row.id for each in part.frames]
    assert part.embeddings is not None
    assert [0, 1] == part.embeddings.frame_of_row.tolist()
    rows = normalise(np.stack([vector("a"), vector("b")]))
    np.testing.assert_array_equal(rows, part.embeddings.vectors)
