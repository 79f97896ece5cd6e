"""Conversions between protobuf and domain types, for the ingest service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from services.ingest.batch import Delivery, Match, SubmittedBatch
from services.ingest.funnel import Funnel
from services.ingest.records import BatchOutcome, Review
from services.ingest.review_samples import ReviewRequest
from services.ingest.samples import Sample, SampleFilter
from services.ingest.submit import SessionId
from services.peers.reviews import ReviewsPage
from services.records.idempotency import IdempotentRequest
from sluice import errors, rpc_errors
from sluice.checks import check_text, too_large
from sluice.frames import Frame
from sluice.limits import BATCH_BYTES_MAX, BATCH_MATCHES_MAX, BATCH_ROWS_MAX
from sluice.names import CampaignName, ProjectName, SampleName
from sluice.tally import Tally
from sluice.tensors import Embeddings, pack
from sluice.v1 import ingest_pb2 as pb

_HASH_BYTES = 8


def session(request: pb.SubmitRequest) -> SessionId:
    """The session that the first message of a stream names."""
    if request.WhichOneof("message") != "start":
        raise errors.InvalidArgument.of("start", "the first message of a stream must be the start")
    start = request.start
    try:
        session_id = str(UUID(start.session_id))
    except ValueError:
        raise errors.InvalidArgument.of(
            "start.session_id", f"{start.session_id!r} is not a UUID"
        ) from None
    check_text("start.logger", start.logger, empty=True)
    project = ProjectName.parse(start.parent, "start.parent").project
    return SessionId(project, session_id, start.logger)


def delivery(request: pb.SubmitRequest) -> Delivery:
    """A numbered batch, which is parsed only if it has no outcome yet."""
    if request.WhichOneof("message") != "batch":
        raise errors.InvalidArgument.of("batch", "every message after the start must be a batch")
    message = request.batch
    # Deterministic, so that an equal batch that is built again has the same digest.
    content = message.SerializeToString(deterministic=True)
    digest, size_bytes = hashlib.sha256(content).digest(), len(content)
    return Delivery(message.seq, digest, lambda: _read_batch(message, size_bytes))


def _read_batch(message: pb.SubmitBatch, size_bytes: int) -> SubmittedBatch:
    if size_bytes > BATCH_BYTES_MAX:
        problem = f"{size_bytes:,} bytes are more than {BATCH_BYTES_MAX:,}"
        raise too_large("batch", problem, BATCH_BYTES_MAX)
    override = message.threshold_override if message.HasField("threshold_override") else None
    if override is not None and not 0 <= override <= 1:
        raise errors.InvalidArgument.of("batch.threshold_override", f"{override} is not in 0…1")
    return SubmittedBatch(
        seen_hashes=_read_hashes(message.seen_hashes),
        tallies=tuple(
            Tally.from_proto(tally, f"batch.tallies[{index}]")
            for index, tally in enumerate(message.tallies)
        ),
        threshold_override=override,
        matches=tuple(_read_matches(message)),
        embeddings=_read_embeddings(message),
    )


def _read_hashes(packed: bytes) -> np.ndarray:
    if len(packed) % _HASH_BYTES:
        raise errors.InvalidArgument.of(
            "batch.seen_hashes", f"{len(packed)} bytes are not a multiple of {_HASH_BYTES}"
        )
    if len(packed) > BATCH_ROWS_MAX * _HASH_BYTES:
        problem = f"{len(packed) // _HASH_BYTES} frames are more than {BATCH_ROWS_MAX}"
        raise too_large("batch.seen_hashes", problem, BATCH_ROWS_MAX)
    return np.frombuffer(packed, "<u8")


def _read_matches(message: pb.SubmitBatch) -> Iterator[Match]:
    pairs = sum(len(match.scores) for match in message.matches)
    if pairs > BATCH_MATCHES_MAX:
        problem = f"{pairs} scores are more than {BATCH_MATCHES_MAX}"
        raise too_large("batch.matches", problem, BATCH_MATCHES_MAX)
    for index, match in enumerate(message.matches):
        yield Match(
            Frame.from_proto(match.frame, f"batch.matches[{index}].frame"),
            tuple((score.tally_index, score.score) for score in match.scores),
        )


def _read_embeddings(message: pb.SubmitBatch) -> Embeddings | None:
    if not message.HasField("embeddings"):
        return None
    return Embeddings.from_proto(message.embeddings, "batch.embeddings")


def batch_result(outcome: BatchOutcome) -> pb.BatchResult:
    """The outcome of a batch."""
    if outcome.error:
        return error_result(outcome.seq, rpc_errors.loads(outcome.error))
    verdicts = pb.BatchVerdicts(
        verdicts=map(pb.Verdict.Name, outcome.verdicts), id_conflicts=outcome.id_conflicts
    )
    return pb.BatchResult(seq=outcome.seq, verdicts=verdicts)


def error_result(seq: int, error: errors.SluiceError) -> pb.BatchResult:
    """The error that rejects a batch, or leaves its number open."""
    return pb.BatchResult(seq=seq, error=rpc_errors.to_status(error))


def funnel(campaign: str, figures: Funnel) -> pb.Funnel:
    """The funnel of a campaign."""
    counts = {
        count.value.replace("-", "_"): value
        for count, value in figures.counts.items()
        if count.value.replace("-", "_") in pb.Funnel.DESCRIPTOR.fields_by_name
    }
    return pb.Funnel(
        campaign=campaign,
        **counts,
        distinct_seen=figures.distinct_seen,
        distinct_seen_exact=figures.distinct_seen_exact,
        collection_rate=figures.collection_rate,
        collection_rate_distinct=figures.collection_rate_distinct,
        scores=pb.ScoreSummary(
            mean=figures.scores.mean,
            standard_deviation=figures.scores.standard_deviation,
            minimum=figures.scores.minimum,
            maximum=figures.scores.maximum,
            histogram=figures.scores.histogram,
        ),
        mismatches=[
            pb.Funnel.Mismatch(logger=logger, count=count)
            for logger, count in sorted(figures.mismatches.items())
        ],
    )


def sample(collected: Sample) -> pb.Sample:
    """A collected match."""
    name, row = collected.campaign, collected.row
    received = Timestamp()
    received.FromMicroseconds(row.received_us)
    return pb.Sample(
        name=str(SampleName(name.project, name.campaign, collected.frame.id)),
        frame=collected.frame.to_proto(),
        version=row.version,
        score=row.score,
        explanation=collected.explanation.to_proto(),
        state=pb.Sample.State.Name(row.review),
        receive_time=received,
        session_id=row.session,
        logger=row.logger,
    )


def reviews(page: ReviewsPage) -> pb.ReadReviewsResponse:
    """A page of reviewed samples with their vectors."""
    samples = [
        pb.ReviewedSample(
            frame_id=sample.frame_id,
            label_id=sample.label_id,
            state=pb.Sample.STATE_ACCEPTED if sample.accepted else pb.Sample.STATE_DISCARDED,
        )
        for sample in page.samples
    ]
    return pb.ReadReviewsResponse(
        samples=samples, embeddings=pack(page.vectors) if samples else None
    )


def sample_filter(request: pb.ListSamplesRequest) -> SampleFilter:
    """The filter and order of a listing request."""
    supported = {state.value for state in Review}
    for state in request.states:
        if state not in supported:
            raise errors.InvalidArgument.of("states", f"{state} is not a state of samples")
    return SampleFilter(
        by_version=request.order == pb.SAMPLE_ORDER_VERSION,
        states=tuple(sorted(Review(state) for state in set(request.states))),
        version=request.version,
    )


def review_request(
    request: pb.AcceptSamplesRequest | pb.DiscardSamplesRequest | pb.RestoreSamplesRequest,
    review: Review,
) -> ReviewRequest:
    """The request to give samples a review state."""
    return ReviewRequest(
        CampaignName.parse(request.parent, "parent"),
        list(request.frame_ids),
        review,
        IdempotentRequest.of(
            request.DESCRIPTOR.name,
            request.request_id,
            request.SerializeToString(deterministic=True),
        ),
    )
