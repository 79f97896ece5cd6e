"""Scoring models: everything needed to score frames against one campaign version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
from sluice.scoring.fitting import REMAINDER_WEIGHTS, Weights, fit
from sluice.scoring.members import MemberShare
from sluice.scoring.regression import Background
from sluice.scoring.score_map import SCALE_MIN, ScoreMap, fit_score_map
from sluice.scoring.similarity import BasisRows, concatenate
from sluice.scoring.space import SpaceFacts
from sluice.scoring.vectors import (
    blocks,
    check_dimension,
    evenly_spaced,
    group_equal,
    normalise,
    read_only,
)

NEGATIVES_MAX = 1_000
"""Limit on the negatives of a model; of more, evenly spaced ones are used.

The time to fit grows with the cube of their number.
"""

_KIND = "sluice.scoring-model"
_FORMAT = 3
_FORMAT_BEFORE = 2  # without a FitSummary and a prototype; still read, and scores as it did
_FLOATS = (
    "elements",
    "negatives",
    "weights",
    "background_weights",
    "background_gains",
    "direction",
    "prototype",
    "centroids",
    "radii",
    "bound_centres",
    "bound_weights",
)
_INTEGERS = ("unique_of", "cluster_of")
_AXES = dict.fromkeys(("elements", "negatives", "centroids", "bound_centres"), 2)


class ElementId(NamedTuple):
    """The id of an element: its frame, and its label if the element is a crop."""

    frame_id: str
    label_id: str = ""


@dataclass(frozen=True, slots=True)
class FitSummary:
    """What the fit of a model chose from data, to be shown to people.

    `remainder_weight` is the average weight of the remainder, 0 to 1, and `prototype_share` the
    share of the elements' mean in the average of all fits, 0 to 1. `members` is the share of
    the background that looks like the issue (None for fewer than three elements or without a
    basis), and `set_aside` the number of background rows left out for that.
    """

    remainder_weight: float
    prototype_share: float
    set_aside: int
    members: MemberShare | None


@dataclass(frozen=True, eq=False)
class ScoringModel:
    """One version's model; immutable and content-addressed.

    `element_ids` are in canonical order; `unique_of` `(elements,)` is the row of each in `elements`
    `(unique, components) float32`: equal elements share a row. `cluster_of` `(unique,)` is the
    cluster of each row; `centroids` are `(clusters, components)`, `radii` `(clusters,)`. Without a
    basis (`basis_digest` "") the components are the dimensions themselves.

    A frame's contrast is the sum of these terms:

    - its similarities to the elements and the `negatives` `(negatives, components)`, times their
      `weights` `(unique + negatives,)`;
    - its similarities to the background, times `background_weights` `(background,)`; if the frame
      is a background row itself, less that row's `background_gains` `(background,)`;
    - the product of the frame less the mean with `direction` `(dim,)`, which is empty if the basis
      has no remainder;
    - the product of the frame less the mean with `prototype` `(dim,)`, over the length of the
      frame's projection; empty where the prototype has no part.

    See `Bounds` for `bound_centres` `(bounds, components)` and `bound_weights` `(bounds,)`.
    `summary` is None in models of format 2, which earlier versions of Sluice wrote.
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
    prototype: NDArray[np.float32]
    cluster_of: NDArray[np.int32]
    centroids: NDArray[np.float32]
    radii: NDArray[np.float32]
    bound_centres: NDArray[np.float32]
    bound_weights: NDArray[np.float32]
    score_map: ScoreMap
    diverse: bool
    summary: FitSummary | None

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
        """For each row of `elements`, the index of the first element that shares it."""
        return np.unique(self.unique_of, return_index=True)[1]

    @cached_property
    def cluster_sizes(self) -> NDArray[np.intp]:
        """The number of elements in each cluster, counting equal elements separately."""
        return np.bincount(self.cluster_of[self.unique_of], minlength=len(self.centroids))

    def to_bytes(self) -> bytes:
        """The model as a safetensors file; equal models give equal bytes."""
        facts: dict[str, Any] = {
            "dimension": self.dimension,
            "basis": self.basis_digest,
            "threshold": self.score_map.threshold,
            "below": self.score_map.below,
            "above": self.score_map.above,
            "diverse": self.diverse,
        }
        version = _FORMAT_BEFORE
        if self.summary is not None:
            version = _FORMAT
            facts["fit"] = asdict(self.summary)
        tensors = {name: getattr(self, name) for name in _FLOATS + _INTEGERS}
        if version == _FORMAT_BEFORE:
            del tensors["prototype"]
        # Stored as a tensor: 50,000 ids may exceed the limit of safetensors on the header.
        ids = np.frombuffer(to_json(self.element_ids).encode(), np.uint8)
        return encode(_KIND, version, facts, {**tensors, "element_ids": ids})

    @classmethod
    def from_bytes(cls, data: bytes) -> ScoringModel:
        """Read a model from the bytes of `to_bytes`; raises DataLoss for any other content."""
        file = decode(_KIND, {_FORMAT_BEFORE, _FORMAT}, data)
        model = cls(
            dimension=file.fact("dimension", int),
            basis_digest=file.fact("basis", str),
            element_ids=_read_ids(file),
            **_read_tensors(file),
            score_map=ScoreMap(*(file.fact(f, float) for f in ("threshold", "below", "above"))),
            diverse=file.fact("diverse", bool),
            summary=_read_summary(file),
        )
        _check_model(file, model)
        return model


