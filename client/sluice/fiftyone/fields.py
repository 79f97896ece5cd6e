"""The fields of FiftyOne samples: which of them Sluice reads, and which it adds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sluice.frames import MetadataValue, check_metadata

STATUS, SPLIT, FAILURES = "sluice_status", "sluice_split", "sluice_failures"
"""Fields that `write_back` adds to samples; `append_dataset` ignores them."""

ADDED_FIELDS: Final = frozenset({STATUS, SPLIT, FAILURES})

STANDARD_FIELDS: Final = frozenset(
    {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at"}
)
"""Fields that every sample has."""

GROUND_TRUTH: Final = "ground_truth"
"""FiftyOne's usual label field."""


@dataclass(frozen=True, slots=True)
class SampleFields:
    """The names of a sample's label and embedding fields; an empty name reads none."""

    label_field: str = GROUND_TRUTH
    embedding_field: str = ""
    model_id: str = ""


def read_fields(sample: Any, names: Iterable[str]) -> dict[str, MetadataValue]:
    """The texts, numbers and flags among a sample's fields, without NaN.

    Raises InvalidArgument naming the sample and a field that a frame cannot have.
    """
    values = {name: sample[name] for name in names}
    fields = {name: value for name, value in values.items() if _is_read(value)}
    check_metadata(f"sample {sample.id}: fields", fields)
    return fields


def _is_read(value: object) -> bool:
    """Whether a value becomes a field; NaN is a missing value, as in a scanned file."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return isinstance(value, str | int | float)
