"""What `sluice campaigns show` and `versions` say about the fit of a version."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.cli.campaigns import DETAILS, VERSION
from sluice.v1.campaign_pb2 import Campaign, CampaignVersion, FitSummary, MemberShare

SHARE = MemberShare(estimate=0.024, low=0.0011, high=0.04)
WITH_SHARE = FitSummary(
    remainder_weight=0.315, background_set_aside=12, member_share=SHARE, prototype_share=0.227
)
NEVER_ESTIMATED = FitSummary(remainder_weight=0.1, background_set_aside=1)


def describe(version: CampaignVersion) -> tuple[object, object, object]:
    """The lines about corpus and fit, and the share in a list of versions."""
    lines: dict[str, Any] = dict(DETAILS)
    columns: dict[str, Any] = dict(VERSION)
    campaign = Campaign(version=version)
    return lines["corpus"](campaign), lines["fit"](campaign), columns["share of corpus"](version)


def test_the_share_has_its_interval() -> None:
    """The share and its interval are in percent, small ones with two decimals."""
    assert (
        "about 2.4% of the corpus looks like this issue (0.11% to 4.0%)",
        "23% prototype; average remainder weight 0.32; 12 rows of the background set aside",
        "2.4% (0.11% to 4.0%)",
    ) == describe(CampaignVersion(basis_digest="b", fit=WITH_SHARE))


@pytest.mark.parametrize(
    ("version", "corpus", "fit"),
    [
        (
            CampaignVersion(model_digest="m", basis_digest="b"),
            "unknown for a version of an earlier Sluice: commit again",
            "",
        ),
        (
            CampaignVersion(model_digest="m", fit=FitSummary()),
            "unknown without a background",
            "0% prototype; average remainder weight 0.00; 0 rows of the background set aside",
        ),
        (
            CampaignVersion(model_digest="m", basis_digest="b", fit=NEVER_ESTIMATED),
            "unknown for fewer than three different elements",
            "0% prototype; average remainder weight 0.10; 1 row of the background set aside",
        ),
        (
            CampaignVersion(basis_digest="b", purged_count=2),
            "unknown: the frames of all elements were deleted",
            "",
        ),
    ],
    ids=["earlier", "no background", "few elements", "purged"],
)
def test_an_unknown_share_says_why(version: CampaignVersion, corpus: str, fit: str) -> None:
    """Without a share, the line says what it needs."""
    assert (corpus, fit, "unknown") == describe(version)
