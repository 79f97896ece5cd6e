"""The stores and clients that the functions of curation work with."""

from __future__ import annotations

from dataclasses import dataclass

from services.peers.active import ActiveVersions
from services.peers.curation_peers import CurationPeers
from services.peers.models import Models
from services.records.stores import Stores


@dataclass(frozen=True, slots=True)
class Curation:
    """The stores, the clients of other services, and the models that searches score with."""

    stores: Stores
    others: CurationPeers
    active: ActiveVersions
    models: Models
