"""Planning the transaction of judged batches, given what the ledger holds; pure."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.ingest import counters
from services.ingest.batch import Delivery, Verdict
from services.ingest.check_batch import JudgedCampaign
from services.ingest.counters import Count
from services.ingest.judge import JudgedMatch, Judgement
from services.ingest.records import (
    TOMBSTONES,
    BatchOutcome,
    Document,
    Extremes,
    Mark,
    PendingMatch,
    Row,
    RowState,
    Session,
    document_key,
    extremes_key,
    mismatch_key,
    outbox_key,
    outcome_key,
    purged_campaign_key,
    row_key,
    seen_set_key,
    session_day_key,
    session_key,
)
from services.ingest.sessions import day_of
from services.ledger.interface import ABSENT, Add, Entry, Transaction
from services.records.records import decode, encode, key
from sluice.tally import Tally

_COUNT_OF_VERDICT = {
    Verdict.PENDING: Count.PENDING,
    Verdict.DUPLICATE: Count.DUPLICATE,
    Verdict.OVER_BUDGET: Count.OVER_BUDGET,
    Verdict.INACTIVE: Count.INACTIVE,
    Verdict.SCORE_MISMATCH: Count.SCORE_MISMATCH,
}


@dataclass(frozen=True, slots=True)
class Sender:
    """The session that submits, and the time of receipt: microseconds since 1970, UTC."""

    project: str
    session: str
    logger: str
    received_us: int


def keys_to_read(judgement: Judgement) -> list[str]:
    """The keys whose entries a `Plan` needs, besides the session's own."""
    rows = [
        row_key(judgement.campaigns[match.campaign].campaign, match.frame.id)
        for match in judgement.matches
        if match.verdict is Verdict.PENDING
    ]
    extremes = [extremes_key(judged.campaign) for judged in judgement.campaigns]
    purged = [purged_campaign_key(judged.campaign) for judged in judgement.campaigns]
    return [*rows, *extremes, *purged, *TOMBSTONES.keys(_new_frames(judgement))]


def _new_frames(judgement: Judgement) -> list[str]:
    """The frames that may be collected."""
    return [match.frame.id for match in judgement.matches if match.verdict is Verdict.PENDING]


def counters_to_read(judgement: Judgement, received_us: int) -> list[str]:
    """The counters whose values a `Plan` needs: the used budgets of campaigns that have one."""
    return [
        name
        for judged in judgement.campaigns
        for name, ceiling in _budgets(judged, received_us)
        if ceiling is not None
    ]


