"""How often golden QA warns or fails: without drift, and with two kinds of it.

A thousand golden sets of 100 images with Poisson(3) objects of four classes. Both rounds give
2 % of the objects a wrong class, and draw boxes a little off. Drift hits the second class: a
fifth of it is missed, or two fifths are taken for the third class.

Figures: `golden.alarm.<drift>` (share of rounds with any verdict but pass) and
`golden.fail.<drift>` (share that blocks the next batch), for `<drift>` none, missed, confused.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from services.curation.golden.annotations import AnnotatedImage, Annotations
from services.curation.golden.round_check import check_round
from services.curation.golden.verdict import GoldenVerdict
from sluice.labels import Box2D, Label

RUNS = int(os.environ.get("SLUICE_BENCH_GOLDEN_RUNS", "1000"))
IMAGES, OBJECTS_MEAN = 100, 3
CLASSES, MIX = ("car", "van", "truck", "tram"), (0.5, 0.3, 0.15, 0.05)
NOISE = 0.02
HIT = {"none": 0.0, "missed": 0.2, "confused": 0.4}
"""The share of the second class that drift affects."""

SECOND, THIRD = 1, 2
WIDTH, HEIGHT = 1_242, 375

Boxes = NDArray[np.float64]
Classes = NDArray[np.intp]


def log(message: str) -> None:
    """Write a message to stderr."""
    print(message, file=sys.stderr, flush=True)


def draw_objects(rng: np.random.Generator) -> tuple[NDArray[np.intp], Boxes, Classes]:
    """The image, box and class of each object."""
    image_of = np.repeat(np.arange(IMAGES), rng.poisson(OBJECTS_MEAN, IMAGES))
    sizes = rng.uniform(20, 120, (len(image_of), 2))
    starts = rng.random(sizes.shape) * ([WIDTH, HEIGHT] - sizes)
    return image_of, np.hstack([starts, sizes]), rng.choice(len(CLASSES), len(image_of), p=MIX)


def add_noise(classes: Classes, rng: np.random.Generator) -> Classes:
    """The classes, with a share of them replaced by others."""
    wrong = rng.random(len(classes)) < NOISE
    others = (classes + rng.integers(1, len(CLASSES), len(classes))) % len(CLASSES)
    return np.where(wrong, others, classes)


def annotate(
    image_of: NDArray[np.intp], boxes: Boxes, classes: Classes, rng: np.random.Generator
) -> Annotations:
    """One round of annotations of objects."""
    labels: list[list[Label]] = [[] for _ in range(IMAGES)]
    drawn = boxes + rng.normal(scale=1, size=boxes.shape)
    for row, (image, index) in enumerate(zip(image_of.tolist(), classes.tolist(), strict=True)):
        shape = Box2D(*drawn[row].tolist())
        labels[image].append(Label(id=str(row), class_name=CLASSES[index], shape=shape))
    return Annotations.of(
        AnnotatedImage(
            id=f"golden{index:03}", width=WIDTH, height=HEIGHT, labels=tuple(image_labels)
        )
        for index, image_labels in enumerate(labels)
    )


def apply_drift(classes: Classes, drift: str, rng: np.random.Generator) -> tuple[Classes, Classes]:
    """Which objects the second round sees, and the classes that it takes them for."""
    hit = (classes == SECOND) & (rng.random(len(classes)) < HIT[drift])
    if drift == "missed":
        return np.flatnonzero(~hit), classes
    return np.arange(len(classes)), np.where(hit, THIRD, classes)


def judge(drift: str, run: int) -> GoldenVerdict:
    """The verdict on one golden set's second round."""
    rng = np.random.default_rng([list(HIT).index(drift), run])
    image_of, boxes, classes = draw_objects(rng)
    reference = annotate(image_of, boxes, add_noise(classes, rng), rng)
    seen, taken_for = apply_drift(classes, drift, rng)
    current = annotate(image_of[seen], boxes[seen], add_noise(taken_for[seen], rng), rng)
    return check_round(reference, current, CLASSES, seed=run).verdict


def main() -> None:
    """Measure, and print the figures."""
    figures: dict[str, float] = {}
    for drift in HIT:
        start = time.perf_counter()
        verdicts = Counter(judge(drift, run) for run in range(RUNS))
        figures[f"golden.alarm.{drift}"] = 1 - verdicts[GoldenVerdict.PASS] / RUNS
        figures[f"golden.fail.{drift}"] = verdicts[GoldenVerdict.FAIL] / RUNS
        log(f"{drift}: {dict(verdicts)} in {time.perf_counter() - start:.1f} s")
    print(json.dumps({name: round(share, 4) for name, share in figures.items()}))


if __name__ == "__main__":
    main()
