"""Ownership of label ids: in one dataset, each label id belongs to one frame for good.

Crops, reviews and predictions refer to a label by its id alone, so two frames cannot share one.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.campaign.candidates import Candidate, candidate_error
from services.campaign.records import LabelOwnerRecord, label_key
from services.ledger.interface import Ledger
from services.records.records import decode, encode
from sluice.names import DatasetName


async def claim_label_ids(
    ledger: Ledger, dataset: DatasetName, candidates: Sequence[Candidate]
) -> dict[str, bytes]:
    """The puts that claim all new label ids; the transaction must check that the keys are absent.

    Raises InvalidArgument naming the first label whose id another frame owns.
    """
    keys = {
        label.id: label_key(dataset.dataset, label.id)
        for candidate in candidates
        for label in candidate.frame.labels
    }
    entries = await ledger.get(dataset.project, list(keys.values()))
    owners = {
        label_id: decode(LabelOwnerRecord, entries[key]).frame_id
        for label_id, key in keys.items()
        if key in entries
    }
    for index, candidate in enumerate(candidates):
        for number, label in enumerate(candidate.frame.labels):
            owner = owners.setdefault(label.id, candidate.frame.id)
            if owner != candidate.frame.id:
                problem = f"{label.id!r} is the id of a label of frame {owner!r} in {dataset}"
                path = f".frame.labels[{number}].id"
                raise candidate_error(index, candidate, path, problem, label_id=label.id)
    return {
        key: encode(LabelOwnerRecord(frame_id=owners[label_id]))
        for label_id, key in keys.items()
        if key not in entries
    }
