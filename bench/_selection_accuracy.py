"""What a classifier learns from the groups that each method picks, on handwritten digits.

For each of 15 seeds the digits are split into a pool, a validation and a test part. A few groups
of the pool are labelled at random; then each method picks batch after batch, a classifier is
trained on all that is labelled, and what it gets wrong in validation are the failures that the
next batch answers to. Accuracy is on the test part, whose classes are even in both settings; in
`digits_imbalanced` half of the classes are rare in the pool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from services.curation.selection.kernel import GroupVectors
from services.curation.selection.plan import plan_batch
from services.curation.selection.pool import CoverageMethod, Pool, SelectionSettings, TargetedMethod
from services.curation.selection.targeted import Failures
from services.curation.selection.zcore import zcore_scores
from sluice.scoring import build_basis, normalise

SEEDS: Final = 15
FIRST, ROUNDS, PER_ROUND = 20, 4, 20
POOL, VALIDATION = 1_000, 400
RARE_CLASSES, RARE_SHARE = 5, 0.1
DRAWS: Final = 10_000

METHODS: Final[Mapping[str, SelectionSettings]] = {
    "random": SelectionSettings(0, PER_ROUND),
    "zcore": SelectionSettings(0, PER_ROUND, 0.0, CoverageMethod.ZCORE),
    "facility": SelectionSettings(0, PER_ROUND, 0.0),
    "kcenter": SelectionSettings(0, PER_ROUND, 0.0, CoverageMethod.K_CENTER),
    "tutorial": SelectionSettings(
        0, PER_ROUND, 0.7, CoverageMethod.ZCORE, TargetedMethod.NEIGHBOURS
    ),
    "ours": SelectionSettings(0, PER_ROUND),
}


@dataclass(frozen=True, slots=True)
class Part:
    """Rows in the basis and their classes."""

    rows: NDArray[np.float32]
    classes: NDArray[np.int64]
    zcore: NDArray[np.float64] | None = None

    def take(self, chosen: NDArray[np.intp]) -> Part:
        """Some of the rows."""
        return Part(self.rows[chosen], self.classes[chosen])


@cache
def split(seed: int, *, imbalanced: bool) -> tuple[Part, Part, Part]:
    """Pool, validation and test, the same for every method."""
    random = np.random.default_rng(seed)
    digits = load_digits()
    order = random.permutation(len(digits.target))
    pool, rest = order[:POOL], order[POOL:]
    if imbalanced:
        rare = random.permutation(10)[:RARE_CLASSES]
        drop = np.isin(digits.target[pool], rare) & (random.random(POOL) >= RARE_SHARE)
        pool = pool[~drop]
    unit = normalise(digits.data)
    basis = build_basis(unit[pool])
    whole = Part(basis.project(unit), digits.target)
    picked_from = whole.take(pool)
    scores = zcore_scores(picked_from.rows, seed=seed, draws=DRAWS)
    return (
        replace(picked_from, zcore=scores),
        whole.take(rest[:VALIDATION]),
        whole.take(rest[VALIDATION:]),
    )


def accuracies(method: str, *, imbalanced: bool) -> NDArray[np.float64]:
    """The accuracy after the last round, for each seed."""
    return np.array([_accuracy(method, seed, imbalanced) for seed in range(SEEDS)])


def _accuracy(method: str, seed: int, imbalanced: bool) -> float:
    pool, validation, test = split(seed, imbalanced=imbalanced)
    labelled = np.zeros(len(pool.classes), bool)
    labelled[np.random.default_rng(seed).permutation(len(labelled))[:FIRST]] = True
    for number in range(ROUNDS):
        wrong = fit(pool, labelled).predict(validation.rows) != validation.classes
        known = Pool(
            size=len(labelled),
            excluded=labelled,
            covered=labelled,
            vectors=pool.rows,
            group_of=np.arange(len(labelled)),
            zcore=pool.zcore,
        )
        failures = Failures.equal(GroupVectors.of_single_rows(validation.rows[wrong]))
        settings = replace(METHODS[method], seed=seed * ROUNDS + number)
        if method == "random":  # a pool without embeddings is picked from at random
            known = replace(known, vectors=None, group_of=None)
        picks = plan_batch(known, failures, settings).picks
        labelled[[pick.group for pick in picks]] = True
    return float(fit(pool, labelled).score(test.rows, test.classes))


def fit(pool: Part, labelled: NDArray[np.bool_]) -> LogisticRegression:
    """A classifier trained on what is labelled."""
    model = LogisticRegression(C=10, max_iter=200)
    return model.fit(pool.rows[labelled], pool.classes[labelled])
