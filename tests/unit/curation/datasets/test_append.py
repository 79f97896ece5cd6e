"""Appending frames while stores fail, and while others change the same dataset."""

from __future__ import annotations

import asyncio
from uuid import UUID

import numpy as np
import pytest

from services.curation.datasets import points
from services.curation.datasets.append import Appended, append_frames, read_dataset_frames
from services.curation.datasets.appending import NewFrames
from services.curation.datasets.counts import count_frames
from services.curation.datasets.filters import EVERYTHING
from services.curation.datasets.marks import Marks, mark_groups, tag_frames
from services.curation.datasets.reading import (
    get_frames,
    list_frames,
    read_known,
    stream_frames,
)
from services.curation.datasets.similar import Question, find_similar
from services.curation.datasets.splits import Shares
from services.curation.datasets.splitting import split_groups
from services.curation.records import Split, Status
from services.records.pages import read_page
from sluice.errors import DataLoss, InvalidArgument, Unavailable
from sluice.labels import Box2D, Label
from sluice.scoring.vectors import normalise
from tests.unit.campaign.faults import failing, overtaken
from tests.unit.curation.datasets.world import NAME, ONCE, World, frame, vector


async def stored_points(here: World) -> set[UUID]:
    """The points of the dataset that the vector store has."""
    stores = here.curation.stores
    space = (await read_dataset_frames(stores, NAME)).record
    collection = points.frames_of(NAME.project, space.model_id, space.dimension)
    return set((await stores.vectors.read(collection, points.tenant_of(NAME))).ids)


async def named_points(here: World, *frame_ids: str) -> set[UUID]:
    """The points that the rows of frames name."""
    known = await read_known(here.curation.stores.ledger, NAME, frame_ids)
    return {UUID(bytes=v.point) for each in known.values() for v in each.row.vectors}


async def numbers(here: World) -> dict[str, int]:
    """The frames of the dataset in their order, each with its number."""
    page = read_page(1_000, "", "test")
    found, _ = await list_frames(here.curation, NAME, EVERYTHING, page)
    return {each.row.id: each.row.number for each in found}


async def test_a_failed_vector_store_adds_nothing(here: World) -> None:
    """Frames are added with their vectors or not at all; tried again, they are."""
    broken = here.having(vectors=failing(here.curation.stores.vectors, "write"))
    with pytest.raises(Unavailable):
        await broken.append("a", "b")

    assert {} == await numbers(here)
    assert Appended(2, 0, 0) == await broken.append("a", "b")
    assert await named_points(here, "a", "b") == await stored_points(here)


async def test_replaced_vectors_are_deleted(here: World) -> None:
    """A frame has one point; a store that cannot delete the old one fails nobody."""
    await here.append("a")
    await here.append("a", seed=1)
    assert await named_points(here, "a") == await stored_points(here)
    broken = here.having(vectors=failing(here.curation.stores.vectors, "delete"))

    assert Appended(0, 1, 0) == await broken.append("a", seed=2)
    assert 2 == len(await stored_points(here))


async def test_appends_take_turns(here: World) -> None:
    """Of calls at once each frame gets one number, and none is lost or counted twice."""
    calls = [here.append(f"a{n}", f"b{n}", "shared") for n in range(6)]
    done = await asyncio.gather(*calls)
    counts = await count_frames(here.curation, NAME)

    assert 13 == sum(each.added_count for each in done)
    assert list(range(1, 14)) == list((await numbers(here)).values())
    assert (13, 13) == (counts.frames.count, counts.groups)


async def test_only_new_frames_get_numbers(here: World) -> None:
    """Frames that are replaced in a call between new ones keep theirs, and leave no gap."""
    await here.append("a", "b")
    label = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))
    await here.append("c", frame("a", label), "d")
    await here.append("e")

    assert {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5} == await numbers(here)


async def test_a_point_left_behind_is_not_found(here: World) -> None:
    """A frame is found by the embedding that it has, also while its old one is still stored."""
    await here.append("a", "b")
    broken = here.having(vectors=failing(here.curation.stores.vectors, "delete"))
    await broken.append("b", seed=1)
    asked = Question(["a"], NAME, 10, EVERYTHING)
    [found] = await find_similar(here.curation, NAME, asked)
    given, now = normalise(np.stack([vector("a"), vector("b", 1)]))

    assert 3 == len(await stored_points(here))
    assert "b" == found.frame.row.id
    np.testing.assert_allclose(given @ now, found.similarity, rtol=1e-5)


async def test_a_change_in_between_is_not_lost(here: World) -> None:
    """Tags and a status that come while a frame is replaced stay as they are."""
    await here.append("a")
    curation = here.curation

    async def meanwhile() -> None:
        await tag_frames(curation, ONCE, NAME, ["a"], ["night"], [])
        await mark_groups(curation, ONCE, NAME, ["a"], Marks(Status.SELECTED))

    changed = here.having(ledger=overtaken(curation.stores.ledger, "commit", meanwhile()))
    label = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))
    assert Appended(0, 1, 0) == await changed.append(frame("a", label))
    [found] = await get_frames(curation.stores, NAME, ["a"])

    assert (("night",), Status.SELECTED) == (found.row.tags, found.group.status)
    assert (label,) == found.frame.labels
    counts = await count_frames(curation, NAME)
    assert (0, 1) == (counts.by_status[Status.UNLABELLED], counts.by_status[Status.SELECTED])


