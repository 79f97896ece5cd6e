"""ScorerService over gRPC: converts between protobuf and domain types, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final
from weakref import WeakKeyDictionary

from services.scorer.columns import CampaignColumns
from services.scorer.read_ahead import map_in_order
from services.scorer.score import BatchScorer, ExplainMode, ScoredBatch, ScoringRequest
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
"""Size limit of a response's scores; the rest is for the stream message around them."""

AHEAD_MAX: Final = 3
"""Batches of one stream that are in progress at a time."""

AHEAD_BYTES_MAX: Final = 2 * 2**20
"""Total size of these batches at which no further one is read."""

_EXPLAIN_MODES: Final = {
    pb.EXPLAIN_MODE_UNSPECIFIED: ExplainMode.MATCHES,
    pb.EXPLAIN_MODE_MATCHES: ExplainMode.MATCHES,
    pb.EXPLAIN_MODE_NONE: ExplainMode.NONE,
    pb.EXPLAIN_MODE_ALL: ExplainMode.ALL,
}


class ScorerServicer(ScorerServiceServicer):
    """Scores frames, in one call or as a stream of batches."""

    def __init__(self, scorer: BatchScorer, draining: Draining) -> None:
        self._scorer = scorer
        self._draining = draining
        # Built once for all batches: a hundred campaigns are a hundred messages.
        self._versions: WeakKeyDictionary[CampaignColumns, list[pb.ScoredVersion]] = (
            WeakKeyDictionary()
        )

    async def ScoreFrames(
        self, request: pb.ScoreFramesRequest, context: Any
    ) -> pb.ScoreFramesResponse:
        """Score one batch."""
        return await self._score(request)

    async def StreamScores(
        self, request_iterator: AsyncIterator[pb.StreamScoresRequest], context: Any
    ) -> AsyncIterator[pb.StreamScoresResponse]:
        """Score batch after batch; an invalid one gets its status as the response."""
        responses = map_in_order(
            self._draining.until(request_iterator),
            self._respond,
            count_max=AHEAD_MAX,
            size_max=AHEAD_BYTES_MAX,
            size_of=pb.StreamScoresRequest.ByteSize,
        )
        async with aclosing(responses):
            async for response in responses:
                yield response

    async def _respond(self, request: pb.StreamScoresRequest) -> pb.StreamScoresResponse:
        try:
            scores = await self._score(request.batch)
        except SluiceError as error:
            return pb.StreamScoresResponse(batch_id=request.batch_id, error=to_status(error))
        return pb.StreamScoresResponse(batch_id=request.batch_id, scores=scores)

    async def _score(self, message: pb.ScoreFramesRequest) -> pb.ScoreFramesResponse:
        request = read_request(message)
        batch = await self._scorer.score(request)
        versions = self._versions.get(batch.columns)
        if versions is None:
            versions = self._versions[batch.columns] = write_versions(batch.columns)
        return write_response(request, batch, versions)


def read_request(message: pb.ScoreFramesRequest) -> ScoringRequest:
    """The request that a message holds; raises InvalidArgument naming a malformed field."""
    if message.explain not in _EXPLAIN_MODES:
        raise InvalidArgument.of("explain", f"{message.explain} is not a known ExplainMode")
    return ScoringRequest(
        project=ProjectName.parse(message.parent, "parent").project,
        embeddings=Embeddings.from_proto(message.embeddings),
        campaigns=[
            CampaignName.parse(name, f"campaigns[{index}]")
            for index, name in enumerate(message.campaigns)
        ],
        explain=_EXPLAIN_MODES[message.explain],
        matches_only=message.matches_only,
    )


def write_versions(columns: CampaignColumns) -> list[pb.ScoredVersion]:
    """One message for each column: campaign, version, model and threshold."""
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


def write_response(
    request: ScoringRequest, batch: ScoredBatch, versions: list[pb.ScoredVersion]
) -> pb.ScoreFramesResponse:
    """The message of a batch's scores; raises InvalidArgument if it exceeds the size limit."""
    response = pb.ScoreFramesResponse(
        frame_count=request.embeddings.frame_count,
        versions=versions,
        **_score_fields(request, batch.scores),
        explanations=[
            pb.FrameExplanation(
                frame_index=explanation.frame,
                version_index=explanation.column,
                explanation=explanation.explanation.to_proto(),
            )
            for explanation in batch.explanations
        ],
    )
    size_bytes = response.ByteSize()
    if size_bytes > RESPONSE_BYTES_MAX:
        raise too_large(
            "embeddings",
            f"the response would have {size_bytes:,} bytes; at most {RESPONSE_BYTES_MAX:,} are "
            "supported; score fewer frames or campaigns at a time, or set explain to NONE",
            RESPONSE_BYTES_MAX,
        )
    return response


def _score_fields(request: ScoringRequest, scores: Scores | Matches) -> dict[str, Any]:
    """The response fields that hold scores; rows are omitted when each frame has one row."""
    rows = b"" if request.embeddings.one_row_each else scores.rows.astype("<u4").tobytes()
    values = scores.scores.astype("<f8", copy=False).tobytes()
    if isinstance(scores, Scores):
        return {"scores": values, "scored_rows": rows}
    matches = pb.FrameMatches(
        frame_indices=scores.frames.astype("<u4").tobytes(),
        version_indices=scores.columns.astype("<u4").tobytes(),
        scores=values,
        scored_rows=rows,
    )
    return {"matches": matches}
