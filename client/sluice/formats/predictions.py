"""Prediction files: JSON lines, one object for each frame."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from sluice.checks import check_text
from sluice.errors import InvalidArgument
from sluice.formats.rows import IMAGE_SENSOR
from sluice.formats.unique_ids import UniqueIds
from sluice.labels import Box2D, Classification2D, Label
from sluice.resources.rounds import PredictedFrame, Prediction

_LINES_AT_ONCE = 500


def read_predictions(path: Path) -> Iterator[PredictedFrame]:
    """The frames of a file, one per line, in file order; empty lines are skipped.

    A line is `{"frame_id": "a", "predictions": [{"class_name": "van", "score": 0.9, "box": [left,
    top, width, height]}]}`; a prediction without a box classifies the image. Boxes belong to the
    sensor `image`, unless `sensor_id` names another. Raises InvalidArgument for invalid data,
    naming file, line and field, and for a second line of a frame.
    """
    lines, ids = _read_lines(path), UniqueIds()
    while part := list(islice(lines, _LINES_AT_ONCE)):
        for index in ids.add([frame.frame_id for _, frame in part]):
            _check_first(path, *part[index])
        yield from (frame for _, frame in part)


def _read_lines(path: Path) -> Iterator[tuple[int, PredictedFrame]]:
    """The frames of a file, with their line numbers."""
    try:
        with path.open(encoding="utf-8-sig") as file:  # files from Windows have a byte order mark
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _parse_frame(f"{path} line {number}", line)
    except UnicodeDecodeError as error:
        raise InvalidArgument.of("file", f"{path} is not UTF-8: {error}") from error
    except OSError as error:
        raise InvalidArgument.of("file", f"{path} cannot be read: {error.strerror}") from error


def _check_first(path: Path, line: int, frame: PredictedFrame) -> None:
    """Refuse the frame of a line if an earlier line has it too."""
    first = next(n for n, other in _read_lines(path) if other.frame_id == frame.frame_id)
    if first < line:
        problem = f"duplicate {frame.frame_id!r}, which line {first} has too"
        raise _file_error(f"{path} line {line}", f"frame_id: {problem}")


def _parse_frame(place: str, line: str) -> PredictedFrame:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _file_error(place, f"is not JSON: {error}") from error
    if not isinstance(item, dict):
        raise _file_error(place, "is not a JSON object")
    frame_id, predictions = item.get("frame_id"), item.get("predictions")
    if not isinstance(frame_id, str) or not frame_id:
        raise _file_error(place, f"frame_id: {frame_id!r:.32} is not an id")
    check_text(f"{place} frame_id", frame_id)
    if not isinstance(predictions, list):
        raise _file_error(place, f"predictions: {predictions!r:.32} is not a list")
    return PredictedFrame(
        frame_id,
        tuple(
            _parse_prediction(f"{place} predictions[{index}]", index, prediction)
            for index, prediction in enumerate(predictions)
        ),
    )


def _parse_prediction(place: str, index: int, item: Any) -> Prediction:
    if not isinstance(item, dict):
        raise _file_error(place, f"{item!r:.32} is not an object")
    class_name, score = item.get("class_name"), item.get("score")
    if not isinstance(class_name, str) or not class_name:
        raise _file_error(place, f"class_name: {class_name!r:.32} is not a class name")
    check_text(f"{place} class_name", class_name)
    if not _is_number(score) or not 0 <= score <= 1:
        raise _file_error(place, f"score: {score!r:.32} is not in 0…1")
    sensor_id = item.get("sensor_id", IMAGE_SENSOR if "box" in item else "")
    if not isinstance(sensor_id, str):
        raise _file_error(place, f"sensor_id: {sensor_id!r:.32} is not a string")
    shape = _parse_box(place, item["box"]) if "box" in item else Classification2D()
    label = Label(id=str(index), class_name=class_name, shape=shape, sensor_id=sensor_id)
    return Prediction(label, float(score))


def _parse_box(place: str, box: Any) -> Box2D:
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise _file_error(place, f"box: {box!r:.64} is not left, top, width and height")
    if min(box[2:]) <= 0:
        raise _file_error(place, f"box: {box!r:.64}: width and height must be over 0")
    return Box2D(*map(float, box))


def _is_number(value: Any) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**63 and math.isfinite(value)


def _file_error(place: str, problem: str) -> InvalidArgument:
    return InvalidArgument.of("file", f"{place}: {problem}")
