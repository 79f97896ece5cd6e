"""Campaigns without a background, and the warning about them."""

from __future__ import annotations

from typing import Final

CONSEQUENCE: Final = (
    "without one, scores are not measured against ordinary frames and far too many are collected "
    "(in one trial 47 % of a corpus instead of 3.5 %)"
)


class MissingBackgroundWarning(UserWarning):
    """A campaign is started or committed without a background."""


def describe_space(model_id: str, dimension: int) -> str:
    """Says that a space has no background, and what follows."""
    return (
        f"the embeddings of {model_id!r} ({dimension} dimensions) have no background; {CONSEQUENCE}"
    )
