"""What the functions of curation work on."""

from __future__ import annotations

from dataclasses import dataclass

from services.peers.active import ActiveVersions
from services.peers.curation_peers import CurationPeers
from services.peers.models import Models
from services.records.stores import Stores


@dataclass(frozen=True, slots=True)
class Curation:
    """The stores, what is asked of other services, and what searches score with."""

    stores: Stores
    others: CurationPeers
    active: ActiveVersions
    models: Models
