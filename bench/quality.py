"""How well scores find frames of a rare class: against other methods, by size of the issue.

For each setting, 20 times: a class is drawn and made rare; an issue of its frames; a background of
other frames, in which it is as rare; and a test set that shares no frame with either. Figures are
means over the 20 (standard errors end in `_se`): `quality.ap.<setting>.<size>.<method>` average
precision, `quality.members_pass.<setting>` and `quality.others_pass.<setting>` what passes at 0.5
with 30 elements, of the class and of others; `quality.mean_rank.<method>` over settings and sizes,
`quality.worst_gap` how far ours is under the best at worst; `quality.reviews.<setting>.<reviews>`
average precision after so many reviews of the best-scored frames of a stream.
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
    """A class made rare: frames for issues, background and test, with no frame in two of them."""

    issue: Floats
    background: Floats
    test: Floats
    is_member: NDArray[np.bool_]


def draw(setting: Setting, seed: int) -> Draw:
    """The class of that number, and frames drawn by the seed."""
    rng = np.random.default_rng([seed, 1])
    wanted = setting.wanted[seed * 7 % len(setting.wanted)]
    members = rng.permutation(np.flatnonzero(setting.classes == wanted))
    others = rng.permutation(np.flatnonzero(setting.classes != wanted))
    background_rows = min(BACKGROUND_ROWS, len(others) * 2 // 5)
    in_background = round(background_rows * setting.prevalence)
    tested = others[background_rows:][:TEST_FRAMES_MAX]
    in_test = max(round(len(tested) * setting.prevalence), TEST_MEMBERS_MIN)
    largest = max(SIZES)
    found = members[largest : largest + in_test]
    held = members[largest + in_test :][:in_background]
    background = rng.permutation(np.append(others[: background_rows - len(held)], held))
    test = np.append(found, tested)
    return Draw(
        setting.vectors[members[:largest]],
        setting.vectors[background],
        setting.vectors[test],
        np.arange(len(test)) < len(found),
    )


def compare(setting: Setting) -> Samples:
    """All methods on one setting."""
    found: Samples = defaultdict(list)
    for seed in range(SEEDS):
        drawn = draw(setting, seed)
        basis = build_basis(drawn.background)
        for size in SIZES:
            where = f"quality.ap.{setting.name}.{size}"
            scores = ours(drawn.issue[:size], basis, drawn.test)
            ranked = {
                "ours": scores.contrasts[:, 0],
                "contrast": contrast(drawn.issue[:size], basis, drawn.test),
            }
            for method in OTHERS:
                given = method(drawn.issue[:size], drawn.background, drawn.test)
                ranked[method.__name__] = given
            for name, given in ranked.items():
                precision = average_precision_score(drawn.is_member, given)
                found[f"{where}.{name}"].append(precision)
            if size == THRESHOLD_SIZE:
                passes = scores.scores[:, 0] >= 0.5
                for who, of in (("members", drawn.is_member), ("others", ~drawn.is_member)):
                    found[f"quality.{who}_pass.{setting.name}"].append(passes[of].mean())
    return found


def review(setting: Setting) -> Samples:
    """Average precision as a person reviews the best-scored frames of a stream, ten at a time."""
    found: Samples = defaultdict(list)
    for seed in range(REVIEW_SEEDS):
        rng = np.random.default_rng([seed, 2])
        wanted = setting.wanted[seed * 7 % len(setting.wanted)]
        members = rng.permutation(np.flatnonzero(setting.classes == wanted))
        others = rng.permutation(np.flatnonzero(setting.classes != wanted))
        background, streamed, tested = np.split(others, [len(others) // 4, len(others) * 5 // 8])
        basis = build_basis(setting.vectors[background[:BACKGROUND_ROWS]])
        stream = rng.permutation(np.append(members[10:70], streamed))
        test = np.append(members[70:130], tested)
        is_member = np.isin(test, members)
        issue, negatives = members[:10], members[:0]
        for reviews in range(0, max(REVIEWS) + 1, REVIEWS_AT_ONCE):
            given = ours(
                setting.vectors[issue],
                basis,
                setting.vectors[np.append(test, stream)],
                setting.vectors[negatives],
            ).contrasts[:, 0]
            if reviews in REVIEWS:
                precision = average_precision_score(is_member, given[: len(test)])
                found[f"quality.reviews.{setting.name}.{reviews}"].append(precision)
            best = np.argsort(-given[len(test) :], kind="stable")[:REVIEWS_AT_ONCE]
            accepted = np.isin(stream[best], members)
            issue = np.append(issue, stream[best][accepted])
            negatives = np.append(negatives, stream[best][~accepted])
            stream = np.delete(stream, best)
    return found


def measure(name: str) -> Samples:
    """Everything on one setting."""
    with threadpool_limits(1):
        setting = SETTINGS[name]()
        print(f"  {name}: {setting.vectors.shape}, {len(setting.wanted)} classes", file=sys.stderr)
        found = compare(setting)
        if name in REVIEWED:
            found |= review(setting)
    return found


def summarise(found: Samples) -> Iterator[tuple[str, float]]:
    """Means and standard errors, ranks and the worst gap."""
    means = {name: float(np.mean(values)) for name, values in found.items()}
    for name, values in found.items():
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
    found: Samples = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        # The slow ones first, so that neither process waits for long at the end.
        for samples in pool.map(measure, reversed(SETTINGS)):
            found |= samples
    print(json.dumps({name: round(value, 4) for name, value in summarise(found)}))


if __name__ == "__main__":
    main()
