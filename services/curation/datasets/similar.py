"""Finding the frames of a dataset that are most similar to source frames."""

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
"""Source frames of one query: each of their embeddings is a search of its own."""

LIMIT_MAX: Final = 1_000
"""Maximum number of frames that a query returns."""

HITS_MAX: Final = 16_000
"""Hits of one search that are examined when few of them pass the filter."""


@dataclass(frozen=True, slots=True)
class SimilarFrame:
    """A hit: the frame, its crop ("" for the whole frame) and the source frame it is similar to."""

    frame: DatasetFrame
    similarity: float
    label_id: str
    similar_to: str


@dataclass(frozen=True, slots=True)
class SimilarityQuery:
    """The source frames, their dataset, and the number and filter of the frames to return."""

    frame_ids: Sequence[str]
    dataset: DatasetName
    limit: int
    filter: Filter


@dataclass(frozen=True, slots=True)
class _BestHit:
    """The best hit of one frame so far."""

    similarity: float
    label_id: str
    similar_to: str


async def find_similar(
    curation: Curation, name: DatasetName, query: SimilarityQuery
) -> list[SimilarFrame]:
    """The frames with the largest cosines to the source frames, each once, most similar first.

    Groups of source frames are excluded. Raises NotFound naming a missing source frame,
    FailedPrecondition naming one without embedding, and InvalidArgument for another space.
    """
    _check(query)
    for dataset in (name, query.dataset):
        await curation.others.datasets.get(dataset)
    space = (await read_dataset_frames(curation.stores, name)).record
    sources = await read_summaries(curation.stores.ledger, query.dataset, query.frame_ids)
    check_frames_exist(query.dataset, query.frame_ids, sources)
    queries = await _queries(curation, query, name, (space, sources))
    excluded: frozenset[str] = frozenset()
    if query.dataset == name:
        excluded = frozenset(frame.row.group for frame in sources.values())
    search = _SimilaritySearch(curation, name, query, space, excluded)
    for frame_id, vector in queries:
        await search.search_vector(frame_id, vector)
    return await search.read_frames()


def _check(query: SimilarityQuery) -> None:
    if not 0 < len(query.frame_ids) <= QUERIES_MAX:
        problem = f"{len(query.frame_ids)} in one call; 1 to {QUERIES_MAX} are accepted"
        raise too_large("frame_ids", problem, QUERIES_MAX)
    if not 0 < query.limit <= LIMIT_MAX:
        raise InvalidArgument.of("limit", f"{query.limit} is not in 1…{LIMIT_MAX:,}, nor 0 for 100")


async def _queries(
    curation: Curation,
    query: SimilarityQuery,
    name: DatasetName,
    read: tuple[DatasetFrames, Mapping[str, FrameSummary]],
) -> list[tuple[str, NDArray[np.float32]]]:
    """A source frame's id and vector for each embedding of the source frames."""
    searched, sources = read
    rows = [sources[frame_id].row for frame_id in query.frame_ids]
    for row in rows:
        if not row.vectors:
            raise FailedPrecondition(f"frame {row.id!r} of {query.dataset} has no embedding")
    space = (await read_dataset_frames(curation.stores, query.dataset)).record
    if (space.model_id, space.dimension) != (searched.model_id, searched.dimension):
        problem = (
            f"{query.dataset} has embeddings of model {space.model_id!r} and dimension "
            f"{space.dimension}; expected {searched.model_id!r} and {searched.dimension}, as in "
            f"{name}"
        )
        raise InvalidArgument.of("query_dataset", problem, reason="SPACE_MISMATCH")
    vectors = await points.read(curation.stores, query.dataset, space, rows)
    check_vectors_present(query.dataset, rows, vectors)
    owners = [row.id for row in rows for _ in row.vectors]
    return list(zip(owners, vectors, strict=True))


@dataclass(slots=True)
class _SimilaritySearch:
    """The searches for all source vectors, and their best hit for each frame."""

    curation: Curation
    name: DatasetName
    query: SimilarityQuery
    space: DatasetFrames
    excluded_groups: frozenset[str]
    """Groups of the source frames, which are not returned."""
    summaries: dict[str, FrameSummary] = field(default_factory=dict)
    best: dict[str, _BestHit] = field(default_factory=dict)

    async def search_vector(self, similar_to: str, vector: NDArray[np.float32]) -> None:
        """Search for one vector of a source frame.

        The vector store filters by dataset alone: the search is repeated with more hits until
        enough of them pass the query's filter.
        """
        vectors = self.curation.stores.vectors
        space = self.space
        collection = points.frames_collection(self.name.project, space.model_id, space.dimension)
        count = 2 * self.query.limit + len(self.excluded_groups) * space.rows_per_frame_max
        while True:
            tenant = points.tenant_of(self.name)
            hits = await vectors.search(collection, tenant, vector, limit=count)
            passing = await self._passing(hits)
            enough = len(passing) >= self.query.limit or len(hits) < count
            if enough or count >= HITS_MAX:
                break
            count = min(4 * count, HITS_MAX)
        for frame_id, hit in passing.items():
            before = self.best.get(frame_id)
            if before is None or hit.similarity > before.similarity:
                label_id = str(hit.payload["label_id"])
                self.best[frame_id] = _BestHit(hit.similarity, label_id, similar_to)

    async def read_frames(self) -> list[SimilarFrame]:
        """The best frames with their documents."""
        ranked = sorted(self.best.items(), key=lambda item: (-item[1].similarity, item[0]))
        ranked = ranked[: self.query.limit]
        summaries = [self.summaries[frame_id] for frame_id, _ in ranked]
        frames = await read_frames(self.curation.stores.ledger, self.name, summaries)
        hits = dict(ranked)
        return [
            SimilarFrame(frame, hit.similarity, hit.label_id, hit.similar_to)
            for frame in frames
            if (hit := hits.get(frame.row.id))
        ]

    async def _passing(self, hits: Sequence[Hit]) -> dict[str, Hit]:
        """The best hit of each frame that may be returned."""
        frame_ids = dict.fromkeys(str(hit.payload["frame_id"]) for hit in hits)
        missing = [frame_id for frame_id in frame_ids if frame_id not in self.summaries]
        self.summaries |= await read_summaries(self.curation.stores.ledger, self.name, missing)
        passing: dict[str, Hit] = {}
        for hit in hits:
            frame_id = str(hit.payload["frame_id"])
            if self._passes(frame_id, hit):
                passing.setdefault(frame_id, hit)
        return passing

    def _passes(self, frame_id: str, hit: Hit) -> bool:
        frame = self.summaries.get(frame_id)
        # A point that its frame's row does not name is left over from a replaced embedding.
        if frame is None or all(v.point != hit.id.bytes for v in frame.row.vectors):
            return False
        if frame.row.group in self.excluded_groups:
            return False
        return self.query.filter.passes(frame.row, frame.group)
