"""Planning a batch's transaction: pure, from what was judged and what the ledger holds."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.ingest import counters
from services.ingest.batch import Delivery, Verdict
from services.ingest.counters import Count
from services.ingest.judge import JudgedCampaign, JudgedMatch, Judgement
from services.ingest.records import (
    Answer,
    Document,
    Extremes,
    Mark,
    Pending,
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
from services.ledger.interface import ABSENT, Add, Entry, Hashes, Transaction
from services.platform.records import decode, encode, key
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
        for name, ceiling in _ceilings(judged, received_us).items()
        if ceiling is not None
    ]


class Plan:
    """The transaction that gives a batch its outcome, built up part by part.

    `known` holds the entries of `keys_to_read`, `used` the counters of `counters_to_read`; the
    transaction checks that they still hold.
    """

    def __init__(
        self, sender: Sender, delivery: Delivery, session: Entry | None, outbox_entries_max: int
    ) -> None:
        self._sender = sender
        self._delivery = delivery
        self._checks = {session_key(sender.session): session.revision if session else ABSENT}
        self._puts: dict[str, bytes] = {}
        self._adds: Counter[str] = Counter()
        self._ceilings: dict[str, int | None] = {counters.OUTBOX: outbox_entries_max}
        self._distinct: dict[str, Hashes] = {}

    def refuse(self, error: bytes) -> tuple[Transaction, Answer]:
        """Record that the batch was refused; nothing is counted."""
        return self._answered(
            Answer(seq=self._delivery.seq, digest=self._delivery.digest, error=error)
        )

    def accept(
        self, judgement: Judgement, known: Mapping[str, Entry], used: Mapping[str, int]
    ) -> tuple[Transaction, Answer]:
        """Count the batch and take what is new of its matches."""
        for judged, tally in zip(judgement.campaigns, judgement.batch.tallies, strict=True):
            self._count_tally(judged.campaign, tally, known.get(extremes_key(judged.campaign)))
        self._count_distinct(judgement)
        verdicts, conflicts = self._take_matches(judgement, known, used)
        return self._answered(
            Answer(
                seq=self._delivery.seq,
                digest=self._delivery.digest,
                verdicts=bytes(verdicts),
                id_conflicts=tuple(conflicts),
            )
        )

    def _answered(self, answer: Answer) -> tuple[Transaction, Answer]:
        sender, seq = self._sender, self._delivery.seq
        session = Session(watermark=seq, updated_us=sender.received_us)
        self._puts[session_key(sender.session)] = encode(session)
        self._puts[answer_key(sender.session, seq)] = encode(answer)
        transaction = Transaction(
            partition=sender.project,
            checks=self._checks,
            puts=self._puts,
            adds={
                name: Add(delta, self._ceilings.get(name))
                for name, delta in self._adds.items()
                if delta
            },
            distinct=self._distinct,
        )
        return transaction, answer

    def _count_tally(self, campaign: str, tally: Tally, extremes: Entry | None) -> None:
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
            self._widen(extremes_key(campaign), tally.minimum, tally.maximum, extremes)

    def _widen(self, where: str, minimum: float, maximum: float, entry: Entry | None) -> None:
        """Put the extremes only when they change: rarely, so that sessions seldom collide here."""
        if entry is not None:
            so_far = decode(Extremes, entry)
            if so_far.minimum <= minimum and maximum <= so_far.maximum:
                return
            minimum, maximum = min(minimum, so_far.minimum), max(maximum, so_far.maximum)
        self._checks[where] = entry.revision if entry else ABSENT
        self._puts[where] = encode(Extremes(minimum=minimum, maximum=maximum))

    def _count_distinct(self, judgement: Judgement) -> None:
        """Put the ids seen once for all versions judged together, and say whose they are."""
        hashes = judgement.batch.seen_hashes
        if not len(hashes) or not judgement.campaigns:
            return
        seen_set = _seen_set(judgement.campaigns)
        self._distinct[seen_set] = hashes
        for judged in judgement.campaigns:
            self._puts[seen_set_key(judged.campaign, seen_set)] = encode(Mark())

    def _take_matches(
        self, judgement: Judgement, known: Mapping[str, Entry], used: Mapping[str, int]
    ) -> tuple[list[Verdict], list[str]]:
        room = _Room(judgement.campaigns, self._sender.received_us, used)
        verdicts: list[Verdict] = []
        conflicts: dict[str, None] = {}
        for match in judgement.matches:
            judged = judgement.campaigns[match.campaign]
            verdict = match.verdict
            if verdict is Verdict.PENDING:
                row = known.get(row_key(judged.campaign, match.frame.id))
                if row is not None:
                    verdict = Verdict.DUPLICATE
                    if _differs(decode(Row, row), match):
                        conflicts[match.frame.id] = None
                        self._adds[Count.ID_CONFLICTS.of(judged.campaign)] += 1
                elif room.take(match.campaign):
                    self._take(judged, match, len(verdicts))
                    self._adds.update(room.counted_in[match.campaign])
                else:
                    verdict = Verdict.OVER_BUDGET
            self._count_verdict(judged.campaign, verdict)
            verdicts.append(verdict)
        self._ceilings |= room.ceilings
        return verdicts, list(conflicts)

    def _count_verdict(self, campaign: str, verdict: Verdict) -> None:
        if verdict is Verdict.BELOW_THRESHOLD:
            return
        self._adds[Count.MATCHES.of(campaign)] += 1
        self._adds[_COUNTED_AS[verdict].of(campaign)] += 1
        if verdict is Verdict.SCORE_MISMATCH:
            logger = self._sender.logger
            self._puts[mismatch_key(campaign, logger)] = encode(Mark())
            self._adds[counters.mismatches_of(campaign, logger)] += 1

    def _take(self, judged: JudgedCampaign, match: JudgedMatch, index: int) -> None:
        """Give a new match its row, its document and its place in the outbox."""
        assert match.vector is not None  # it is PENDING
        assert match.explanation is not None
        sender, frame, campaign = self._sender, match.frame, judged.campaign
        row = row_key(campaign, frame.id)
        self._checks[row] = ABSENT
        self._puts[row] = encode(
            Row(
                state=RowState.PENDING,
                version=judged.version.number,
                score=match.score,
                captured_us=frame.capture_time_us,
                device=frame.device,
                received_us=sender.received_us,
                session=sender.session,
                logger=sender.logger,
            )
        )
        self._puts[document_key(campaign, frame.id)] = encode(
            Document(frame=frame.to_bytes(), explanation=match.explanation)
        )
        place = outbox_key(sender.received_us, sender.session, self._delivery.seq, index)
        self._puts[place] = encode(
            Pending(
                campaign=campaign,
                frame_id=frame.id,
                model_id=judged.version.model_id,
                basis_digest=judged.version.basis_digest,
                vector=match.vector.tobytes(),
            )
        )
        self._adds[counters.OUTBOX] += 1


class _Room:
    """How many more matches each campaign's budget has room for."""

    def __init__(
        self, campaigns: Iterable[JudgedCampaign], received_us: int, used: Mapping[str, int]
    ) -> None:
        self.ceilings: dict[str, int | None] = {}
        self.counted_in: list[tuple[str, ...]] = []
        """For each campaign the counters that a place taken raises."""

        self._left: list[int | None] = []
        for judged in campaigns:
            ceilings = _ceilings(judged, received_us)
            self.ceilings |= ceilings
            self.counted_in.append(tuple(ceilings))
            left = [bound - used[name] for name, bound in ceilings.items() if bound is not None]
            self._left.append(min(left) if left else None)

    def take(self, campaign: int) -> bool:
        """Take one place, if there is one."""
        left = self._left[campaign]
        if left is None:
            return True
        self._left[campaign] = left - 1
        return left > 0


def _ceilings(judged: JudgedCampaign, received_us: int) -> dict[str, int | None]:
    """The counters that a taken match raises, each with the bound that its budget sets."""
    return {
        Count.BUDGET_USED.of(judged.campaign): judged.budget.total,
        counters.budget_used_on(judged.campaign, received_us): judged.budget.per_day,
    }


def _seen_set(campaigns: Iterable[JudgedCampaign]) -> str:
    """The name of the distinct count of one set of campaign versions."""
    versions = sorted(key(judged.campaign, str(judged.version.number)) for judged in campaigns)
    return "seen-" + hashlib.sha256("\n".join(versions).encode()).hexdigest()


def _differs(row: Row, match: JudgedMatch) -> bool:
    """Whether a known id came with another time or device."""
    return (row.captured_us, row.device) != (match.frame.capture_time_us, match.frame.device)
