"""Near duplicates: matches so like a sample of their campaign that labelling both is a waste.

Compared exactly, in the basis space of the version that the match was judged under, with all
samples that were kept, whether they have reached the vector store or not. The samples of a
campaign are projected once and held in memory; see docs/adr for why the vector store is not
asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIMILARITY_MIN = 0.97
"""Two frames with at least this cosine in the basis are near duplicates."""

_GROWTH = 1.5
_FIRST_ROWS = 256


class KeptSamples:
    """The samples of one campaign under one basis: names and projected vectors, growing."""

    def __init__(
        self, basis_digest: str, frame_ids: Sequence[str], vectors: NDArray[np.float32]
    ) -> None:
        """`vectors` is `(samples, components) float32`, L2-normalised, in that basis ("": none)."""
        self.basis_digest = basis_digest
        self._frame_ids = list(frame_ids)
        self._vectors = vectors

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes, names not counted."""
        return self._vectors.nbytes

    def keep(self, frame_ids: Sequence[str], vectors: NDArray[np.float32]) -> list[str]:
        """Decide a page of matches in its order: for each "" if kept, else the sample it is like.

        `vectors` is `(matches, components) float32`, L2-normalised. A match is compared with the
        samples and with those of the page that were kept before it; the most similar is named.
        """
        before = len(self._frame_ids)
        similar, nearest = self._nearest(vectors)
        among = vectors @ vectors.T
        doubtful = similar >= SIMILARITY_MIN
        doubtful |= np.tril(among >= SIMILARITY_MIN, -1).any(axis=1)
        # Most are like nothing, whatever becomes of those before them.
        kept = ~doubtful
        duplicate_of = [""] * len(frame_ids)
        for index in np.flatnonzero(doubtful).tolist():
            best, best_id = similar[index], nearest[index]
            if kept[:index].any():
                rival = int(np.argmax(np.where(kept[:index], among[index, :index], -np.inf)))
                if among[index, rival] > best:
                    best, best_id = among[index, rival], frame_ids[rival]
            kept[index] = best < SIMILARITY_MIN
            duplicate_of[index] = "" if kept[index] else best_id
        self._frame_ids += [frame_ids[index] for index in np.flatnonzero(kept).tolist()]
        self._append(before, vectors[kept])
        return duplicate_of

    def _nearest(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], list[str]]:
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


class KeptCache:
    """The kept samples of the campaigns that were last decided on, within a bound of memory."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._kept: OrderedDict[tuple[str, str], KeptSamples] = OrderedDict()

    def get(self, project: str, campaign: str, basis_digest: str) -> KeptSamples | None:
        """The campaign's samples, if they are held in that basis."""
        kept = self._kept.get((project, campaign))
        return kept if kept is not None and kept.basis_digest == basis_digest else None

    def put(self, project: str, campaign: str, samples: KeptSamples) -> None:
        """Hold the samples; those used least recently make room."""
        self._kept[project, campaign] = samples
        self._kept.move_to_end((project, campaign))
        held = sum(samples.nbytes for samples in self._kept.values())
        while held > self._bytes_max and len(self._kept) > 1:
            held -= self._kept.popitem(last=False)[1].nbytes

    def forget(self, project: str) -> None:
        """Drop what is held of a project: another projector may have kept more since."""
        for key in [key for key in self._kept if key[0] == project]:
            del self._kept[key]
