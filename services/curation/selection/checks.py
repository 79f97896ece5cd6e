"""Checks of the arguments of selection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument


def check_at_least(field: str, value: float, least: float) -> None:
    """Raise InvalidArgument unless a number is at least `least`."""
    if not value >= least:
        raise InvalidArgument.of(field, f"{value}; expected at least {least}")


def check_vectors(field: str, vectors: NDArray[Any]) -> None:
    """Raise InvalidArgument unless `vectors` are finite float32 of shape (rows, dim)."""
    if vectors.ndim != 2 or vectors.shape[1] == 0 or vectors.dtype != np.float32:
        raise InvalidArgument.of(
            field,
            f"{vectors.dtype} of shape {vectors.shape}; expected float32 of shape (rows, dim)",
        )
    invalid = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if invalid.size:
        raise InvalidArgument.of(field, f"NaN or infinity in row {invalid[0]}; expected numbers")


def check_per_group(field: str, values: NDArray[Any], groups: int) -> None:
    """Raise InvalidArgument unless there is one finite number for each of the groups."""
    if values.shape != (groups,) or values.dtype.kind not in "fiu":
        raise InvalidArgument.of(
            field, f"{values.dtype} of shape {values.shape}; expected a number for each of {groups}"
        )
    invalid = np.flatnonzero(~np.isfinite(values))
    if invalid.size:
        raise InvalidArgument.of(field, f"{values[invalid[0]]} for group {invalid[0]}")


def check_flags(field: str, flags: NDArray[Any], groups: int) -> None:
    """Raise InvalidArgument unless there is a flag for each of the groups."""
    if flags.shape != (groups,) or flags.dtype != np.bool_:
        raise InvalidArgument.of(
            field, f"{flags.dtype} of shape {flags.shape}; expected a bool for each of {groups}"
        )
