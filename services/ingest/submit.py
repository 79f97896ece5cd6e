"""Submitting batches: one ledger transaction each, acknowledged when it is durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.ingest import counters
from services.ingest.batch import Delivery
from services.ingest.context import Ingest
from services.ingest.judge import Judgement, judge
from services.ingest.plan import Plan, Sender, counters_to_read, keys_to_read
from services.ingest.projects import note_session
from services.ingest.records import (
    ANSWERS_KEPT,
    Answer,
    Session,
    answer_key,
    session_key,
)
from services.ledger.interface import Conflict, Entry, Transaction
from services.platform.records import decode
from sluice import errors

COMMIT_ATTEMPTS = 16
"""How often a batch is judged against the ledger anew before its sender is asked to do so."""

_OPEN = (errors.Unavailable, errors.Aborted, errors.ResourceExhausted)
"""The errors that leave a batch's number open; every other one is its outcome."""


@dataclass(frozen=True, slots=True)
class SessionId:
    """A session of a project, and who runs it."""

    project: str
    session: str
    logger: str


async def start(ingest: Ingest, session: SessionId) -> int:
    """The number of the session's next batch, 1 for a new one.

    Raises NotFound for a project that does not exist.
    """
    await ingest.active.current(session.project)
    await note_session(ingest.stores.ledger, session.project)
    found = await ingest.stores.ledger.get(session.project, [session_key(session.session)])
    return _watermark(found.get(session_key(session.session))) + 1


async def submit(
    ingest: Ingest, session: SessionId, delivery: Delivery, *, expected: bool = False
) -> Answer:
    """Give a batch its outcome, once: a number that has one is answered with it.

    A caller that has the session's last answer may say that this batch is `expected` to be the
    next; then the ledger is not asked before the batch is judged, only after.

    Raises SequenceGap naming the number expected, and Aborted for other content under a number
    that has an outcome. Unavailable, Aborted and ResourceExhausted leave the number open.
    """
    if delivery.seq < 1:
        raise errors.InvalidArgument.of("batch.seq", f"{delivery.seq} is not 1 or more")
    sender = Sender(session.project, session.session, session.logger, ingest.now_us())
    if not expected:
        _, answer = await _progress(ingest, sender, delivery)
        if answer is not None:
            return answer
    try:
        judgement = await judge(ingest.active, ingest.models, session.project, delivery.read())
    except _OPEN:
        raise
    except errors.SluiceError as refusal:
        return await _conclude(ingest, sender, delivery, refusal)
    return await _conclude(ingest, sender, delivery, judgement)


async def _progress(
    ingest: Ingest, sender: Sender, delivery: Delivery, more: Sequence[str] = ()
) -> tuple[dict[str, Entry], Answer | None]:
    """What the ledger holds under the session's keys and `more`; the answer, if there is one."""
    where = session_key(sender.session)
    answered = answer_key(sender.session, delivery.seq)
    found = await ingest.stores.ledger.get(sender.project, [where, answered, *more])
    expected = _watermark(found.get(where)) + 1
    if delivery.seq == expected:
        return found, None
    if delivery.seq > expected or delivery.seq + ANSWERS_KEPT < expected:
        raise errors.SequenceGap(
            f"batch.seq: {delivery.seq} does not follow; the next is {expected}",
            metadata={"expected_seq": str(expected)},
        )
    return found, _replayed(decode(Answer, found[answered]), delivery)


def _watermark(entry: Entry | None) -> int:
    return decode(Session, entry).watermark if entry else 0


def _replayed(answer: Answer, delivery: Delivery) -> Answer:
    if answer.digest != delivery.digest:
        raise errors.Aborted(
            f"batch.seq: {delivery.seq} has an outcome, for other content", reason="REPLAY_DIFFERS"
        )
    return answer


async def _conclude(
    ingest: Ingest, sender: Sender, delivery: Delivery, outcome: Judgement | errors.SluiceError
) -> Answer:
    """Commit an outcome; when somebody else was faster, look again and plan anew."""
    more = keys_to_read(outcome) if isinstance(outcome, Judgement) else []
    for _ in range(COMMIT_ATTEMPTS):
        known, answer = await _progress(ingest, sender, delivery, more)
        if answer is not None:
            return answer
        transaction, answer = await _plan(ingest, sender, delivery, outcome, known)
        try:
            await ingest.stores.ledger.commit(transaction)
        except Conflict as conflict:
            if conflict.subject == counters.OUTBOX:
                raise errors.Unavailable(
                    f"{ingest.outbox_entries_max} matches wait for the vector store",
                    retry_after_s=1,
                ) from conflict
            continue
        return answer
    raise errors.Aborted(f"batch {delivery.seq} collided with others {COMMIT_ATTEMPTS} times")


async def _plan(
    ingest: Ingest,
    sender: Sender,
    delivery: Delivery,
    outcome: Judgement | errors.SluiceError,
    known: dict[str, Entry],
) -> tuple[Transaction, Answer]:
    plan = Plan(sender, delivery, known.get(session_key(sender.session)), ingest.outbox_entries_max)
    if isinstance(outcome, errors.SluiceError):
        return plan.refuse(errors.dumps(outcome))
    names = counters_to_read(outcome, sender.received_us)
    used = await ingest.stores.ledger.counters(sender.project, names) if names else {}
    return plan.accept(outcome, known, used)
