"""Names that follow from what they name: of points, and of collections in a store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID, uuid5

from services.vectors.interface import Collection

_NAMESPACE = UUID("0b7c9f6e-4a52-4a0e-9d1c-5f0e6c1d2a87")  # any fixed value; never to be changed


def point_id(*parts: str) -> UUID:
    """The id of the point with those parts, for example project, campaign, snapshot, element id.

    The same parts give the same id always and everywhere: uuid5 of their JSON array.
    """
    return uuid5(_NAMESPACE, _encode(parts))


def collection_digest(collection: Collection) -> str:
    """The hexadecimal SHA-256 by which a store names the collection."""
    space = collection.space
    parts = (collection.kind.value, space.project, space.model_id, str(space.dimension))
    return sha256(_encode(parts).encode()).hexdigest()


def _encode(parts: Sequence[str]) -> str:
    # A JSON array, since joined parts would be ambiguous: "a/b", "c" and "a", "b/c".
    return json.dumps(list(parts), separators=(",", ":"))
