"""Operations on points in columns, shared by the stores."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from services.vectors.interface import Collection, Points


def empty_points(collection: Collection) -> Points:
    """No points, with the collection's dimension."""
    return Points([], np.empty((0, collection.space.dimension), np.float32), [])


def join_points(pages: Sequence[Points]) -> Points:
    """The points of all pages, of which there is at least one."""
    return Points(
        ids=list(chain.from_iterable(page.ids for page in pages)),
        vectors=np.concatenate([page.vectors for page in pages]),
        payloads=list(chain.from_iterable(page.payloads for page in pages)),
    )
