"""What a doctor must find: ways to write into curation's stores behind its back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import numpy as np
import pytest
from msgspec import structs

from services.curation.batches.records import pick_key
from services.curation.datasets.views import view_key
from services.curation.golden.records import (
    GoldenSet,
    Newest,
    check_name,
    golden_set_key,
    newest_key,
)
from services.curation.progress.records import rounds_counter
from services.curation.records import (
    DatasetFrames,
    FrameDocument,
    FrameReference,
    Group,
    Split,
    Status,
    dataset_frames_key,
    document_key,
    frame_key,
    group_key,
    held_out_counter,
    label_key,
    number_key,
    split_counter,
    status_counter,
)
from services.curation.rounds.rounds import predicted_counter
from services.doctor.findings import FindingKind
from services.records.points import create_point_id
from services.records.records import encode
from services.vectors.interface import Points
from sluice.errors import Unavailable
from sluice.names import BatchName, GoldenSetName, ViewName
from tests.unit.curation.batches.helpers import DyingLedger, create
from tests.unit.curation.datasets.harness import NAME, vector
from tests.unit.curation.doctor.scene import FRAMES, ROUND, TENANT, Scene

DATASET: Final = NAME.dataset
BATCH: Final = BatchName(NAME.project, DATASET, "b1")
GOLDEN: Final = GoldenSetName(NAME.project, DATASET, "g")

Tamper = Callable[[Scene], Awaitable[None]]
"""Makes one difference."""


async def not_numbered(of: Scene) -> None:
    """A frame has lost its number."""
    await of.write(number_key(DATASET, (await of.row("7-left")).number))


async def misnumbered(of: Scene) -> None:
    """The number of a frame names another one."""
    number = (await of.row("7-left")).number
    await of.write(puts={number_key(DATASET, number): encode(FrameReference(frame_id="plain"))})


async def not_claimed(of: Scene) -> None:
    """Nobody has a label's id."""
    await of.write(label_key(DATASET, "l1"))


async def not_grouped(of: Scene) -> None:
    """A group does not list its second slice."""
    where = group_key(DATASET, "g7")
    group = await of.read(where, Group)
    group = structs.replace(group, frames=group.frames[:1], slices=group.slices[:1])
    await of.write(puts={where: encode(group)})


async def stranger(of: Scene) -> None:
    """A group lists a slice of another one."""
    where = group_key(DATASET, "g7")
    group = await of.read(where, Group)
    frames, slices = (*group.frames, "8-left"), (*group.slices, "middle")
    await of.write(puts={where: encode(structs.replace(group, frames=frames, slices=slices))})


async def _said(of: Scene, **changes: int) -> None:
    where = dataset_frames_key(DATASET)
    said = await of.read(where, DatasetFrames)
    await of.write(puts={where: encode(structs.replace(said, **changes))})


async def too_few_frames(of: Scene) -> None:
    """A frame too few is counted: the next one would take the last one's number."""
    await _said(of, count=25)


async def too_many_frames(of: Scene) -> None:
    """Frames are counted that there never were."""
    await _said(of, count=30)


async def too_few_crops(of: Scene) -> None:
    """It is said that no frame has more than one embedding."""
    await _said(of, rows_per_frame_max=1)


async def space_lost(of: Scene) -> None:
    """What is known of all frames is gone."""
    await of.write(dataset_frames_key(DATASET))


async def _points(of: Scene, frame_id: str) -> Points:
    ids = [UUID(bytes=stored.point) for stored in (await of.row(frame_id)).vectors]
    return await of.stores.vectors.retrieve(FRAMES, TENANT, ids)


async def misnamed(of: Scene) -> None:
    """A point says that it is another frame's."""
    found = await _points(of, "car")
    payloads = [found.payloads[0], {"frame_id": "other", "label_id": ""}]
    await of.stores.vectors.write(FRAMES, TENANT, Points(found.ids, found.vectors, payloads))


