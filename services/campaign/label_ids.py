"""Whose label ids are: in one dataset, a label id is one frame's for good.

Crops, reviews and predictions name a label by its id alone, so two frames may not share one.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.campaign.candidates import Candidate, refused
from services.campaign.records import LabelOwner, label_key
from services.ledger.interface import Ledger
from services.records.records import decode, encode
from sluice.names import DatasetName


async def claim_label_ids(
    ledger: Ledger, dataset: DatasetName, candidates: Sequence[Candidate]
) -> dict[str, bytes]:
    """What the transaction that adds these frames puts, under keys that must not exist till then.

    Raises InvalidArgument naming the first label whose id is another frame's.
    """
    keys = {
        label.id: label_key(dataset.dataset, label.id)
        for candidate in candidates
        for label in candidate.frame.labels
    }
    known = await ledger.get(dataset.project, list(keys.values()))
    owners = {
        label_id: decode(LabelOwner, known[key]).frame_id
        for label_id, key in keys.items()
        if key in known
    }
    for index, candidate in enumerate(candidates):
        for number, label in enumerate(candidate.frame.labels):
            owner = owners.setdefault(label.id, candidate.frame.id)
            if owner != candidate.frame.id:
                problem = f"{label.id!r} is the id of a label of frame {owner!r} in {dataset}"
                path = f".frame.labels[{number}].id"
                raise refused(index, candidate, path, problem, label_id=label.id)
    return {
        key: encode(LabelOwner(frame_id=owners[label_id]))
        for label_id, key in keys.items()
        if key not in known
    }
