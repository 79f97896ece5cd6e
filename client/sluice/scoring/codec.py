"""Kernel files: safetensors with one line of JSON facts; equal content gives equal bytes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sluice.errors import DataLoss

MAGNITUDE_MAX: Final = 1e9
"""Limit on the values of a file, so that sums of their products stay in float32's range."""

_METADATA = "__metadata__"
# One key only: with several their order, and so the bytes, would not be fixed.
_FACTS = "sluice"
_HEADER_LENGTH_BYTES = 8
_LENGTH_MAX = 1.001  # the squared length of a unit row, with room for rounding

_Scalar = TypeVar("_Scalar", bound=np.generic)


def encode(
    kind: str, version: int, facts: Mapping[str, Any], tensors: dict[str, NDArray[Any]]
) -> bytes:
    """Encode a file of `kind` and format version with its facts (as JSON) and tensors."""
    all_facts = {"kind": kind, "format": version, **facts}
    return save(tensors, {_FACTS: to_json(all_facts)})


def to_json(value: object) -> str:
    """The canonical JSON text of a value: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class File:
    """A decoded file; its methods raise DataLoss for missing or invalid content."""

    kind: str
    facts: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]

    def tensor(self, name: str, dtype: type[_Scalar], axes: int) -> NDArray[_Scalar]:
        """The tensor `name`; raises DataLoss for a wrong dtype, number of axes or value range."""
        tensor = self.tensors.get(name)
        self.check(tensor is not None, f"tensor {name!r}")
        assert tensor is not None
        self.check(tensor.dtype == dtype, f"dtype of {name!r}")
        self.check(tensor.ndim == axes, f"number of axes of {name!r}")
        # `all` and not `max`: comparisons with NaN are false.
        self.check(bool((np.abs(tensor) <= MAGNITUDE_MAX).all()), f"values of {name!r}")
        return tensor

    def check_lengths(self, name: str, rows: NDArray[np.float32]) -> None:
        """Raise DataLoss naming tensor `name` if a row is longer than 1."""
        lengths = np.einsum("ij,ij->i", rows, rows)
        self.check(bool((lengths < _LENGTH_MAX).all()), f"values of {name!r}")

    def fact(self, name: str, kind: type[Any]) -> Any:
        """The fact `name`; raises DataLoss if it is not of this type."""
        value = self.facts.get(name)
        self.check(type(value) is kind, f"fact {name!r}")
        return value

    def check(self, is_valid: bool, part: str) -> None:
        """Raise DataLoss naming the invalid part of the file."""
        if not is_valid:
            raise _damage_error(self.kind, part)


def decode(kind: str, versions: Collection[int], data: bytes) -> File:
    """Decode a file of `kind` and one of these format versions; raises DataLoss for any other."""
    try:
        tensors = load(data)
        length = int.from_bytes(data[:_HEADER_LENGTH_BYTES], "little")
        header = json.loads(data[_HEADER_LENGTH_BYTES : _HEADER_LENGTH_BYTES + length])
        facts = json.loads(header[_METADATA][_FACTS])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damage_error(kind, "format") from error
    if not isinstance(facts, dict):
        raise _damage_error(kind, "facts")
    file = File(kind, facts, tensors)
    file.check(facts.get("kind") == kind, "kind")
    version = facts.get("format")
    readable = " and ".join(map(str, sorted(versions)))
    is_readable = type(version) is int and version in versions
    file.check(is_readable, f"format version {version!r} (this Sluice reads {readable})")
    return file


def _damage_error(kind: str, part: str) -> DataLoss:
    return DataLoss(f"{kind} file is damaged: invalid {part}", metadata={"kind": kind})
