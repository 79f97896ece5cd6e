"""Golden sets: created with all their images, and never changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from services.curation.golden.annotations import Annotations
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.records import GoldenSet, golden_set_key, golden_sets_prefix
from services.curation.golden.summary import Summary, summarise
from services.curation.resource_deletion import (
    GOLDEN_SET,
    check_not_deleted,
    tombstone_key,
)
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.peers.datasets import Dataset, DatasetReader
from services.records.blobs import read_blob
from services.records.documents import find_record, read_record, read_records
from services.records.pages import Page
from services.records.records import encode, now_us
from services.records.stores import Stores
from sluice.checks import check_text
from sluice.class_names import describe_classes
from sluice.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from sluice.labels import TaskType
from sluice.names import DatasetName, GoldenSetName, check_resource_id

COMPARABLE: Final = (TaskType.BOX_2D, TaskType.CLASSIFICATION_2D)
"""Task types with labels that can be compared."""

OTHER_CLASSES_MAX: Final = 100
"""Classes beside the class map that a golden set names; their number has no limit."""

_NAMED_MAX: Final = 5

_CONTENT = ("display_name", "limits", "annotations")
"""Fields that must be equal when a golden set is created again."""


async def create_golden_set(
    stores: Stores,
    datasets: DatasetReader,
    name: GoldenSetName,
    display_name: str,
    limits: GoldenLimits,
    annotations: Annotations,
) -> GoldenSet:
    """Create a golden set of a dataset; its display name defaults to its id.

    An equal golden set that exists is returned. Raises InvalidArgument naming the first invalid
    value, or the classes of labels of which none counts; FailedPrecondition for a dataset without
    comparable labels; and AlreadyExists if a different one has the name.
    """
    check_resource_id(name.golden_set, "golden_set_id")
    check_text("golden_set.display_name", display_name, empty=True)
    limits.check("golden_set.limits")
    dataset = await datasets.get(DatasetName(name.project, name.dataset))
    _check_dataset(dataset)
    if not annotations.images:
        raise InvalidArgument.of("images", "no images; at least one is required")
    check_task(annotations, dataset.task_type)
    classes = tuple(sorted(dataset.class_names))
    summary = await asyncio.to_thread(summarise, annotations, classes)
    _check_compared(summary)
    content = await asyncio.to_thread(annotations.to_bytes)
    record = GoldenSet(
        id=name.golden_set,
        display_name=display_name or name.golden_set,
        task_type=dataset.task_type,
        classes=classes,
        limits=limits,
        annotations=await stores.blobs.put(content),
        images=len(annotations.images),
        labels=sum(len(image.labels) for image in annotations.images),
        crowds=summary.crowds,
        other_classes=_most_frequent(summary.other_classes),
        created_us=now_us(),
    )
    bound = await _bind(stores, name, record)
    # Again: a golden set with the same images may have been deleted before this one was stored.
    await stores.blobs.put(content)
    return bound


async def get_golden_set(stores: Stores, name: GoldenSetName) -> GoldenSet:
    """A golden set; NotFound if it does not exist."""
    stored = await read_record(stores.ledger, name.project, golden_set_key(name), GoldenSet, name)
    return stored.record


async def list_golden_sets(
    stores: Stores, datasets: DatasetReader, name: DatasetName, page: Page
) -> tuple[list[GoldenSet], str]:
    """A page of the golden sets of a dataset, by name, and the next one's token."""
    await datasets.get(name)
    return await read_records(
        stores.ledger, name.project, golden_sets_prefix(name), GoldenSet, page
    )


async def read_reference(stores: Stores, golden_set: GoldenSet) -> Annotations:
    """The images of a golden set; DataLoss if they are damaged or missing."""
    content = await read_blob(stores.blobs, golden_set.annotations)
    return await asyncio.to_thread(Annotations.from_bytes, content)


def check_task(annotations: Annotations, task_type: TaskType) -> None:
    """Refuse labels of another task type than the dataset's."""
    for image in annotations.images:
        for label in image.labels[:1]:  # all are of one kind
            if label.task_type is not task_type:
                problem = (
                    f"image {image.id!r} has a {label.task_type.name} label, "
                    f"but the dataset's labels are {task_type.name}"
                )
                metadata = {"label_id": label.id}
                raise InvalidArgument.of(
                    "images", problem, reason="LABEL_MISMATCH", metadata=metadata
                )


def _check_dataset(dataset: Dataset) -> None:
    if dataset.task_type not in COMPARABLE:
        tasks = " and ".join(task.name for task in COMPARABLE)
        problem = (
            f"{dataset.name} has {dataset.task_type.name} labels; {tasks} labels can be compared"
        )
        raise FailedPrecondition(problem)
    if not dataset.class_names:
        raise FailedPrecondition(f"{dataset.name} has no class map, so no label would count")


def _check_compared(summary: Summary) -> None:
    """Refuse labels of which none has a class of the class map: no check could compare any."""
    if summary.other_labels and not summary.detections:
        problem = (
            f"none of the {summary.other_labels:,} labels has a class of the dataset's class map: "
            f"{describe_classes(summary.other_classes, summary.class_counts)}; the class map has "
            f"{_name_some(summary.class_counts)}. Rename the classes, or give a class map OLD=NEW"
        )
        raise InvalidArgument.of("images", problem, reason="LABEL_MISMATCH")


def _name_some(names: Iterable[str]) -> str:
    some = list(islice(names, _NAMED_MAX + 1))
    return ", ".join(map(repr, some[:_NAMED_MAX])) + (", …" if len(some) > _NAMED_MAX else "")


def _most_frequent(counts: Mapping[str, int]) -> dict[str, int]:
    names = sorted(counts, key=lambda name: (-counts[name], name))[:OTHER_CLASSES_MAX]
    return {name: counts[name] for name in sorted(names)}


async def _bind(stores: Stores, name: GoldenSetName, record: GoldenSet) -> GoldenSet:
    ledger_key = golden_set_key(name)
    tombstone = tombstone_key(GOLDEN_SET, name.dataset, name.golden_set)
    creation = Transaction(
        name.project,
        checks={ledger_key: ABSENT, tombstone: ABSENT},
        puts={ledger_key: encode(record)},
    )
    try:
        await stores.ledger.commit(creation)
    except Conflict as conflict:
        await check_not_deleted(stores.ledger, name.project, tombstone, "golden_set_id")
        stored = await find_record(stores.ledger, name.project, ledger_key, GoldenSet)
        existing = stored.record if stored else None
        differs = [
            field for field in _CONTENT if getattr(existing, field, None) != getattr(record, field)
        ]
        if existing is None or differs:
            problem = f"golden_set_id: {name} already exists, with different {', '.join(differs)}"
            raise AlreadyExists(problem, metadata={"changed": ", ".join(differs)}) from conflict
        return existing
    return record