def build_model(
    embeddings: ArrayLike,
    element_ids: Sequence[ElementId],
    basis: Basis | None,
    negatives: ArrayLike | None = None,
) -> ScoringModel:
    """Build the model of an issue's elements: embeddings `(elements, dim)` and their ids.

    `negatives` are the embeddings `(negatives, dim)` of discarded samples. Deterministic: the order
    of elements and of negatives does not matter. Raises InvalidArgument for invalid vectors, no
    elements, duplicate elements, and a dimension other than that of the basis or the elements.
    """
    unit = normalise(embeddings)
    if basis is not None:
        check_dimension(unit, basis.dimension)
    order = _canonical_order(element_ids, len(unit))
    unique, unique_of = _deduplicate(unit, order, basis)
    clusters = cluster(unique.projected, np.bincount(unique_of))
    negative_rows = _select_negatives(negatives, unit.shape[1], basis)
    weights = _fit_weights(unique, negative_rows, basis)
    score_map, diverse = _calibrate(weights, len(unique))
    bounds = bound(unique.projected, weights.elements, clusters.cluster_of)
    return ScoringModel(
        dimension=unit.shape[1],
        basis_digest=basis.digest if basis is not None else "",
        element_ids=tuple(element_ids[index] for index in order),
        unique_of=unique_of.astype(np.int32),
        elements=unique.projected,
        negatives=negative_rows.projected,
        weights=np.append(weights.elements, weights.negatives).astype(np.float32),
        background_weights=weights.background.astype(np.float32),
        background_gains=weights.background_gains.astype(np.float32),
        direction=_direction(weights, basis),
        prototype=_prototype(weights, basis),
        cluster_of=clusters.cluster_of.astype(np.int32),
        centroids=clusters.centroids,
        radii=clusters.radii,
        bound_centres=bounds.centres,
        bound_weights=bounds.weights,
        score_map=score_map,
        diverse=diverse,
        summary=FitSummary(
            weights.remainder_weight, weights.prototype_share, weights.set_aside, weights.members
        ),
    )


def _canonical_order(element_ids: Sequence[ElementId], rows: int) -> NDArray[np.intp]:
    if len(element_ids) != rows or not rows:
        raise InvalidArgument.of(
            "elements",
            f"{len(element_ids)} ids for {rows} vectors; expected one per vector, at least one",
        )
    order = sorted(range(rows), key=element_ids.__getitem__)
    for index, following in pairwise(order):
        if element_ids[index] == element_ids[following]:
            raise InvalidArgument.of("elements", f"duplicate {element_ids[index]}")
    return np.array(order, np.intp)


