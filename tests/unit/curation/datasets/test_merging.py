"""Merging a frame into the stored one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from services.curation.datasets.append import AppendResult, append_frames
from services.curation.datasets.filters import EVERYTHING
from services.curation.datasets.frames import DatasetFrame, get_frames, stream_frames
from services.curation.datasets.new_frames import AppendRequest, FrameToAppend
from sluice.errors import InvalidArgument
from sluice.frames import Frame
from sluice.labels import Box2D, Label
from sluice.scoring import normalise
from sluice.sensors import MediaType, SensorData
from sluice.tensors import Embeddings
from tests.unit.curation.datasets.harness import (
    NAME,
    DatasetHarness,
    frame,
    named_points,
    stored_points,
    vector,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CAR = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1), sensor_id="image")
TRAM = Label(id="k", class_name="tram", shape=Box2D(0, 0, 2, 2), sensor_id="image")


def image(url: str, **values: Any) -> SensorData:
    """The image of a frame."""
    return SensorData(sensor_id="image", url=url, **values)


CORPUS = FrameToAppend(
    Frame(
        id="a",
        capture_time=NOON,
        device="truck-7",
        sensors=(image("s3://a.jpg"),),
        metadata={"route": 7},
    ),
    fields={"weather": "fog"},
)
LABELS = FrameToAppend(
    Frame(id="a", sensors=(image("a.jpg", width=640, height=480),), labels=(CAR,))
)


async def append(
    harness: DatasetHarness, *frames: FrameToAppend, **options: Any
) -> tuple[int, int, int]:
    """Append frames without embeddings; returns how many were added, changed and unchanged."""
    result = await append_frames(harness.curation, NAME, AppendRequest(frames, **options))
    return result.added_count, result.changed_count, result.unchanged_count


async def append_vectors(
    harness: DatasetHarness, new: FrameToAppend, *label_ids: str, seed: int = 0, **options: Any
) -> AppendResult:
    """Append a frame with an embedding for each label id, "" for its own."""
    rows = np.stack([vector(f"{new.frame.id}/{label_id}", seed) for label_id in label_ids])
    embeddings = Embeddings("m", rows, np.zeros(len(rows), np.int64), list(label_ids))
    return await append_frames(harness.curation, NAME, AppendRequest([new], embeddings, **options))


async def read(harness: DatasetHarness) -> DatasetFrame:
    """The frame "a" as it is stored."""
    [stored] = await get_frames(harness.curation.stores, NAME, ["a"])
    return stored


async def read_vectors(harness: DatasetHarness) -> dict[str, np.ndarray[Any, Any]]:
    """The unit vectors of the dataset by label id."""
    parts = stream_frames(harness.curation, NAME, EVERYTHING, with_embeddings=True)
    pages = [part.embeddings async for part in parts if part.embeddings]
    return {
        label_id: row
        for embeddings in pages
        for label_id, row in zip(embeddings.label_ids, embeddings.vectors, strict=True)
    }


@pytest.mark.parametrize("order", [(CORPUS, LABELS), (LABELS, CORPUS)], ids=["labels", "corpus"])
async def test_sources_add_up_in_any_order(
    harness: DatasetHarness, order: tuple[FrameToAppend, FrameToAppend]
) -> None:
    """Media, time, device, metadata and fields of one source stay beside another one's labels."""
    counts = [
        await append(harness, new, urls_are_file_names=new is LABELS) for new in (*order, *order)
    ]
    stored = await read(harness)

    assert [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 1)] == counts
    expected = replace(
        CORPUS.frame, sensors=(image("s3://a.jpg", width=640, height=480),), labels=(CAR,)
    )
    assert (expected, {"weather": "fog"}) == (stored.frame, stored.row.fields)


async def test_what_is_stated_again_is_set(harness: DatasetHarness) -> None:
    """A later value takes the place of the earlier one; pairs and sensors of other names stay."""
    await append(harness, CORPUS)
    lidar = SensorData(sensor_id="lidar", url="a.pcd", media_type=MediaType.POINT_CLOUD)
    later = Frame(
        id="a", device="truck-8", sensors=(image("s3://b.jpg"), lidar), metadata={"lane": 2}
    )
    await append(harness, FrameToAppend(later, fields={"weather": "sun", "speed": 3}))
    stored = await read(harness)

    assert ("truck-8", NOON) == (stored.frame.device, stored.frame.capture_time)
    assert (image("s3://b.jpg"), lidar) == stored.frame.sensors
    assert {"route": 7, "lane": 2} == stored.frame.metadata
    assert {"weather": "sun", "speed": 3} == stored.row.fields


