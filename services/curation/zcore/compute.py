"""Computing the ZCore scores of a dataset, and storing them in a field of its frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.batches.projection import ProjectedVectors, check_rows, open_projection
from services.curation.context import Curation
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.filters import EVERYTHING, Filter
from services.curation.datasets.frames import FrameSummary, scan_summaries
from services.curation.datasets.updates import AT_ONCE_MAX, FieldChange, set_fields
from services.curation.selection.zcore import DRAWS
from services.curation.zcore.score_process import ZcoreSettings, compute_scores
from services.curation.zcore.stored_scores import FIELD
from services.records.idempotency import IdempotentRequest
from sluice.checks import check_text
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.frames import MetadataValue, check_metadata
from sluice.names import DatasetName

NEIGHBOURS_MAX: Final = 10_000
"""Maximum number of neighbours of a row: their distances are held in memory."""

_WITHOUT_ID: Final = IdempotentRequest.of("ComputeZcore", "", b"")
"""A request without an id: repeating it is harmless, since unchanged scores are not written."""


class ZcoreStage(StrEnum):
    """The stages of a computation, in order."""

    WAITING = "waiting"
    LISTING = "listing"
    READING = "reading"
    SCORING = "scoring"
    STORING = "storing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ZcoreRequest:
    """The filter of the frames to score, the settings, and the field to store scores in."""

    frames: Filter = EVERYTHING
    settings: ZcoreSettings = field(default_factory=ZcoreSettings)
    target_field: str = FIELD


@dataclass(frozen=True, slots=True)
class ZcoreProgress:
    """`done` of `total` frames of a stage, or embeddings in the stage `READING`."""

    stage: ZcoreStage
    done: int = 0
    total: int = 0
    scored: int = 0
    changed: int = 0
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _FramesToScore:
    """The frames to score, their points, and the current values of the field."""

    ids: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    """The number of embeddings of each frame."""
    before: list[MetadataValue | None] = field(default_factory=list)
    points: bytearray = field(default_factory=bytearray)

    def add(self, frame: FrameSummary, name: str) -> None:
        """Add a frame; InvalidArgument naming it if it cannot take one more field."""
        row = frame.row
        check_metadata(f"fields of {row.id!r}", row.fields | {name: 0.0})
        self.ids.append(row.id)
        self.rows.append(len(row.vectors))
        self.before.append(row.fields.get(name))
        for vector in row.vectors:
            self.points += vector.point


@dataclass(frozen=True, slots=True)
class Computation:
    """Computes scores; the lock lets one dataset be scored at a time, to bound memory."""

    curation: Curation
    computing: asyncio.Lock

    async def compute(
        self, name: DatasetName, request: ZcoreRequest
    ) -> AsyncIterator[ZcoreProgress]:
        """Compute and store the scores of all frames with embeddings, and report progress.

        Unchanged scores are not written. Raises FailedPrecondition if no frame has
        an embedding, InvalidArgument for invalid settings and for a dataset that is too large,
        and the errors of `set_fields`.
        """
        _check(request)
        await self.curation.others.datasets.get(name)
        yield ZcoreProgress(ZcoreStage.WAITING)
        async with self.computing:
            async for progress in self._compute(name, request):
                yield progress

    async def _compute(
        self, name: DatasetName, request: ZcoreRequest
    ) -> AsyncIterator[ZcoreProgress]:
        stores, frames = self.curation.stores, _FramesToScore()
        count = (await read_dataset_frames(stores, name)).record.remaining
        listed = 0
        async for page in scan_summaries(stores.ledger, name, size=AT_ONCE_MAX):
            for frame in page:
                if frame.row.vectors and request.frames.passes(frame.row, frame.group):
                    frames.add(frame, request.target_field)
            check_rows("dataset", name, len(frames.ids), sum(frames.rows))
            listed += len(page)
            yield ZcoreProgress(ZcoreStage.LISTING, listed, max(count, listed))
        if not frames.ids:
            raise FailedPrecondition(f"{name}: none of the selected frames has an embedding")
        # The space comes with the first embedding: read after the rows, it is known.
        space = (await read_dataset_frames(stores, name)).record
        seed, points = request.settings.seed, bytes(frames.points)
        reader = await open_projection(stores, name, space, points, seed=seed)
        async for done in reader.read_pages():
            yield ZcoreProgress(ZcoreStage.READING, done, len(reader.projected.present))
        yield ZcoreProgress(ZcoreStage.SCORING)
        scores = await _best_scores(frames, reader.projected, request.settings)
        async for progress in self._store(name, request.target_field, frames, scores):
            yield replace(progress, notes=tuple(reader.projected.notes))

    async def _store(
        self,
        name: DatasetName,
        target_field: str,
        frames: _FramesToScore,
        scores: NDArray[np.float64],
    ) -> AsyncIterator[ZcoreProgress]:
        """Store scores page by page, except NaN: the score of a frame without embeddings."""
        scored = int(np.isfinite(scores).sum())
        progress = ZcoreProgress(ZcoreStage.STORING, 0, len(frames.ids), scored)
        for start in range(0, len(frames.ids), AT_ONCE_MAX):
            page = slice(start, start + AT_ONCE_MAX)
            changes = {
                frame_id: FieldChange({target_field: score})
                for frame_id, score, before in zip(
                    frames.ids[page], scores[page].tolist(), frames.before[page], strict=True
                )
                if isfinite(score) and score != before
            }
            changed = progress.changed
            if changes:
                changed += (await set_fields(self.curation, _WITHOUT_ID, name, changes)).count
            done = min(page.stop, len(frames.ids))
            progress = replace(progress, done=done, changed=changed)
            yield progress
        yield replace(progress, stage=ZcoreStage.DONE)


async def _best_scores(
    frames: _FramesToScore, projected: ProjectedVectors, settings: ZcoreSettings
) -> NDArray[np.float64]:
    """The largest score of each frame's embeddings, `(frames,)`; NaN if all are lost."""
    owners = np.repeat(np.arange(len(frames.ids)), frames.rows)
    rows = projected.rows
    if not projected.present.all():
        rows, owners = rows[projected.present], owners[projected.present]
    best = np.full(len(frames.ids), np.nan)
    np.fmax.at(best, owners, await compute_scores(rows, settings))
    return best


def _check(request: ZcoreRequest) -> None:
    check_text("field", request.target_field)
    settings = request.settings
    for name, value, limit in (
        ("draws", settings.draws, DRAWS),
        ("neighbours", settings.neighbours, NEIGHBOURS_MAX),
    ):
        if not 1 <= value <= limit:
            raise InvalidArgument.of(name, f"{value} is not in 1…{limit:,}")