class Plan:
    """The transaction that records the outcomes of a session's batches, built batch by batch.

    `entries` are those of `keys_to_read`, `used` the counters of `counters_to_read`; the
    transaction checks that they are unchanged. A frame that one batch takes is a duplicate in the
    next.
    """

    def __init__(
        self,
        sender: Sender,
        entries: Mapping[str, Entry],
        used: Mapping[str, int],
        outbox_entries_max: int,
    ) -> None:
        self._sender = sender
        self._entries = entries
        self._used = used
        session = entries.get(session_key(sender.session))
        self._checks = {session_key(sender.session): session.revision if session else ABSENT}
        self._last_us = decode(Session, session).updated_us if session else None
        self._deletes: list[str] = []
        self._puts: dict[str, bytes] = {}
        self._adds: Counter[str] = Counter()
        self._ceilings: dict[str, int | None] = {counters.OUTBOX: outbox_entries_max}
        self._distinct: dict[str, list[NDArray[np.uint64]]] = defaultdict(list)
        self._rows: dict[str, Row] = {}
        self._extremes: dict[str, Extremes] = {}

    def reject(self, delivery: Delivery, error: bytes) -> BatchOutcome:
        """Record the error that rejects a batch; nothing is counted."""
        return self._record(BatchOutcome(seq=delivery.seq, digest=delivery.digest, error=error))

    def accept(self, delivery: Delivery, judgement: Judgement) -> BatchOutcome:
        """Count a batch, and take its new matches."""
        for judged, tally in zip(judgement.campaigns, judgement.batch.tallies, strict=True):
            self._count_tally(judged.campaign, tally)
        self._count_distinct(judgement)
        verdicts, conflicts = self._take_matches(delivery.seq, judgement)
        return self._record(
            BatchOutcome(
                seq=delivery.seq,
                digest=delivery.digest,
                verdicts=bytes(verdicts),
                id_conflicts=tuple(conflicts),
            )
        )

    def transaction(self) -> Transaction:
        """The transaction of all batches so far."""
        return Transaction(
            partition=self._sender.project,
            checks=self._checks,
            puts=self._puts,
            deletes=self._deletes,
            adds={
                name: Add(delta, self._ceilings.get(name))
                for name, delta in self._adds.items()
                if delta
            },
            distinct={name: np.concatenate(hashes) for name, hashes in self._distinct.items()},
        )

    def _record(self, outcome: BatchOutcome) -> BatchOutcome:
        """Record an outcome, and move the session's watermark."""
        sender = self._sender
        session = Session(watermark=outcome.seq, updated_us=sender.received_us)
        self._puts[session_key(sender.session)] = encode(session)
        self._list_session()
        self._puts[outcome_key(sender.session, outcome.seq)] = encode(outcome)
        return outcome

    def _list_session(self) -> None:
        """List the session under today, once a day."""
        session, today = self._sender.session, day_of(self._sender.received_us)
        last_day = day_of(self._last_us) if self._last_us is not None else ""
        if last_day != today:
            self._puts[session_day_key(today, session)] = encode(Mark())
            if last_day:
                self._deletes.append(session_day_key(last_day, session))
            self._last_us = self._sender.received_us

    def _count_tally(self, campaign: str, tally: Tally) -> None:
        self._adds[Count.SEEN.of(campaign)] += tally.count
        self._adds[Count.NOT_SELECTED.of(campaign)] += tally.not_selected
        self._adds[Count.SCORE_SUM.of(campaign)] += round(tally.total * counters.SUM_SCALE)
        self._adds[Count.SCORE_SUM_SQUARES.of(campaign)] += round(
            tally.sum_squares * counters.SUM_SCALE
        )
        for index, frames in enumerate(tally.histogram):
            if frames:
                self._adds[counters.score_bin(campaign, index)] += frames
        if tally.count:
            self._widen_extremes(extremes_key(campaign), tally.minimum, tally.maximum)

    def _widen_extremes(self, key: str, minimum: float, maximum: float) -> None:
        """Write the extremes only when they change, so that sessions rarely conflict on them."""
        entry = self._entries.get(key)
        extremes = self._extremes.get(key)
        if extremes is None and entry is not None:
            extremes = decode(Extremes, entry)
        if extremes is not None:
            if extremes.minimum <= minimum and maximum <= extremes.maximum:
                return
            minimum, maximum = min(minimum, extremes.minimum), max(maximum, extremes.maximum)
        self._extremes[key] = Extremes(minimum=minimum, maximum=maximum)
        self._checks[key] = entry.revision if entry else ABSENT
        self._puts[key] = encode(self._extremes[key])

    def _count_distinct(self, judgement: Judgement) -> None:
        """Add the ids seen to the distinct count that the batch's campaign versions share."""
        hashes = judgement.batch.seen_hashes
        if not len(hashes) or not judgement.campaigns:
            return
        seen_set = _seen_set_name(judgement.campaigns)
        self._distinct[seen_set].append(hashes)
        for judged in judgement.campaigns:
            self._puts[seen_set_key(judged.campaign, seen_set)] = encode(Mark())

    def _take_matches(
        self, seq: int, judgement: Judgement
    ) -> tuple[list[Verdict], dict[str, None]]:
        """Take the new matches of a batch; all verdicts, and the ids that are conflicts."""
        budgets = [_budgets(judged, self._sender.received_us) for judged in judgement.campaigns]
        self._ceilings |= {name: ceiling for budget in budgets for name, ceiling in budget}
        new_frames = _new_frames(judgement)
        deletions = TOMBSTONES.decode(self._entries, new_frames)
        if new_frames:
            self._checks |= deletions.checks
        verdicts: list[Verdict] = []
        conflicts: dict[str, None] = {}
        for index, match in enumerate(judgement.matches):
            judged, budget = judgement.campaigns[match.campaign], budgets[match.campaign]
            verdict = match.verdict
            if verdict is Verdict.PENDING and purged_campaign_key(judged.campaign) in self._entries:
                verdict = Verdict.INACTIVE
            if verdict is Verdict.PENDING:
                row = self._find_row(row_key(judged.campaign, match.frame.id))
                verdict = self._check_against_ledger(row, budget)
                if match.frame.id in deletions.deleted:
                    verdict = Verdict.DUPLICATE
                if verdict is Verdict.PENDING:
                    self._adds.update(name for name, _ in budget)
                    self._take(judged, match, seq, index)
                elif row is not None and _is_id_conflict(row, match):
                    conflicts[match.frame.id] = None
                    self._adds[Count.ID_CONFLICTS.of(judged.campaign)] += 1
            self._count_verdict(judged.campaign, verdict)
            verdicts.append(verdict)
        return verdicts, conflicts

    def _check_against_ledger(self, row: Row | None, budget: Budgets) -> Verdict:
        """The verdict of a match that is over the threshold, given its frame's row."""
        if row is not None:
            return Verdict.DUPLICATE
        return Verdict.PENDING if self._is_within(budget) else Verdict.OVER_BUDGET

    def _find_row(self, key: str) -> Row | None:
        """The row under a key, in the ledger or taken by an earlier batch of this plan."""
        entry = self._entries.get(key)
        return decode(Row, entry) if entry is not None else self._rows.get(key)

    def _is_within(self, budget: Budgets) -> bool:
        return all(
            ceiling is None or self._used[name] + self._adds[name] < ceiling
            for name, ceiling in budget
        )

    def _count_verdict(self, campaign: str, verdict: Verdict) -> None:
        if verdict is Verdict.BELOW_THRESHOLD:
            return
        self._adds[Count.MATCHES.of(campaign)] += 1
        self._adds[_COUNT_OF_VERDICT[verdict].of(campaign)] += 1
        if verdict is Verdict.SCORE_MISMATCH:
            logger = self._sender.logger
            self._puts[mismatch_key(campaign, logger)] = encode(Mark())
            self._adds[counters.mismatches_of(campaign, logger)] += 1

    def _take(self, judged: JudgedCampaign, match: JudgedMatch, seq: int, index: int) -> None:
        """Write the row, document and outbox entry of a new match."""
        assert match.vector is not None  # since it is PENDING
        assert match.explanation is not None
        sender, frame, campaign = self._sender, match.frame, judged.campaign
        key = row_key(campaign, frame.id)
        self._checks[key] = ABSENT
        self._checks[purged_campaign_key(campaign)] = ABSENT
        self._rows[key] = Row(
            state=RowState.PENDING,
            version=judged.version.number,
            score=match.score,
            captured_us=frame.capture_time_us,
            device=frame.device,
            received_us=sender.received_us,
            session=sender.session,
            logger=sender.logger,
        )
        self._puts[key] = encode(self._rows[key])
        self._puts[document_key(campaign, frame.id)] = encode(
            Document(frame=frame.to_bytes(), explanation=match.explanation)
        )
        self._puts[outbox_key(sender.received_us, sender.session, seq, index)] = encode(
            PendingMatch(
                campaign=campaign,
                frame_id=frame.id,
                model_id=judged.version.model_id,
                basis_digest=judged.version.basis_digest,
                vector=match.vector.tobytes(),
            )
        )
        self._adds[counters.OUTBOX] += 1


Budgets = Sequence[tuple[str, int | None]]
"""The counters that a taken match increments, each with the ceiling set by its campaign."""


def _budgets(judged: JudgedCampaign, received_us: int) -> Budgets:
    return [
        (Count.BUDGET_USED.of(judged.campaign), judged.budget.total),
        (counters.budget_used_on(judged.campaign, received_us), judged.budget.per_day),
    ]


def _seen_set_name(campaigns: Iterable[JudgedCampaign]) -> str:
    """The name of the distinct count that a set of campaign versions shares."""
    versions = sorted(key(judged.campaign, str(judged.version.number)) for judged in campaigns)
    return "seen-" + hashlib.sha256("\n".join(versions).encode()).hexdigest()


def _is_id_conflict(row: Row, match: JudgedMatch) -> bool:
    """Whether a match has the id of another frame: its time or device differs from the row's.

    A purged row has neither.
    """
    captured = (row.captured_us, row.device)
    return not row.purged_us and captured != (match.frame.capture_time_us, match.frame.device)