async def test_labelled_without_labels_removes_them(harness: DatasetHarness) -> None:
    """No labels state nothing, unless the frame is labelled: then it shows no object."""
    await append(harness, LABELS)
    assert (0, 0, 1) == await append(harness, frame("a"))
    assert (0, 1, 0) == await append(harness, FrameToAppend(Frame(id="a"), labelled=True))
    stored = await read(harness)

    assert ((), True) == (stored.frame.labels, stored.row.labelled)
    await append(harness, frame("b"))
    [bare] = await get_frames(harness.curation.stores, NAME, ["b"])
    assert not bare.row.labelled
    assert (0, 1, 0) == await append(harness, FrameToAppend(Frame(id="b"), labelled=True))


async def test_replace_removes_what_is_not_stated(harness: DatasetHarness) -> None:
    """With `replace` the frame is as stated; its fields and embedding stay."""
    await append_vectors(harness, CORPUS, "")
    before = await read_vectors(harness)
    assert (0, 1, 0) == await append(harness, LABELS, replace=True)
    stored = await read(harness)

    assert (LABELS.frame, {"weather": "fog"}) == (stored.frame, stored.row.fields)
    np.testing.assert_array_equal(before[""], (await read_vectors(harness))[""])


async def test_embeddings_add_up(harness: DatasetHarness) -> None:
    """Embeddings of a frame and of its crops come from different calls, and go with a label."""
    labels = replace(LABELS, frame=replace(LABELS.frame, labels=(CAR, TRAM)))
    await append_vectors(harness, labels, "k", "l")
    await append_vectors(harness, CORPUS, "")
    again = [await append_vectors(harness, CORPUS, ""), await append_vectors(harness, CORPUS, "l")]
    stored = await read_vectors(harness)

    assert [AppendResult(0, 0, 1)] * 2 == again
    assert ["", "k", "l"] == [v.label_id for v in (await read(harness)).row.vectors]
    for label_id, row in stored.items():
        expected = normalise(vector(f"a/{label_id}")[None])[0]
        np.testing.assert_allclose(expected, row, atol=1e-6)
    await append(harness, LABELS)
    assert {"", "l"} == (await read_vectors(harness)).keys()
    assert await named_points(harness, "a") == await stored_points(harness)
    await append_vectors(harness, CORPUS, "", seed=1, replace=True)
    assert [""] == list(await read_vectors(harness))
    assert await named_points(harness, "a") == await stored_points(harness)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (FrameToAppend(Frame(id="a"), fields={f"n{n}": n for n in range(64)}), "fields: has 65"),
        (
            FrameToAppend(Frame(id="a", metadata={f"n{n}": n for n in range(64)})),
            "frame.metadata: has 65 pairs",
        ),
        (FrameToAppend(Frame(id="a"), group="g"), r"group \(frame 'a'\): 'g'; it is 'a'"),
        (FrameToAppend(Frame(id="a"), slice="left"), r"slice \(frame 'a'\): 'left'; it is ''"),
    ],
    ids=["fields", "metadata", "group", "slice"],
)
async def test_a_frame_must_be_valid_after_the_merge(
    harness: DatasetHarness, new: FrameToAppend, message: str
) -> None:
    """What would be too much together is refused by the frame's index, and nothing changes."""
    await append(harness, CORPUS)
    with pytest.raises(InvalidArgument, match=rf"^frames\[0\].{message}"):
        await append(harness, new)
    assert CORPUS.frame == (await read(harness)).frame


async def test_a_crop_must_be_of_a_label_of_the_merged_frame(harness: DatasetHarness) -> None:
    """An embedding may be of a stored label; one of no label of the frame is refused."""
    await append(harness, LABELS)
    assert AppendResult(0, 1, 0) == await append_vectors(harness, frame("a"), "l")
    with pytest.raises(InvalidArgument, match="embedding of 'x', which is not a label"):
        await append_vectors(harness, frame("a"), "x")
