"""Scoring models: all that is needed to score against one version of a campaign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b, sha256
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import InvalidArgument
from sluice.scoring.basis import BACKGROUND_ROWS_MAX, COMPONENTS_MAX, SELF_COSINE, Basis
from sluice.scoring.bounds import bound
from sluice.scoring.clusters import cluster
from sluice.scoring.codec import MAGNITUDE_MAX, File, decode, encode, to_json
from sluice.scoring.regression import Background, Weights, fit
from sluice.scoring.score_map import SCALE_MIN, ScoreMap, fit_score_map
from sluice.scoring.similarity import BasisRows, concatenate
from sluice.scoring.vectors import (
    blocks,
    check_dimension,
    evenly_spaced,
    group_equal,
    normalise,
    read_only,
)

NEGATIVES_MAX = 1_000
"""Negatives that count, evenly spaced ones of more: the time to fit grows with its cube."""

_KIND = "sluice.scoring-model"
_FLOATS = (
    "elements",
    "negatives",
    "weights",
    "background_weights",
    "background_gains",
    "direction",
    "centroids",
    "radii",
    "bound_centres",
    "bound_weights",
)
_INTEGERS = ("unique_of", "cluster_of")
_AXES = dict.fromkeys(("elements", "negatives", "centroids", "bound_centres"), 2)


class ElementId(NamedTuple):
    """What an element is known by: its frame, and its label if it is a crop."""

    frame_id: str
    label_id: str = ""


@dataclass(frozen=True, eq=False)
class ScoringModel:
    """One version's model; immutable and content-addressed.

    `element_ids` are in canonical order, and `unique_of` `(elements,)` says which row of
    `elements` `(unique, components) float32` each is: equal elements share a row. `cluster_of`
    `(unique,)` names each row's cluster; `centroids` are `(clusters, components)`, `radii`
    `(clusters,)`. With no basis (`basis_digest` "") the components are the dimensions themselves.

    A frame's contrast is the sum of its similarities to the elements and the `negatives`
    `(negatives, components)` times their `weights` `(unique + negatives,)`, of those to the
    basis's background times `background_weights` `(background,)`, less the `background_gains`
    `(background,)` of the background row that it is, if any, and of the product of the frame
    less the mean with `direction` `(dim,)`, empty if the basis has no remainder. `bound_centres`
    `(bounds, components)` and `bound_weights` `(bounds,)` see `Bounds`.
    """

    dimension: int
    basis_digest: str
    element_ids: tuple[ElementId, ...]
    unique_of: NDArray[np.int32]
    elements: NDArray[np.float32]
    negatives: NDArray[np.float32]
    weights: NDArray[np.float32]
    background_weights: NDArray[np.float32]
    background_gains: NDArray[np.float32]
    direction: NDArray[np.float32]
    cluster_of: NDArray[np.int32]
    centroids: NDArray[np.float32]
    radii: NDArray[np.float32]
    bound_centres: NDArray[np.float32]
    bound_weights: NDArray[np.float32]
    score_map: ScoreMap
    diverse: bool

    def __post_init__(self) -> None:
        for name in _FLOATS:
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        for name in _INTEGERS:
            object.__setattr__(self, name, read_only(getattr(self, name), np.int32))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `to_bytes()`, hexadecimal."""
        return sha256(self.to_bytes()).hexdigest()

    @cached_property
    def named(self) -> NDArray[np.intp]:
        """For each row of `elements` the first element that it stands for."""
        return np.unique(self.unique_of, return_index=True)[1]

    @cached_property
    def cluster_sizes(self) -> NDArray[np.intp]:
        """How many elements each cluster has, equal ones counted each."""
        return np.bincount(self.cluster_of[self.unique_of], minlength=len(self.centroids))

    def to_bytes(self) -> bytes:
        """The model as a safetensors file; equal models give equal bytes."""
        facts = {
            "dimension": self.dimension,
            "basis": self.basis_digest,
            "threshold": self.score_map.threshold,
            "below": self.score_map.below,
            "above": self.score_map.above,
            "diverse": self.diverse,
        }
        tensors = {name: getattr(self, name) for name in _FLOATS + _INTEGERS}
        # A tensor, since safetensors bounds the facts: 50,000 ids may be longer.
        ids = np.frombuffer(to_json(self.element_ids).encode(), np.uint8)
        return encode(_KIND, facts, {**tensors, "element_ids": ids})

    @classmethod
    def from_bytes(cls, data: bytes) -> ScoringModel:
        """The model that `to_bytes` was called on; raises DataLoss if `data` is not one."""
        file = decode(_KIND, data)
        model = cls(
            dimension=file.fact("dimension", int),
            basis_digest=file.fact("basis", str),
            element_ids=_read_ids(file),
            **_tensors(file),
            score_map=ScoreMap(*(file.fact(f, float) for f in ("threshold", "below", "above"))),
            diverse=file.fact("diverse", bool),
        )
        _check(file, model)
        return model


