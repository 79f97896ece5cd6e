"""Packed vectors are read without a copy, and invalid tensors are rejected."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sluice.errors import InvalidArgument
from sluice.hashes import frame_hashes
from sluice.limits import BATCH_BYTES_MAX, BATCH_ROWS_MAX, DIMENSION_MAX, ID_BYTES_MAX
from sluice.tensors import Embeddings, pack, unpack
from sluice.v1 import frame_pb2

matrices = arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(2, 9)))


@given(matrices)
def test_vectors_survive_packing(vectors: np.ndarray) -> None:
    """Every bit of a float32 vector is kept, even NaN, which scoring rejects later."""
    unpacked = unpack(pack(vectors), "t")
    assert vectors.tobytes() == unpacked.tobytes()
    assert vectors.shape == unpacked.shape


def test_unpacking_copies_nothing() -> None:
    """The vectors are a read-only view of the message's bytes."""
    unpacked = unpack(pack(np.ones((2, 3))), "t")
    assert not unpacked.flags.writeable
    assert not unpacked.flags.owndata


@pytest.mark.parametrize(
    ("tensor", "field", "named"),
    [
        (frame_pb2.Tensor(dimension=1, data=b"1234"), "t.dimension", "1 is not in 2"),
        (frame_pb2.Tensor(dimension=DIMENSION_MAX + 1), "t.dimension", "8193"),
        (frame_pb2.Tensor(dimension=2, data=b"123456789"), "t.data", "9 bytes"),
        (frame_pb2.Tensor(dimension=2, data=bytes(8 * (BATCH_ROWS_MAX + 1))), "t.data", "4,097"),
        (frame_pb2.Tensor(dimension=1024, data=bytes(BATCH_BYTES_MAX + 4096)), "t.data", "bytes"),
    ],
)
def test_invalid_tensors_are_rejected(tensor: frame_pb2.Tensor, field: str, named: str) -> None:
    """Dimension, length and size are checked before the vectors are read."""
    with pytest.raises(InvalidArgument) as refused:
        unpack(tensor, field.split(".")[0])
    assert field == refused.value.fields[0].field
    assert named in refused.value.message


@pytest.mark.parametrize(
    ("dimension", "rows", "rows_max", "limit"),
    [
        (2, BATCH_ROWS_MAX + 1, BATCH_ROWS_MAX, BATCH_ROWS_MAX),
        (2, 4, 3, 3),
        (DIMENSION_MAX, 257, BATCH_ROWS_MAX, BATCH_BYTES_MAX),
    ],
)
def test_tensors_over_a_limit_are_rejected(
    dimension: int, rows: int, rows_max: int, limit: int
) -> None:
    """The error's metadata has the limit; a tensor exactly at the limit is accepted."""
    tensor = frame_pb2.Tensor(dimension=dimension, data=bytes(4 * dimension * rows))
    with pytest.raises(InvalidArgument) as refused:
        unpack(tensor, "t", rows_max=rows_max)
    assert ("TOO_LARGE", {"limit": str(limit)}) == (refused.value.reason, refused.value.metadata)
    tensor.data = tensor.data[4 * dimension :]
    assert (rows - 1, dimension) == unpack(tensor, "t", rows_max=rows_max).shape


@given(st.lists(st.integers(1, 3), min_size=1, max_size=6), st.booleans())
def test_embeddings_survive_the_wire(rows_of_frame: list[int], crops: bool) -> None:
    """Frames keep their rows and crops; columns with default values are not sent."""
    frame_of_row = np.repeat(np.arange(len(rows_of_frame)), rows_of_frame)
    labels = [f"l{row}" if crops else "" for row in range(len(frame_of_row))]
    sent = Embeddings("m", np.ones((len(frame_of_row), 2), "f4"), frame_of_row, labels)
    message = sent.to_proto()
    received = Embeddings.from_proto(message)
    np.testing.assert_array_equal(frame_of_row, received.frame_of_row)
    assert (len(rows_of_frame), labels) == (received.frame_count, received.label_ids)
    assert crops == bool(message.label_ids)
    assert (max(rows_of_frame) > 1) == bool(message.frame_indices)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model_id": ""}, "e.model_id"),
        ({"frame_indices": [0]}, "e.frame_indices"),
        ({"label_ids": ["a"]}, "e.label_ids"),
        ({"label_ids": ["", "l" * (ID_BYTES_MAX + 1), ""]}, "e.label_ids[1]"),
        ({"frame_indices": [1, 1, 2]}, "e.frame_indices[0]"),
        ({"frame_indices": [0, 2, 2]}, "e.frame_indices[1]"),
        ({"frame_indices": [0, 1, 0]}, "e.frame_indices[2]"),
    ],
)
def test_invalid_columns_are_rejected(changes: dict[str, Any], field: str) -> None:
    """A column has one entry per row; frame indexes begin at 0, ascend and have no gap."""
    message = Embeddings.of_frames("m", np.ones((3, 2), "f4")).to_proto()
    for name, value in changes.items():
        message.ClearField(name)
        message.MergeFrom(frame_pb2.Embeddings(**{name: value}))
    with pytest.raises(InvalidArgument) as refused:
        Embeddings.from_proto(message, "e")
    assert field == refused.value.fields[0].field


@pytest.mark.parametrize(
    ("frame_of_row", "label_ids", "field"),
    [
        ([0, 0, 2], [""] * 3, "embeddings.frame_indices[2]"),
        ([0, 2, 2], [""] * 3, "embeddings.frame_indices[1]"),
        ([0, 1, 0], [""] * 3, "embeddings.frame_indices[2]"),
        ([0, 1], [""] * 3, "embeddings.frame_indices"),
        ([0, 1, 2], ["a"], "embeddings.label_ids"),
    ],
)
def test_invalid_columns_are_never_sent(
    frame_of_row: list[int], label_ids: list[str], field: str
) -> None:
    """Invalid columns could assign rows to wrong frames, so the client rejects them."""
    embeddings = Embeddings("m", np.ones((3, 2), "f4"), np.array(frame_of_row), label_ids)
    with pytest.raises(InvalidArgument) as refused:
        embeddings.to_proto()
    assert field == refused.value.fields[0].field


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_hashes_are_sha256_prefixes(ids: list[str]) -> None:
    """The hash of an id is the beginning of its SHA-256, little-endian."""
    expected = [int.from_bytes(sha256(i.encode()).digest()[:8], "little") for i in ids]
    assert expected == frame_hashes(ids).tolist()
