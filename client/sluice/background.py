"""The background of a space: a random sample of a file, drawn in one pass, batch by batch."""

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
    """The dimension of a file's embeddings; InvalidArgument if it is out of range."""
    first = next(source.batches(_ROWS_AT_ONCE), None)
    if first is None:
        raise InvalidArgument.of("file", "has no rows with an embedding")
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
    """The space of a model and dimension; None if the project has no vectors there yet."""
    for space in Campaigns(channel).spaces(project):
        if (space.model_id, space.dimension) == (model_id, dimension):
            return space
    return None


def rows_needed(dimension: int) -> int:
    """The minimum number of rows of a background."""
    return ROWS_PER_COMPONENT_MIN * min(COMPONENTS_MAX, dimension)


def draw_background(source: Source, dimension: int) -> NDArray[np.float32]:
    """Up to `BACKGROUND_ROWS` rows of a file, drawn with equal probability.

    Raises InvalidArgument naming the file, column and rows of invalid embeddings.
    """
    random = np.random.default_rng(_SEED)
    sort_keys, background = np.empty(0), np.empty((0, dimension), np.float32)
    for rows in source.batches(_ROWS_AT_ONCE):
        rows.unit(dimension)
        candidate_keys = np.concatenate([sort_keys, random.random(len(rows))])
        smallest = np.argsort(candidate_keys, kind="stable")[:BACKGROUND_ROWS]
        sort_keys = candidate_keys[smallest]
        background = np.concatenate([background, rows.embeddings])[smallest]
    return background
