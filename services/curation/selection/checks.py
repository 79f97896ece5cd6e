"""What the functions of selection ask of their arguments, said the same way everywhere."""

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