async def _orphan(of: Scene, tenant: str, frame_id: str) -> None:
    payload = {"frame_id": frame_id, "label_id": ""}
    orphan = Points([create_point_id()], vector("x")[None], [payload])
    await of.stores.vectors.write(FRAMES, tenant, orphan)


async def orphan(of: Scene) -> None:
    """A frame has a point that it does not name."""
    await _orphan(of, TENANT, "7-left")


async def orphan_of_nothing(of: Scene) -> None:
    """A dataset without frames has a point."""
    await _orphan(of, f"{NAME.project}/datasets/other", "x")


async def status_miscounted(of: Scene) -> None:
    """Two reviewed groups too many are counted."""
    await of.write(adds={status_counter(DATASET, Status.REVIEWED): 2})


async def split_miscounted(of: Scene) -> None:
    """A group too few is counted for training."""
    await of.write(adds={split_counter(DATASET, Split.TRAIN): -1})


async def held_out_miscounted(of: Scene) -> None:
    """A group too many is counted as annotated and held out."""
    await of.write(adds={held_out_counter(DATASET, Status.ANNOTATED): 1})


async def predictions_miscounted(of: Scene) -> None:
    """A predicted frame too many is counted."""
    await of.write(adds={predicted_counter(DATASET, ROUND.round): 1})


async def rounds_miscounted(of: Scene) -> None:
    """A recorded round too many is counted, and so one too few can be recorded."""
    await of.write(adds={rounds_counter(NAME): 1})


async def view_missing(of: Scene) -> None:
    """A batch has no view."""
    await of.write(view_key(ViewName(NAME.project, DATASET, "b1")))


async def plan_left(of: Scene) -> None:
    """A batch died when its plan was written and not yet bound to its name."""
    dying = of.here.with_stores(ledger=DyingLedger(of.stores.ledger, 1))
    with pytest.raises(Unavailable):
        await create(dying, "b2", count=3, golden_override="a test")


async def verdict_missing(of: Scene) -> None:
    """The file with all that a check rests on is gone; those with the images are not."""
    await of.stores.blobs.delete(of.check.check)


async def newest_unknown(of: Scene) -> None:
    """The golden set does not know that it was checked, so its failure blocks nothing."""
    await of.write(newest_key(GOLDEN))


MENDED: Final[list[tuple[Tamper, FindingKind, str]]] = [
    (not_numbered, FindingKind.FRAME_RECORDS, f"{NAME}/frames/7-left"),
    (misnumbered, FindingKind.FRAME_RECORDS, f"{NAME}/frames/7-left"),
    (not_claimed, FindingKind.FRAME_RECORDS, f"{NAME}/frames/car"),
    (not_grouped, FindingKind.FRAME_GROUP, f"{NAME}/frames/7-right"),
    (stranger, FindingKind.FRAME_GROUP, f"{NAME}/frames/8-left"),
    (too_few_frames, FindingKind.FRAME_COUNT, str(NAME)),
    (too_many_frames, FindingKind.FRAME_COUNT, str(NAME)),
    (too_few_crops, FindingKind.FRAME_COUNT, str(NAME)),
    (held_out_miscounted, FindingKind.COUNTER, f"{NAME} annotated groups held out"),
    (space_lost, FindingKind.FRAME_COUNT, str(NAME)),
    (misnamed, FindingKind.FRAME_VECTOR, f"{NAME}/frames/car"),
    (orphan, FindingKind.FRAME_ORPHAN, f"{NAME}/frames/7-left, point "),
    (orphan_of_nothing, FindingKind.FRAME_ORPHAN, "projects/p/datasets/other/frames/x, point "),
    (status_miscounted, FindingKind.COUNTER, f"{NAME} reviewed groups"),
    (split_miscounted, FindingKind.COUNTER, f"{NAME} train groups"),
    (predictions_miscounted, FindingKind.COUNTER, f"{ROUND} predicted frames"),
    (rounds_miscounted, FindingKind.COUNTER, f"{NAME} recorded rounds"),
    (view_missing, FindingKind.BATCH_VIEW, str(BATCH)),
    (plan_left, FindingKind.BATCH_PLAN, f"{NAME}/batches/b2, plan "),
    (verdict_missing, FindingKind.BLOB_DAMAGED, f"{GOLDEN}/checks/"),
    (newest_unknown, FindingKind.GOLDEN_NEWEST, str(GOLDEN)),
]
"""What can be mended, each with the finding that names it and how its subject starts."""


