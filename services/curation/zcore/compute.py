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
"""Neighbours that one row may have: their distances are held."""

_ANEW: Final = IdempotentRequest.of("ComputeZcore", "", b"")
"""A request without an id: what is there already is not changed."""


class ZcoreStage(StrEnum):
    """What is being done, in this order."""

    WAITING = "waiting"
    LISTING = "listing"
    READING = "reading"
    SCORING = "scoring"
    STORING = "storing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ZcoreRequest:
    """Which frames, how they are scored, and where scores are stored."""

    frames: Filter = EVERYTHING
    settings: ZcoreSettings = field(default_factory=ZcoreSettings)
    into: str = FIELD


@dataclass(frozen=True, slots=True)
class ZcoreProgress:
    """How far it is: `done` of `total` frames, embeddings while these are read."""

    stage: ZcoreStage
    done: int = 0
    total: int = 0
    scored: int = 0
    changed: int = 0
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Frames:
    """The frames to score, their points, and what they have in the field now."""

    ids: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    """How many embeddings each has."""
    before: list[MetadataValue | None] = field(default_factory=list)
    points: bytearray = field(default_factory=bytearray)

    def add(self, known: FrameSummary, name: str) -> None:
        """Take a frame in; InvalidArgument naming it when it has no room for one field more."""
        row = known.row
        check_metadata(f"fields of {row.id!r}", row.fields | {name: 0.0})
        self.ids.append(row.id)
        self.rows.append(len(row.vectors))
        self.before.append(row.fields.get(name))
        for vector in row.vectors:
            self.points += vector.point


@dataclass(frozen=True, slots=True)
class Computation:
    """What scores are computed with; one dataset's at a time, since that takes much memory."""

    curation: Curation
    computing: asyncio.Lock

    async def compute(
        self, name: DatasetName, wanted: ZcoreRequest
    ) -> AsyncIterator[ZcoreProgress]:
        """Compute and store the scores of all frames with embeddings, and say how far it is.

        Frames that have their score are not written. Raises FailedPrecondition where no frame has
        an embedding, InvalidArgument for what cannot be and for a dataset that is too large, and
        what `set_fields` raises.
        """
        _check(wanted)
        await self.curation.others.datasets.get(name)
        yield ZcoreProgress(ZcoreStage.WAITING)
        async with self.computing:
            async for progress in self._compute(name, wanted):
                yield progress

    async def _compute(
        self, name: DatasetName, wanted: ZcoreRequest
    ) -> AsyncIterator[ZcoreProgress]:
        stores, frames = self.curation.stores, _Frames()
        count = (await read_dataset_frames(stores, name)).record.count
        looked_at = 0
        async for page in scan_summaries(stores.ledger, name, size=AT_ONCE_MAX):
            for known in page:
                if known.row.vectors and wanted.frames.passes(known.row, known.group):
                    frames.add(known, wanted.into)
            check_rows("dataset", name, len(frames.ids), sum(frames.rows))
            looked_at += len(page)
            yield ZcoreProgress(ZcoreStage.LISTING, looked_at, max(count, looked_at))
        if not frames.ids:
            raise FailedPrecondition(f"{name}: none of these frames has an embedding")
        # The space comes with the first embedding: read after the rows, it is known.
        space = (await read_dataset_frames(stores, name)).record
        points = bytes(frames.points), wanted.settings.seed
        reading = await open_projection(stores, name, space, points)
        async for read in reading.pages():
            yield ZcoreProgress(ZcoreStage.READING, read, len(reading.places.there))
        yield ZcoreProgress(ZcoreStage.SCORING)
        scores = await _best(frames, reading.places, wanted.settings)
        async for progress in self._store(name, wanted.into, frames, scores):
            yield replace(progress, notes=tuple(reading.places.notes))

    async def _store(
        self, name: DatasetName, into: str, frames: _Frames, scores: NDArray[np.float64]
    ) -> AsyncIterator[ZcoreProgress]:
        """Store scores page by page; those of frames whose embeddings are all lost are NaN."""
        scored = int(np.isfinite(scores).sum())
        progress = ZcoreProgress(ZcoreStage.STORING, 0, len(frames.ids), scored)
        for start in range(0, len(frames.ids), AT_ONCE_MAX):
            page = slice(start, start + AT_ONCE_MAX)
            changes = {
                frame_id: FieldChange({into: score})
                for frame_id, score, before in zip(
                    frames.ids[page], scores[page].tolist(), frames.before[page], strict=True
                )
                if isfinite(score) and score != before
            }
            changed = progress.changed
            if changes:
                changed += (await set_fields(self.curation, _ANEW, name, changes)).count
            done = min(page.stop, len(frames.ids))
            progress = replace(progress, done=done, changed=changed)
            yield progress
        yield replace(progress, stage=ZcoreStage.DONE)


async def _best(
    frames: _Frames, places: ProjectedVectors, settings: ZcoreSettings
) -> NDArray[np.float64]:
    """The largest score of the rows of each frame, `(frames,)`; NaN where all are lost."""
    owners = np.repeat(np.arange(len(frames.ids)), frames.rows)
    rows = places.rows
    if not places.there.all():
        rows, owners = rows[places.there], owners[places.there]
    best = np.full(len(frames.ids), np.nan)
    np.fmax.at(best, owners, await compute_scores(rows, settings))
    return best


def _check(wanted: ZcoreRequest) -> None:
    check_text("field", wanted.into)
    settings = wanted.settings
    for name, value, most in (
        ("draws", settings.draws, DRAWS),
        ("neighbours", settings.neighbours, NEIGHBOURS_MAX),
    ):
        if not 1 <= value <= most:
            raise InvalidArgument.of(name, f"{value} is not in 1…{most:,}")
