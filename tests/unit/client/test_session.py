"""Sessions: retries, their pauses, and the errors of rejected batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count

import grpc
import pytest

from sluice import errors
from sluice.backoff import Backoff
from sluice.limits import BATCH_BYTES_MAX
from sluice.session import SubmitSession
from sluice.v1 import ingest_pb2
from tests.unit.client.scripted_ingest import ScriptedIngest, serving

PROJECT = "projects/p"
PAUSES_MAX = 20
AWAY = errors.Unavailable("away", retry_after_s=3)


@pytest.fixture
def ingest() -> ScriptedIngest:
    """The service."""
    return ScriptedIngest()  # type: ignore[abstract]  # the other methods are not called


@pytest.fixture
def channel(ingest: ScriptedIngest) -> Iterator[grpc.Channel]:
    """A channel to the service."""
    with serving(ingest) as channel:
        yield channel


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of sessions, in seconds: always the upper bound, and without waiting."""
    pauses_s: list[float] = []

    def sleep(pause_s: float) -> None:
        assert len(pauses_s) < PAUSES_MAX, "too many retries"
        pauses_s.append(pause_s)

    backoff = partial(Backoff, sleep=sleep, uniform=lambda low, high: high)
    monkeypatch.setattr("sluice.session.Backoff", backoff)
    return pauses_s


def batch(number: int) -> ingest_pb2.SubmitBatch:
    """A distinct batch for each number."""
    return ingest_pb2.SubmitBatch(seen_hashes=number.to_bytes(8, "little"))


def submitted(ingest: ScriptedIngest) -> list[int]:
    """The numbers of the counted batches."""
    return [int.from_bytes(counted.seen_hashes, "little") for counted in ingest.counted]


def refuse_times(
    ingest: ScriptedIngest, seq: int, error: errors.SluiceError, times: int | None = None
) -> None:
    """Reject a batch number this many times; always if None."""
    refusals = count() if times is None else iter(range(times))

    def refuse(batch: ingest_pb2.SubmitBatch) -> errors.SluiceError | None:
        return error if batch.seq == seq and next(refusals, None) is not None else None

    ingest.refuse = refuse


def test_batches_are_numbered_and_counted_once(
    ingest: ScriptedIngest, channel: grpc.Channel
) -> None:
    """Batches arrive in their order, and the session knows how many were acknowledged."""
    with SubmitSession(channel, PROJECT) as session:
        for number in range(5):
            session.submit(batch(number))
    assert [0, 1, 2, 3, 4] == submitted(ingest)
    assert (5, 5) == (session.acknowledged, session.outcomes.batches)


def test_an_unavailable_batch_is_retried_after_the_servers_delay(
    ingest: ScriptedIngest, channel: grpc.Channel, pauses: list[float]
) -> None:
    """The pause between two attempts is at least the delay that the server asks for."""
    refuse_times(ingest, 2, AWAY, times=3)
    with SubmitSession(channel, PROJECT) as session:
        for number in range(4):
            session.submit(batch(number))
    assert [0, 1, 2, 3] == submitted(ingest)
    assert [3.1, 3.2, 3.4] == pytest.approx(pauses)


def test_pauses_grow_and_begin_anew_after_a_success(
    ingest: ScriptedIngest, channel: grpc.Channel, pauses: list[float]
) -> None:
    """Without `retry_after_s`, each pause doubles until a batch is counted."""
    refuse_times(ingest, 1, errors.Unavailable("away"), times=3)
    with SubmitSession(channel, PROJECT) as session:
        session.submit(batch(0))
        session.flush()
        refuse_times(ingest, 2, errors.Unavailable("away"), times=1)
        session.submit(batch(1))
    assert [0.1, 0.2, 0.4, 0.1] == pytest.approx(pauses)


