"""Files of a basis with a remainder and a model with negatives, and a helper to damage them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from sluice.scoring import Basis, ElementId, ScoringModel, build_basis, build_model

ROWS = np.random.default_rng(1).normal(size=(264, 66)).astype(np.float32)
BASIS = build_basis(ROWS)
IDS = [ElementId("frame", ""), ElementId("frame", "label"), ElementId("ünï\n\0☃", '"\\')]
MODEL = build_model(ROWS[:3], IDS, BASIS, ROWS[3:5])
PLAIN = build_model(ROWS[:3], IDS, None, ROWS[3:5])
FILES = {"basis": BASIS.to_bytes(), "model": MODEL.to_bytes(), "plain": PLAIN.to_bytes()}
# Sorted, since a file is read in another order by each process.
TENSORS = {kind: dict(sorted(load(data).items())) for kind, data in FILES.items()}
READERS: dict[str, Callable[[bytes], Basis | ScoringModel]] = {
    "basis": Basis.from_bytes,
    "model": ScoringModel.from_bytes,
    "plain": ScoringModel.from_bytes,
}


def facts_of(data: bytes) -> dict[str, Any]:
    """The facts of a file, read without the codec."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert ["sluice"] == list(header["__metadata__"])
    facts: dict[str, Any] = json.loads(header["__metadata__"]["sluice"])
    return facts


def rewrite(
    kind: str, facts: dict[str, Any] | None = None, **tensors: NDArray[Any] | None
) -> bytes:
    """The file with some facts and tensors replaced; None drops one."""
    data = FILES[kind]
    kept = {name: t for name, t in {**load(data), **tensors}.items() if t is not None}
    merged = {name: f for name, f in {**facts_of(data), **(facts or {})}.items() if f is not None}
    return save(kept, {"sluice": json.dumps(merged)})
