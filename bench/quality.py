"""Measures how well scores find frames of a rare class, compared with other methods.

Each setting is drawn 20 times: a class, an issue of its frames, a background of random frames with
the class among them, and a test set; no frame is in two of these sets. The class is made rare, or
has its natural share. Figures are means over the 20 (standard errors end in `_se`):

- `quality.ap.<setting>.<size>.<method>`: average precision; `quality.mean_rank.<method>` over
  settings and sizes, `quality.worst_gap` the largest gap between ours and the best;
- `quality.deep.gain_over_nearest` and `quality.deep.gain_over_nearest_min`: ours less the former
  formula on the deep settings, mean and least over settings and sizes;
- `quality.kinds.<kind>.<method>`: average precision for issues of other kinds;
- `quality.members_pass.<setting>` and `quality.others_pass.<setting>`: what passes at 0.5 with 30
  elements, of the class and of others; `quality.members_at_4_percent.<setting>`: what could pass
  of the class by the best threshold at which 4 % of the others do;
- `quality.share_error`: by which factor the estimated share of members is off, the median over
  settings and sizes from 10 of the median over draws; `quality.share_covered`: how often its
  interval holds the share;
- `quality.reviews.<setting>.<reviews>`: average precision after that many reviews of the
  best-scored frames of a stream.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

from bench._quality_data import DEEP, SETTINGS, Floats, Setting
from bench._quality_methods import OTHERS, contrast, ours
from sluice.scoring import Basis, build_basis

SIZES = (1, 3, 10, 30, 100)
SEEDS = 20
THRESHOLD_SIZE = 30
SHARE_SIZE_MIN = 10
BACKGROUND_ROWS = 1_000
NATURAL_BACKGROUND_ROWS = 2_000
TEST_FRAMES_MAX = 5_000
TEST_MEMBERS_MIN = 8

KINDS_SETTING, KINDS_SIZE = "glosses", 30
WRONG_SHARE = 0.2

REVIEWED = ("digits_hidden", "patches", "docstrings")
REVIEWS = (0, 10, 20, 50, 100)
REVIEWS_AT_ONCE = 10
REVIEW_SEEDS = 10

Samples = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Draw:
    """Frames of a class and of others: an issue, a background and a test set, disjoint.

    `share` is that of the class in the background.
    """

    issue: Floats
    background: Floats
    test: Floats
    is_member: NDArray[np.bool_]
    share: float


def draw(setting: Setting, seed: int) -> Draw:
    """Draw a class and the sets of frames by a seed."""
    rng = np.random.default_rng([seed, 1])
    class_id = setting.issue_classes[seed * 7 % len(setting.issue_classes)]
    members = rng.permutation(np.flatnonzero(setting.classes == class_id))
    if setting.prevalence is None:
        return _split(setting, members, members[: max(SIZES)], rng)
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
        len(background_members) / len(background),
    )


def _split(
    setting: Setting, members: NDArray[np.intp], issue: NDArray[np.intp], rng: np.random.Generator
) -> Draw:
    """Random background and test frames from all frames but those of the issue."""
    rest = rng.permutation(np.setdiff1d(np.arange(len(setting.vectors)), issue))
    background, test = np.split(rest, [NATURAL_BACKGROUND_ROWS])
    test = test[:TEST_FRAMES_MAX]
    return Draw(
        setting.vectors[issue],
        setting.vectors[background],
        setting.vectors[test],
        np.isin(test, members),
        float(np.isin(background, members).mean()),
    )


def draw_kind(setting: Setting, kind: str, seed: int) -> Draw:
    """Draw an issue of two classes, one with wrong elements, or one of near copies."""
    rng = np.random.default_rng([seed, 3])
    first, second = setting.issue_classes[(seed * 7 + np.arange(2)) % len(setting.issue_classes)]
    members = rng.permutation(np.flatnonzero(setting.classes == first))
    if kind == "two_modes":
        others = rng.permutation(np.flatnonzero(setting.classes == second))
        issue = np.append(members[: KINDS_SIZE // 2], others[: KINDS_SIZE // 2])
        return _split(setting, np.append(members, others), issue, rng)
    if kind == "wrong_elements":
        others = rng.permutation(np.flatnonzero(setting.classes != first))
        wrong = round(KINDS_SIZE * WRONG_SHARE)
        issue = np.append(members[: KINDS_SIZE - wrong], others[:wrong])
        return _split(setting, members, issue, rng)
    near = np.argsort(-setting.vectors[members] @ setting.vectors[members[0]], kind="stable")
    return _split(setting, members, members[near[:KINDS_SIZE]], rng)


KINDS = ("two_modes", "wrong_elements", "near_copies")


def score_methods(issue: Floats, basis: Basis, drawn: Draw) -> dict[str, Floats]:
    """The scores of all other methods than ours, by name."""
    scores = {"contrast": contrast(issue, basis, drawn.test)}
    for method in OTHERS:
        scores[method.__name__] = method(issue, drawn.background, drawn.test)
    return scores


def compare(setting: Setting) -> Samples:
    """Average precision of all methods on one setting."""
    samples: Samples = defaultdict(list)
    for seed in range(SEEDS):
        drawn = draw(setting, seed)
        basis = build_basis(drawn.background)
        for size in SIZES:
            prefix = f"quality.ap.{setting.name}.{size}"
            scores, summary = ours(drawn.issue[:size], basis, drawn.test)
            contrasts = scores.contrasts[:, 0]
            others = score_methods(drawn.issue[:size], basis, drawn)
            for name, method_scores in {"ours": contrasts, **others}.items():
                precision = average_precision_score(drawn.is_member, method_scores)
                samples[f"{prefix}.{name}"].append(precision)
            if size == THRESHOLD_SIZE:
                passes = scores.scores[:, 0] >= 0.5
                limit = np.quantile(contrasts[~drawn.is_member], 0.96)
                for part, passing in (
                    ("members_pass", passes[drawn.is_member]),
                    ("others_pass", passes[~drawn.is_member]),
                    ("members_at_4_percent", contrasts[drawn.is_member] > limit),
                ):
                    samples[f"quality.{part}.{setting.name}"].append(passing.mean())
            if size >= SHARE_SIZE_MIN and summary.members is not None:
                share = summary.members
                error = abs(np.log(share.estimate / drawn.share))
                samples[f"share_error.{setting.name}.{size}"].append(error)
                samples["quality.share_covered"].append(share.low <= drawn.share <= share.high)
    return samples


def compare_kinds(setting: Setting) -> Samples:
    """Average precision of all methods for issues of other kinds."""
    samples: Samples = defaultdict(list)
    for kind in KINDS:
        for seed in range(SEEDS):
            drawn = draw_kind(setting, kind, seed)
            basis = build_basis(drawn.background)
            contrasts = ours(drawn.issue, basis, drawn.test)[0].contrasts[:, 0]
            others = score_methods(drawn.issue, basis, drawn)
            for name, scores in {"ours": contrasts, **others}.items():
                precision = average_precision_score(drawn.is_member, scores)
                samples[f"quality.kinds.{kind}.{name}"].append(precision)
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
            )[0].contrasts[:, 0]
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
        if name == KINDS_SETTING:
            samples |= compare_kinds(setting)
    return samples


def summarise(samples: Samples) -> Iterator[tuple[str, float]]:
    """Means and standard errors, ranks and gaps."""
    errors = [np.median(values) for name, values in samples.items() if name.startswith("share_")]
    yield "quality.share_error", float(np.exp(np.median(errors)))
    figures = {name: values for name, values in samples.items() if name.startswith("quality.")}
    means = {name: float(np.mean(values)) for name, values in figures.items()}
    for name, values in figures.items():
        yield name, means[name]
        yield f"{name}_se", float(np.std(values, ddof=1) / np.sqrt(len(values)))
    methods = ["ours", "contrast", *(method.__name__ for method in OTHERS)]

    def table(settings: Iterable[str]) -> Floats:
        rows = [
            [means[f"quality.ap.{setting}.{size}.{method}"] for method in methods]
            for setting in settings
            for size in SIZES
        ]
        return np.array(rows)

    precision, deep = table(SETTINGS), table(DEEP)
    ranks = rankdata(-precision, axis=1).mean(axis=0)
    yield from ((f"quality.mean_rank.{m}", float(rank)) for m, rank in zip(methods, ranks))
    yield "quality.worst_gap", float((precision.max(axis=1) - precision[:, 0]).max())
    gains = deep[:, 0] - deep[:, 1]
    yield "quality.deep.gain_over_nearest", float(gains.mean())
    yield "quality.deep.gain_over_nearest_min", float(gains.min())


def main() -> None:
    """Measure all settings, two at a time, and print the figures as JSON."""
    all_samples: Samples = defaultdict(list)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        # The slow ones first, so that neither process waits for long at the end.
        for samples in pool.map(measure, reversed(SETTINGS)):
            for name, values in samples.items():
                all_samples[name] += values
    print(json.dumps({name: round(value, 4) for name, value in summarise(all_samples)}))


if __name__ == "__main__":
    main()
