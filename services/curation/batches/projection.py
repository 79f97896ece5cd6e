"""The embeddings of a dataset, projected into a basis that is built from a sample of them."""

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
"""Maximum number of embeddings, and of frames, that are held at a time: they take about 1 GB."""

RECOVERY_HINT: Final = "run `sluice doctor --repair`, then append the frames that it names again"
"""How to restore lost embeddings: before a repair, frames appended again count as unchanged."""

_POINT_BYTES: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class ProjectedVectors:
    """`rows` `(rows, components) float32`; those that are not `present` `(rows,)` are lost."""

    rows: NDArray[np.float32]
    present: NDArray[np.bool_]
    notes: list[str]


async def read_projected(
    stores: Stores, name: DatasetName, space: DatasetFrames, points: bytes, *, seed: int
) -> ProjectedVectors:
    """The projected vectors of points, given as 16 bytes each; `seed` draws the basis' sample.

    Holds never more than a page of full embeddings, besides the sample. With too few embeddings
    for a basis, the unit vectors themselves are returned. Raises DataLoss if most embeddings are
    lost.
    """
    reader = await open_projection(stores, name, space, points, seed=seed)
    async for _ in reader.read_pages():
        pass
    return reader.projected


async def open_projection(
    stores: Stores, name: DatasetName, space: DatasetFrames, points: bytes, *, seed: int
) -> ProjectionReader:
    """Build the basis, and return a reader of the same vectors as `read_projected`."""
    source = _PointReader(stores, name, space, points)
    if not len(source):
        empty = ProjectedVectors(np.empty((0, 1), np.float32), np.empty(0, bool), [])
        return ProjectionReader(source, None, empty)
    basis, notes = await _build_basis(source, seed)
    components = space.dimension if basis is None else basis.components
    rows = np.empty((len(source), components), np.float32)
    projected = ProjectedVectors(rows, np.empty(len(source), bool), notes)
    return ProjectionReader(source, basis, projected)


def check_rows(field: str, name: DatasetName, frames: int, embeddings: int) -> None:
    """Raise InvalidArgument naming `field` for a dataset that is too large to be held."""
    if max(frames, embeddings) > ROWS_MAX:
        problem = f"{name} has more than {ROWS_MAX:,} frames or embeddings"
        raise too_large(field, problem, ROWS_MAX)


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionReader:
    """Reads vectors page by page into `projected`, which is complete after the last page."""

    source: _PointReader
    basis: Basis | None
    projected: ProjectedVectors

    async def read_pages(self) -> AsyncIterator[int]:
        """Read page after page; yields the number of vectors read so far."""
        rows, present = self.projected.rows, self.projected.present
        for start in range(0, len(present), PAGE):
            page = slice(start, min(start + PAGE, len(present)))
            unit = await self.source.read(np.arange(page.start, page.stop))
            present[page] = unit.any(axis=1)
            rows[page] = (
                unit if self.basis is None else await asyncio.to_thread(self.basis.project, unit)
            )
            yield page.stop
        if lost := int((~present).sum()):
            self.projected.notes.append(f"{lost} embeddings are lost: {RECOVERY_HINT}.")


@dataclass(frozen=True, slots=True)
class _PointReader:
    """Reads embeddings by their index in `points`."""

    stores: Stores
    name: DatasetName
    space: DatasetFrames
    points: bytes

    def __len__(self) -> int:
        return len(self.points) // _POINT_BYTES

    async def read(self, indices: NDArray[np.intp]) -> NDArray[np.float32]:
        """The unit vectors at those indices, zeros for lost ones."""
        starts = (indices * _POINT_BYTES).tolist()
        ids = [UUID(bytes=self.points[start : start + _POINT_BYTES]) for start in starts]
        collection = frames_collection(self.name.project, self.space.model_id, self.space.dimension)
        return await read_points(self.stores.vectors, collection, tenant_of(self.name), ids)


async def _build_basis(source: _PointReader, seed: int) -> tuple[Basis | None, list[str]]:
    sample = await source.read(sample_indices(len(source), seed, PCA_ROWS_MAX))
    sample = sample[sample.any(axis=1)]
    needed = ROWS_PER_COMPONENT_MIN * min(source.space.dimension, COMPONENTS_MAX)
    if len(sample) >= needed:
        return await asyncio.to_thread(build_basis, sample), []
    if len(source) > PCA_ROWS_MAX:
        raise DataLoss(f"most embeddings of {source.name} are lost: {RECOVERY_HINT}")
    note = f"A basis needs {needed} embeddings and there are {len(sample)}: cosines are plain."
    return None, [note]
