"""The datasets of a project, read for an examination, and rules that its examiners share."""

from __future__ import annotations

from typing import Final

from services.doctor.examination import Examination
from services.records.scanning import list_children
from sluice.names import DatasetName

ATTEMPTS: Final = 3
"""How often something is read anew that others change meanwhile."""

LOST_DIGEST: Final = b"lost"
"""The digest of what is lost: no content has it, so what is appended again is taken as new."""

_OF_DATASETS: Final = (
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
"""First segments of the keys of a dataset's records."""


def describe_recovery(examination: Examination, digest: bytes) -> str:
    """The next step for a frame with lost content, given the digest in its row.

    A frame appended again with the same content counts as unchanged unless its row notes the loss.
    """
    if examination.repair or digest == LOST_DIGEST:
        return "append the frame again"
    return "repair, then append the frame again"


async def datasets_of(examination: Examination) -> list[DatasetName]:
    """The datasets that have any record, by name."""
    datasets: set[str] = set()
    for parent in _OF_DATASETS:
        datasets.update(await list_children(examination.ledger, examination.project, parent))
    return [DatasetName(examination.project, dataset) for dataset in sorted(datasets)]
