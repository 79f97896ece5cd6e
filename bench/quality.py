"""Measures how well scores find frames of a rare class, compared with other methods.

Each setting is drawn 20 times: a class that is made rare, an issue of its frames, a background in
which the class is as rare, and a test set; no frame is in two of these sets. Figures are
means over the 20 (standard errors end in `_se`): `quality.ap.<setting>.<size>.<method>` average
precision, `quality.members_pass.<setting>` and `quality.others_pass.<setting>` what passes at 0.5
with 30 elements, of the class and of others; `quality.mean_rank.<method>` over settings and sizes,
`quality.worst_gap` the largest gap between ours and the best; `quality.reviews.<setting>.<reviews>`
average precision after that many reviews of the best-scored frames of a stream.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

from bench._quality_data import SETTINGS, Floats, Setting
from bench._quality_methods import OTHERS, contrast, ours
from sluice.scoring import build_basis

SIZES = (1, 3, 10, 30, 100)
SEEDS = 20
THRESHOLD_SIZE = 30
BACKGROUND_ROWS = 1_000
TEST_FRAMES_MAX = 5_000
TEST_MEMBERS_MIN = 8

REVIEWED = ("digits_hidden", "patches", "docstrings")
REVIEWS = (0, 10, 20, 50, 100)
REVIEWS_AT_ONCE = 10
REVIEW_SEEDS = 10

Samples = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Draw:
    """Frames of a rare class and of others: an issue, a background and a test set, disjoint."""

    issue: Floats
    background: Floats
    test: Floats
    is_member: NDArray[np.bool_]


def draw(setting: Setting, seed: int) -> Draw:
    """Draw a class and the sets of frames by a seed."""
    rng = np.random.default_rng([seed, 1])
    class_id = setting.issue_classes[seed * 7 % len(setting.issue_classes)]
    members = rng.permutation(np.flatnonzero(setting.classes == class_id))
    others = rng.permutation(np.flatnonzero(setting.classes != class_id))
    background_rows = min(BACKGROUND_ROWS, len(others) * 2 // 5)
    in_background = round(background_rows * setting.prevalence)
    tested = others[background_rows:][:TEST_FRAMES_MAX]
    in_test = max(round(len(tested) * setting.prevalence), TEST_MEMBERS_MIN)
    largest = max(SIZES)
    test_members = members[largest : largest + in_test]
    background_members = members[largest + in_test :][:in_background]
    background_others = others[: background_rows - len(background_members)]
    background = rng.permutation(np.append(background_others, background_members))
    test = np.append(test_members, tested)
    return Draw(
        setting.vectors[members[:largest]],
        setting.vectors[background],
        setting.vectors[test],
        np.arange(len(test)) < len(test_members),
    )


def compare(setting: Setting) -> Samples:
    """Average precision of all methods on one setting."""
    samples: Samples = defaultdict(list)
    for seed in range(SEEDS):
        drawn = draw(setting, seed)
        basis = build_basis(drawn.background)
        for size in SIZES:
            prefix = f"quality.ap.{setting.name}.{size}"
            scores = ours(drawn.issue[:size], basis, drawn.test)
            scores_by_method = {
                "ours": scores.contrasts[:, 0],
                "contrast": contrast(drawn.issue[:size], basis, drawn.test),
            }
            for method in OTHERS:
                method_scores = method(drawn.issue[:size], drawn.background, drawn.test)
                scores_by_method[method.__name__] = method_scores
            for name, method_scores in scores_by_method.items():
                precision = average_precision_score(drawn.is_member, method_scores)
                samples[f"{prefix}.{name}"].append(precision)
            if size == THRESHOLD_SIZE:
                passes = scores.scores[:, 0] >= 0.5
                for part, rows in (("members", drawn.is_member), ("others", ~drawn.is_member)):
                    samples[f"quality.{part}_pass.{setting.name}"].append(passes[rows].mean())
    return samples


def review(setting: Setting) -> Samples:
    """Average precision as a person reviews the best-scored frames of a stream, ten at a time."""
    samples: Samples = defaultdict(list)
    for seed in range(REVIEW_SEEDS):
        rng = np.random.default_rng([seed, 2])
        class_id = setting.issue_classes[seed * 7 % len(setting.issue_classes)]
        members = rng.permutation(np.flatnonzero(setting.classes == class_id))
        others = rng.permutation(np.flatnonzero(setting.classes != class_id))
        background, streamed, tested = np.split(others, [len(others) // 4, len(others) * 5 // 8])
        basis = build_basis(setting.vectors[background[:BACKGROUND_ROWS]])
        stream = rng.permutation(np.append(members[10:70], streamed))
        test = np.append(members[70:130], tested)
        is_member = np.isin(test, members)
        issue, negatives = members[:10], members[:0]
        for reviews in range(0, max(REVIEWS) + 1, REVIEWS_AT_ONCE):
            contrasts = ours(
                setting.vectors[issue],
                basis,
                setting.vectors[np.append(test, stream)],
                setting.vectors[negatives],
            ).contrasts[:, 0]
            if reviews in REVIEWS:
                precision = average_precision_score(is_member, contrasts[: len(test)])
                samples[f"quality.reviews.{setting.name}.{reviews}"].append(precision)
            best = np.argsort(-contrasts[len(test) :], kind="stable")[:REVIEWS_AT_ONCE]
            accepted = np.isin(stream[best], members)
            issue = np.append(issue, stream[best][accepted])
            negatives = np.append(negatives, stream[best][~accepted])
            stream = np.delete(stream, best)
    return samples


def measure(name: str) -> Samples:
    """All figures of one setting."""
    with threadpool_limits(1):
        setting = SETTINGS[name]()
        print(
            f"  {name}: {setting.vectors.shape}, {len(setting.issue_classes)} classes",
            file=sys.stderr,
        )
        samples = compare(setting)
        if name in REVIEWED:
            samples |= review(setting)
    return samples


def summarise(samples: Samples) -> Iterator[tuple[str, float]]:
    """Means and standard errors, ranks and the worst gap."""
    means = {name: float(np.mean(values)) for name, values in samples.items()}
    for name, values in samples.items():
        yield name, means[name]
        yield f"{name}_se", float(np.std(values, ddof=1) / np.sqrt(len(values)))
    methods = ["ours", "contrast", *(method.__name__ for method in OTHERS)]
    table = np.array(
        [
            [means[f"quality.ap.{setting}.{size}.{method}"] for method in methods]
            for setting in SETTINGS
            for size in SIZES
        ]
    )
    ranks = rankdata(-table, axis=1).mean(axis=0)
    yield from ((f"quality.mean_rank.{m}", float(rank)) for m, rank in zip(methods, ranks))
    yield "quality.worst_gap", float((table.max(axis=1) - table[:, 0]).max())


def main() -> None:
    """Measure all settings, two at a time, and print the figures as JSON."""
    all_samples: Samples = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        # The slow ones first, so that neither process waits for long at the end.
        for samples in pool.map(measure, reversed(SETTINGS)):
            all_samples |= samples
    print(json.dumps({name: round(value, 4) for name, value in summarise(all_samples)}))


if __name__ == "__main__":
    main()
