"""Which threshold decides whether a frame is a match: the one rule for client and services."""

from __future__ import annotations

from sluice.limits import THRESHOLD_DEFAULT


def effective_threshold(override: float | None, campaign: float | None) -> float:
    """The threshold to apply: the call's override, else the campaign's, else 0.5.

    None means that there is none. A frame is a match at or over the threshold.
    """
    if override is not None:
        return override
    return THRESHOLD_DEFAULT if campaign is None else campaign
