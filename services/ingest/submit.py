"""Submitting batches: one ledger transaction each, acknowledged once it is durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.ingest import counters
from services.ingest.batch import Delivery
from services.ingest.context import Ingest
from services.ingest.judge import Judgement, judge, judge_together
from services.ingest.plan import Plan, Sender, counters_to_read, keys_to_read
from services.ingest.projects import register_project
from services.ingest.records import (
    OUTCOMES_KEPT,
    BatchOutcome,
    Session,
    outcome_key,
    session_key,
)
from services.ledger.interface import Conflict, Entry
from services.records.project_marks import MARK, deleted_error
from services.records.records import decode
from sluice import errors, rpc_errors

COMMIT_ATTEMPTS = 16
"""Attempts to commit a batch against a changing ledger before its sender must retry."""

_Judged: TypeAlias = tuple[Delivery, Judgement | errors.SluiceError]
"""A delivery with its judgement, or the error that rejects it."""

_RETRYABLE = (errors.Unavailable, errors.Aborted, errors.ResourceExhausted)
"""The errors that leave a batch's number open for a retry; every other error is its outcome."""


@dataclass(frozen=True, slots=True)
class SessionId:
    """A session of a project, and the name of its logger."""

    project: str
    session: str
    logger: str


async def start(ingest: Ingest, session: SessionId) -> int:
    """Start or resume a session; the number of its next batch, 1 for a new session.

    Raises NotFound for a project that does not exist.
    """
    await ingest.active.current(session.project)
    await register_project(ingest.stores.ledger, session.project)
    key = session_key(session.session)
    return _watermark((await ingest.stores.ledger.get(session.project, [key])).get(key)) + 1


async def submit(ingest: Ingest, session: SessionId, delivery: Delivery) -> BatchOutcome:
    """Give a batch its outcome, once; a number that has an outcome already returns it.

    Raises SequenceGap naming the expected number, and Aborted for other content under a number
    that has an outcome. Unavailable, Aborted and ResourceExhausted leave the number open.
    """
    if delivery.seq < 1:
        raise errors.InvalidArgument.of("batch.seq", f"{delivery.seq} is not 1 or more")
    sender = _sender(ingest, session)
    _, outcome = await _read_progress(ingest, sender, delivery)
    if outcome is None:
        judged = await _judge(ingest, session.project, delivery)
        [outcome] = await _commit_outcomes(ingest, sender, [judged])
    return outcome


async def submit_group(
    ingest: Ingest, session: SessionId, deliveries: Sequence[Delivery]
) -> list[BatchOutcome]:
    """Give the session's next batches, in order, their outcomes in one transaction.

    Raises a SluiceError if that is not possible. Then each batch must be submitted alone: that
    names the batch at fault, and returns the outcomes if only the ledger's response was lost.
    """
    sender = _sender(ingest, session)
    judged = await _judge_all(ingest, session.project, deliveries)
    return await _commit_outcomes(ingest, sender, judged)


def _sender(ingest: Ingest, session: SessionId) -> Sender:
    return Sender(session.project, session.session, session.logger, ingest.now_us())


async def _judge(ingest: Ingest, project: str, delivery: Delivery) -> _Judged:
    """Judge a batch; retryable errors are raised, others reject it."""
    try:
        return delivery, await judge(ingest.active, ingest.models, project, delivery.read())
    except _RETRYABLE:
        raise
    except errors.SluiceError as error:
        return delivery, error


async def _judge_all(
    ingest: Ingest, project: str, deliveries: Sequence[Delivery]
) -> Sequence[_Judged]:
    try:
        batches = [delivery.read() for delivery in deliveries]
        judgements = await judge_together(ingest.active, ingest.models, project, batches)
    except _RETRYABLE:
        raise
    except errors.SluiceError:
        return [await _judge(ingest, project, delivery) for delivery in deliveries]
    return list(zip(deliveries, judgements, strict=True))


async def _read_progress(
    ingest: Ingest, sender: Sender, delivery: Delivery, keys: Sequence[str] = ()
) -> tuple[dict[str, Entry], BatchOutcome | None]:
    """The entries of the session and of `keys`, and the delivery's outcome if it has one.

    Raises NotFound for a deleted project: its sessions are gone, which would look like a gap.
    """
    watermark_at = session_key(sender.session)
    outcome_at = outcome_key(sender.session, delivery.seq)
    keys = [watermark_at, outcome_at, MARK, *keys]
    entries = await ingest.stores.ledger.get(sender.project, keys)
    if MARK in entries:
        raise deleted_error(sender.project)
    expected = _watermark(entries.get(watermark_at)) + 1
    if delivery.seq == expected:
        return entries, None
    if delivery.seq > expected or delivery.seq + OUTCOMES_KEPT < expected:
        raise errors.SequenceGap(
            f"batch.seq: {delivery.seq} is out of sequence; expected {expected}",
            metadata={"expected_seq": str(expected)},
        )
    outcome = decode(BatchOutcome, entries[outcome_at])
    if outcome.digest != delivery.digest:
        raise errors.Aborted(
            f"batch.seq: {delivery.seq} was already submitted with other content",
            reason="REPLAY_DIFFERS",
        )
    return entries, outcome


def _watermark(entry: Entry | None) -> int:
    return decode(Session, entry).watermark if entry else 0


async def _commit_outcomes(
    ingest: Ingest, sender: Sender, judged: Sequence[_Judged]
) -> list[BatchOutcome]:
    """Commit the outcomes of batches; after a conflict, read the ledger and plan again."""
    first = judged[0][0]
    accepted = [judgement for _, judgement in judged if isinstance(judgement, Judgement)]
    keys = [key for judgement in accepted for key in keys_to_read(judgement)]
    for _ in range(COMMIT_ATTEMPTS):
        entries, outcome = await _read_progress(ingest, sender, first, keys)
        if outcome is not None and len(judged) > 1:
            raise errors.Aborted(f"batch {outcome.seq} already has an outcome")
        if outcome is not None:
            return [outcome]
        used = await _read_used_budgets(ingest, sender, accepted)
        plan = Plan(sender, entries, used, ingest.outbox_entries_max)
        outcomes = [_plan_outcome(plan, delivery, judgement) for delivery, judgement in judged]
        try:
            await ingest.stores.ledger.commit(plan.transaction())
        except Conflict as conflict:
            if conflict.subject == counters.OUTBOX:
                raise errors.Unavailable(
                    f"{ingest.outbox_entries_max} matches wait for the vector store",
                    retry_after_s=1,
                ) from conflict
            continue
        return outcomes
    raise errors.Aborted(
        f"batch {first.seq} conflicted with other sessions {COMMIT_ATTEMPTS} times; retry"
    )


async def _read_used_budgets(
    ingest: Ingest, sender: Sender, accepted: Sequence[Judgement]
) -> Mapping[str, int]:
    names = {
        name for judgement in accepted for name in counters_to_read(judgement, sender.received_us)
    }
    return await ingest.stores.ledger.counters(sender.project, list(names)) if names else {}


def _plan_outcome(
    plan: Plan, delivery: Delivery, judgement: Judgement | errors.SluiceError
) -> BatchOutcome:
    if isinstance(judgement, errors.SluiceError):
        return plan.reject(delivery, rpc_errors.dumps(judgement))
    return plan.accept(delivery, judgement)
