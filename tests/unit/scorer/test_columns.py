"""Selecting the campaigns that a batch is scored against."""

from __future__ import annotations

import pytest

from services.peers.active import ActiveCampaign, ActiveSet, Version
from services.scorer.columns import ColumnRequest, ColumnSelector
from sluice import errors
from sluice.names import CampaignName

PROJECT, MODEL, DIMENSION = "p", "m", 16


class Campaigns:
    """`ActiveVersions` that a test changes; `stopped` exists, but is not active."""

    def __init__(self, *campaigns: ActiveCampaign) -> None:
        self.activate(*campaigns)

    def activate(self, *campaigns: ActiveCampaign) -> None:
        """Make these, and no others, the active campaigns."""
        self._active_set = ActiveSet(0, {campaign.campaign: campaign for campaign in campaigns})

    async def current(self, project: str) -> ActiveSet:
        """See ActiveVersions."""
        return self._active_set

    async def version(
        self, project: str, campaign: str, number: int, *, fresh: bool = False
    ) -> Version:
        """See ActiveVersions."""
        if campaign != "stopped":
            raise errors.NotFound(campaign)
        return version()


def version(model_id: str = MODEL, dimension: int = DIMENSION) -> Version:
    """A campaign version of a space."""
    return Version(1, "digest", "", model_id, dimension)


def request(*campaigns: str, project: str = PROJECT) -> ColumnRequest:
    """A request for campaigns of a project, by id."""
    names = tuple(CampaignName(project, campaign) for campaign in campaigns)
    return ColumnRequest(PROJECT, MODEL, DIMENSION, names)


A = ActiveCampaign("a", version(), threshold=0.2)
B = ActiveCampaign("b", version())
OTHER_SPACE = ActiveCampaign("other", version(dimension=8))


async def test_no_campaigns_means_all_of_the_space() -> None:
    """Without names the columns are the space's active campaigns by id, with their thresholds."""
    columns = await ColumnSelector(Campaigns(B, OTHER_SPACE, A)).select(request())

    assert (A, B) == columns.campaigns
    assert ["projects/p/campaigns/a", "projects/p/campaigns/b"] == columns.names
    assert [0.2, 0.5] == columns.thresholds.tolist()


async def test_named_campaigns_keep_the_order_of_the_request() -> None:
    """With names the columns are these campaigns, in the order of the names."""
    columns = await ColumnSelector(Campaigns(A, B)).select(request("b", "a"))

    assert (B, A) == columns.campaigns


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (request("a", "a"), errors.InvalidArgument, r"campaigns\[1\].*duplicate.*campaigns/a"),
        (request("a", "none"), errors.NotFound, r"campaigns\[1\].*campaigns/none"),
        (request("stopped"), errors.FailedPrecondition, r"campaigns\[0\].*not active"),
        (request("other"), errors.InvalidArgument, r"campaigns\[0\].*8 dimensions.*with 16"),
        (request("a", project="q"), errors.PermissionDenied, r"projects/q/campaigns/a.*'p'"),
    ],
    ids=["duplicate", "missing", "inactive", "other space", "other project"],
)
async def test_a_campaign_that_cannot_score_is_named(
    columns: ColumnRequest, error: type[errors.SluiceError], message: str
) -> None:
    """The error names the field and the campaign."""
    selector = ColumnSelector(Campaigns(A, OTHER_SPACE))

    with pytest.raises(error, match=message):
        await selector.select(columns)


async def test_columns_are_cached_until_campaigns_change() -> None:
    """Equal requests share their columns, so that they can be scored together."""
    campaigns = Campaigns(A)
    selector = ColumnSelector(campaigns)
    first = await selector.select(request())

    assert first is await selector.select(request())
    campaigns.activate(A, B)
    assert (A, B) == (await selector.select(request())).campaigns
