"""Checking the frames of an append request."""

from __future__ import annotations

import numpy as np
import pytest

from services.curation.datasets.new_frames import (
    AppendRequest,
    check_frames,
    prepare_frames,
    vectors_digest,
)
from services.peers.datasets import Dataset
from sluice.errors import InvalidArgument
from sluice.labels import Box2D, Label, TaskType
from sluice.tensors import Embeddings
from tests.unit.curation.datasets.harness import NAME, frame

DATASET = Dataset(NAME, TaskType.BOX_2D, frozenset({"car"}))
CAR = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))


def embeddings(*rows: tuple[int, str]) -> Embeddings:
    """Embeddings of frames by number, "" for the whole frame, else the id of a crop."""
    vectors = np.eye(len(rows), 4, dtype=np.float32)
    return Embeddings("m", vectors, np.array([row for row, _ in rows]), [id for _, id in rows])


def test_a_duplicate_frame_is_refused() -> None:
    """The second of two frames with one id is named, and the first one's index."""
    request = AppendRequest([frame("a"), frame("b"), frame("a")])

    with pytest.raises(InvalidArgument, match=r"^frames\[2\] \(frame 'a'\): duplicate of frames\["):
        check_frames(request, DATASET)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, ""), (0, "")], "duplicate embedding"),
        ([(0, ""), (1, "")], "2 frames; expected 1"),
    ],
)
def test_embeddings_that_fit_no_frame_are_refused(
    rows: list[tuple[int, str]], message: str
) -> None:
    """A frame has one embedding, and one for each of its labels."""
    with pytest.raises(InvalidArgument, match=message):
        prepare_frames(AppendRequest([frame("a", CAR)], embeddings(*rows)))


def test_rows_name_a_point_for_each_vector() -> None:
    """A prepared frame has as many points as vectors, and a digest that follows from these."""
    request = AppendRequest([frame("a", CAR), frame("b")], embeddings((0, ""), (0, "l"), (1, "")))
    first, second = prepare_frames(request)

    assert ["", "l"] == [vector.label_id for vector in first.row.vectors]
    assert 3 == len({vector.point for new in (first, second) for vector in new.row.vectors})
    assert vectors_digest(["", "l"], first.vectors) == first.row.vectors_digest
    assert second.row.vectors_digest != first.row.vectors_digest
    [bare] = prepare_frames(AppendRequest([frame("b")]))
    assert (b"", ()) == (bare.row.vectors_digest, bare.row.vectors)
