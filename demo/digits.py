"""The frames of the demo: scikit-learn's handwritten digits, written as PNG files.

Sluice and the classifier see only the files. The true classes serve as labels of the labelled
parts, as the reviewer's decisions, and in the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

SEED = 0

# Teams often have twenty labelled frames of every class but only two of one, and their classifier
# fails most on that class. Eights resemble 1, 3, 5 and 9, so some samples are wrong. With these
# sizes all of ten seeds collected 66 samples or more, with 8.2 to 10.6 times random's precision on
# the class and 5.1 to 6.7 times on hard frames. With evenly labelled classes the classifier fails
# on 5 to 18 validation frames of its worst class, which are too few and too dissimilar: two of ten
# seeds collected nothing.
SCARCE_CLASS = 8
LABELLED_PER_CLASS = 20
LABELLED_OF_SCARCE_CLASS = 2
# About fifty frames of each class, hence up to as many failures of the worst class.
VALIDATION_ROWS = 500

GREYS_MAX = 16  # the digits are scans reduced to 8 × 8 counts of 0…16 pixels
SIDE = 8
PIXELS_PER_CELL = 8  # so that people can look at the files


@dataclass(frozen=True, eq=False)
class Digits:
    """All frames by number, and how they are divided; `truth` is each frame's class, `(rows,)`.

    `labelled`, `validation` and `archive` are frame numbers, in no meaningful order.
    """

    folder: Path
    truth: NDArray[np.intp]
    labelled: NDArray[np.intp]
    validation: NDArray[np.intp]
    archive: NDArray[np.intp]

    def path(self, number: int) -> Path:
        """The path of the frame's picture."""
        return self.folder / f"{number:04d}.png"

    def pixels(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Read pictures: `(rows, 64)`, each value 0 to 1."""
        middle = slice(PIXELS_PER_CELL // 2, None, PIXELS_PER_CELL)
        rows = np.empty((len(numbers), SIDE * SIDE), np.float32)
        for row, number in zip(rows, numbers, strict=True):
            with Image.open(self.path(number)) as picture:
                row[:] = np.asarray(picture)[middle, middle].ravel()
        return rows / np.float32(255)


def write_digits(folder: Path) -> Digits:
    """Write every digit as a PNG file and divide them into labelled, validation and archive."""
    folder.mkdir(parents=True, exist_ok=True)
    source = load_digits()
    truth = np.asarray(source.target, np.intp)
    digits = Digits(folder, truth, *_divide(truth))
    for number, counts in enumerate(source.images):
        _write_picture(digits.path(number), counts)
    return digits


def _divide(
    truth: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Frame numbers of the labelled, validation and archive parts."""
    order = np.random.default_rng(SEED).permutation(len(truth))
    rows_per_class = np.full(truth.max() + 1, LABELLED_PER_CLASS)
    rows_per_class[SCARCE_CLASS] = LABELLED_OF_SCARCE_CLASS
    labelled = np.concatenate(
        [order[truth[order] == class_id][:rows] for class_id, rows in enumerate(rows_per_class)]
    )
    unlabelled = order[~np.isin(order, labelled)]
    return labelled, unlabelled[:VALIDATION_ROWS], unlabelled[VALIDATION_ROWS:]


def _write_picture(path: Path, counts: NDArray[np.float64]) -> None:
    grey = np.rint(counts * (255 / GREYS_MAX)).astype(np.uint8)
    Image.fromarray(grey.repeat(PIXELS_PER_CELL, 0).repeat(PIXELS_PER_CELL, 1)).save(path)
