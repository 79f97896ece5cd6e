"""Spaces in messages: which model and dimension vectors have, and which would be accepted."""

from __future__ import annotations

from collections.abc import Iterable


def describe_spaces(spaces: Iterable[tuple[str, int]]) -> str:
    """Model ids with their dimensions, such as `'resnet50-v2' (2048)`; "none" if there are none."""
    return ", ".join(f"{model_id!r} ({dim})" for model_id, dim in sorted(set(spaces))) or "none"
