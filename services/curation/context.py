"""What the functions of curation work on."""

from __future__ import annotations

from dataclasses import dataclass

from services.peers.active import ActiveVersions
from services.peers.models import Models
from services.peers.neighbours import Neighbours
from services.records.stores import Stores


@dataclass(frozen=True, slots=True)
class Curation:
    """The stores, what is asked of other services, and what searches score with."""

    stores: Stores
    others: Neighbours
    active: ActiveVersions
    models: Models
