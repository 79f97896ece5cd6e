"""What a batch is planned from: all groups of a dataset, and the failures of some rounds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.batches.frame_columns import FailingFrame, FrameColumns
from services.curation.batches.projection import ProjectedVectors, read_projected
from services.curation.batches.records import CreateBatchSpec
from services.curation.context import Curation
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.frames import scan_summaries
from services.curation.selection.facility import sample_indices
from services.curation.selection.kernel import GroupVectors
from services.curation.selection.pool import CoverageMethod, Pool
from services.curation.selection.targeted import Failures
from services.curation.zcore.score_process import ZcoreSettings, compute_scores
from sluice.names import DatasetName

FAILURES_MAX: Final = 8_192
"""Failing frames that groups are compared with: so many as stand for the pool."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanInput:
    """The pool, the ids of its groups, and the failures with the ids of their frames.

    `model_id` is the model of the embeddings, empty where there are none.
    """

    pool: Pool
    groups: list[str]
    failures: Failures | None
    failing: list[str]
    model_id: str
    notes: list[str]


async def read_plan_input(
    curation: Curation, name: DatasetName, wanted: CreateBatchSpec
) -> PlanInput:
    """Read all of a dataset that a batch depends on; what of it is missing is said in notes.

    Raises InvalidArgument for a dataset that is too large. Rows are as they were when each was
    read: who marks a group must look at it again.
    """
    scan = FrameColumns(wanted)
    async for page in scan_summaries(curation.stores.ledger, name):
        for known in page:
            scan.add(known)
        scan.check(name)
    # The space comes with the first embedding: read after the rows, it is known.
    space = (await read_dataset_frames(curation.stores, name)).record
    places = await read_projected(curation.stores, name, space, (bytes(scan.points), wanted.seed))
    zcore = None
    if wanted.coverage is CoverageMethod.ZCORE:
        zcore = await _zcore(scan, places)
    return await asyncio.to_thread(_gathered, scan, places, zcore, space.model_id)


def _gathered(
    scan: FrameColumns, places: ProjectedVectors, zcore: NDArray[np.float64] | None, model_id: str
) -> PlanInput:
    failing, notes = _failing(scan, places)
    vectors, owners = _there(scan, places)
    labelled = np.array(scan.labelled, bool)
    pool = Pool(
        size=len(scan.numbers),
        excluded=np.array(scan.excluded, bool),
        # What a model fails on has not served it: groups like it are what is looked for.
        covered=labelled & ~np.array(scan.failed, bool),
        vectors=vectors if len(vectors) else None,
        group_of=owners if len(vectors) else None,
        scenes=np.array(scan.scenes, np.intp),
        zcore=zcore,
        labelled=labelled,
    )
    ids = [each.frame_id for each in failing]
    failures = _failures(failing, places)
    return PlanInput(pool, list(scan.numbers), failures, ids, model_id, notes)


def _there(
    scan: FrameColumns, places: ProjectedVectors
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The rows that are not lost, and the numbers of their groups."""
    owners = np.array(scan.owners, np.intp)
    if places.there.all():
        return places.rows, owners
    return places.rows[places.there], owners[places.there]


def _failing(scan: FrameColumns, places: ProjectedVectors) -> tuple[list[FailingFrame], list[str]]:
    """The failing frames that groups shall be like, and all notes so far."""
    notes = list(places.notes)
    failing = [each for each in scan.failing if places.there[each.rows].any()]
    if missing := len(scan.failing) - len(failing):
        notes.append(f"{missing} failing frames have no embedding: nothing is like them.")
    if len(failing) > FAILURES_MAX:
        notes.append(f"Of {len(failing):,} failing frames a random {FAILURES_MAX:,} stand for all.")
        chosen = sample_indices(len(failing), scan.wanted.seed, FAILURES_MAX)
        failing = [failing[number] for number in chosen.tolist()]
    return failing, notes


def _failures(failing: Sequence[FailingFrame], places: ProjectedVectors) -> Failures | None:
    """The embeddings and weights of failing frames that have some."""
    if not failing:
        return None
    rows = [places.rows[each.rows][places.there[each.rows]] for each in failing]
    owners = np.repeat(np.arange(len(rows)), [len(own) for own in rows])
    groups, _ = GroupVectors.gathered("failures", np.concatenate(rows), owners)
    return Failures(groups, np.array([each.weight for each in failing], np.float32))


async def _zcore(scan: FrameColumns, places: ProjectedVectors) -> NDArray[np.float64]:
    """The best ZCore score of the rows of each group that remains; which ones, is noted.

    Stored ones count where all frames that remain and have embeddings have them: those of some
    rows and of others cannot be compared.
    """
    stored, wanted = scan.zcore, scan.wanted
    if stored.frames and not stored.missing:
        places.notes.append(f"ZCore scores are those stored in field {wanted.zcore_field!r}.")
        return stored.by_group(len(scan.numbers))
    vectors, owners = _there(scan, places)
    free = ~np.array(scan.excluded, bool)
    scores = np.zeros(len(free))
    rows = np.flatnonzero(free[owners])
    if len(rows):
        places.notes.append(
            f"ZCore scores were computed: {stored.missing:,} of {stored.frames:,} frames that "
            f"remain have none in field {wanted.zcore_field!r}."
        )
        settings = ZcoreSettings(wanted.seed, wanted.zcore_draws)
        np.maximum.at(scores, owners[rows], await compute_scores(vectors[rows], settings))
    return scores
