"""A transaction made ready to be applied: checked, encoded, and independent of the caller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.ledger.interface import Add, Hashes, Transaction

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Write:
    """A valid `Transaction` with every name in UTF-8, which all stores order the same way."""

    partition: bytes
    checks: dict[bytes, int]
    puts: dict[bytes, bytes]
    deletes: list[bytes]
    adds: dict[bytes, Add]
    distinct: dict[bytes, NDArray[np.uint64]]

    @classmethod
    def of(cls, transaction: Transaction) -> Write:
        """Copy what the transaction holds now; ValueError when it makes no sense."""
        write = cls(
            partition=encode(transaction.partition),
            checks=_encode_names(transaction.checks),
            puts=_encode_names(transaction.puts),
            deletes=[encode(key) for key in transaction.deletes],
            adds=_encode_names(transaction.adds),
            distinct={encode(name): _hashes(name, h) for name, h in transaction.distinct.items()},
        )
        _refuse_put_and_deleted(write.puts, write.deletes)
        for name, add in transaction.adds.items():
            _refuse_beyond_64_bits(name, "delta", add.delta)
            if add.ceiling is not None:
                _refuse_beyond_64_bits(name, "ceiling", add.ceiling)
        return write

    @property
    def size_bytes(self) -> int:
        """About how much it writes, for bounding what is applied at once."""
        return sum(len(key) + len(value) for key, value in self.puts.items())


def encode(name: str) -> bytes:
    """The UTF-8 of a partition's, key's or counter's name; ValueError where it has none."""
    if not name:
        raise ValueError("name: is empty, expected at least one character")
    return name.encode()


def key_range(prefix: str, after: str) -> tuple[bytes, bytes]:
    """The keys of a page: start ≤ key < stop, where they start with `prefix` and are past `after`.

    UTF-8 never contains 0xFF, so that this is above every key.
    """
    first, past = prefix.encode(), after.encode() + b"\0"
    stop = first[:-1] + bytes([first[-1] + 1]) if first else b"\xff"
    return max(first, past), stop


def _encode_names(mapping: Mapping[str, _Value]) -> dict[bytes, _Value]:
    return {encode(name): value for name, value in mapping.items()}


def _hashes(name: str, hashes: Hashes) -> NDArray[np.uint64]:
    try:
        return np.array(hashes, dtype=np.uint64)
    except OverflowError as error:
        raise ValueError(f"distinct {name!r}: a hash is not an unsigned 64-bit number") from error


def _refuse_put_and_deleted(puts: Mapping[bytes, bytes], deletes: Iterable[bytes]) -> None:
    for key in deletes:
        if key in puts:
            raise ValueError(f"key {key.decode()!r}: is both put and deleted, expected one of them")


def _refuse_beyond_64_bits(name: str, what: str, value: int) -> None:
    if not INT64_MIN <= value <= INT64_MAX:
        raise ValueError(f"counter {name!r}: {what} is {value}, expected a signed 64-bit number")
