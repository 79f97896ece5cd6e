"""Differences that the doctor must find, made by writing to curation's stores directly."""

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
    NewestCheck,
    check_key,
    check_name,
    golden_set_key,
    newest_key,
)
from services.curation.golden.verdict import GoldenVerdict
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


async def delete_number(scene: Scene) -> None:
    """Delete a frame's number."""
    await scene.write(number_key(DATASET, (await scene.row("7-left")).number))


async def redirect_number(scene: Scene) -> None:
    """Let the number of a frame name another frame."""
    number = (await scene.row("7-left")).number
    await scene.write(puts={number_key(DATASET, number): encode(FrameReference(frame_id="plain"))})


async def delete_label_owner(scene: Scene) -> None:
    """Delete the owner of a label id."""
    await scene.write(label_key(DATASET, "l1"))


async def drop_slice(scene: Scene) -> None:
    """Drop the second slice of a group."""
    key = group_key(DATASET, "g7")
    group = await scene.read(key, Group)
    group = structs.replace(group, frames=group.frames[:1], slices=group.slices[:1])
    await scene.write(puts={key: encode(group)})


async def add_stranger(scene: Scene) -> None:
    """Let a group list a slice of another group."""
    key = group_key(DATASET, "g7")
    group = await scene.read(key, Group)
    frames, slices = (*group.frames, "8-left"), (*group.slices, "middle")
    await scene.write(puts={key: encode(structs.replace(group, frames=frames, slices=slices))})


async def _change_dataset_frames(scene: Scene, **changes: int) -> None:
    key = dataset_frames_key(DATASET)
    stored = await scene.read(key, DatasetFrames)
    await scene.write(puts={key: encode(structs.replace(stored, **changes))})


async def lower_frame_count(scene: Scene) -> None:
    """Count one frame too few: the next one would get the last one's number."""
    await _change_dataset_frames(scene, count=25)


async def raise_frame_count(scene: Scene) -> None:
    """Count frames that never existed."""
    await _change_dataset_frames(scene, count=30)


async def lower_rows_per_frame(scene: Scene) -> None:
    """Claim that no frame has more than one embedding."""
    await _change_dataset_frames(scene, rows_per_frame_max=1)


async def delete_dataset_frames(scene: Scene) -> None:
    """Delete the record of all frames."""
    await scene.write(dataset_frames_key(DATASET))


async def _read_points(scene: Scene, frame_id: str) -> Points:
    ids = [UUID(bytes=stored.point) for stored in (await scene.row(frame_id)).vectors]
    return await scene.stores.vectors.retrieve(FRAMES, TENANT, ids)


async def misname_point(scene: Scene) -> None:
    """Let a point's payload name another frame."""
    points = await _read_points(scene, "car")
    payloads = [points.payloads[0], {"frame_id": "other", "label_id": ""}]
    await scene.stores.vectors.write(FRAMES, TENANT, Points(points.ids, points.vectors, payloads))


async def _add_orphan_point(scene: Scene, tenant: str, frame_id: str) -> None:
    payload = {"frame_id": frame_id, "label_id": ""}
    add_orphan = Points([create_point_id()], vector("x")[None], [payload])
    await scene.stores.vectors.write(FRAMES, tenant, add_orphan)


async def add_orphan(scene: Scene) -> None:
    """Add a point that its frame does not name."""
    await _add_orphan_point(scene, TENANT, "7-left")


async def add_orphan_of_empty_dataset(scene: Scene) -> None:
    """Add a point of a dataset without frames."""
    await _add_orphan_point(scene, f"{NAME.project}/datasets/other", "x")


async def miscount_status(scene: Scene) -> None:
    """Count two reviewed groups too many."""
    await scene.write(adds={status_counter(DATASET, Status.REVIEWED): 2})


async def miscount_split(scene: Scene) -> None:
    """Count one training group too few."""
    await scene.write(adds={split_counter(DATASET, Split.TRAIN): -1})


