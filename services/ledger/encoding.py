"""Encoding of transactions: checked, in UTF-8, and independent of the caller's objects."""

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
class EncodedTransaction:
    """A valid `Transaction` with every name in UTF-8, which all stores order the same way."""

    partition: bytes
    checks: dict[bytes, int]
    puts: dict[bytes, bytes]
    deletes: list[bytes]
    adds: dict[bytes, Add]
    distinct: dict[bytes, NDArray[np.uint64]]

    @classmethod
    def of(cls, transaction: Transaction) -> EncodedTransaction:
        """Check and copy a transaction; ValueError when it is malformed."""
        encoded = cls(
            partition=encode(transaction.partition),
            checks=_encode_names(transaction.checks),
            puts=_encode_names(transaction.puts),
            deletes=[encode(key) for key in transaction.deletes],
            adds=_encode_names(transaction.adds),
            distinct={
                encode(name): _encode_hashes(name, hashes)
                for name, hashes in transaction.distinct.items()
            },
        )
        _check_put_or_deleted(encoded.puts, encoded.deletes)
        for name, add in transaction.adds.items():
            _check_int64(name, "delta", add.delta)
            if add.ceiling is not None:
                _check_int64(name, "ceiling", add.ceiling)
        return encoded

    @property
    def size_bytes(self) -> int:
        """About how many bytes it writes, for bounding a group commit."""
        return sum(len(key) + len(value) for key, value in self.puts.items())


def encode(name: str) -> bytes:
    """The UTF-8 of a partition, key or counter name; ValueError when it is empty or has none."""
    if not name:
        raise ValueError("name: is empty, expected at least one character")
    return name.encode()


def key_range(prefix: str, after: str) -> tuple[bytes, bytes]:
    """The bounds (start ≤ key < stop) of the keys that start with `prefix` and are above `after`.

    UTF-8 never contains 0xFF, so that byte is above every key.
    """
    first, next_key = prefix.encode(), after.encode() + b"\0"
    stop = first[:-1] + bytes([first[-1] + 1]) if first else b"\xff"
    return max(first, next_key), stop


def _encode_names(mapping: Mapping[str, _Value]) -> dict[bytes, _Value]:
    return {encode(name): value for name, value in mapping.items()}


def _encode_hashes(name: str, hashes: Hashes) -> NDArray[np.uint64]:
    try:
        return np.array(hashes, dtype=np.uint64)
    except OverflowError as error:
        raise ValueError(f"distinct {name!r}: a hash is not an unsigned 64-bit number") from error


def _check_put_or_deleted(puts: Mapping[bytes, bytes], deletes: Iterable[bytes]) -> None:
    for key in deletes:
        if key in puts:
            raise ValueError(f"key {key.decode()!r}: is both put and deleted, expected one of them")


def _check_int64(name: str, field: str, value: int) -> None:
    if not INT64_MIN <= value <= INT64_MAX:
        raise ValueError(f"counter {name!r}: {field} is {value}, expected a signed 64-bit number")
