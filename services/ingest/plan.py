"""Planning a batch's transaction: pure, from what was judged and what the ledger holds."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.ingest import counters
from services.ingest.batch import Delivery, Verdict
from services.ingest.counters import Count
from services.ingest.judge import JudgedCampaign, JudgedMatch, Judgement
from services.ingest.records import (
    Answer,
    Document,
    Extremes,
    Mark,
    PendingMatch,
    Row,
    RowState,
    Session,
    answer_key,
    document_key,
    extremes_key,
    mismatch_key,
    outbox_key,
    row_key,
    seen_set_key,
    session_key,
)
from services.ledger.interface import ABSENT, Add, Entry, Transaction
from services.records.records import decode, encode, key
from sluice.tally import Tally

_COUNTED_AS = {
    Verdict.PENDING: Count.PENDING,
    Verdict.DUPLICATE: Count.DUPLICATE,
    Verdict.OVER_BUDGET: Count.OVER_BUDGET,
    Verdict.INACTIVE: Count.INACTIVE,
    Verdict.SCORE_MISMATCH: Count.SCORE_MISMATCH,
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who submits, and when it arrived: microseconds since 1970, UTC."""

    project: str
    session: str
    logger: str
    received_us: int


def keys_to_read(judgement: Judgement) -> list[str]:
    """The keys whose entries `plan` needs, besides the session's own."""
    rows = [
        row_key(judgement.campaigns[match.campaign].campaign, match.frame.id)
        for match in judgement.matches
        if match.verdict is Verdict.PENDING
    ]
    return rows + [extremes_key(judged.campaign) for judged in judgement.campaigns]


def counters_to_read(judgement: Judgement, received_us: int) -> list[str]:
    """The counters whose values `plan` needs: the budgets used of campaigns that have one."""
    return [
        name
        for judged in judgement.campaigns
        for name, bound in _budgets(judged, received_us)
        if bound is not None
    ]


