"""The background of a space: a random sample of a file, drawn in one pass and constant memory."""

from __future__ import annotations

from typing import Final

import grpc
import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.formats import Source
from sluice.limits import DIMENSION_MAX, DIMENSION_MIN
from sluice.resources import Campaigns
from sluice.scoring.basis import COMPONENTS_MAX, ROWS_PER_COMPONENT_MIN
from sluice.v1 import campaign_pb2

BACKGROUND_ROWS: Final = 2_000
_ROWS_AT_ONCE: Final = 1_024
_SEED: Final = 0


def dimension_of(source: Source) -> int:
    """The dimension of a file's embeddings; InvalidArgument for one that vectors cannot have."""
    first = next(source.batches(1), None)
    if first is None:
        raise InvalidArgument.of("file", "has no rows")
    dimension = int(first.embeddings.shape[1])
    if not DIMENSION_MIN <= dimension <= DIMENSION_MAX:
        raise InvalidArgument.of(
            "file",
            f"{first.file}: column {first.columns.embedding!r} has {dimension} dimensions; "
            f"{DIMENSION_MIN:,} to {DIMENSION_MAX:,} are accepted",
        )
    return dimension


def find_space(
    channel: grpc.Channel, project: str, model_id: str, dimension: int
) -> campaign_pb2.Space | None:
    """A space of a project; None before its first vector."""
    for space in Campaigns(channel).spaces(project):
        if (space.model_id, space.dimension) == (model_id, dimension):
            return space
    return None


def rows_needed(dimension: int) -> int:
    """How many rows a background must have at least."""
    return ROWS_PER_COMPONENT_MIN * min(COMPONENTS_MAX, dimension)


def draw_background(source: Source, dimension: int) -> NDArray[np.float32]:
    """Up to `BACKGROUND_ROWS` rows of a file, every one as likely as any other.

    InvalidArgument naming file, column and rows where something is wrong.
    """
    random = np.random.default_rng(_SEED)
    keys, kept = np.empty(0), np.empty((0, dimension), np.float32)
    for rows in source.batches(_ROWS_AT_ONCE):
        rows.unit(dimension)
        drawn = np.concatenate([keys, random.random(len(rows))])
        chosen = np.argsort(drawn, kind="stable")[:BACKGROUND_ROWS]
        keys, kept = drawn[chosen], np.concatenate([kept, rows.embeddings])[chosen]
    return kept
