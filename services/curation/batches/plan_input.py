"""Reading what a batch is planned from: the groups of a dataset and the failures of rounds."""

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
"""Failing frames that groups are compared with; of more, a random sample is used."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanInput:
    """The pool, the ids of its groups, and the failures with the ids of their frames.

    `model_id` is the model of the embeddings, empty without any.
    """

    pool: Pool
    groups: list[str]
    failures: Failures | None
    failing: list[str]
    model_id: str
    notes: list[str]


async def read_plan_input(
    curation: Curation, name: DatasetName, spec: CreateBatchSpec
) -> PlanInput:
    """Read all of a dataset that a batch depends on; notes name missing embeddings and scores.

    Raises InvalidArgument for a dataset that is too large. Rows may change after they are read:
    read a group again before marking it.
    """
    columns = FrameColumns(spec)
    async for page in scan_summaries(curation.stores.ledger, name):
        for frame in page:
            columns.add(frame)
        columns.check_size(name)
    # The space comes with the first embedding: read after the rows, it is known.
    space = (await read_dataset_frames(curation.stores, name)).record
    projected = await read_projected(
        curation.stores, name, space, bytes(columns.points), seed=spec.seed
    )
    zcore = None
    if spec.coverage is CoverageMethod.ZCORE:
        zcore = await _zcore_scores(columns, projected)
    return await asyncio.to_thread(_build_input, columns, projected, zcore, space.model_id)


def _build_input(
    columns: FrameColumns,
    projected: ProjectedVectors,
    zcore: NDArray[np.float64] | None,
    model_id: str,
) -> PlanInput:
    failing, notes = _select_failing(columns, projected)
    vectors, owners = _present_rows(columns, projected)
    labelled = np.array(columns.labelled, bool)
    pool = Pool(
        size=len(columns.numbers),
        excluded=np.array(columns.excluded, bool),
        # A group that the model still fails on covers nothing: groups like it are targeted.
        covered=labelled & ~np.array(columns.failed, bool),
        vectors=vectors if len(vectors) else None,
        group_of=owners if len(vectors) else None,
        scenes=np.array(columns.scenes, np.intp),
        zcore=zcore,
        labelled=labelled,
    )
    return PlanInput(
        pool,
        groups=list(columns.numbers),
        failures=_make_failures(failing, projected),
        failing=[frame.frame_id for frame in failing],
        model_id=model_id,
        notes=notes,
    )


def _present_rows(
    columns: FrameColumns, projected: ProjectedVectors
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The vectors that are not lost, and the numbers of their groups."""
    owners = np.array(columns.owners, np.intp)
    if projected.present.all():
        return projected.rows, owners
    return projected.rows[projected.present], owners[projected.present]


def _select_failing(
    columns: FrameColumns, projected: ProjectedVectors
) -> tuple[list[FailingFrame], list[str]]:
    """The failing frames to target, and all notes so far."""
    notes = list(projected.notes)
    failing = [frame for frame in columns.failing if projected.present[frame.rows].any()]
    if missing := len(columns.failing) - len(failing):
        notes.append(f"{missing} failing frames have no embedding: no group can target them.")
    if len(failing) > FAILURES_MAX:
        notes.append(
            f"{len(failing):,} failing frames: a random sample of {FAILURES_MAX:,} is used."
        )
        sample = sample_indices(len(failing), columns.spec.seed, FAILURES_MAX)
        failing = [failing[number] for number in sample.tolist()]
    return failing, notes


def _make_failures(failing: Sequence[FailingFrame], projected: ProjectedVectors) -> Failures | None:
    """The embeddings and weights of failing frames; None without any."""
    if not failing:
        return None
    rows = [projected.rows[frame.rows][projected.present[frame.rows]] for frame in failing]
    owners = np.repeat(np.arange(len(rows)), [len(vectors) for vectors in rows])
    groups, _ = GroupVectors.from_rows("failures", np.concatenate(rows), owners)
    return Failures(groups, np.array([frame.weight for frame in failing], np.float32))


async def _zcore_scores(columns: FrameColumns, projected: ProjectedVectors) -> NDArray[np.float64]:
    """The best ZCore score of each group that remains; a note says where scores come from.

    Stored scores are used if all frames that remain and have embeddings have one: scores of
    different sets of frames cannot be compared.
    """
    stored, spec = columns.zcore, columns.spec
    if stored.frames and not stored.missing:
        projected.notes.append(f"ZCore scores are those stored in field {spec.zcore_field!r}.")
        return stored.by_group(len(columns.numbers))
    vectors, owners = _present_rows(columns, projected)
    free = ~np.array(columns.excluded, bool)
    scores = np.zeros(len(free))
    rows = np.flatnonzero(free[owners])
    if len(rows):
        projected.notes.append(
            f"ZCore scores were computed: {stored.missing:,} of {stored.frames:,} frames that "
            f"remain have none in field {spec.zcore_field!r}."
        )
        settings = ZcoreSettings(spec.seed, spec.zcore_draws)
        np.maximum.at(scores, owners[rows], await compute_scores(vectors[rows], settings))
    return scores
