"""Files of predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import InvalidArgument
from sluice.formats.predictions import read_predictions
from sluice.labels import Box2D, Classification2D
from sluice.resources.rounds import PredictedFrame

GOOD = {"class_name": "van", "score": 0.5, "box": [0, 1, 2, 3]}


def written(folder: Path, *lines: str) -> Path:
    """A file of those lines."""
    file = folder / "predictions.jsonl"
    file.write_text("\n".join(lines))
    return file


def line(*predictions: Any, frame_id: Any = "a") -> str:
    """A line of one frame."""
    return json.dumps({"frame_id": frame_id, "predictions": predictions})


def test_boxes_and_classes_are_read(tmp_path: Path) -> None:
    """Boxes are of the image's sensor, unless they say another; without a box it is a class."""
    left = GOOD | {"sensor_id": "left"}
    file = written(tmp_path, line(GOOD, left), "", line({"class_name": "car", "score": 1}), line())
    boxes, class_, nothing = read_predictions(file)

    assert [("image", Box2D(0, 1, 2, 3)), ("left", Box2D(0, 1, 2, 3))] == [
        (each.label.sensor_id, each.label.shape) for each in boxes.predictions
    ]
    assert ["0", "1"] == [each.label.id for each in boxes.predictions]
    [only] = class_.predictions
    assert ("car", Classification2D(), 1.0) == (only.label.class_name, only.label.shape, only.score)
    assert PredictedFrame("a") == nothing


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{", "line 1: is not JSON"),
        ("[]", "line 1: is not a JSON object"),
        (line(GOOD, frame_id=""), "frame_id: '' is not an id"),
        ('{"frame_id": "a"}', "predictions: None is not a list"),
        (line("x"), r"predictions\[0\]: 'x' is not an object"),
        (line(GOOD, GOOD | {"class_name": 3}), r"predictions\[1\]: class_name: 3"),
        (line(GOOD | {"score": 1.5}), "score: 1.5 is not in 0…1"),
        (line(GOOD | {"score": True}), "score: True is not in 0…1"),
        (line(GOOD | {"box": [0, 1, 2]}), r"box: \[0, 1, 2\] is not left, top"),
        (line(GOOD | {"box": [0, 1, 2, 0]}), "has a side that is not over 0"),
        (line(GOOD | {"box": None}), "box: None is not left, top"),
        (line(GOOD | {"sensor_id": 1}), "sensor_id: 1 is not a string"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, wrong: str, said: str) -> None:
    """File, line and field of what is wrong are said."""
    with pytest.raises(InvalidArgument, match=said):
        list(read_predictions(written(tmp_path, wrong)))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["frame_id", "predictions", "class_name", "score", "box"]), inner
        )
    ),
    max_leaves=10,
)


@given(json_values)
def test_nothing_else_goes_wrong(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    """Whatever a line holds, it is read or refused."""
    file = written(tmp_path_factory.mktemp("predictions"), json.dumps(value))
    try:
        frames = list(read_predictions(file))
    except InvalidArgument:
        return
    assert all(0 <= each.score <= 1 for frame in frames for each in frame.predictions)