class Plan:
    """The transaction that gives batches of a session their outcomes, built up part by part.

    `known` holds the entries of `keys_to_read`, `used` the counters of `counters_to_read`; the
    transaction checks that they still hold. What one batch takes, the next finds taken.
    """

    def __init__(
        self,
        sender: Sender,
        known: Mapping[str, Entry],
        used: Mapping[str, int],
        outbox_entries_max: int,
    ) -> None:
        self._sender = sender
        self._known = known
        self._used = used
        session = known.get(session_key(sender.session))
        self._checks = {session_key(sender.session): session.revision if session else ABSENT}
        self._puts: dict[str, bytes] = {}
        self._adds: Counter[str] = Counter()
        self._ceilings: dict[str, int | None] = {counters.OUTBOX: outbox_entries_max}
        self._distinct: dict[str, list[NDArray[np.uint64]]] = defaultdict(list)
        self._rows: dict[str, Row] = {}
        self._extremes: dict[str, Extremes] = {}

    def refuse(self, delivery: Delivery, error: bytes) -> Answer:
        """Record that a batch was refused; nothing is counted."""
        return self._answered(Answer(seq=delivery.seq, digest=delivery.digest, error=error))

    def accept(self, delivery: Delivery, judgement: Judgement) -> Answer:
        """Count a batch and take what is new of its matches."""
        for judged, tally in zip(judgement.campaigns, judgement.batch.tallies, strict=True):
            self._count_tally(judged.campaign, tally)
        self._count_distinct(judgement)
        verdicts, conflicts = self._take_matches(delivery.seq, judgement)
        return self._answered(
            Answer(
                seq=delivery.seq,
                digest=delivery.digest,
                verdicts=bytes(verdicts),
                id_conflicts=tuple(conflicts),
            )
        )

    def transaction(self) -> Transaction:
        """All of it."""
        return Transaction(
            partition=self._sender.project,
            checks=self._checks,
            puts=self._puts,
            adds={
                name: Add(delta, self._ceilings.get(name))
                for name, delta in self._adds.items()
                if delta
            },
            distinct={name: np.concatenate(hashes) for name, hashes in self._distinct.items()},
        )

    def _answered(self, answer: Answer) -> Answer:
        sender = self._sender
        session = Session(watermark=answer.seq, updated_us=sender.received_us)
        self._puts[session_key(sender.session)] = encode(session)
        self._puts[answer_key(sender.session, answer.seq)] = encode(answer)
        return answer

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
            self._widen(extremes_key(campaign), tally.minimum, tally.maximum)

    def _widen(self, where: str, minimum: float, maximum: float) -> None:
        """Put the extremes only when they change: rarely, so that sessions seldom collide here."""
        entry = self._known.get(where)
        so_far = self._extremes.get(where)
        if so_far is None and entry is not None:
            so_far = decode(Extremes, entry)
        if so_far is not None:
            if so_far.minimum <= minimum and maximum <= so_far.maximum:
                return
            minimum, maximum = min(minimum, so_far.minimum), max(maximum, so_far.maximum)
        self._extremes[where] = Extremes(minimum=minimum, maximum=maximum)
        self._checks[where] = entry.revision if entry else ABSENT
        self._puts[where] = encode(self._extremes[where])

    def _count_distinct(self, judgement: Judgement) -> None:
        """Put the ids seen once for all versions judged together, and say whose they are."""
        hashes = judgement.batch.seen_hashes
        if not len(hashes) or not judgement.campaigns:
            return
        seen_set = _seen_set(judgement.campaigns)
        self._distinct[seen_set].append(hashes)
        for judged in judgement.campaigns:
            self._puts[seen_set_key(judged.campaign, seen_set)] = encode(Mark())

    def _take_matches(
        self, seq: int, judgement: Judgement
    ) -> tuple[list[Verdict], dict[str, None]]:
        budgets = [_budgets(judged, self._sender.received_us) for judged in judgement.campaigns]
        self._ceilings |= {name: bound for budget in budgets for name, bound in budget}
        verdicts: list[Verdict] = []
        conflicts: dict[str, None] = {}
        for match in judgement.matches:
            judged, budget = judgement.campaigns[match.campaign], budgets[match.campaign]
            verdict = match.verdict
            if verdict is Verdict.PENDING:
                row = self._row(row_key(judged.campaign, match.frame.id))
                if row is not None:
                    verdict = Verdict.DUPLICATE
                    if _differs(row, match):
                        conflicts[match.frame.id] = None
                        self._adds[Count.ID_CONFLICTS.of(judged.campaign)] += 1
                elif self._has_room(budget):
                    self._adds.update(name for name, _ in budget)
                    self._take(judged, match, seq, len(verdicts))
                else:
                    verdict = Verdict.OVER_BUDGET
            self._count_verdict(judged.campaign, verdict)
            verdicts.append(verdict)
        return verdicts, conflicts

    def _row(self, where: str) -> Row | None:
        """The row of a frame that is known, or was taken by a batch of this plan."""
        entry = self._known.get(where)
        return decode(Row, entry) if entry is not None else self._rows.get(where)

    def _has_room(self, budget: Budgets) -> bool:
        return all(
            bound is None or self._used[name] + self._adds[name] < bound for name, bound in budget
        )

    def _count_verdict(self, campaign: str, verdict: Verdict) -> None:
        if verdict is Verdict.BELOW_THRESHOLD:
            return
        self._adds[Count.MATCHES.of(campaign)] += 1
        self._adds[_COUNTED_AS[verdict].of(campaign)] += 1
        if verdict is Verdict.SCORE_MISMATCH:
            logger = self._sender.logger
            self._puts[mismatch_key(campaign, logger)] = encode(Mark())
            self._adds[counters.mismatches_of(campaign, logger)] += 1

    def _take(self, judged: JudgedCampaign, match: JudgedMatch, seq: int, index: int) -> None:
        """Give a new match its row, its document and its place in the outbox."""
        assert match.vector is not None  # it is PENDING
        assert match.explanation is not None
        sender, frame, campaign = self._sender, match.frame, judged.campaign
        row = row_key(campaign, frame.id)
        self._checks[row] = ABSENT
        self._rows[row] = Row(
            state=RowState.PENDING,
            version=judged.version.number,
            score=match.score,
            captured_us=frame.capture_time_us,
            device=frame.device,
            received_us=sender.received_us,
            session=sender.session,
            logger=sender.logger,
        )
        self._puts[row] = encode(self._rows[row])
        self._puts[document_key(campaign, frame.id)] = encode(
            Document(frame=frame.to_bytes(), explanation=match.explanation)
        )
        place = outbox_key(sender.received_us, sender.session, seq, index)
        self._puts[place] = encode(
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
"""Counters that a taken match raises, each with the bound that its campaign sets."""


def _budgets(judged: JudgedCampaign, received_us: int) -> Budgets:
    return [
        (Count.BUDGET_USED.of(judged.campaign), judged.budget.total),
        (counters.budget_used_on(judged.campaign, received_us), judged.budget.per_day),
    ]


def _seen_set(campaigns: Iterable[JudgedCampaign]) -> str:
    """The name of the distinct count of one set of campaign versions."""
    versions = sorted(key(judged.campaign, str(judged.version.number)) for judged in campaigns)
    return "seen-" + hashlib.sha256("\n".join(versions).encode()).hexdigest()


def _differs(row: Row, match: JudgedMatch) -> bool:
    """Whether a known id came with another time or device."""
    return (row.captured_us, row.device) != (match.frame.capture_time_us, match.frame.device)
