"""Files of the kernel: safetensors with one line of facts, equal content giving equal bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sluice.errors import DataLoss

FORMAT: Final = 2
"""The version of the files; a reader refuses any other."""

MAGNITUDE_MAX: Final = 1e9
"""No value of a file is larger, so that no sum of their products leaves float32's range."""

_METADATA = "__metadata__"
# One key: the order of several would not be fixed, and the bytes with it.
_FACTS = "sluice"
_HEADER_LENGTH_BYTES = 8
_LENGTH_MAX = 1.001  # of a row of length 1, rounded

_Scalar = TypeVar("_Scalar", bound=np.generic)


def encode(kind: str, facts: Mapping[str, Any], tensors: dict[str, NDArray[Any]]) -> bytes:
    """The file of a kind with those facts (JSON) and tensors."""
    all_facts = {"kind": kind, "format": FORMAT, **facts}
    return save(tensors, {_FACTS: to_json(all_facts)})


def to_json(value: object) -> str:
    """The one JSON text of a value: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class File:
    """A file that was read; everything asked of it is checked, and DataLoss where it is not so."""

    kind: str
    facts: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]

    def tensor(self, name: str, dtype: type[_Scalar], axes: int) -> NDArray[_Scalar]:
        """The tensor of that name; its dtype, number of axes and values must be as expected."""
        tensor = self.tensors.get(name)
        self.check(tensor is not None, f"tensor {name!r}")
        assert tensor is not None
        self.check(tensor.dtype == dtype, f"dtype of {name!r}")
        self.check(tensor.ndim == axes, f"number of axes of {name!r}")
        # Not `max`: no comparison with NaN holds.
        self.check(bool((np.abs(tensor) <= MAGNITUDE_MAX).all()), f"values of {name!r}")
        return tensor

    def check_lengths(self, name: str, rows: NDArray[np.float32]) -> None:
        """Raise DataLoss if a row is longer than 1, which those of that name never are."""
        lengths = np.einsum("ij,ij->i", rows, rows)
        self.check(bool((lengths < _LENGTH_MAX).all()), f"values of {name!r}")

    def fact(self, name: str, kind: type[Any]) -> Any:
        """The fact of that name, which must be of that type."""
        value = self.facts.get(name)
        self.check(type(value) is kind, f"fact {name!r}")
        return value

    def check(self, holds: bool, what: str) -> None:
        """Raise DataLoss naming what is not as it must be."""
        if not holds:
            raise _damaged(self.kind, what)


def decode(kind: str, data: bytes) -> File:
    """Read a file of a kind; DataLoss for anything else."""
    try:
        tensors = load(data)
        length = int.from_bytes(data[:_HEADER_LENGTH_BYTES], "little")
        header = json.loads(data[_HEADER_LENGTH_BYTES : _HEADER_LENGTH_BYTES + length])
        facts = json.loads(header[_METADATA][_FACTS])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(kind, "format") from error
    if not isinstance(facts, dict):
        raise _damaged(kind, "facts")
    file = File(kind, facts, tensors)
    file.check(facts.get("kind") == kind, "kind")
    version = facts.get("format")
    file.check(version == FORMAT, f"format version ({version!r}, this Sluice reads {FORMAT})")
    return file


def _damaged(kind: str, what: str) -> DataLoss:
    return DataLoss(f"{kind} file is damaged: {what} is not as it must be", metadata={"kind": kind})