async def document_missing(of: Scene) -> None:
    """A frame has no document."""
    await of.write(document_key(DATASET, "car"))


async def document_other(of: Scene) -> None:
    """A frame has another's document."""
    other = await of.read(document_key(DATASET, "plain"), FrameDocument)
    await of.write(puts={document_key(DATASET, "car"): encode(other)})


async def row_missing(of: Scene) -> None:
    """A frame has no row."""
    await of.write(frame_key(DATASET, "7-left"))


async def row_and_number_missing(of: Scene) -> None:
    """A frame has neither row nor number; its group lists it."""
    await of.write(
        frame_key(DATASET, "7-left"), number_key(DATASET, (await of.row("7-left")).number)
    )


async def claimed_by_another(of: Scene) -> None:
    """The id of a frame's label is another's."""
    await of.write(puts={label_key(DATASET, "l1"): encode(FrameReference(frame_id="plain"))})


async def vector_missing(of: Scene) -> None:
    """The point of a crop is gone."""
    found = await _points(of, "car")
    await of.stores.vectors.delete(FRAMES, TENANT, found.ids[1:])


async def vector_other(of: Scene) -> None:
    """The points of a frame and of its crop have been exchanged."""
    found = await _points(of, "car")
    other = np.flip(found.vectors, axis=0)
    await of.stores.vectors.write(FRAMES, TENANT, Points(found.ids, other, found.payloads))


async def pick_missing(of: Scene) -> None:
    """A pick of a batch is gone."""
    await of.write(pick_key(BATCH, 3))


async def reference_missing(of: Scene) -> None:
    """The images of a golden set are gone."""
    await of.stores.blobs.delete((await of.read(golden_set_key(GOLDEN), GoldenSet)).annotations)


async def annotations_missing(of: Scene) -> None:
    """The images of a check are gone."""
    await of.stores.blobs.delete(of.check.annotations)


async def samples_missing(of: Scene) -> None:
    """The samples of a recorded round are gone."""
    await of.stores.blobs.delete(of.recorded.samples)


async def newest_nowhere(of: Scene) -> None:
    """The newest check of a golden set is one that is not there."""
    gone = structs.replace(of.check.key, round=9)
    await of.write(puts={newest_key(GOLDEN): encode(Newest(check=check_name(GOLDEN, gone).check))})


LOST: Final[list[tuple[Tamper, FindingKind, str]]] = [
    (document_missing, FindingKind.FRAME_RECORDS, f"{NAME}/frames/car"),
    (document_other, FindingKind.FRAME_RECORDS, f"{NAME}/frames/car"),
    (row_missing, FindingKind.FRAME_RECORDS, f"{NAME}/frames/7-left"),
    (row_and_number_missing, FindingKind.FRAME_RECORDS, f"{NAME}/frames/7-left"),
    (claimed_by_another, FindingKind.FRAME_RECORDS, f"{NAME}/frames/car"),
    (vector_missing, FindingKind.FRAME_VECTOR, f"{NAME}/frames/car"),
    (vector_other, FindingKind.FRAME_VECTOR, f"{NAME}/frames/car"),
    (pick_missing, FindingKind.BATCH_PICKS, str(BATCH)),
    (reference_missing, FindingKind.BLOB_DAMAGED, f"the images of {GOLDEN}, blob "),
    (annotations_missing, FindingKind.BLOB_DAMAGED, f"the images of {GOLDEN}/checks/"),
    (samples_missing, FindingKind.BLOB_DAMAGED, f"recorded round 1 of {NAME}, blob "),
    (newest_nowhere, FindingKind.GOLDEN_NEWEST, str(GOLDEN)),
]
"""What cannot, each with its finding."""
