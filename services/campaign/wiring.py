"""The servicers of projects, datasets, issues and campaigns."""

from __future__ import annotations

from services.campaign.servicer.campaigns import CampaignServicer
from services.campaign.servicer.datasets import DatasetServicer
from services.campaign.servicer.issues import IssueServicer
from services.campaign.servicer.projects import ProjectServicer
from services.peers.campaign_peers import CampaignPeers
from services.records.stores import Stores
from services.server.draining import Draining
from services.server.keys import KeyStore


def servicers(
    stores: Stores,
    keys: KeyStore,
    draining: Draining,
    peers: CampaignPeers,
) -> list[object]:
    """Servicers of ProjectService, DatasetService, IssueService and CampaignService."""
    return [
        ProjectServicer(stores, keys, peers.purges),
        DatasetServicer(stores),
        IssueServicer(stores),
        CampaignServicer(stores, draining, peers.reviews, peers.purges),
    ]
