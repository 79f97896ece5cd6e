"""The frames of the demo as Sluice sees them: ids, media references, predictions, labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.classifier import Classifier
from demo.digits import PIXELS_PER_CELL, SIDE, Digits
from demo.scan import Batch
from sluice.frames import Frame
from sluice.labels import Classification2D, Label
from sluice.sensors import SensorData

# Ids are unique in a project, so an archive prefixes them with its dataset.
_PREFIX = "digits-"
_SENSOR = "scanner"
_PIXELS = SIDE * PIXELS_PER_CELL

BATCH_FRAMES = 64


def frame_id_of(number: int) -> str:
    """The id of a frame."""
    return f"{_PREFIX}{number:04d}"


def number_of(frame_id: str) -> int:
    """The number of the frame with that id."""
    return int(frame_id.removeprefix(_PREFIX))


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Reads pictures as a logger would; the classifier's prediction travels with each frame."""

    digits: Digits
    classifier: Classifier

    def read(self, numbers: NDArray[np.intp], *, labelled: bool = False) -> Batch:
        """Read frames and their embeddings; `labelled` adds the true class as a label."""
        pixels = self.digits.pixels(numbers)
        predictions = self.classifier.predict(pixels)
        labels = self.digits.truth[numbers] if labelled else [None] * len(numbers)
        frames = [
            self._frame(int(number), int(prediction), label)
            for number, prediction, label in zip(numbers, predictions, labels, strict=True)
        ]
        return Batch(frames, self.classifier.embed(pixels))

    def read_batches(self, numbers: NDArray[np.intp]) -> Iterator[Batch]:
        """Read unlabelled frames in batches."""
        for start in range(0, len(numbers), BATCH_FRAMES):
            yield self.read(numbers[start : start + BATCH_FRAMES])

    def _frame(self, number: int, prediction: int, label: int | None) -> Frame:
        picture = SensorData(
            sensor_id=_SENSOR,
            url=self.digits.path(number).as_uri(),
            width=_PIXELS,
            height=_PIXELS,
        )
        return Frame(
            id=frame_id_of(number),
            sensors=(picture,),
            labels=() if label is None else (_label(number, label),),
            metadata={"prediction": str(prediction)},
        )


def _label(number: int, class_id: int) -> Label:
    label_id = f"{frame_id_of(number)}/digit"  # unique in the dataset
    shape = Classification2D()
    return Label(id=label_id, sensor_id=_SENSOR, class_name=str(class_id), shape=shape)
