"""One session: what is sent again, how soon, and the error of a batch that is refused."""

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
    return ScriptedIngest()  # type: ignore[abstract]  # what is not scripted is not called


@pytest.fixture
def channel(ingest: ScriptedIngest) -> Iterator[grpc.Channel]:
    """A channel to the service."""
    with serving(ingest) as channel:
        yield channel


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of sessions, in seconds, each the longest that may be drawn; none takes time."""
    pauses_s: list[float] = []

    def sleep(pause_s: float) -> None:
        assert len(pauses_s) < PAUSES_MAX, "retries without end"
        pauses_s.append(pause_s)

    backoff = partial(Backoff, sleep=sleep, uniform=lambda low, high: high)
    monkeypatch.setattr("sluice.session.Backoff", backoff)
    return pauses_s


def batch(number: int) -> ingest_pb2.SubmitBatch:
    """A batch that can be told from others."""
    return ingest_pb2.SubmitBatch(seen_hashes=number.to_bytes(8, "little"))


def submitted(ingest: ScriptedIngest) -> list[int]:
    """The batches that were counted."""
    return [int.from_bytes(counted.seen_hashes, "little") for counted in ingest.counted]


def refuse_times(
    ingest: ScriptedIngest, seq: int, error: errors.SluiceError, times: int | None = None
) -> None:
    """Refuse a number so many times; always, when None."""
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


def test_a_batch_that_is_left_open_is_sent_again_when_the_server_says(
    ingest: ScriptedIngest, channel: grpc.Channel, pauses: list[float]
) -> None:
    """Between two attempts there is at least the pause that the server asks for."""
    refuse_times(ingest, 2, AWAY, times=3)
    with SubmitSession(channel, PROJECT) as session:
        for number in range(4):
            session.submit(batch(number))
    assert [0, 1, 2, 3] == submitted(ingest)
    assert [3.1, 3.2, 3.4] == pytest.approx(pauses)


def test_pauses_grow_and_begin_anew_after_a_success(
    ingest: ScriptedIngest, channel: grpc.Channel, pauses: list[float]
) -> None:
    """Without `retry_after_s` a pause is twice the one before, until a batch is counted."""
    refuse_times(ingest, 1, errors.Unavailable("away"), times=3)
    with SubmitSession(channel, PROJECT) as session:
        session.submit(batch(0))
        session.flush()
        refuse_times(ingest, 2, errors.Unavailable("away"), times=1)
        session.submit(batch(1))
    assert [0.1, 0.2, 0.4, 0.1] == pytest.approx(pauses)


def test_patience_ends_and_nothing_is_lost(
    ingest: ScriptedIngest, channel: grpc.Channel, pauses: list[float]
) -> None:
    """A session that gave up goes on with the next call, with the batch it did not take too."""
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


def test_a_refusal_names_its_batch_and_the_rest_goes_on(
    ingest: ScriptedIngest, channel: grpc.Channel
) -> None:
    """What is wrong with a batch is said with its number, once; the batches after it count."""
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
    """What no server would take is refused before it is sent, and the next batch is counted."""
    large = ingest_pb2.SubmitBatch(seen_hashes=bytes(BATCH_BYTES_MAX))
    with SubmitSession(channel, PROJECT) as session:
        with pytest.raises(errors.InvalidArgument, match="more than 8,388,608") as refused:
            session.submit(large)
        assert "TOO_LARGE" == refused.value.reason
        session.submit(batch(1))
    assert [1] == submitted(ingest)
    assert (1, 1) == (session.acknowledged, session.outcomes.batches)


def test_a_replay_that_differs_is_not_tried_again(
    ingest: ScriptedIngest, channel: grpc.Channel, pauses: list[float]
) -> None:
    """Aborted is worth another attempt, but not for a number that has other content."""
    refuse_times(ingest, 1, errors.Aborted("other content", reason="REPLAY_DIFFERS"))
    with SubmitSession(channel, PROJECT) as session:
        session.submit(batch(0))
        with pytest.raises(errors.Aborted, match="other content"):
            session.flush()
    assert [] == pauses


def test_a_run_goes_on_where_the_one_before_ended(
    ingest: ScriptedIngest, channel: grpc.Channel
) -> None:
    """Under the same session id, batches that were counted are not sent again."""
    with SubmitSession(channel, PROJECT, session_id="s") as first:
        for number in range(3):
            first.submit(batch(number))
    with SubmitSession(channel, PROJECT, session_id="s") as second:
        for number in range(5):
            second.submit(batch(number))
    assert [0, 1, 2, 3, 4] == submitted(ingest)
    assert (3, 2) == (second.outcomes.already_counted, second.outcomes.batches)


def test_a_session_goes_on_over_another_channel(
    ingest: ScriptedIngest, channel: grpc.Channel
) -> None:
    """With a new connection the numbers go on: nothing is taken for a batch of an earlier run."""
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


def test_a_server_that_forgot_is_found_out(ingest: ScriptedIngest, channel: grpc.Channel) -> None:
    """A server that no longer knows an acknowledged batch has lost it, and that is said."""
    session = SubmitSession(channel, PROJECT)
    session.submit(batch(0))
    session.flush()
    session.close()
    ingest.counted.clear()
    with pytest.raises(errors.DataLoss, match="batch 1 was acknowledged"):
        session.submit(batch(1))
