"""Submitting batches: one ledger transaction each, acknowledged when it is durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.ingest import counters
from services.ingest.batch import Delivery
from services.ingest.context import Ingest
from services.ingest.judge import Judgement, judge, judge_together
from services.ingest.plan import Plan, Sender, counters_to_read, keys_to_read
from services.ingest.projects import note_session
from services.ingest.records import (
    ANSWERS_KEPT,
    Answer,
    Session,
    answer_key,
    session_key,
)
from services.ledger.interface import Conflict, Entry
from services.records.records import decode
from sluice import errors, rpc_errors

COMMIT_ATTEMPTS = 16
"""How often a batch is judged against the ledger anew before its sender is asked to do so."""

Outcome = Judgement | errors.SluiceError
"""What is to be made of a batch."""

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


async def submit(ingest: Ingest, session: SessionId, delivery: Delivery) -> Answer:
    """Give a batch its outcome, once: a number that has one is answered with it.

    Raises SequenceGap naming the number expected, and Aborted for other content under a number
    that has an outcome. Unavailable, Aborted and ResourceExhausted leave the number open.
    """
    if delivery.seq < 1:
        raise errors.InvalidArgument.of("batch.seq", f"{delivery.seq} is not 1 or more")
    sender = _sender(ingest, session)
    _, answer = await _progress(ingest, sender, delivery)
    if answer is None:
        outcome = await _judge(ingest, session.project, delivery)
        [answer] = await _conclude(ingest, sender, [(delivery, outcome)])
    return answer


async def submit_next(
    ingest: Ingest, session: SessionId, deliveries: Sequence[Delivery]
) -> list[Answer]:
    """Give the session's next batches, in their order, their outcomes in one transaction.

    Raises a SluiceError when that cannot be: then each must be submitted alone, which tells which
    of them is to blame, and finds the outcomes where only the ledger's answer was lost.
    """
    sender = _sender(ingest, session)
    outcomes = await _judge_all(ingest, session.project, deliveries)
    return await _conclude(ingest, sender, list(zip(deliveries, outcomes, strict=True)))


def _sender(ingest: Ingest, session: SessionId) -> Sender:
    return Sender(session.project, session.session, session.logger, ingest.now_us())


async def _judge(ingest: Ingest, project: str, delivery: Delivery) -> Outcome:
    """What is to be made of a batch; a refusal that leaves its number open is raised."""
    try:
        return await judge(ingest.active, ingest.models, project, delivery.read())
    except _OPEN:
        raise
    except errors.SluiceError as refusal:
        return refusal


async def _judge_all(
    ingest: Ingest, project: str, deliveries: Sequence[Delivery]
) -> Sequence[Outcome]:
    try:
        batches = [delivery.read() for delivery in deliveries]
        return await judge_together(ingest.active, ingest.models, project, batches)
    except _OPEN:
        raise
    except errors.SluiceError:
        return [await _judge(ingest, project, delivery) for delivery in deliveries]


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
    ingest: Ingest, sender: Sender, judged: Sequence[tuple[Delivery, Outcome]]
) -> list[Answer]:
    """Commit outcomes; when somebody else was faster, look again and plan anew."""
    accepted = [outcome for _, outcome in judged if isinstance(outcome, Judgement)]
    keys = [key for judgement in accepted for key in keys_to_read(judgement)]
    for _ in range(COMMIT_ATTEMPTS):
        known, answer = await _progress(ingest, sender, judged[0][0], keys)
        if answer is not None and len(judged) > 1:
            raise errors.Aborted(f"batch {answer.seq} has an outcome")
        if answer is not None:
            return [answer]
        plan = Plan(sender, known, await _used(ingest, sender, accepted), ingest.outbox_entries_max)
        answers = [_planned(plan, delivery, outcome) for delivery, outcome in judged]
        try:
            await ingest.stores.ledger.commit(plan.transaction())
        except Conflict as conflict:
            if conflict.subject == counters.OUTBOX:
                raise errors.Unavailable(
                    f"{ingest.outbox_entries_max} matches wait for the vector store",
                    retry_after_s=1,
                ) from conflict
            continue
        return answers
    first = judged[0][0].seq
    raise errors.Aborted(f"batch {first} collided with others {COMMIT_ATTEMPTS} times")


async def _used(ingest: Ingest, sender: Sender, accepted: Sequence[Judgement]) -> Mapping[str, int]:
    names = {
        name for judgement in accepted for name in counters_to_read(judgement, sender.received_us)
    }
    return await ingest.stores.ledger.counters(sender.project, list(names)) if names else {}


def _planned(plan: Plan, delivery: Delivery, outcome: Outcome) -> Answer:
    if isinstance(outcome, errors.SluiceError):
        return plan.refuse(delivery, rpc_errors.dumps(outcome))
    return plan.accept(delivery, outcome)
