"""What the functions of curation work on."""

from __future__ import annotations

from dataclasses import dataclass

from services.platform.active import ActiveVersions
from services.platform.models import Models
from services.platform.neighbours import Neighbours
from services.platform.stores import Stores


@dataclass(frozen=True, slots=True)
class Curation:
    """The stores, what is asked of other services, and what searches score with."""

    stores: Stores
    others: Neighbours
    active: ActiveVersions
    models: Models