async def test_marks_reach_every_slice(here: World) -> None:
    """A group that is marked gets its status, and each of its slices the tags, at once."""
    await here.append(frame("a", group="g", slice_="l"), frame("b", group="g", slice_="r"), "c")
    marks = Marks(Status.SELECTED, add=("batch:x", "to_annotate"))
    changed = await mark_groups(here.curation, ONCE, NAME, ["g"], marks)
    found = await get_frames(here.curation.stores, NAME, ["a", "b", "c"])

    assert 1 == changed.count
    assert [("batch:x", "to_annotate")] * 2 + [()] == [each.row.tags for each in found]
    assert [Status.SELECTED] * 2 + [Status.UNLABELLED] == [each.group.status for each in found]


async def test_a_group_has_so_many_slices(here: World) -> None:
    """The slice over the limit is named, and its whole call refused."""
    slices = [frame(f"a{n}", group="g", slice_=str(n)) for n in range(65)]
    with pytest.raises(InvalidArgument, match=r"frames\[64\].group \(frame 'a64'\): 'g' has 64"):
        await here.append(*slices)
    assert {} == await numbers(here)


async def test_splits_survive_being_cut_off(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An assignment that failed half way is finished by the next call, to the same splits."""
    monkeypatch.setattr("services.curation.datasets.splitting.GROUPS_PER_COMMIT", 5)
    ids = [f"a{number}" for number in range(20)]
    await here.append(*ids)
    shares: Shares = {Split.TRAIN: 0.75, Split.TEST: 0.25}
    broken = here.having(ledger=failing(here.curation.stores.ledger, "commit", at=3))
    with pytest.raises(Unavailable):
        await split_groups(broken.curation, NAME, shares, seed=1)
    half = (await count_frames(here.curation, NAME)).by_split
    await split_groups(here.curation, NAME, shares, seed=1)
    whole = (await count_frames(here.curation, NAME)).by_split
    known = await read_known(here.curation.stores.ledger, NAME, ids)

    assert 10 == sum(half.values())
    assert (15, 5) == (whole[Split.TRAIN], whole[Split.TEST])
    assert 15 == sum(each.group.split is Split.TRAIN for each in known.values())


async def test_a_lost_vector_is_named(here: World) -> None:
    """A frame whose point is gone is DATA_LOSS by its name, and no frame gets another's vector."""
    await here.append("a", "b")
    [lost] = await named_points(here, "b")
    space = (await read_dataset_frames(here.curation.stores, NAME)).record
    collection = points.frames_of(NAME.project, space.model_id, space.dimension)
    await here.curation.stores.vectors.delete(collection, points.tenant_of(NAME), [lost])
    with pytest.raises(DataLoss, match="frame 'b' of projects/p/datasets/d"):
        _ = [
            each
            async for each in stream_frames(here.curation, NAME, EVERYTHING, with_embeddings=True)
        ]


async def test_pages_are_bounded_by_their_bytes(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large frames come in more pages and parts, all of them once, with the right vectors."""
    monkeypatch.setattr("services.curation.datasets.reading.PAGE_BYTES_MAX", 5)
    ids = [f"frame-{number}" for number in range(4)]
    await here.append(*ids)
    first, token = await list_frames(here.curation, NAME, EVERYTHING, read_page(1_000, "", "test"))
    rest, _ = await list_frames(here.curation, NAME, EVERYTHING, read_page(1_000, token, "test"))
    parts = [
        part async for part in stream_frames(here.curation, NAME, EVERYTHING, with_embeddings=True)
    ]

    assert ids[:2] == [each.row.id for each in (*first, *rest)]
    assert ids == [each.row.id for part in parts for each in part.frames]
    assert [1] * 4 == [len(part.frames) for part in parts]
    for id, part in zip(ids, parts, strict=True):
        assert part.embeddings is not None
        np.testing.assert_array_equal(normalise(vector(id)[None]), part.embeddings.vectors)


async def test_embeddings_that_are_replaced_while_read_are_not_lost(here: World) -> None:
    """Who reads a frame while it gets another embedding reads the new one."""
    await here.append("a")

    async def meanwhile() -> None:
        await here.append("a", seed=1)

    vectors = overtaken(here.curation.stores.vectors, "retrieve", meanwhile())
    changed = here.having(vectors=vectors).curation
    [part] = [part async for part in stream_frames(changed, NAME, EVERYTHING, with_embeddings=True)]

    assert part.embeddings is not None
    np.testing.assert_array_equal(normalise(vector("a", 1)[None]), part.embeddings.vectors)


async def test_frames_without_embeddings_come_last_in_their_part(here: World) -> None:
    """In one part of a stream the rows of embeddings are those of the first frames."""
    await here.append("a")
    await append_frames(here.curation, NAME, NewFrames([frame("bare")]))
    await here.append("b")
    [part] = [
        part async for part in stream_frames(here.curation, NAME, EVERYTHING, with_embeddings=True)
    ]

    assert ["a", "b", "bare"] == [each.row.id for each in part.frames]
    assert part.embeddings is not None
    assert [0, 1] == part.embeddings.frame_of_row.tolist()
    rows = normalise(np.stack([vector("a"), vector("b")]))
    np.testing.assert_array_equal(rows, part.embeddings.vectors)
