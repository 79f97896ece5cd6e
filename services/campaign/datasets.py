"""Datasets: task type and class map of a set of frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from services.campaign.projects import get_project
from services.campaign.records import (
    DatasetRecord,
    LabelClassRecord,
    dataset_key,
)
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import StoredRecord, read_record, read_records
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.pages import Page
from services.records.records import encode, now_us, prefix
from services.records.records import key as record_key
from services.records.stores import Stores
from sluice.checks import check_text, too_large
from sluice.errors import AlreadyExists, InvalidArgument
from sluice.labels import TaskType
from sluice.names import DatasetName, ProjectName, check_resource_id

CLASSES_MAX: Final = 1_024
CLASS_ID_MAX: Final = 65_535

_COLOUR = re.compile("(#[0-9a-fA-F]{6})?")


async def create_dataset(
    stores: Stores,
    request: IdempotentRequest,
    name: DatasetName,
    display_name: str,
    task_type: TaskType,
    classes: Sequence[LabelClassRecord],
) -> DatasetRecord:
    """Create a dataset; its display name defaults to its id.

    Raises AlreadyExists naming the dataset, and InvalidArgument naming an invalid class.
    """
    check_resource_id(name.dataset, "dataset_id")
    check_text("dataset.display_name", display_name, empty=True)
    check_classes(classes)
    await get_project(stores, ProjectName(name.project))
    if response := await find_response(stores.ledger, name.project, request, DatasetRecord):
        return response
    record = DatasetRecord(
        id=name.dataset,
        display_name=display_name or name.dataset,
        task_type=task_type,
        classes=tuple(classes),
        created_us=now_us(),
    )
    key, tombstone = dataset_key(name.dataset), dataset_tombstone_key(name.dataset)
    checks = {key: ABSENT, tombstone: ABSENT}
    creation = Transaction(name.project, checks=checks, puts={key: encode(record)})
    try:
        return await commit_once(stores.ledger, creation, request, record)
    except Conflict as conflict:
        if await stores.ledger.get(name.project, [tombstone]):
            problem = f"dataset_id: {name.dataset!r} was deleted, and its id is not used again"
            raise AlreadyExists(problem) from conflict
        raise AlreadyExists(f"dataset_id: {name} already exists") from conflict


async def get_dataset(stores: Stores, name: DatasetName) -> DatasetRecord:
    """A dataset; raises NotFound naming it if it does not exist."""
    return (await read_dataset(stores, name)).record


async def read_dataset(stores: Stores, name: DatasetName) -> StoredRecord[DatasetRecord]:
    """A dataset with the revision that a change must check."""
    key = dataset_key(name.dataset)
    return await read_record(stores.ledger, name.project, key, DatasetRecord, name)


async def list_datasets(
    stores: Stores, project: ProjectName, page: Page
) -> tuple[list[DatasetRecord], str]:
    """A page of a project's datasets, ordered by name, and the next page token."""
    await get_project(stores, project)
    return await read_records(
        stores.ledger, project.project, prefix("dataset"), DatasetRecord, page
    )


def dataset_tombstone_key(dataset: str) -> str:
    """Key of the tombstone of a dataset."""
    return record_key("deleted-dataset", dataset)


def check_classes(classes: Sequence[LabelClassRecord]) -> None:
    """Reject a class map that is too large, or has an invalid or duplicate class."""
    if len(classes) > CLASSES_MAX:
        raise too_large(
            "dataset.classes",
            f"{len(classes)}; at most {CLASSES_MAX} are accepted",
            CLASSES_MAX,
        )
    ids: dict[int, int] = {}
    names: dict[str, int] = {}
    for index, label_class in enumerate(classes):
        field = f"dataset.classes[{index}]"
        _check_class(label_class, field)
        if (first := ids.setdefault(label_class.id, index)) != index:
            problem = f"{label_class.id} is a duplicate of the id of classes[{first}]"
            raise InvalidArgument.of(f"{field}.id", problem)
        if (first := names.setdefault(label_class.name, index)) != index:
            problem = f"{label_class.name!r} is a duplicate of the name of classes[{first}]"
            raise InvalidArgument.of(f"{field}.name", problem)


def _check_class(label_class: LabelClassRecord, field: str) -> None:
    check_text(f"{field}.name", label_class.name)
    if label_class.id > CLASS_ID_MAX:
        raise InvalidArgument.of(f"{field}.id", f"{label_class.id} is not in 0…{CLASS_ID_MAX}")
    if not _COLOUR.fullmatch(label_class.colour):
        raise InvalidArgument.of(f"{field}.colour", f"{label_class.colour!r} is not #rrggbb")
