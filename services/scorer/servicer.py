"""ScorerService over gRPC: protobuf to domain and back, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final
from weakref import WeakKeyDictionary

from services.scorer.ahead import in_order
from services.scorer.columns import Columns
from services.scorer.score import Batch, Explain, ScoredBatch, Scoring
from services.server.draining import Draining
from sluice.checks import too_large
from sluice.errors import InvalidArgument, SluiceError
from sluice.limits import MESSAGE_BYTES_MAX
from sluice.names import CampaignName, ProjectName
from sluice.rpc_errors import to_status
from sluice.scoring import Matches, Scores
from sluice.tensors import Embeddings
from sluice.v1 import scorer_pb2 as pb
from sluice.v1.scorer_pb2_grpc import ScorerServiceServicer

RESPONSE_BYTES_MAX: Final = MESSAGE_BYTES_MAX - 1_024
"""How large scores may be; the rest is for what a stream puts around them."""

AHEAD_MAX: Final = 3
"""Batches of a stream that are read, scored or answered at a time."""

AHEAD_BYTES_MAX: Final = 2 * 2**20
"""Bytes of these batches: with so many, no further one is read."""

_EXPLAIN: Final = {
    pb.EXPLAIN_MODE_UNSPECIFIED: Explain.MATCHES,
    pb.EXPLAIN_MODE_MATCHES: Explain.MATCHES,
    pb.EXPLAIN_MODE_NONE: Explain.NONE,
    pb.EXPLAIN_MODE_ALL: Explain.ALL,
}


class ScorerServicer(ScorerServiceServicer):
    """Scores of frames, in one call or batch after batch."""

    def __init__(self, scoring: Scoring, draining: Draining) -> None:
        self._scoring = scoring
        self._draining = draining
        # Made once for all batches: a hundred campaigns are a hundred messages.
        self._versions: WeakKeyDictionary[Columns, list[pb.ScoredVersion]] = WeakKeyDictionary()

    async def ScoreFrames(
        self, request: pb.ScoreFramesRequest, context: Any
    ) -> pb.ScoreFramesResponse:
        """Score one batch."""
        return await self._scoring.score(read_batch(request), self._write)

    async def StreamScores(
        self, request_iterator: AsyncIterator[pb.StreamScoresRequest], context: Any
    ) -> AsyncIterator[pb.StreamScoresResponse]:
        """Score batch after batch; a bad one is answered with its status."""
        answers = in_order(
            self._draining.until(request_iterator),
            self._answer,
            count_max=AHEAD_MAX,
            size_max=AHEAD_BYTES_MAX,
            size_of=pb.StreamScoresRequest.ByteSize,
        )
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def _answer(self, request: pb.StreamScoresRequest) -> pb.StreamScoresResponse:
        number = request.batch_id
        try:
            return await self._scoring.score(
                read_batch(request.batch),
                lambda batch, scored: pb.StreamScoresResponse(
                    batch_id=number, scores=self._write(batch, scored)
                ),
            )
        except SluiceError as error:
            return pb.StreamScoresResponse(batch_id=number, error=to_status(error))

    def _write(self, batch: Batch, scored: ScoredBatch) -> pb.ScoreFramesResponse:
        versions = self._versions.get(scored.columns)
        if versions is None:
            versions = self._versions[scored.columns] = write_versions(scored.columns)
        return write_scores(batch, scored, versions)


def read_batch(request: pb.ScoreFramesRequest) -> Batch:
    """The batch that a message holds; InvalidArgument naming what is not right."""
    if request.explain not in _EXPLAIN:
        raise InvalidArgument.of("explain", f"{request.explain} is no ExplainMode")
    return Batch(
        project=ProjectName.parse(request.parent, "parent").project,
        embeddings=Embeddings.from_proto(request.embeddings),
        campaigns=[
            CampaignName.parse(name, f"campaigns[{index}]")
            for index, name in enumerate(request.campaigns)
        ],
        explain=_EXPLAIN[request.explain],
        matches_only=request.matches_only,
    )


def write_versions(columns: Columns) -> list[pb.ScoredVersion]:
    """The messages of columns."""
    return [
        pb.ScoredVersion(
            campaign=name,
            version=version.number,
            model_digest=version.model_digest,
            threshold=threshold,
        )
        for name, version, threshold in zip(
            columns.names, columns.versions, columns.thresholds.tolist(), strict=True
        )
    ]


def write_scores(
    batch: Batch, scored: ScoredBatch, versions: list[pb.ScoredVersion]
) -> pb.ScoreFramesResponse:
    """The message of a batch's scores; InvalidArgument if it would be too large to send."""
    response = pb.ScoreFramesResponse(
        frame_count=batch.embeddings.frame_count,
        versions=versions,
        **_packed(batch, scored.scores),
        explanations=[
            pb.FrameExplanation(
                frame_index=explained.frame,
                version_index=explained.column,
                explanation=explained.explanation.to_proto(),
            )
            for explained in scored.explained
        ],
    )
    size_bytes = response.ByteSize()
    if size_bytes > RESPONSE_BYTES_MAX:
        raise too_large(
            "embeddings",
            f"the answer would have {size_bytes:,} bytes, at most {RESPONSE_BYTES_MAX:,} are "
            "sent; score fewer frames or campaigns at a time, or explain none",
            RESPONSE_BYTES_MAX,
        )
    return response


def _packed(batch: Batch, scores: Scores | Matches) -> dict[str, Any]:
    """The fields of an answer that hold scores; rows are left out where they say nothing."""
    rows = b"" if batch.embeddings.one_row_each else scores.rows.astype("<u4").tobytes()
    numbers = scores.scores.astype("<f8", copy=False).tobytes()
    if isinstance(scores, Scores):
        return {"scores": numbers, "scored_rows": rows}
    matches = pb.FrameMatches(
        frame_indices=scores.frames.astype("<u4").tobytes(),
        version_indices=scores.columns.astype("<u4").tobytes(),
        scores=numbers,
        scored_rows=rows,
    )
    return {"matches": matches}
