"""ScorerService over gRPC: protobuf to domain and back, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from services.platform.draining import Draining
from services.scorer.score import Batch, Explain, ScoredBatch, Scoring, threshold_of
from sluice.checks import too_large
from sluice.errors import InvalidArgument, SluiceError, to_status
from sluice.limits import MESSAGE_BYTES_MAX
from sluice.names import CampaignName, ProjectName
from sluice.tensors import Embeddings
from sluice.v1 import scorer_pb2 as pb
from sluice.v1.scorer_pb2_grpc import ScorerServiceServicer

RESPONSE_BYTES_MAX: Final = MESSAGE_BYTES_MAX - 1_024
"""How large scores may be; the rest is for what a stream puts around them."""

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

    async def ScoreFrames(
        self, request: pb.ScoreFramesRequest, context: Any
    ) -> pb.ScoreFramesResponse:
        """Score one batch."""
        return await self._score(request)

    async def StreamScores(
        self, request_iterator: AsyncIterator[pb.StreamScoresRequest], context: Any
    ) -> AsyncIterator[pb.StreamScoresResponse]:
        """Score batch after batch; a bad one is answered with its status."""
        async for request in self._draining.until(request_iterator):
            try:
                scores = await self._score(request.batch)
            except SluiceError as error:
                yield pb.StreamScoresResponse(batch_id=request.batch_id, error=to_status(error))
            else:
                yield pb.StreamScoresResponse(batch_id=request.batch_id, scores=scores)

    async def _score(self, request: pb.ScoreFramesRequest) -> pb.ScoreFramesResponse:
        batch = read_batch(request)
        scored = await self._scoring.score(batch)
        # Thousands of explanations take a while to write down.
        return await asyncio.to_thread(write_scores, batch, scored)


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
    )


def write_scores(batch: Batch, scored: ScoredBatch) -> pb.ScoreFramesResponse:
    """The message of a batch's scores; InvalidArgument if it would be too large to send."""
    rows = b"" if batch.embeddings.one_row_each else scored.rows.astype("<u4").tobytes()
    response = pb.ScoreFramesResponse(
        frame_count=batch.embeddings.frame_count,
        versions=[
            pb.ScoredVersion(
                campaign=str(CampaignName(batch.project, column.campaign)),
                version=column.version.number,
                model_digest=column.version.model_digest,
                threshold=threshold_of(column),
            )
            for column in scored.columns
        ],
        scores=scored.scores.astype("<f8").tobytes(),
        scored_rows=rows,
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