async def miscount_held_out(scene: Scene) -> None:
    """Count one annotated, held-out group too many."""
    await scene.write(adds={held_out_counter(DATASET, Status.ANNOTATED): 1})


async def miscount_predictions(scene: Scene) -> None:
    """Count one predicted frame too many."""
    await scene.write(adds={predicted_counter(DATASET, ROUND.round): 1})


async def miscount_rounds(scene: Scene) -> None:
    """Count one recorded round too many, so that one fewer can be recorded."""
    await scene.write(adds={rounds_counter(NAME): 1})


async def delete_view(scene: Scene) -> None:
    """Delete the view of a batch."""
    await scene.write(view_key(ViewName(NAME.project, DATASET, "b1")))


async def leave_plan(scene: Scene) -> None:
    """End the creation of a batch after its plan is written and before the batch names it."""
    dying = scene.harness.with_stores(ledger=DyingLedger(scene.stores.ledger, 1))
    with pytest.raises(Unavailable):
        await create(dying, "b2", count=3, golden_override="a test")


async def delete_check_details(scene: Scene) -> None:
    """Delete the file with a check's details, and keep those with the images."""
    await scene.stores.blobs.delete(scene.check.check)


async def delete_newest(scene: Scene) -> None:
    """The golden set does not know that it was checked, so its failure blocks nothing."""
    await scene.write(newest_key(GOLDEN))


async def hide_failure(scene: Scene) -> None:
    """Let a check of too few images be the newest, as versions before did."""
    key = structs.replace(scene.check.key, round=2)
    check = structs.replace(scene.check, key=key, verdict=GoldenVerdict.INSUFFICIENT)
    name = check_name(GOLDEN, key)
    newest = encode(NewestCheck(check=name.check))
    await scene.write(puts={check_key(name): encode(check), newest_key(GOLDEN): newest})


REPAIRABLE: Final[list[tuple[Tamper, FindingKind, str]]] = [
    (delete_number, FindingKind.FRAME_RECORDS, f"{NAME}/frames/7-left"),
    (redirect_number, FindingKind.FRAME_RECORDS, f"{NAME}/frames/7-left"),
    (delete_label_owner, FindingKind.FRAME_RECORDS, f"{NAME}/frames/car"),
    (drop_slice, FindingKind.FRAME_GROUP, f"{NAME}/frames/7-right"),
    (add_stranger, FindingKind.FRAME_GROUP, f"{NAME}/frames/8-left"),
    (lower_frame_count, FindingKind.FRAME_COUNT, str(NAME)),
    (raise_frame_count, FindingKind.FRAME_COUNT, str(NAME)),
    (lower_rows_per_frame, FindingKind.FRAME_COUNT, str(NAME)),
    (miscount_held_out, FindingKind.COUNTER, f"{NAME} annotated groups held out"),
    (delete_dataset_frames, FindingKind.FRAME_COUNT, str(NAME)),
    (misname_point, FindingKind.FRAME_VECTOR, f"{NAME}/frames/car"),
    (add_orphan, FindingKind.FRAME_ORPHAN, f"{NAME}/frames/7-left, point "),
    (
        add_orphan_of_empty_dataset,
        FindingKind.FRAME_ORPHAN,
        "projects/p/datasets/other/frames/x, point ",
    ),
    (miscount_status, FindingKind.COUNTER, f"{NAME} reviewed groups"),
    (miscount_split, FindingKind.COUNTER, f"{NAME} train groups"),
    (miscount_predictions, FindingKind.COUNTER, f"{ROUND} predicted frames"),
    (miscount_rounds, FindingKind.COUNTER, f"{NAME} recorded rounds"),
    (delete_view, FindingKind.BATCH_VIEW, str(BATCH)),
    (leave_plan, FindingKind.BATCH_PLAN, f"{NAME}/batches/b2, plan "),
    (delete_check_details, FindingKind.BLOB_DAMAGED, f"{GOLDEN}/checks/"),
    (delete_newest, FindingKind.GOLDEN_NEWEST, str(GOLDEN)),
    (hide_failure, FindingKind.GOLDEN_NEWEST, str(GOLDEN)),
]
"""Differences that can be repaired, each with the kind and the start of the subject."""


