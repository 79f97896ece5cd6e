"""Near duplicates: matches so similar to a sample of their campaign that one label is enough.

The comparison is exact, in the basis of the version that the match was judged under, with all
samples kept so far, whether or not they are in the vector store yet. The samples of a campaign
are projected once and held in memory; docs/adr says why the vector store is not searched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from sluice.limits import NEAR_DUPLICATE_COSINE_MIN

_GROWTH = 1.5
_FIRST_ROWS = 256


class KeptSamples:
    """The samples kept for one campaign under one basis: frame ids and projected vectors."""

    def __init__(
        self, basis_digest: str, frame_ids: Sequence[str], vectors: NDArray[np.float32]
    ) -> None:
        """`vectors` is `(samples, components) float32`, L2-normalised, in that basis ("": none)."""
        self.basis_digest = basis_digest
        self._frame_ids = list(frame_ids)
        self._vectors = vectors

    @property
    def nbytes(self) -> int:
        """Memory of the vectors, in bytes."""
        return self._vectors.nbytes

    def keep(self, frame_ids: Sequence[str], vectors: NDArray[np.float32]) -> list[str]:
        """Decide a page of matches in order; returns "" for each one kept, else its near duplicate.

        `vectors` is `(matches, components) float32`, L2-normalised. A match is compared with the
        samples, and with the earlier matches of the page that were kept; the most similar counts.
        """
        before = len(self._frame_ids)
        similarities, nearest = self._find_nearest(vectors)
        page_similarities = vectors @ vectors.T
        is_similar = similarities >= NEAR_DUPLICATE_COSINE_MIN
        is_similar |= np.tril(page_similarities >= NEAR_DUPLICATE_COSINE_MIN, -1).any(axis=1)
        # Most matches are similar to nothing: they are kept, whatever happens to those before.
        kept = ~is_similar
        duplicate_of = [""] * len(frame_ids)
        for index in np.flatnonzero(is_similar).tolist():
            best, best_id = similarities[index], nearest[index]
            if kept[:index].any():
                earlier = page_similarities[index, :index]
                rival = int(np.argmax(np.where(kept[:index], earlier, -np.inf)))
                if earlier[rival] > best:
                    best, best_id = earlier[rival], frame_ids[rival]
            kept[index] = best < NEAR_DUPLICATE_COSINE_MIN
            duplicate_of[index] = "" if kept[index] else best_id
        self._frame_ids += [frame_ids[index] for index in np.flatnonzero(kept).tolist()]
        self._append(before, vectors[kept])
        return duplicate_of

    def _find_nearest(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], list[str]]:
        """The cosine `(vectors,)` of the most similar sample of each vector, and its frame id."""
        if not self._frame_ids:
            return np.full(len(vectors), -np.inf, np.float32), [""] * len(vectors)
        similarities = vectors @ self._vectors[: len(self._frame_ids)].T
        nearest = similarities.argmax(axis=1)
        best = similarities[np.arange(len(vectors)), nearest]
        return best, [self._frame_ids[index] for index in nearest]

    def _append(self, before: int, vectors: NDArray[np.float32]) -> None:
        rows = before + len(vectors)
        if rows > len(self._vectors):
            grown = np.empty(
                (max(round(rows * _GROWTH), _FIRST_ROWS), vectors.shape[1]), np.float32
            )
            grown[:before] = self._vectors[:before]
            self._vectors = grown
        self._vectors[before:rows] = vectors


class KeptSamplesCache:
    """The kept samples of recently decided campaigns, up to a total size; least recent go first.

    The campaign put last always stays: it is in use, even if it alone exceeds the size.
    """

    def __init__(self, bytes_max: int) -> None:
        self._cache: LRUCache[tuple[str, str], KeptSamples] = LRUCache(
            bytes_max, getsizeof=lambda samples: min(samples.nbytes, bytes_max)
        )

    def get(self, project: str, campaign: str, basis_digest: str) -> KeptSamples | None:
        """The campaign's samples, if they are cached under that basis."""
        samples = self._cache.get((project, campaign))
        return samples if samples is not None and samples.basis_digest == basis_digest else None

    def put(self, project: str, campaign: str, samples: KeptSamples) -> None:
        """Cache the samples, with the size that they have now."""
        self._cache.pop((project, campaign), None)
        self._cache[project, campaign] = samples

    def forget(self, project: str) -> None:
        """Drop a project's samples: another projector may have kept more since."""
        for key in [key for key in self._cache if key[0] == project]:
            del self._cache[key]