def build_model(
    embeddings: ArrayLike,
    element_ids: Sequence[ElementId],
    basis: Basis | None,
    negatives: ArrayLike | None = None,
) -> ScoringModel:
    """Make the model of a snapshot: `(elements, dim)` embeddings and what each is known by.

    `negatives` are `(negatives, dim)` embeddings of what people have discarded. Deterministic: the
    order of elements and of negatives does not matter. Raises InvalidArgument for invalid vectors,
    for no elements, for a duplicate one, and for another dimension than the basis's or the
    elements'.
    """
    unit = normalise(embeddings)
    if basis is not None:
        check_dimension(unit, basis.dimension)
    order = _canonical_order(element_ids, len(unit))
    unique, unique_of = _unique(unit, order, basis)
    clusters = cluster(unique.projected, np.bincount(unique_of))
    unlike = _negatives(negatives, unit.shape[1], basis)
    fitted = _fit(unique, unlike, basis)
    score_map, diverse = _calibrate(fitted, len(unique))
    bounds = bound(unique.projected, fitted.elements, clusters.cluster_of)
    return ScoringModel(
        dimension=unit.shape[1],
        basis_digest=basis.digest if basis is not None else "",
        element_ids=tuple(element_ids[index] for index in order),
        unique_of=unique_of.astype(np.int32),
        elements=unique.projected,
        negatives=unlike.projected,
        weights=np.append(fitted.elements, fitted.negatives).astype(np.float32),
        background_weights=fitted.background.astype(np.float32),
        background_gains=fitted.background_gains.astype(np.float32),
        direction=_direction(fitted, unique, unlike, basis),
        cluster_of=clusters.cluster_of.astype(np.int32),
        centroids=clusters.centroids,
        radii=clusters.radii,
        bound_centres=bounds.centres,
        bound_weights=bounds.weights,
        score_map=score_map,
        diverse=diverse,
    )


def _canonical_order(element_ids: Sequence[ElementId], rows: int) -> NDArray[np.intp]:
    if len(element_ids) != rows or not rows:
        raise InvalidArgument.of(
            "elements", f"{len(element_ids)} ids for {rows} vectors; one each, and at least one"
        )
    order = sorted(range(rows), key=element_ids.__getitem__)
    for index, following in pairwise(order):
        if element_ids[index] == element_ids[following]:
            raise InvalidArgument.of("elements", f"duplicate {element_ids[index]}")
    return np.array(order, np.intp)


def _unique(
    unit: NDArray[np.float32], order: NDArray[np.intp], basis: Basis | None
) -> tuple[BasisRows, NDArray[np.intp]]:
    """The distinct rows where cosines are taken, and which of them each row is, in that order.

    Equal rows are found before they are projected, since a product rounds them by their place;
    and after, since the basis may not tell them apart.
    """
    first, unique_of = group_equal(unit[index] for index in order)
    basis_rows = _project_rows(unit, order[first], basis)
    if basis is None:
        return basis_rows, unique_of
    first, projected_of = group_equal(basis_rows.projected)
    return basis_rows[first], projected_of[unique_of]


def _project_rows(
    unit: NDArray[np.float32], rows: NDArray[np.intp], basis: Basis | None
) -> BasisRows:
    """Those rows in the basis; with no basis they stay as they are."""
    if basis is None:
        return BasisRows(unit[rows], np.empty((len(rows), 0), np.float32))
    # Block by block: a second copy of all vectors may be a gigabyte.
    projected = [basis.project_rows(unit[rows[block]]) for block in blocks(len(rows))]
    return concatenate(basis.project_rows(unit[:0]), *projected)


def _negatives(negatives: ArrayLike | None, dimension: int, basis: Basis | None) -> BasisRows:
    """Where the negatives are, in an order of their own, equal ones once, and not too many."""
    given = np.empty((0, dimension)) if negatives is None else np.asarray(negatives)
    unit = normalise(given)
    check_dimension(unit, dimension)
    # In the order of their hashes, which does not depend on the order given.
    index_of = {blake2b((row + 0.0).data).digest(): index for index, row in enumerate(unit)}
    distinct = np.array([index_of[key] for key in sorted(index_of)], np.intp)
    return _project_rows(unit, distinct[evenly_spaced(len(distinct), NEGATIVES_MAX)], basis)


