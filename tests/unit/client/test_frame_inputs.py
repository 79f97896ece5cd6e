"""Frames and embeddings as callers give them are put together row by row, and split into calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import InvalidArgument
from sluice.frame_inputs import gather_embeddings, read_items, split_calls, to_frame
from sluice.frames import Frame
from sluice.labeled_frame import LabeledFrame
from sluice.labels import Classification2D, Label
from sluice.limits import BATCH_ROWS_MAX
from sluice.tensors import Embeddings
from sluice.v1 import frame_pb2

VAN = Label(id="van", class_name="van", shape=Classification2D())


def labeled(frame_id: str, *, crop: bool = False) -> LabeledFrame:
    """A frame with the embedding of its id, and of a crop if asked for."""
    crops = {"van": [9.0, 9.0]} if crop else None
    number = float(frame_id[1:])
    return LabeledFrame(frame_id, embedding=[number, 1.0], labels=[VAN], crop_embeddings=crops)


def rows_of(embeddings: Embeddings | None) -> list[tuple[int, str, float]]:
    """Frame, crop and first number of each row."""
    assert embeddings is not None
    return [
        (frame, label_id, float(row[0]))
        for frame, label_id, row in zip(
            embeddings.frame_of_row.tolist(), embeddings.label_ids, embeddings.vectors, strict=True
        )
    ]


def test_labeled_frames_bring_their_own_embeddings() -> None:
    """Rows follow the frames, each with the embeddings of its crops."""
    embeddings = gather_embeddings([labeled("f0", crop=True), labeled("f1")], None, "m")

    assert [(0, "", 0.0), (0, "van", 9.0), (1, "", 1.0)] == rows_of(embeddings)
    assert Frame(id="f1", labels=(VAN,)) == to_frame(labeled("f1"))


def test_given_embeddings_belong_to_frames_or_crops() -> None:
    """An array has one row per frame, of the frame or of the crop named beside it."""
    frames: list[Frame | LabeledFrame] = [Frame(id="f0"), labeled("f1")]

    assert [(0, "", 5.0), (1, "", 6.0)] == rows_of(gather_embeddings(frames, [[5, 1], [6, 1]], "m"))
    crops = gather_embeddings(frames, [[5, 1], [6, 1]], "m", label_ids=["van", ""])
    assert [(0, "van", 5.0), (1, "", 6.0)] == rows_of(crops)


def test_frames_may_have_no_embeddings() -> None:
    """Without any embedding there are none, for calls where they are optional."""
    assert gather_embeddings([Frame(id="f0"), LabeledFrame("f1")], None, "m") is None


@pytest.mark.parametrize(
    ("frames", "options", "message"),
    [
        ([labeled("f0"), Frame(id="b")], {}, r"embeddings: required, because frames\[1\] 'b' is"),
        ([labeled("f0"), LabeledFrame("b")], {}, "frame 'b' has none; add_frame_embedding sets it"),
        ([Frame(id="a")], {"embeddings": [[1, 2], [3, 4]]}, "2 rows for 1 frames"),
        ([Frame(id="a")], {"embeddings": [1, 2]}, "has 1 axes, not rows and dimension"),
        ([Frame(id="a")], {"embeddings": [[1], [2, 3]]}, "not an array of numbers"),
        ([Frame(id="a")], {"embeddings": [["x", "y"]]}, "not an array of numbers"),
        ([Frame(id="a")], {"embeddings": [[1, 2]], "label_ids": ["x", "y"]}, "2 ids for 1 frames"),
        ([labeled("f0")], {"label_ids": ["van"]}, "label_ids: go with embeddings"),
        ([labeled("f0"), LabeledFrame("b", embedding=[1, 2, 3])], {}, r"dimensions: \[2, 3\]"),
    ],
)
def test_embeddings_that_do_not_fit_are_named(
    frames: list[Any], options: dict[str, Any], message: str
) -> None:
    """Missing, surplus and malformed embeddings are errors that say what is expected."""
    with pytest.raises(InvalidArgument, match=message):
        gather_embeddings(frames, options.pop("embeddings", None), "m", **options)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            Frame(id="a"),
            r"^frames: Frame\(id='a'.* is of type Frame; expected a list of Frame or Labeled",
        ),
        ("abc", "^frames: 'abc' is of type str; expected a list of Frame or LabeledFrame"),
        (None, "^frames: None is of type NoneType; expected a list"),
        ([Frame(id="a"), "b"], r"^frames\[1\]: 'b' is of type str; expected Frame or LabeledFrame"),
    ],
)
def test_other_items_are_named(items: Any, message: str) -> None:
    """One frame in place of a list, and an item that is not a frame, are errors."""
    with pytest.raises(InvalidArgument, match=message):
        read_items("frames", items, Frame, LabeledFrame)


@given(
    crops=st.lists(st.integers(1, 3), max_size=40),
    dimension=st.sampled_from([2, 400_000]),
    size=st.sampled_from([10, 1_500_000]),
)
def test_calls_have_every_frame_once_within_the_limits(
    crops: list[int], dimension: int, size: int
) -> None:
    """The calls follow each other without a gap; each has the rows of its frames, up to 4 MiB."""
    frame_of_row = np.repeat(np.arange(len(crops)), crops)
    vectors = np.broadcast_to(np.float32(0), (len(frame_of_row), dimension))
    rows = Embeddings("m", vectors, frame_of_row, [""] * len(frame_of_row))
    messages = [frame_pb2.Frame(id="x" * size) for _ in crops]
    calls = list(split_calls(messages, rows))

    assert [0, *(stop for _, stop, _ in calls)] == [*(start for start, _, _ in calls), len(crops)]
    for start, stop, part in calls:
        assert part is not None
        assert sum(crops[start:stop]) == len(part.vectors)
        assert stop - start <= 1 or (
            part.vectors.size <= 2**20 and sum(m.ByteSize() for m in messages[start:stop]) <= 2**22
        )


def test_frames_without_embeddings_are_split_too() -> None:
    """A call has at most as many frames as the server accepts."""
    messages = [frame_pb2.Frame(id=str(number)) for number in range(BATCH_ROWS_MAX + 1)]

    assert [(0, BATCH_ROWS_MAX, None), (BATCH_ROWS_MAX, BATCH_ROWS_MAX + 1, None)] == list(
        split_calls(messages, None)
    )
    assert [(0, 0, None)] == list(split_calls([], None))
