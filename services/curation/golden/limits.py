"""The limits from which a round warns or fails."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from services.records.records import Record
from sluice.errors import InvalidArgument

CLASS_CHANGE_FAIL: Final = 0.10
"""A class that gained or lost a tenth of its objects trains another model; less is a warning."""

EMPTY_CHANGE_FAIL: Final = 0.05
"""One image in twenty that became empty, or stopped being empty, is as harmful."""

AGREEMENT_WARN: Final = 0.90
"""Two careful annotators agree on nine objects of ten; a round that surely does not is suspect."""

AGREEMENT_FAIL: Final = 0.75
"""Where one object of four differs, labels are worth less than the model that is to learn them."""

CLASS_AGREEMENT_FAIL: Final = 0.50
"""Of one class, at least half. Not more: two labels of a hundred put at random can be a fifth of a
rare class, so only the rounds as a whole are held to the limits above."""

IOU_WARN: Final = 0.75
"""COCO's strict match: boxes looser than this make every later figure at that IoU meaningless."""


class GoldenLimits(Record, frozen=True, kw_only=True):
    """Where warnings and failures begin; a team with harder objects sets its own limits."""

    class_change_fail: float = CLASS_CHANGE_FAIL
    empty_change_fail: float = EMPTY_CHANGE_FAIL
    agreement_warn: float = AGREEMENT_WARN
    agreement_fail: float = AGREEMENT_FAIL
    class_agreement_fail: float = CLASS_AGREEMENT_FAIL
    iou_warn: float = IOU_WARN

    def check(self, field: str = "limits") -> None:
        """Raise InvalidArgument naming the limit, below `field`, that is not in 0…1."""
        for name, limit in structs.asdict(self).items():
            if not 0 <= limit <= 1:
                raise InvalidArgument.of(f"{field}.{name}", f"{limit} is not in 0…1")