def test_after_giving_up_no_batch_is_lost(
    ingest: ScriptedIngest, channel: grpc.Channel, pauses: list[float]
) -> None:
    """A session that gave up resumes with the next call; the failed batch is submitted again."""
    refuse_times(ingest, 1, AWAY)
    session = SubmitSession(channel, PROJECT, patience_s=2)
    session.submit(batch(0))
    session.submit(batch(1))
    with pytest.raises(errors.Unavailable, match="away"):
        session.submit(batch(2))
    with pytest.raises(errors.Unavailable, match="away"):
        session.flush()
    assert [] == pauses
    ingest.refuse = lambda batch: None
    session.submit(batch(2))
    session.flush()
    session.close()
    assert [0, 1, 2] == submitted(ingest)


def test_a_rejection_names_its_batch_and_the_session_continues(
    ingest: ScriptedIngest, channel: grpc.Channel
) -> None:
    """The error of a rejected batch names its number, once; the next batches are counted."""
    refuse_times(ingest, 1, errors.InvalidArgument.of("embeddings", "row 7 holds NaN"))
    session = SubmitSession(channel, PROJECT)
    session.submit(batch(0))
    session.submit(batch(1))
    with pytest.raises(errors.InvalidArgument, match=r"^batch 1: embeddings: row 7") as refused:
        session.submit(batch(2))
    assert "1" == refused.value.metadata["seq"]
    session.submit(batch(2))
    session.flush()
    session.close()
    assert [0, 1, 2] == submitted(ingest)
    assert (3, 2) == (session.acknowledged, session.outcomes.batches)


def test_a_batch_that_is_too_large_takes_no_number(
    ingest: ScriptedIngest, channel: grpc.Channel
) -> None:
    """A batch over the limit is rejected before sending, and the next one is counted."""
    large = ingest_pb2.SubmitBatch(seen_hashes=bytes(BATCH_BYTES_MAX))
    with SubmitSession(channel, PROJECT) as session:
        with pytest.raises(errors.InvalidArgument, match="more than 8,388,608") as refused:
            session.submit(large)
        assert "TOO_LARGE" == refused.value.reason
        session.submit(batch(1))
    assert [1] == submitted(ingest)
    assert (1, 1) == (session.acknowledged, session.outcomes.batches)


def test_a_replay_that_differs_is_not_retried(
    ingest: ScriptedIngest, channel: grpc.Channel, pauses: list[float]
) -> None:
    """Aborted is retried, except for a batch number with other content."""
    refuse_times(ingest, 1, errors.Aborted("other content", reason="REPLAY_DIFFERS"))
    with SubmitSession(channel, PROJECT) as session:
        session.submit(batch(0))
        with pytest.raises(errors.Aborted, match="other content"):
            session.flush()
    assert [] == pauses


def test_a_run_resumes_the_previous_one(ingest: ScriptedIngest, channel: grpc.Channel) -> None:
    """Under the same session id, counted batches are not sent again."""
    with SubmitSession(channel, PROJECT, session_id="s") as first:
        for number in range(3):
            first.submit(batch(number))
    with SubmitSession(channel, PROJECT, session_id="s") as second:
        for number in range(5):
            second.submit(batch(number))
    assert [0, 1, 2, 3, 4] == submitted(ingest)
    assert (3, 2) == (second.outcomes.already_counted, second.outcomes.batches)


def test_a_session_continues_over_another_channel(
    ingest: ScriptedIngest, channel: grpc.Channel
) -> None:
    """With a new connection the numbers continue; no batch counts as one of an earlier run."""
    session = SubmitSession(channel, PROJECT)
    session.submit(batch(0))
    session.submit(batch(1))
    with serving(ingest) as other:
        session.use(other)
        session.submit(batch(2))
        session.flush()
        session.close()
    assert [0, 1, 2] == submitted(ingest)
    assert 0 == session.outcomes.already_counted


def test_a_server_that_lost_batches_raises_data_loss(
    ingest: ScriptedIngest, channel: grpc.Channel
) -> None:
    """If the server no longer has an acknowledged batch, the session raises DataLoss."""
    session = SubmitSession(channel, PROJECT)
    session.submit(batch(0))
    session.flush()
    session.close()
    ingest.counted.clear()
    with pytest.raises(errors.DataLoss, match="batch 1 was acknowledged"):
        session.submit(batch(1))
