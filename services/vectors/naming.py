"""Deterministic names: ids of points, and names of collections in a store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID, uuid5

from services.vectors.interface import Collection

_NAMESPACE = UUID("0b7c9f6e-4a52-4a0e-9d1c-5f0e6c1d2a87")  # arbitrary; must never change


def point_id(*parts: str) -> UUID:
    """The id of a point from its parts, for example project, campaign, snapshot, element id.

    The same parts always give the same id: the uuid5 of their JSON array.
    """
    return uuid5(_NAMESPACE, _encode(parts))


def collection_digest(collection: Collection) -> str:
    """The hexadecimal SHA-256 that names the collection in a store."""
    space = collection.space
    parts = (collection.kind.value, space.project, space.model_id, str(space.dimension))
    return sha256(_encode(parts).encode()).hexdigest()


def _encode(parts: Sequence[str]) -> str:
    # A JSON array, because joined parts would be ambiguous: "a/b", "c" and "a", "b/c".
    return json.dumps(list(parts), separators=(",", ":"))
