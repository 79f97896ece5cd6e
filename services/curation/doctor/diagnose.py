"""Everything of a project that curation keeps, compared and, if asked, repaired."""

from __future__ import annotations

from services.curation.context import Curation
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.doctor import (
    batches,
    counters,
    dataset_frames,
    deletions,
    frames,
    golden,
    groups,
    orphans,
    vectors,
)
from services.curation.doctor.orphans import OrphanExemptions
from services.curation.doctor.reading import datasets_of, is_being_deleted
from services.doctor.examination import Examination, run_examiners
from services.doctor.findings import ExaminationEvents
from services.doctor.point_deletions import examine_point_deletions
from services.records.project_marks import is_marked
from services.records.records import now_us
from sluice.names import DatasetName, ProjectName


async def diagnose(
    curation: Curation, name: ProjectName, *, repair: bool, started_us: int | None = None
) -> ExaminationEvents:
    """Every difference between frames, groups, counters, embeddings and files of all datasets.

    What others rest on comes first: rows before the groups and embeddings that they name, groups
    before what counts them, all that names points before points that nothing names. Nothing is
    reported of a deleted project: the campaign service examines it. Raises NotFound for one that
    never existed.
    """
    if await is_marked(curation.stores.ledger, name.project):
        return
    await curation.active.current(name.project)
    at = now_us() if started_us is None else started_us
    examination = Examination(curation.stores, name.project, repair, at)
    spared = OrphanExemptions()
    async for event in run_examiners(
        deletions.examine(curation, examination),
        deletions.examine_resources(curation, examination),
        examine_point_deletions(examination, TOMBSTONES.service),
    ):
        yield event
    for dataset in await datasets_of(examination):
        if await is_being_deleted(examination, dataset):
            continue
        async for event in _examine_dataset(examination, dataset, spared):
            yield event
    async for event in orphans.examine(examination, spared):
        yield event


async def _examine_dataset(
    examination: Examination, name: DatasetName, spared: OrphanExemptions
) -> ExaminationEvents:
    rows = frames.RowSummary()
    async for event in run_examiners(
        frames.examine(examination, name, rows), groups.examine(examination, name, rows)
    ):
        yield event
    spared.frames.update((name, frame_id) for frame_id in rows.missing)
    if finding := await dataset_frames.examine(examination, name, rows):
        yield finding
    async for event in run_examiners(
        vectors.examine(examination, name, spared.points),
        counters.examine(examination, name),
        batches.examine(examination, name),
        golden.examine(examination, name),
    ):
        yield event
