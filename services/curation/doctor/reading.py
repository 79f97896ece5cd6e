"""Lists a project's datasets for the doctor, and rules shared by the doctor's checks."""

from __future__ import annotations

from typing import Final

from services.curation.records import LOST_DIGEST
from services.curation.resource_deletion import DATASET, ResourceTombstone, tombstone_key
from services.doctor.examination import Examination
from services.records.documents import find_record
from services.records.scanning import list_children
from sluice.names import DatasetName

ATTEMPTS: Final = 3
"""Attempts to read records that change during the read."""

_KEY_PREFIXES: Final = (
    "dataset-frames",
    "frame",
    "frame-at",
    "group",
    "round",
    "batch",
    "batch-plan",
    "golden-set",
    "golden-check",
    "recorded-round",
)
"""First segments of the keys of dataset records."""


def describe_recovery(examination: Examination, digest: bytes) -> str:
    """The next step for a frame with lost content, given the digest in its row.

    A frame appended again with the same content counts as unchanged unless its row notes the loss.
    """
    if examination.repair or digest == LOST_DIGEST:
        return "append the frame again"
    return "repair, then append the frame again"


async def datasets_of(examination: Examination) -> list[DatasetName]:
    """The datasets with at least one record, in the order of their names."""
    datasets: set[str] = set()
    for parent in _KEY_PREFIXES:
        datasets.update(await list_children(examination.ledger, examination.project, parent))
    return [DatasetName(examination.project, dataset) for dataset in sorted(datasets)]


async def is_being_deleted(examination: Examination, name: DatasetName) -> bool:
    """Whether a deletion of the dataset began within the hour, or is not complete."""
    key = tombstone_key(DATASET, name.dataset, name.dataset)
    ledger, project = examination.ledger, examination.project
    stored = await find_record(ledger, project, key, ResourceTombstone)
    if stored is None:
        return False
    return not stored.record.done or examination.is_young(stored.record.deleted_us)
