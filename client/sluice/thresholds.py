"""The threshold of a match, by one rule for the client and the services."""

from __future__ import annotations

from sluice.limits import THRESHOLD_DEFAULT


def effective_threshold(override: float | None, campaign: float | None) -> float:
    """The threshold to apply: the call's override, else the campaign's, else 0.5.

    None stands for no threshold. A frame is a match if its score is at or over the threshold.
    """
    if override is not None:
        return override
    return THRESHOLD_DEFAULT if campaign is None else campaign
