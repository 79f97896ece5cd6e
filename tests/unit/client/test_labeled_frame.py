"""Frames that a script builds call by call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from sluice import (
    Box2D,
    Classification2D,
    Classification3D,
    Cuboid3D,
    Label,
    LabeledFrame,
    MediaType,
    Polygons2D,
    Semseg2D,
    SensorData,
    errors,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_calls_build_the_frame() -> None:
    """Each call adds its part of the frame, in the documented units."""
    frame = LabeledFrame("f", NOON, device_id="car7")
    frame.add_user_metadata("location", "Oslo")
    frame.add_image(sensor_id="cam", image_url="https://e.org/1.png", width=64, height=48)
    frame.add_point_cloud(sensor_id="lidar", url="https://e.org/1.bin", date_captured=NOON)
    image_label: dict[str, Any] = {"sensor_id": "cam", "label_id": "a", "classification": "van"}
    frame.add_label_2d_classification(**image_label)
    frame.add_label_2d_bbox(**image_label | {"label_id": "b"}, top=1, left=2, width=3, height=4)
    frame.add_label_2d_polygon_list(
        **image_label | {"label_id": "c"},
        polygons=[{"vertices": [(0, 0), (4, 0), (0, 4)]}],
        center=[1, 1],
    )
    frame.add_label_2d_semseg(sensor_id="cam", label_id="d", mask_url="https://e.org/m.png")
    frame.add_label_3d_classification(label_id="e", classification="fog", coord_frame_id="w")
    frame.add_label_3d_cuboid(
        label_id="g",
        classification="van",
        position=[2, 2, 1],
        dimensions=[1, 0.5, 0.5],
        rotation=[0, 0, 0, 1],
    )
    built = frame.frame()
    built.check("frame")
    assert ("f", NOON, "car7", {"location": "Oslo"}) == (
        built.id, built.capture_time, built.device, built.metadata
    )  # fmt: skip
    assert [MediaType.IMAGE, MediaType.POINT_CLOUD] == [s.media_type for s in built.sensors]
    assert [
        Classification2D(),
        Box2D(left=2, top=1, width=3, height=4),
        Polygons2D((((0, 0), (4, 0), (0, 4)),), (1, 1)),
        Semseg2D("https://e.org/m.png"),
        Classification3D("w"),
        Cuboid3D((2, 2, 1), (1, 0.5, 0.5), (0, 0, 0, 1)),
    ] == [label.shape for label in built.labels]
    assert [*"abcdeg"] == [label.id for label in built.labels]


def test_keywords_build_the_same() -> None:
    """A frame may be built by keywords alone."""
    called = LabeledFrame("f", NOON)
    called.add_user_metadata("speed", 3.5)
    called.add_image(sensor_id="cam", image_url="https://e.org/1.png")
    called.add_label_2d_classification(sensor_id="cam", label_id="a", classification="van")
    called.add_frame_embedding(embedding=[1, 2])
    called.add_crop_embedding(label_id="a", embedding=[3, 4])
    built = LabeledFrame(
        frame_id="f",
        date_captured="2026-01-01T13:00:00+01:00",
        user_metadata={"speed": 3.5},
        sensors=[SensorData(sensor_id="cam", url="https://e.org/1.png")],
        labels=[Label(id="a", sensor_id="cam", class_name="van", shape=Classification2D())],
        embedding=np.array([1, 2]),
        crop_embeddings={"a": [3.0, 4.0]},
    )
    assert called.frame() == built.frame()
    for vectors, label_ids in (called.vectors(), built.vectors()):
        np.testing.assert_array_equal([[1, 2], [3, 4]], vectors)
        assert ("float32", ["", "a"]) == (vectors.dtype.name, label_ids)


def test_a_vector_set_again_is_replaced() -> None:
    """Setting the frame's vector again replaces it."""
    frame = LabeledFrame("f", embedding=[1, 2])
    frame.add_frame_embedding(embedding=[5, 6])
    np.testing.assert_array_equal([[5, 6]], frame.vectors()[0])


@pytest.mark.parametrize("wrong", [["a", "b"], [1j, 2], [[1], [2, 3]], None, 7.0, [[1, 2]]])
def test_invalid_vectors_are_rejected(wrong: Any) -> None:
    """The error for an invalid vector names the frame."""
    with pytest.raises(errors.InvalidArgument, match="embedding: of frame 'f'"):
        LabeledFrame("f").add_frame_embedding(embedding=wrong)


def test_inconsistent_parts_are_rejected() -> None:
    """The vectors of a frame have one dimension, and each crop has a label."""
    frame = LabeledFrame("f", embedding=[1, 2], crop_embeddings={"a": [1, 2, 3]})
    with pytest.raises(errors.InvalidArgument, match="'f' has vectors of several dimensions"):
        frame.vectors()
    frame.add_crop_embedding(label_id="a", embedding=[1, 2])
    with pytest.raises(errors.InvalidArgument, match="'f' has no label 'a'"):
        frame.vectors()
    with pytest.raises(errors.InvalidArgument, match="'yesterday' is not an ISO 8601 time"):
        LabeledFrame("f", "yesterday")
    with pytest.raises(errors.InvalidArgument, match=r"label 'c' has \{'points': "):
        frame.add_label_2d_polygon_list(
            sensor_id="cam", label_id="c", classification="van", polygons=[{"points": [(0, 0)]}]
        )