def _deduplicate(
    unit: NDArray[np.float32], order: NDArray[np.intp], basis: Basis | None
) -> tuple[BasisRows, NDArray[np.intp]]:
    """The distinct projected rows, and the index of each row (in `order`) among them.

    Duplicates are removed before the projection, because a matrix product may round equal rows
    differently, and after it, because different rows may have the same projection.
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
    """Project these rows into the basis; without a basis they stay unchanged."""
    if basis is None:
        return BasisRows(unit[rows], np.empty((len(rows), 0), np.float32), np.empty(0, np.float32))
    # Block by block: a second copy of all vectors may take a gigabyte.
    projected = [basis.project_rows(unit[rows[block]]) for block in blocks(len(rows))]
    return concatenate(basis.project_rows(unit[:0]), *projected)


def _select_negatives(
    negatives: ArrayLike | None, dimension: int, basis: Basis | None
) -> BasisRows:
    """Project the distinct negatives, at most NEGATIVES_MAX, in a canonical order."""
    unit = normalise(np.empty((0, dimension)) if negatives is None else np.asarray(negatives))
    check_dimension(unit, dimension)
    # Sorted by hash, so that the order of the argument does not matter.
    index_of = {blake2b((row + 0.0).data).digest(): index for index, row in enumerate(unit)}
    distinct = np.array([index_of[key] for key in sorted(index_of)], np.intp)
    return _project_rows(unit, distinct[evenly_spaced(len(distinct), NEGATIVES_MAX)], basis)


def _fit_weights(elements: BasisRows, negatives: BasisRows, basis: Basis | None) -> Weights:
    """Fit the weights; background rows that are elements are left out, with weight 0."""
    if basis is None:
        return fit(elements, negatives, Background(elements[:0]), SpaceFacts(0.0, None, 0.0))
    similar = (basis.background[rows] for rows in blocks(len(basis.background)))
    nearest = np.concatenate([(rows @ elements.projected.T).max(axis=1) for rows in similar])
    others = np.flatnonzero(nearest < SELF_COSINE)
    if len(others) == len(basis.background):
        return fit(elements, negatives, basis.ordinary, basis.space)
    rest = Background(basis.ordinary.rows[others])
    weights = fit(elements, negatives, rest, basis.space)
    background, gains = np.zeros((2, len(basis.background)))
    background[others], gains[others] = weights.background, weights.background_gains
    return replace(weights, background=background, background_gains=gains)


def _direction(weights: Weights, basis: Basis | None) -> NDArray[np.float32]:
    """The weighted sum of the remainders of all rows, as a direction of the space."""
    if basis is None or not basis.remainder.shape[1]:
        return np.empty(0, np.float32)
    return np.asarray(basis.remainder @ weights.remainder, np.float32)


def _prototype(weights: Weights, basis: Basis | None) -> NDArray[np.float32]:
    """The prototype as a direction of the space."""
    if basis is None or weights.prototype is None:
        return np.empty(0, np.float32)
    direction = basis.projection @ weights.prototype.projected
    return np.asarray(direction + basis.remainder @ weights.prototype.remainder, np.float32)


def _calibrate(weights: Weights, count: int) -> tuple[ScoreMap, bool]:
    contrasts = weights.contrasts
    members = contrasts.leave_one_out if count > 1 else np.empty(0)
    share = weights.members.estimate if weights.members else 0.0
    return fit_score_map(members, count, contrasts.ordinary, float(contrasts.own.max()), share)


def _read_tensors(file: File) -> dict[str, Any]:
    names = [name for name in _FLOATS if name != "prototype"]
    floats = {name: file.tensor(name, np.float32, _AXES.get(name, 1)) for name in names}
    floats["prototype"] = np.empty(0, np.float32)
    if file.facts["format"] != _FORMAT_BEFORE:
        floats["prototype"] = file.tensor("prototype", np.float32, 1)
    return floats | {name: file.tensor(name, np.int32, 1) for name in _INTEGERS}


def _read_summary(file: File) -> FitSummary | None:
    if file.facts["format"] == _FORMAT_BEFORE:
        return None
    facts = file.fact("fit", dict)
    try:
        members = facts["members"]
        summary = FitSummary(**facts | {"members": members and MemberShare(**members)})
        shares = [] if members is None else [members["low"], members["estimate"], members["high"]]
        in_range = all(type(share) is float and 0 <= share <= 1 for share in shares)
        is_valid = in_range and shares == sorted(shares) and _is_fit(summary)
    except (KeyError, TypeError):
        is_valid = False
    file.check(is_valid, "fact 'fit'")
    return summary


def _is_fit(summary: FitSummary) -> bool:
    weight, share, rows = summary.remainder_weight, summary.prototype_share, summary.set_aside
    is_weight = type(weight) is float and 0 <= weight <= max(REMAINDER_WEIGHTS)
    is_share = type(share) is float and 0 <= share <= 1
    return is_weight and is_share and type(rows) is int and 0 <= rows <= BACKGROUND_ROWS_MAX


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


def _check_model(file: File, model: ScoringModel) -> None:
    """Raise DataLoss for a model that scoring could fail on."""
    file.check(model.dimension > 0, "dimension")
    components = min(model.dimension, COMPONENTS_MAX) if model.basis_digest else model.dimension
    for name in _AXES:
        rows = getattr(model, name)
        file.check(rows.shape[1] == components, f"shape of {name!r}")
        file.check_lengths(name, rows)
    unique, clusters = len(model.elements), len(model.centroids)
    file.check(_is_onto(model.unique_of, len(model.element_ids), unique), "values of 'unique_of'")
    file.check(_is_onto(model.cluster_of, unique, clusters), "values of 'cluster_of'")
    file.check(
        model.radii.shape == (clusters,) and bool((model.radii > 0).all()), "values of 'radii'"
    )
    gains = model.background_gains.shape
    file.check(gains == model.background_weights.shape, "shape of 'background_gains'")
    file.check(len(model.weights) == unique + len(model.negatives), "shape of 'weights'")
    file.check(len(model.bound_centres) == clusters, "shape of 'bound_centres'")
    file.check(model.bound_weights.shape == (clusters,), "shape of 'bound_weights'")
    _check_linear(file, model)
    curve = model.score_map
    scales = np.array([curve.below, curve.above])
    in_range = bool(((scales >= SCALE_MIN) & (scales <= MAGNITUDE_MAX)).all())
    file.check(in_range and abs(curve.threshold) <= MAGNITUDE_MAX, "score map")


def _check_linear(file: File, model: ScoringModel) -> None:
    """Raise DataLoss for a background or remainder that no basis can have."""
    rows, directions = len(model.background_weights), {0}
    if model.basis_digest and model.dimension > COMPONENTS_MAX:
        directions.add(model.dimension)
    is_valid = 0 < rows <= BACKGROUND_ROWS_MAX if model.basis_digest else rows == 0
    file.check(is_valid, "shape of 'background_weights'")
    file.check(len(model.direction) in directions, "shape of 'direction'")
    has_prototype = model.summary is not None and model.summary.prototype_share > 0
    expected = model.dimension if has_prototype and model.basis_digest else 0
    file.check(len(model.prototype) == expected, "shape of 'prototype'")


def _is_onto(numbers: NDArray[np.int32], count: int, below: int) -> bool:
    """Whether there are `count` > 0 numbers that cover all of 0 to `below` - 1, and no others."""
    has_count = numbers.shape == (count,) and count > 0
    return has_count and np.array_equal(np.unique(numbers), np.arange(below))
