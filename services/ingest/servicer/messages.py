"""Protobuf to domain and back, for the ingest service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from services.ingest.batch import Batch, Delivery, Match
from services.ingest.funnel import Funnel
from services.ingest.records import Answer, Review
from services.ingest.samples import ReviewOrder, Sample, Selection
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
    """A numbered batch, which is read only when it has no outcome yet."""
    if request.WhichOneof("message") != "batch":
        raise errors.InvalidArgument.of("batch", "every message after the start must be a batch")
    message = request.batch
    # Deterministic, so that a sender that builds the same batch again is known again.
    content = message.SerializeToString(deterministic=True)
    digest, size_bytes = hashlib.sha256(content).digest(), len(content)
    return Delivery(message.seq, digest, lambda: _batch(message, size_bytes))


def _batch(message: pb.SubmitBatch, size_bytes: int) -> Batch:
    if size_bytes > BATCH_BYTES_MAX:
        problem = f"{size_bytes:,} bytes are more than {BATCH_BYTES_MAX:,}"
        raise too_large("batch", problem, BATCH_BYTES_MAX)
    override = message.threshold_override if message.HasField("threshold_override") else None
    if override is not None and not 0 <= override <= 1:
        raise errors.InvalidArgument.of("batch.threshold_override", f"{override} is not in 0…1")
    return Batch(
        seen_hashes=_seen_hashes(message.seen_hashes),
        tallies=tuple(
            Tally.from_proto(tally, f"batch.tallies[{index}]")
            for index, tally in enumerate(message.tallies)
        ),
        threshold_override=override,
        matches=tuple(_matches(message)),
        embeddings=_embeddings(message),
    )


def _seen_hashes(packed: bytes) -> np.ndarray:
    if len(packed) % _HASH_BYTES:
        raise errors.InvalidArgument.of(
            "batch.seen_hashes", f"{len(packed)} bytes are not a multiple of {_HASH_BYTES}"
        )
    if len(packed) > BATCH_ROWS_MAX * _HASH_BYTES:
        problem = f"{len(packed) // _HASH_BYTES} frames are more than {BATCH_ROWS_MAX}"
        raise too_large("batch.seen_hashes", problem, BATCH_ROWS_MAX)
    return np.frombuffer(packed, "<u8")


def _matches(message: pb.SubmitBatch) -> Iterator[Match]:
    pairs = sum(len(match.scores) for match in message.matches)
    if pairs > BATCH_MATCHES_MAX:
        problem = f"{pairs} scores are more than {BATCH_MATCHES_MAX}"
        raise too_large("batch.matches", problem, BATCH_MATCHES_MAX)
    for index, match in enumerate(message.matches):
        yield Match(
            Frame.from_proto(match.frame, f"batch.matches[{index}].frame"),
            tuple((score.tally_index, score.score) for score in match.scores),
        )


def _embeddings(message: pb.SubmitBatch) -> Embeddings | None:
    if not message.HasField("embeddings"):
        return None
    return Embeddings.from_proto(message.embeddings, "batch.embeddings")


def batch_result(answer: Answer) -> pb.BatchResult:
    """The outcome of a batch."""
    if answer.error:
        return refused(answer.seq, rpc_errors.loads(answer.error))
    verdicts = pb.BatchVerdicts(
        verdicts=map(pb.Verdict.Name, answer.verdicts), id_conflicts=answer.id_conflicts
    )
    return pb.BatchResult(seq=answer.seq, verdicts=verdicts)


def refused(seq: int, error: errors.SluiceError) -> pb.BatchResult:
    """The outcome of a batch that was refused, or whose number is left open."""
    return pb.BatchResult(seq=seq, error=rpc_errors.to_status(error))


def funnel(name: str, read: Funnel) -> pb.Funnel:
    """The funnel of a campaign."""
    counts = {
        count.value.replace("-", "_"): value
        for count, value in read.counts.items()
        if count.value.replace("-", "_") in pb.Funnel.DESCRIPTOR.fields_by_name
    }
    return pb.Funnel(
        campaign=name,
        **counts,
        distinct_seen=read.distinct_seen,
        collection_rate=read.collection_rate,
        collection_rate_distinct=read.collection_rate_distinct,
        scores=pb.ScoreSummary(
            mean=read.scores.mean,
            standard_deviation=read.scores.standard_deviation,
            minimum=read.scores.minimum,
            maximum=read.scores.maximum,
            histogram=read.scores.histogram,
        ),
        mismatches=[
            pb.Funnel.Mismatch(logger=logger, count=count)
            for logger, count in sorted(read.mismatches.items())
        ],
    )


def sample(found: Sample) -> pb.Sample:
    """A collected match."""
    name, row = found.campaign, found.row
    received = Timestamp()
    received.FromMicroseconds(row.received_us)
    return pb.Sample(
        name=str(SampleName(name.project, name.campaign, found.frame.id)),
        frame=found.frame.to_proto(),
        version=row.version,
        score=row.score,
        explanation=found.explanation.to_proto(),
        state=pb.Sample.State.Name(row.review),
        receive_time=received,
        session_id=row.session,
        logger=row.logger,
    )


def reviews(page: ReviewsPage) -> pb.ReadReviewsResponse:
    """Samples of which a person has said what they are."""
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


def selection(request: pb.ListSamplesRequest) -> Selection:
    """Which samples a request asks for."""
    known = {state.value for state in Review}
    for state in request.states:
        if state not in known:
            raise errors.InvalidArgument.of("states", f"{state} is not a state of samples")
    return Selection(
        by_version=request.order == pb.SAMPLE_ORDER_VERSION,
        states=tuple(sorted(Review(state) for state in set(request.states))),
        version=request.version,
    )


ReviewRequest = pb.AcceptSamplesRequest | pb.DiscardSamplesRequest | pb.RestoreSamplesRequest


def review_order(request: ReviewRequest, verdict: Review) -> ReviewOrder:
    """What a request says of which samples."""
    return ReviewOrder(
        CampaignName.parse(request.parent, "parent"),
        list(request.frame_ids),
        verdict,
        IdempotentRequest.of(
            request.DESCRIPTOR.name,
            request.request_id,
            request.SerializeToString(deterministic=True),
        ),
    )
