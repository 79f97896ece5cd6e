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


def write_file(folder: Path, *lines: str) -> Path:
    """Write a file of these lines."""
    file = folder / "predictions.jsonl"
    file.write_text("\n".join(lines))
    return file


def line(*predictions: Any, frame_id: Any = "a") -> str:
    """The line of one frame."""
    return json.dumps({"frame_id": frame_id, "predictions": predictions})


def test_boxes_and_classes_are_read(tmp_path: Path) -> None:
    """Boxes belong to the sensor `image` by default; a prediction without a box is a class."""
    left = GOOD | {"sensor_id": "left"}
    file = write_file(
        tmp_path,
        line(GOOD, left),
        "",
        line({"class_name": "car", "score": 1}, frame_id="b"),
        line(frame_id="c"),
    )
    boxes, class_only, empty = read_predictions(file)

    assert [("image", Box2D(0, 1, 2, 3)), ("left", Box2D(0, 1, 2, 3))] == [
        (prediction.label.sensor_id, prediction.label.shape) for prediction in boxes.predictions
    ]
    assert ["0", "1"] == [prediction.label.id for prediction in boxes.predictions]
    [car] = class_only.predictions
    assert ("car", Classification2D(), 1.0) == (car.label.class_name, car.label.shape, car.score)
    assert PredictedFrame("c") == empty


def test_a_byte_order_mark(tmp_path: Path) -> None:
    """A file from Windows may begin with a byte order mark; its lines may end as there."""
    file = tmp_path / "predictions.jsonl"
    file.write_text(line(GOOD) + "\r\n" + line(frame_id="b"), encoding="utf-8-sig", newline="")

    assert ["a", "b"] == [frame.frame_id for frame in read_predictions(file)]


@pytest.mark.parametrize("name", ["frame_id", "class_name"])
def test_texts_that_cannot_be_encoded(tmp_path: Path, name: str) -> None:
    """Half a character, which JSON can hold, is refused with its line and field."""
    text = line(GOOD).replace('"van"' if name == "class_name" else '"a"', '"\\ud800"')
    with pytest.raises(InvalidArgument, match=f"line 1.* {name}: .* cannot be encoded"):
        list(read_predictions(write_file(tmp_path, text)))


@pytest.mark.parametrize("apart", [1, 1_000])
def test_a_second_line_of_a_frame_is_refused(tmp_path: Path, apart: int) -> None:
    """A duplicate frame is named with both lines, however far apart they are."""
    lines = [line(GOOD, frame_id=f"f{number}") for number in range(apart)]
    file = write_file(tmp_path, *lines, line(frame_id="f0"))

    with pytest.raises(InvalidArgument, match=rf"line {apart + 1}: .* 'f0', which line 1 has"):
        list(read_predictions(file))


@pytest.mark.parametrize(
    ("text", "message"),
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
        (line(GOOD | {"box": [0, 1, 2, 0]}), "width and height must be over 0"),
        (line(GOOD | {"box": None}), "box: None is not left, top"),
        (line(GOOD | {"sensor_id": 1}), "sensor_id: 1 is not a string"),
    ],
)
def test_errors_name_the_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    """An error names the file, the line and the field."""
    with pytest.raises(InvalidArgument, match=message):
        list(read_predictions(write_file(tmp_path, text)))


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
def test_any_json_is_read_or_rejected(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    """Any JSON line is read, or raises InvalidArgument."""
    file = write_file(tmp_path_factory.mktemp("predictions"), json.dumps(value))
    try:
        frames = list(read_predictions(file))
    except InvalidArgument:
        return
    assert all(0 <= prediction.score <= 1 for frame in frames for prediction in frame.predictions)
