"""The design's formulas, slow and plain, in float64: what the kernel is held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sluice.scoring import Basis, ElementId, ScoringModel, build_model, normalise

Row = NDArray[np.float64]


def random_rows(seed: int, rows: int, dimension: int) -> NDArray[np.float32]:
    """Rows around eight centres, so that some are near each other and none are equal."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(8, dimension))
    drawn = centres[rng.integers(0, 8, rows)] + 0.5 * rng.normal(size=(rows, dimension))
    return drawn.astype(np.float32)


def numbered(count: int) -> list[ElementId]:
    """That many ids, in canonical order."""
    return [ElementId(f"frame-{index:05}") for index in range(count)]


def random_model(seed: int, elements: int, dimension: int, basis: Basis | None) -> ScoringModel:
    """The model of that many random elements."""
    return build_model(random_rows(seed, elements, dimension), numbered(elements), basis)


def place(frame: NDArray[np.float32], basis: Basis | None) -> Row:
    """Where cosines are taken: the frame at length 1, or its projection at length 1."""
    exact: Row = np.array(frame, np.float64)
    exact /= np.sqrt((exact**2).sum())
    if basis is not None:
        exact = (exact - basis.mean) @ basis.projection.astype(np.float64)
        exact /= np.sqrt((exact**2).sum())
    return exact


def contrast(frame: Row, elements: Sequence[Row], background: Sequence[Row] | None) -> float:
    """Mean of the 5 largest cosines to elements, less ¼ of that of 10 to other background rows."""
    nearest = sorted((float(frame @ element) for element in elements), reverse=True)[:5]
    others = [float(frame @ row) for row in background or () if np.abs(frame - row).max() > 1e-5]
    ordinary = sorted(others, reverse=True)[:10]
    return sum(nearest) / len(nearest) - (sum(ordinary) / len(ordinary) / 4 if ordinary else 0)


def frame_contrasts(
    frames: NDArray[np.float32], model: ScoringModel, basis: Basis | None
) -> list[float]:
    """The contrast of each frame to a model."""
    elements = list(model.elements.astype(np.float64))
    background = None if basis is None else list(basis.background.astype(np.float64))
    return [contrast(place(frame, basis), elements, background) for frame in normalise(frames)]


def score(value: float, threshold: float, below: float, above: float) -> float:
    """The design's curve."""
    if value < threshold:
        return float(0.5 * np.exp((value - threshold) / below))
    return float(1 - 0.5 * np.exp(-(value - threshold) / above))
