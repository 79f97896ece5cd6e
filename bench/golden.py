"""How often golden QA calls a round into question: without drift, and with two kinds of it.

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
"""How much of the second class drift hits."""

SECOND, THIRD = 1, 2
WIDTH, HEIGHT = 1_242, 375

Boxes = NDArray[np.float64]
Classes = NDArray[np.intp]


def log(said: str) -> None:
    """Say on stderr what is going on."""
    print(said, file=sys.stderr, flush=True)


def truth(rng: np.random.Generator) -> tuple[NDArray[np.intp], Boxes, Classes]:
    """What is in the images: which image, box and class each object has."""
    image_of = np.repeat(np.arange(IMAGES), rng.poisson(OBJECTS_MEAN, IMAGES))
    sizes = rng.uniform(20, 120, (len(image_of), 2))
    starts = rng.random(sizes.shape) * ([WIDTH, HEIGHT] - sizes)
    return image_of, np.hstack([starts, sizes]), rng.choice(len(CLASSES), len(image_of), p=MIX)


def noisy(classes: Classes, rng: np.random.Generator) -> Classes:
    """Those classes, some of them replaced by any other."""
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
        AnnotatedImage(id=f"golden{index:03}", width=WIDTH, height=HEIGHT, labels=tuple(found))
        for index, found in enumerate(labels)
    )


def drifted(classes: Classes, drift: str, rng: np.random.Generator) -> tuple[Classes, Classes]:
    """Which objects the second round sees, and the classes that it takes them for."""
    hit = (classes == SECOND) & (rng.random(len(classes)) < HIT[drift])
    if drift == "missed":
        return np.flatnonzero(~hit), classes
    return np.arange(len(classes)), np.where(hit, THIRD, classes)


def verdict(drift: str, run: int) -> GoldenVerdict:
    """The verdict on one golden set's second round."""
    rng = np.random.default_rng([list(HIT).index(drift), run])
    image_of, boxes, classes = truth(rng)
    reference = annotate(image_of, boxes, noisy(classes, rng), rng)
    seen, taken_for = drifted(classes, drift, rng)
    current = annotate(image_of[seen], boxes[seen], noisy(taken_for[seen], rng), rng)
    return check_round(reference, current, CLASSES, seed=run).verdict


def main() -> None:
    """Measure, and print the figures."""
    figures: dict[str, float] = {}
    for drift in HIT:
        start = time.perf_counter()
        found = Counter(verdict(drift, run) for run in range(RUNS))
        figures[f"golden.alarm.{drift}"] = 1 - found[GoldenVerdict.PASS] / RUNS
        figures[f"golden.fail.{drift}"] = found[GoldenVerdict.FAIL] / RUNS
        log(f"{drift}: {dict(found)} in {time.perf_counter() - start:.1f} s")
    print(json.dumps({name: round(share, 4) for name, share in figures.items()}))


if __name__ == "__main__":
    main()
