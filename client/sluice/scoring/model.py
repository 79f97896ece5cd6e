"""Scoring models: all that is needed to score against one version of a campaign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import InvalidArgument
from sluice.scoring.basis import COMPONENTS_MAX, Basis
from sluice.scoring.clusters import cluster
from sluice.scoring.codec import File, decode, encode, to_json
from sluice.scoring.score_map import ScoreMap, fit_score_map
from sluice.scoring.selection import top_values
from sluice.scoring.vectors import (
    blocks,
    check_dimension,
    evenly_spaced,
    group_equal,
    normalise,
    read_only,
)

NEIGHBOURS = 5
"""How many of the nearest elements a frame is compared with."""

LEAVE_ONE_OUT_MAX = 2_048
"""Elements that are compared with all others; of more, their 10 % quantile moves by under 1 %."""

_KIND = "sluice.scoring-model"
_NO_COSINE = np.float32(-2)  # below every cosine, and finite


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
    """

    dimension: int
    basis_digest: str
    element_ids: tuple[ElementId, ...]
    unique_of: NDArray[np.int32]
    elements: NDArray[np.float32]
    cluster_of: NDArray[np.int32]
    centroids: NDArray[np.float32]
    radii: NDArray[np.float32]
    score_map: ScoreMap
    diverse: bool

    def __post_init__(self) -> None:
        for name in ("elements", "centroids", "radii"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        for name in ("unique_of", "cluster_of"):
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
        names = ("unique_of", "elements", "cluster_of", "centroids", "radii")
        tensors = {name: getattr(self, name) for name in names}
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
            unique_of=file.tensor("unique_of", np.int32, 1),
            elements=file.tensor("elements", np.float32, 2),
            cluster_of=file.tensor("cluster_of", np.int32, 1),
            centroids=file.tensor("centroids", np.float32, 2),
            radii=file.tensor("radii", np.float32, 1),
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
    for no elements, for one that stands twice, and for another dimension than the basis's or the
    elements'.
    """
    unit = normalise(embeddings)
    if negatives is not None:
        check_dimension(normalise(negatives), unit.shape[1])
    if basis is not None:
        check_dimension(unit, basis.dimension)
    order = _canonical_order(element_ids, len(unit))
    unique, unique_of = _unique(unit, order, basis)
    clusters = cluster(unique, np.bincount(unique_of))
    score_map, diverse = _calibrate(unique, basis)
    return ScoringModel(
        dimension=unit.shape[1],
        basis_digest=basis.digest if basis is not None else "",
        element_ids=tuple(element_ids[index] for index in order),
        unique_of=unique_of.astype(np.int32),
        elements=unique,
        cluster_of=clusters.cluster_of.astype(np.int32),
        centroids=clusters.centroids,
        radii=clusters.radii,
        score_map=score_map,
        diverse=diverse,
    )


def mean_nearest(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the five largest cosines along the last axis; of all where there are fewer."""
    return np.asarray(top_values(cosines, NEIGHBOURS).mean(axis=-1))


def _canonical_order(element_ids: Sequence[ElementId], rows: int) -> NDArray[np.intp]:
    if len(element_ids) != rows or not rows:
        raise InvalidArgument.of(
            "elements", f"{len(element_ids)} ids for {rows} vectors; one each, and at least one"
        )
    order = sorted(range(rows), key=element_ids.__getitem__)
    for index, following in pairwise(order):
        if element_ids[index] == element_ids[following]:
            raise InvalidArgument.of("elements", f"{element_ids[index]} stands twice")
    return np.array(order, np.intp)


def _unique(
    unit: NDArray[np.float32], order: NDArray[np.intp], basis: Basis | None
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The distinct rows where cosines are taken, and which of them each row is, in that order.

    Equal rows are found before they are projected, since a product rounds them by their place;
    and after, since the basis may not tell them apart.
    """
    first, unique_of = group_equal(unit[index] for index in order)
    rows = order[first]
    if basis is None:
        return unit[rows], unique_of
    # Block by block: a second copy of all vectors may be a gigabyte.
    projected = np.concatenate([basis.project(unit[rows[block]]) for block in blocks(len(rows))])
    first, projected_of = group_equal(projected)
    return projected[first], projected_of[unique_of]


def _calibrate(unique: NDArray[np.float32], basis: Basis | None) -> tuple[ScoreMap, bool]:
    sample = evenly_spaced(len(unique), LEAVE_ONE_OUT_MAX)
    others = _nearest_others(unique, sample)
    members = others.mean(axis=1) if len(unique) > 1 else np.empty(0, np.float32)
    if basis is None:
        return fit_score_map(members, len(unique), None)
    term = basis.background_term(unique[sample])
    ordinary = np.concatenate(
        [mean_nearest(basis.background[rows] @ unique.T) for rows in blocks(len(basis.background))]
    )
    ordinary -= basis.background_term(basis.background)
    # A copy of an element: what is nearest is itself, then the others.
    copies = mean_nearest(np.insert(others, 0, 1, axis=1)) - term
    members = members - term[: len(members)]
    return fit_score_map(members, len(unique), ordinary, float(copies.max()))


def _nearest_others(unique: NDArray[np.float32], sample: NDArray[np.intp]) -> NDArray[np.float32]:
    """For each row of the sample the largest cosines to all rows but itself, in no order.

    Five of them, or as many as there are other rows.
    """
    nearest = np.empty((len(sample), min(NEIGHBOURS, len(unique) - 1)), np.float32)
    for block in blocks(len(sample)):
        own = sample[block]
        cosines = unique[own] @ unique.T
        cosines[np.arange(len(own)), own] = _NO_COSINE
        if nearest.shape[1]:
            nearest[block] = top_values(cosines, nearest.shape[1])
    return nearest


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
    components = min(model.dimension, COMPONENTS_MAX) if model.basis_digest else model.dimension
    for name in ("elements", "centroids"):
        rows = getattr(model, name)
        file.check(rows.shape == (len(rows), components), f"shape of {name!r}")
        file.check(bool((np.abs(rows) < -_NO_COSINE).all()), f"values of {name!r}")
    unique, clusters = len(model.elements), len(model.centroids)
    file.check(_is_onto(model.unique_of, len(model.element_ids), unique), "values of 'unique_of'")
    file.check(_is_onto(model.cluster_of, unique, clusters), "values of 'cluster_of'")
    file.check(model.radii.shape == (clusters,) and bool((model.radii > 0).all()), "'radii'")
    curve = model.score_map
    finite = bool(np.isfinite([curve.threshold, curve.below, curve.above]).all())
    file.check(finite and curve.below > 0 and curve.above > 0, "score map")


def _is_onto(numbers: NDArray[np.int32], count: int, below: int) -> bool:
    """Whether there are `count` numbers, at least 1, and they name all from 0 to `below` - 1."""
    whole = numbers.shape == (count,) and count > 0
    return whole and np.array_equal(np.unique(numbers), np.arange(below))
