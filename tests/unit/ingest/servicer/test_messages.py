"""Conversions between protobuf and ingest's domain types."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.ingest.batch import Verdict
from services.ingest.counters import Count
from services.ingest.funnel import Funnel, ScoreSummary
from services.ingest.records import BatchOutcome
from services.ingest.servicer import messages
from sluice import errors, rpc_errors
from sluice.tally import BINS
from sluice.v1 import frame_pb2, ingest_pb2

SESSION_ID = "12345678-1234-5678-1234-567812345678"


def batch_with_metadata(*names: str) -> ingest_pb2.SubmitRequest:
    """A batch of one match with metadata of these names, set in this order."""
    metadata = {name: frame_pb2.MetadataValue(text=name) for name in names}
    match = ingest_pb2.Match(frame=frame_pb2.Frame(id="f", metadata=metadata))
    return ingest_pb2.SubmitRequest(batch=ingest_pb2.SubmitBatch(seq=1, matches=[match]))


def test_equal_batches_have_one_digest() -> None:
    """The digest does not depend on the order of map entries, but on their content."""
    names = [f"name{index}" for index in range(20)]
    digest = messages.delivery(batch_with_metadata(*names)).digest
    assert digest == messages.delivery(batch_with_metadata(*reversed(names))).digest
    assert digest != messages.delivery(batch_with_metadata(*names[1:])).digest


def test_a_malformed_batch_is_rejected_when_it_is_read() -> None:
    """A delivery can be made of any batch, so that a replay is found without parsing it."""
    request = ingest_pb2.SubmitRequest(batch=ingest_pb2.SubmitBatch(seq=3, seen_hashes=b"short"))
    delivery = messages.delivery(request)
    assert 3 == delivery.seq
    with pytest.raises(errors.InvalidArgument, match=r"batch\.seen_hashes: 5 bytes"):
        delivery.read()


def test_a_session_id_is_normalised() -> None:
    """A UUID in another notation names the same session."""
    for session_id in (SESSION_ID, SESSION_ID.upper(), UUID(SESSION_ID).hex):
        start = ingest_pb2.SubmitStart(parent="projects/p", session_id=session_id, logger="l")
        session = messages.session(ingest_pb2.SubmitRequest(start=start))
        assert ("p", SESSION_ID, "l") == (session.project, session.session, session.logger)


def test_verdicts_have_the_numbers_of_the_api() -> None:
    """Each verdict of an outcome is the API's of the same name."""
    outcome = BatchOutcome(seq=1, digest=b"", verdicts=bytes(Verdict), id_conflicts=("f",))
    result = messages.batch_result(outcome)
    assert [f"VERDICT_{verdict.name}" for verdict in Verdict] == [
        ingest_pb2.Verdict.Name(verdict) for verdict in result.verdicts.verdicts
    ]
    assert ["f"] == list(result.verdicts.id_conflicts)


def test_an_error_is_the_result_of_its_batch() -> None:
    """An outcome with an error has its status, with the same class and reason."""
    error = errors.PermissionDenied("foreign", reason="FOREIGN_PROJECT")
    result = messages.batch_result(BatchOutcome(seq=2, digest=b"", error=rpc_errors.dumps(error)))
    restored = rpc_errors.from_status(result.error)
    assert (2, errors.PermissionDenied, "FOREIGN_PROJECT") == (
        result.seq,
        type(restored),
        restored.reason,
    )


def test_mismatches_are_by_logger() -> None:
    """The loggers of a funnel are sorted by name."""
    scores = ScoreSummary(0.0, 0.0, 0.0, 0.0, (0,) * BINS)
    counts = dict.fromkeys(Count, 0)
    figures = Funnel(counts, 0, True, scores, {"car-2": 1, "bus": 2, "car-10": 3})
    funnel = messages.funnel("projects/p/campaigns/c", figures)

    assert [("bus", 2), ("car-10", 3), ("car-2", 1)] == [
        (mismatch.logger, mismatch.count) for mismatch in funnel.mismatches
    ]