async def delete_document(scene: Scene) -> None:
    """Delete a frame's document."""
    await scene.write(document_key(DATASET, "car"))


async def swap_document(scene: Scene) -> None:
    """Give a frame the document of another one."""
    other = await scene.read(document_key(DATASET, "plain"), FrameDocument)
    await scene.write(puts={document_key(DATASET, "car"): encode(other)})


async def delete_row(scene: Scene) -> None:
    """Delete a frame's row."""
    await scene.write(frame_key(DATASET, "7-left"))


async def delete_row_and_number(scene: Scene) -> None:
    """Delete a frame's row and number; its group still lists it."""
    await scene.write(
        frame_key(DATASET, "7-left"), number_key(DATASET, (await scene.row("7-left")).number)
    )


async def change_label_owner(scene: Scene) -> None:
    """Give a label id to another frame."""
    await scene.write(puts={label_key(DATASET, "l1"): encode(FrameReference(frame_id="plain"))})


async def delete_crop_point(scene: Scene) -> None:
    """Delete the point of a crop."""
    points = await _read_points(scene, "car")
    await scene.stores.vectors.delete(FRAMES, TENANT, points.ids[1:])


async def swap_points(scene: Scene) -> None:
    """Exchange the vectors of a frame and of its crop."""
    points = await _read_points(scene, "car")
    other = np.flip(points.vectors, axis=0)
    await scene.stores.vectors.write(FRAMES, TENANT, Points(points.ids, other, points.payloads))


async def delete_pick(scene: Scene) -> None:
    """Delete a pick of a batch."""
    await scene.write(pick_key(BATCH, 3))


async def delete_reference(scene: Scene) -> None:
    """Delete the images of a golden set."""
    await scene.stores.blobs.delete(
        (await scene.read(golden_set_key(GOLDEN), GoldenSet)).annotations
    )


async def delete_annotations(scene: Scene) -> None:
    """Delete the images of a check."""
    await scene.stores.blobs.delete(scene.check.annotations)


async def delete_samples(scene: Scene) -> None:
    """Delete the samples of a recorded round."""
    await scene.stores.blobs.delete(scene.recorded.samples)


async def misname_newest(scene: Scene) -> None:
    """Let a check that does not exist be the newest of a golden set."""
    gone = structs.replace(scene.check.key, round=9)
    await scene.write(
        puts={newest_key(GOLDEN): encode(NewestCheck(check=check_name(GOLDEN, gone).check))}
    )


LOST: Final[list[tuple[Tamper, FindingKind, str]]] = [
    (delete_document, FindingKind.FRAME_RECORDS, f"{NAME}/frames/car"),
    (swap_document, FindingKind.FRAME_RECORDS, f"{NAME}/frames/car"),
    (delete_row, FindingKind.FRAME_RECORDS, f"{NAME}/frames/7-left"),
    (delete_row_and_number, FindingKind.FRAME_RECORDS, f"{NAME}/frames/7-left"),
    (change_label_owner, FindingKind.FRAME_RECORDS, f"{NAME}/frames/car"),
    (delete_crop_point, FindingKind.FRAME_VECTOR, f"{NAME}/frames/car"),
    (swap_points, FindingKind.FRAME_VECTOR, f"{NAME}/frames/car"),
    (delete_pick, FindingKind.BATCH_PICKS, str(BATCH)),
    (delete_reference, FindingKind.BLOB_DAMAGED, f"the images of {GOLDEN}, blob "),
    (delete_annotations, FindingKind.BLOB_DAMAGED, f"the images of {GOLDEN}/checks/"),
    (delete_samples, FindingKind.BLOB_DAMAGED, f"recorded round 1 of {NAME}, blob "),
    (misname_newest, FindingKind.GOLDEN_NEWEST, str(GOLDEN)),
]
"""Differences that cannot be repaired, each with the kind and the start of the subject."""
