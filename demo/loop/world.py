"""What a team would have: frames of which few classes are common, annotators, and a classifier.

Half of the classes are ten times as rare in the pool as the others. All of the truth is known, and
stands in for the people who would annotate.
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
"""How many labels are wrong by mistake."""

DRIFT: Final = (4, 9, 0.6)
"""What an annotator with another idea of fours does: takes so many of them for nines."""

Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Digits by number: their pixels `(rows, 64)`, what they are, and how they are divided."""

    seed: int
    pixels: NDArray[np.float32]
    truth: NDArray[np.int64]
    pool: Numbers
    validation: Numbers
    test: Numbers
    golden: Numbers

    @classmethod
    def of(cls, seed: int) -> World:
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
        """The classes that a round's annotators give to frames, which are not always right."""
        random = np.random.default_rng([self.seed, round_number, drifting])
        said = self.truth[numbers].copy()
        wrong = random.random(len(said)) < NOISE
        said[wrong] = (said[wrong] + random.integers(1, CLASSES, wrong.sum())) % CLASSES
        if drifting:
            taken, given, share = DRIFT
            said[(said == taken) & (random.random(len(said)) < share)] = given
        return said

    def train(self, numbers: Numbers, classes: Numbers) -> Classifier:
        """A classifier that has learnt from annotated frames."""
        model = LogisticRegression(C=10, max_iter=500)
        return Classifier(self, model.fit(self.pixels[numbers], classes))


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A trained model."""

    world: World
    model: LogisticRegression

    def predict(self, numbers: Numbers) -> tuple[Numbers, NDArray[np.float64]]:
        """The class of each frame, and how sure the model is of it."""
        sure = self.model.predict_proba(self.world.pixels[numbers])
        return self.model.classes_[sure.argmax(axis=1)], sure.max(axis=1)


def frame_id(number: int) -> str:
    """The id of a frame."""
    return f"digits-{number:04d}"


def number_of(frame: str) -> int:
    """The number of the frame that has an id."""
    return int(frame.rpartition("-")[2])


def frame(number: int, class_id: int | None = None) -> Frame:
    """A frame, with its class if that is known."""
    labels = () if class_id is None else (label(number, class_id),)
    return Frame(id=frame_id(number), labels=labels)


def label(number: int, class_id: int) -> Label:
    """The class of an image."""
    return Label(id=frame_id(number), class_name=str(class_id), shape=Classification2D())
