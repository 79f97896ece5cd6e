"""Where the frames of a dataset are: their embeddings in a basis made of a sample of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.curation.datasets.points import frames_collection, tenant_of
from services.curation.records import DatasetFrames
from services.curation.selection.facility import sample_indices
from services.records.points import PAGE, read_points
from services.records.stores import Stores
from sluice.checks import too_large
from sluice.errors import DataLoss
from sluice.names import DatasetName
from sluice.scoring import Basis, build_basis
from sluice.scoring.basis import COMPONENTS_MAX, PCA_ROWS_MAX, ROWS_PER_COMPONENT_MIN

ROWS_MAX: Final = 1_000_000
"""Embeddings, and frames, of a dataset that are held at a time: they take about 1 GB."""

RECOVERY_HINT: Final = "run `sluice doctor --repair`, then append the frames that it names again"
"""How lost embeddings come back: without a repair, what is appended again is unchanged."""

_POINT_BYTES: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class ProjectedVectors:
    """`rows` `(rows, components) float32`, of which those that are not `there` were lost."""

    rows: NDArray[np.float32]
    there: NDArray[np.bool_]
    notes: list[str]


async def read_projected(
    stores: Stores, name: DatasetName, space: DatasetFrames, what: tuple[bytes, int]
) -> ProjectedVectors:
    """The places of points, 16 bytes each; the sample for the basis follows from a seed.

    Never more than a page of embeddings is held, beside the sample. With too few embeddings for a
    basis they stay as they are, of length 1. Raises DataLoss where most embeddings are lost.
    """
    reading = await open_projection(stores, name, space, what)
    async for _ in reading.pages():
        pass
    return reading.places


async def open_projection(
    stores: Stores, name: DatasetName, space: DatasetFrames, what: tuple[bytes, int]
) -> ProjectionReader:
    """Make the basis for reading places, which is the same; see `read_places`."""
    points, seed = what
    reader = _Reader(stores, name, space, points)
    if not len(reader):
        return ProjectionReader(
            reader, None, ProjectedVectors(np.empty((0, 1), np.float32), np.empty(0, bool), [])
        )
    basis, notes = await _basis(reader, seed)
    components = space.dimension if basis is None else basis.components
    rows = np.empty((len(reader), components), np.float32)
    return ProjectionReader(
        reader, basis, ProjectedVectors(rows, np.empty(len(reader), bool), notes)
    )


def check_rows(field: str, name: DatasetName, frames: int, embeddings: int) -> None:
    """Refuse a dataset that is too large to be held, naming the field that names it."""
    if max(frames, embeddings) > ROWS_MAX:
        problem = f"{name} has more than {ROWS_MAX:,} frames or embeddings"
        raise too_large(field, problem, ROWS_MAX)


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionReader:
    """Places that are being read; whole once all pages are."""

    reader: _Reader
    basis: Basis | None
    places: ProjectedVectors

    async def pages(self) -> AsyncIterator[int]:
        """Read page after page; how many places are read so far."""
        rows, there = self.places.rows, self.places.there
        for start in range(0, len(there), PAGE):
            page = slice(start, min(start + PAGE, len(there)))
            unit = await self.reader.read(np.arange(page.start, page.stop))
            there[page] = unit.any(axis=1)
            rows[page] = (
                unit if self.basis is None else await asyncio.to_thread(self.basis.project, unit)
            )
            yield page.stop
        if lost := int((~there).sum()):
            self.places.notes.append(f"{lost} embeddings are lost: {RECOVERY_HINT}.")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads embeddings by their number."""

    stores: Stores
    name: DatasetName
    space: DatasetFrames
    points: bytes

    def __len__(self) -> int:
        return len(self.points) // _POINT_BYTES

    async def read(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """The unit vectors of those numbers, zeros for those that are lost."""
        starts = (numbers * _POINT_BYTES).tolist()
        ids = [UUID(bytes=self.points[at : at + _POINT_BYTES]) for at in starts]
        collection = frames_collection(self.name.project, self.space.model_id, self.space.dimension)
        return await read_points(self.stores.vectors, collection, tenant_of(self.name), ids)


async def _basis(reader: _Reader, seed: int) -> tuple[Basis | None, list[str]]:
    sample = await reader.read(sample_indices(len(reader), seed, PCA_ROWS_MAX))
    sample = sample[sample.any(axis=1)]
    needed = ROWS_PER_COMPONENT_MIN * min(reader.space.dimension, COMPONENTS_MAX)
    if len(sample) >= needed:
        return await asyncio.to_thread(build_basis, sample), []
    if len(reader) > PCA_ROWS_MAX:
        raise DataLoss(f"most embeddings of {reader.name} are lost: {RECOVERY_HINT}")
    said = f"A basis takes {needed} embeddings and there are {len(sample)}: cosines are plain."
    return None, [said]
