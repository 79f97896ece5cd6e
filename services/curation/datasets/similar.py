"""Finding the frames of a dataset that are most similar to given ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.context import Curation
from services.curation.datasets import points
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.filters import Filter
from services.curation.datasets.frames import (
    DatasetFrame,
    FrameSummary,
    check_frames_exist,
    check_vectors_present,
    read_frames,
    read_summaries,
)
from services.curation.records import DatasetFrames
from services.vectors.interface import Hit
from sluice.checks import too_large
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.names import DatasetName

QUERIES_MAX: Final = 64
"""Frames that can be searched for at once: each is a search for each of its embeddings."""

FOUND_MAX: Final = 1_000
LOOKED_AT_MAX: Final = 16_000
"""Hits of one search that are looked at, when few of them pass the filter."""


@dataclass(frozen=True, slots=True)
class SimilarFrame:
    """A frame that was found: by which of its crops, and to which given frame it is so similar."""

    frame: DatasetFrame
    similarity: float
    label_id: str
    similar_to: str


@dataclass(frozen=True, slots=True)
class SimilarityQuery:
    """The frames to find more like, the dataset that they are of, and which may be found."""

    frame_ids: Sequence[str]
    dataset: DatasetName
    limit: int
    wanted: Filter


@dataclass(frozen=True, slots=True)
class _BestHit:
    """The best hit of one frame so far."""

    similarity: float
    label_id: str
    similar_to: str


async def find_similar(
    curation: Curation, name: DatasetName, asked: SimilarityQuery
) -> list[SimilarFrame]:
    """The frames with the largest cosines to the given ones, each once, most similar first.

    Frames of the given ones' groups are not found. Raises NotFound naming a given frame,
    FailedPrecondition naming one without embedding, and InvalidArgument for another space.
    """
    _check(asked)
    for dataset in (name, asked.dataset):
        await curation.others.datasets.get(dataset)
    space = (await read_dataset_frames(curation.stores, name)).record
    given = await read_summaries(curation.stores.ledger, asked.dataset, asked.frame_ids)
    check_frames_exist(asked.dataset, asked.frame_ids, given)
    queries = await _queries(curation, asked, name, (space, given))
    own = {each.row.group for each in given.values()} if asked.dataset == name else set()
    search = _Search(curation, name, asked, space, frozenset(own))
    for frame_id, vector in queries:
        await search.look(frame_id, vector)
    return await search.found()


def _check(asked: SimilarityQuery) -> None:
    if not 0 < len(asked.frame_ids) <= QUERIES_MAX:
        problem = f"{len(asked.frame_ids)} in one call; 1 to {QUERIES_MAX} are accepted"
        raise too_large("frame_ids", problem, QUERIES_MAX)
    if not 0 < asked.limit <= FOUND_MAX:
        raise InvalidArgument.of("limit", f"{asked.limit} is not in 1…{FOUND_MAX:,}, nor 0 for 100")


async def _queries(
    curation: Curation,
    asked: SimilarityQuery,
    name: DatasetName,
    read: tuple[DatasetFrames, Mapping[str, FrameSummary]],
) -> list[tuple[str, NDArray[np.float32]]]:
    """The given frames, once for each of their embeddings, which are of the space searched."""
    searched, given = read
    rows = [given[frame_id].row for frame_id in asked.frame_ids]
    for row in rows:
        if not row.vectors:
            raise FailedPrecondition(f"frame {row.id!r} of {asked.dataset} has no embedding")
    space = (await read_dataset_frames(curation.stores, asked.dataset)).record
    if (space.model_id, space.dimension) != (searched.model_id, searched.dimension):
        problem = (
            f"the embeddings of {asked.dataset} are of model {space.model_id!r} and dimension "
            f"{space.dimension}, those of {name} of {searched.model_id!r} and {searched.dimension}"
        )
        raise InvalidArgument.of("query_dataset", problem, reason="SPACE_MISMATCH")
    vectors = await points.read(curation.stores, asked.dataset, space, rows)
    check_vectors_present(asked.dataset, rows, vectors)
    owners = [row.id for row in rows for _ in row.vectors]
    return list(zip(owners, vectors, strict=True))


@dataclass(slots=True)
class _Search:
    """The searches for all given frames together, and what they have found."""

    curation: Curation
    name: DatasetName
    asked: SimilarityQuery
    space: DatasetFrames
    own: frozenset[str]
    """Groups that are not found."""
    known: dict[str, FrameSummary] = field(default_factory=dict)
    best: dict[str, _BestHit] = field(default_factory=dict)

    async def look(self, similar_to: str, vector: NDArray[np.float32]) -> None:
        """Search for one vector of a given frame.

        Qdrant filters by dataset alone, so more is asked for until enough pass.
        """
        vectors = self.curation.stores.vectors
        space = self.space
        collection = points.frames_collection(self.name.project, space.model_id, space.dimension)
        count = 2 * self.asked.limit + len(self.own) * space.rows_per_frame_max
        while True:
            tenant = points.tenant_of(self.name)
            hits = await vectors.search(collection, tenant, vector, limit=count)
            passing = await self._passing(hits)
            enough = len(passing) >= self.asked.limit or len(hits) < count
            if enough or count >= LOOKED_AT_MAX:
                break
            count = min(4 * count, LOOKED_AT_MAX)
        for frame_id, hit in passing.items():
            before = self.best.get(frame_id)
            if before is None or hit.similarity > before.similarity:
                label_id = str(hit.payload["label_id"])
                self.best[frame_id] = _BestHit(hit.similarity, label_id, similar_to)

    async def found(self) -> list[SimilarFrame]:
        """The best frames with their documents."""
        ranked = sorted(self.best.items(), key=lambda item: (-item[1].similarity, item[0]))
        ranked = ranked[: self.asked.limit]
        known = [self.known[frame_id] for frame_id, _ in ranked]
        frames = await read_frames(self.curation.stores.ledger, self.name, known)
        return [
            SimilarFrame(frame, found.similarity, found.label_id, found.similar_to)
            for frame, (_, found) in zip(frames, ranked, strict=True)
        ]

    async def _passing(self, hits: Sequence[Hit]) -> dict[str, Hit]:
        """The best hit of each frame that may be found."""
        frame_ids = dict.fromkeys(str(hit.payload["frame_id"]) for hit in hits)
        missing = [frame_id for frame_id in frame_ids if frame_id not in self.known]
        self.known |= await read_summaries(self.curation.stores.ledger, self.name, missing)
        passing: dict[str, Hit] = {}
        for hit in hits:
            frame_id = str(hit.payload["frame_id"])
            if self._may_be_found(frame_id, hit):
                passing.setdefault(frame_id, hit)
        return passing

    def _may_be_found(self, frame_id: str, hit: Hit) -> bool:
        found = self.known.get(frame_id)
        # A point that its frame's row does not name was left behind by one that was replaced.
        if found is None or all(v.point != hit.id.bytes for v in found.row.vectors):
            return False
        return found.row.group not in self.own and self.asked.wanted.passes(found.row, found.group)
