"""Simulates what a team has: frames with rare classes, annotators, and a classifier.

Half of the classes are ten times as rare in the pool as the others. All true classes are known, and
stand in for the annotators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sluice import Classification2D, Frame, Label

CLASSES: Final = 10
RARE_CLASSES, RARE_SHARE = 5, 0.1
VALIDATION, TEST, GOLDEN = 300, 300, 300
NOISE: Final = 0.02
"""The share of labels that are wrong by mistake."""

DRIFT: Final = (4, 9, 0.6)
"""The drift of a round's annotators: true class, given class, share of the labels."""

Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """Digits by number: pixels `(rows, 64)`, true classes, and the numbers of each split."""

    seed: int
    pixels: NDArray[np.float32]
    truth: NDArray[np.int64]
    pool: Numbers
    validation: Numbers
    test: Numbers
    golden: Numbers

    @classmethod
    def of(cls, seed: int) -> Simulation:
        """Divide the digits at random, and make half of the classes rare in the pool."""
        random = np.random.default_rng(seed)
        digits = load_digits()
        truth = np.asarray(digits.target)
        order = random.permutation(len(truth))
        ends = np.cumsum([VALIDATION, TEST, GOLDEN])
        validation, test, golden, pool = np.split(order, ends)
        rare = random.permutation(CLASSES)[:RARE_CLASSES]
        kept = ~np.isin(truth[pool], rare) | (random.random(len(pool)) < RARE_SHARE)
        pixels = np.asarray(digits.data, np.float32) / digits.data.max()
        return cls(seed, pixels, truth, pool[kept], validation, test, golden)

    def annotate(self, numbers: Numbers, round_number: int, *, drifting: bool = False) -> Numbers:
        """The classes that a round's annotators give to frames; some are wrong."""
        random = np.random.default_rng([self.seed, round_number, drifting])
        classes = self.truth[numbers].copy()
        is_wrong = random.random(len(classes)) < NOISE
        classes[is_wrong] = (
            classes[is_wrong] + random.integers(1, CLASSES, is_wrong.sum())
        ) % CLASSES
        if drifting:
            taken, given, share = DRIFT
            classes[(classes == taken) & (random.random(len(classes)) < share)] = given
        return classes

    def train(self, numbers: Numbers, classes: Numbers) -> Classifier:
        """Train a classifier on annotated frames."""
        model = LogisticRegression(C=10, max_iter=500)
        return Classifier(self, model.fit(self.pixels[numbers], classes))


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A trained model."""

    simulation: Simulation
    model: LogisticRegression

    def predict(self, numbers: Numbers) -> tuple[Numbers, NDArray[np.float64]]:
        """The class of each frame, and its probability."""
        probabilities = self.model.predict_proba(self.simulation.pixels[numbers])
        return self.model.classes_[probabilities.argmax(axis=1)], probabilities.max(axis=1)


def frame_id(number: int) -> str:
    """The id of a frame."""
    return f"digits-{number:04d}"


def number_of(frame: str) -> int:
    """The number of the frame with this id."""
    return int(frame.rpartition("-")[2])


def make_frame(number: int, class_id: int | None = None) -> Frame:
    """A frame, with its class if given."""
    labels = () if class_id is None else (make_label(number, class_id),)
    return Frame(id=frame_id(number), labels=labels)


def make_label(number: int, class_id: int) -> Label:
    """The class of an image."""
    return Label(id=frame_id(number), class_name=str(class_id), shape=Classification2D())
