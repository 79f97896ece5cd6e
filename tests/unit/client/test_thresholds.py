from __future__ import annotations

import pytest

from sluice.thresholds import effective_threshold


@pytest.mark.parametrize(
    ("override", "campaign", "expected"),
    [
        (None, None, 0.5),
        (None, 0.7, 0.7),
        (None, 0.0, 0.0),
        (0.9, None, 0.9),
        (0.9, 0.7, 0.9),
        (0.0, 0.7, 0.0),
    ],
)
def test_the_override_comes_before_the_campaign(
    override: float | None, campaign: float | None, expected: float
) -> None:
    """The call's override is used, else the campaign's threshold, else 0.5; zero is a threshold."""
    assert expected == effective_threshold(override, campaign)
