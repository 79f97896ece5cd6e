"""Files of a version that Sluice committed before model format 3, and the scores that it gave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sluice.scoring import Basis, ElementId, ScoringModel, build_model


@dataclass(frozen=True, slots=True, eq=False)
class EarlierVersion:
    """A model file of format 2 with its basis file, both as that Sluice wrote them.

    The model was built from `elements` `(5, 66) float32`, `e0` to `e4`, of which two are equal; it
    has a remainder. `scores` `(10,) float64` are those of `frames` `(10, 66) float32`, which
    include elements and background rows.
    """

    model: bytes
    basis: bytes
    model_digest: str
    elements: NDArray[np.float32]
    frames: NDArray[np.float32]
    scores: NDArray[np.float64]

    @property
    def element_ids(self) -> list[ElementId]:
        """The ids of the elements."""
        return [ElementId(f"e{row}") for row in range(len(self.elements))]

    def build_again(self) -> ScoringModel:
        """The model of the same elements and basis by today's formula."""
        return build_model(self.elements, self.element_ids, Basis.from_bytes(self.basis))


def read_earlier_version() -> EarlierVersion:
    """Read the version from `tests/data`."""
    with np.load(Path(__file__).parent / "data" / "format_2.npz") as arrays:
        return EarlierVersion(
            model=arrays["model"].tobytes(),
            basis=arrays["basis"].tobytes(),
            model_digest=str(arrays["digest"]),
            elements=arrays["elements"],
            frames=arrays["frames"],
            scores=arrays["scores"],
        )
