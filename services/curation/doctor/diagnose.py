"""Everything of a project that curation keeps, compared and, if wanted, mended."""

from __future__ import annotations

from collections.abc import AsyncIterator

from services.curation.context import Curation
from services.curation.doctor import (
    batches,
    counted,
    counters,
    frames,
    golden,
    groups,
    orphans,
    vectors,
)
from services.curation.doctor.orphans import Spared
from services.curation.doctor.reading import Examination, datasets_of
from services.doctor.findings import ExaminationEvent, ExaminationEvents
from services.records.records import now_us
from sluice.names import DatasetName, ProjectName


async def diagnose(
    curation: Curation, name: ProjectName, *, repair: bool, started_us: int | None = None
) -> ExaminationEvents:
    """Every difference between frames, groups, counters, embeddings and files of all datasets.

    What others rest on comes first: rows before the groups and embeddings that they name, groups
    before what counts them, all that names points before points that nothing names. Raises
    NotFound for a project that does not exist.
    """
    await curation.active.current(name.project)
    at = now_us() if started_us is None else started_us
    this = Examination(curation.stores, name.project, repair, at)
    spared = Spared()
    for dataset in await datasets_of(this):
        async for event in _examine(this, dataset, spared):
            yield event
    async for event in orphans.examine(this, spared):
        yield event


async def _examine(
    this: Examination, name: DatasetName, spared: Spared
) -> AsyncIterator[ExaminationEvent]:
    rows = frames.Rows()
    for events in (frames.examine(this, name, rows), groups.examine(this, name, rows)):
        async for event in events:
            yield event
    spared.frames.update((name, frame_id) for frame_id in rows.missing)
    if finding := await counted.examine(this, name, rows):
        yield finding
    for events in (
        vectors.examine(this, name, spared.points),
        counters.examine(this, name),
        batches.examine(this, name),
        golden.examine(this, name),
    ):
        async for event in events:
            yield event