def _fit(elements: BasisRows, negatives: BasisRows, basis: Basis | None) -> Weights:
    """The weights; a background row that is an element has none, and is not ordinary."""
    if basis is None:
        return fit(elements, negatives, Background(elements[:0]))
    similar = (basis.background[rows] for rows in blocks(len(basis.background)))
    nearest = np.concatenate([(rows @ elements.projected.T).max(axis=1) for rows in similar])
    others = np.flatnonzero(nearest < SELF_COSINE)
    if len(others) == len(basis.background):
        return fit(elements, negatives, basis.ordinary)
    fitted = fit(elements, negatives, Background(basis.ordinary.rows[others]))
    background, gains = np.zeros((2, len(basis.background)))
    background[others], gains[others] = fitted.background, fitted.background_gains
    return replace(fitted, background=background, background_gains=gains)


def _direction(
    fitted: Weights, elements: BasisRows, negatives: BasisRows, basis: Basis | None
) -> NDArray[np.float32]:
    """What the remainders of all rows sum up to, as a direction of the space."""
    if basis is None or not basis.remainder.shape[1]:
        return np.empty(0, np.float32)
    remainder = (
        fitted.elements @ elements.remainder
        + fitted.negatives @ negatives.remainder
        + fitted.background @ basis.background_remainder
    )
    return np.asarray(basis.remainder @ remainder, np.float32)


def _calibrate(fitted: Weights, count: int) -> tuple[ScoreMap, bool]:
    members = fitted.leave_one_out if count > 1 else np.empty(0)
    return fit_score_map(members, count, fitted.ordinary, float(fitted.own.max()))


def _tensors(file: File) -> dict[str, Any]:
    floats = {name: file.tensor(name, np.float32, _AXES.get(name, 1)) for name in _FLOATS}
    return floats | {name: file.tensor(name, np.int32, 1) for name in _INTEGERS}


def _read_ids(file: File) -> tuple[ElementId, ...]:
    try:
        pairs = json.loads(file.tensor("element_ids", np.uint8, 1).tobytes())
        ids = tuple(ElementId(frame_id, label_id) for frame_id, label_id in pairs)
    except (TypeError, ValueError, RecursionError):
        ids = ()
    ordered = all(type(part) is str for element in ids for part in element) and all(
        element < following for element, following in pairwise(ids)
    )
    file.check(ordered, "values of 'element_ids'")
    return ids


def _check(file: File, model: ScoringModel) -> None:
    """Raise DataLoss unless scoring by the model cannot fail."""
    file.check(model.dimension > 0, "dimension")
    components = min(model.dimension, COMPONENTS_MAX) if model.basis_digest else model.dimension
    for name in _AXES:
        rows = getattr(model, name)
        file.check(rows.shape[1] == components, f"shape of {name!r}")
        file.check_lengths(name, rows)
    unique, clusters = len(model.elements), len(model.centroids)
    file.check(_is_onto(model.unique_of, len(model.element_ids), unique), "values of 'unique_of'")
    file.check(_is_onto(model.cluster_of, unique, clusters), "values of 'cluster_of'")
    file.check(model.radii.shape == (clusters,) and bool((model.radii > 0).all()), "'radii'")
    gains = model.background_gains.shape
    file.check(gains == model.background_weights.shape, "shape of 'background_gains'")
    file.check(len(model.weights) == unique + len(model.negatives), "shape of 'weights'")
    file.check(len(model.bound_centres) == clusters, "shape of 'bound_centres'")
    file.check(model.bound_weights.shape == (clusters,), "shape of 'bound_weights'")
    _check_linear(file, model)
    curve = model.score_map
    scales = np.array([curve.below, curve.above])
    sound = bool(((scales >= SCALE_MIN) & (scales <= MAGNITUDE_MAX)).all())
    file.check(sound and abs(curve.threshold) <= MAGNITUDE_MAX, "score map")


def _check_linear(file: File, model: ScoringModel) -> None:
    """Raise DataLoss unless a basis can have that background and remainder."""
    rows, directions = len(model.background_weights), {0}
    if model.basis_digest and model.dimension > COMPONENTS_MAX:
        directions.add(model.dimension)
    possible = 0 < rows <= BACKGROUND_ROWS_MAX if model.basis_digest else rows == 0
    file.check(possible, "shape of 'background_weights'")
    file.check(len(model.direction) in directions, "shape of 'direction'")


def _is_onto(numbers: NDArray[np.int32], count: int, below: int) -> bool:
    """Whether there are `count` numbers, at least 1, and they name all from 0 to `below` - 1."""
    whole = numbers.shape == (count,) and count > 0
    return whole and np.array_equal(np.unique(numbers), np.arange(below))
