"""What ingest keeps in the ledger: its records, and where each lies in a project's partition.

| key | holds |
| --- | --- |
| `session/{session}` | the watermark: the last batch that has an outcome |
| `answer/{session}/{seq mod 8}` | the outcome of a recent batch, for replays |
| `row/{campaign}/{frame}` | one match, from pending to reviewed; it alone makes a duplicate |
| `document/{campaign}/{frame}` | the frame of a row and its explanation; written once |
| `outbox/{received}/{session}/{seq}/{index}` | a pending match for the projector, with its vector |
| `decided` | the outbox entries that are decided, but perhaps not yet in the vector store |
| `by-score/…`, `by-version/…` | a campaign's collected rows in the orders that people ask for |
| `extremes/{campaign}` | the least and the greatest score seen |
| `seen-set/{campaign}/{set}` | the distinct counts that hold frames seen by the campaign |
| `mismatch/{campaign}/{logger}` | the loggers that sent wrong scores |

Counters are named in `counters.py`.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from services.records.records import Record, key, prefix
from sluice.explanations import Explanation

ANSWERS_KEPT = 8
"""How many outcomes of a session are kept for replays: as many batches as may be in flight."""

DECIDED = "decided"


class RowState(IntEnum):
    """How far a match has come."""

    PENDING = 1
    NEAR_DUPLICATE = 2
    COLLECTED = 3


class Review(IntEnum):
    """What a person has said of a sample."""

    UNSORTED = 1
    ACCEPTED = 2
    DISCARDED = 3


class Session(Record, frozen=True, kw_only=True):
    """How far one run of a logger has come; times are microseconds since 1970, UTC."""

    watermark: int
    updated_us: int


class Answer(Record, frozen=True, kw_only=True):
    """The outcome of one batch: verdicts, one byte each, or the error it was refused with."""

    seq: int
    digest: bytes
    verdicts: bytes = b""
    id_conflicts: tuple[str, ...] = ()
    error: bytes = b""


class Row(Record, frozen=True, kw_only=True):
    """One match of one campaign: what is decided and counted of it."""

    state: RowState
    version: int
    score: float
    captured_us: int | None
    device: str
    received_us: int
    session: str
    logger: str
    review: Review = Review.UNSORTED
    duplicate_of: str = ""


class Document(Record, frozen=True, kw_only=True):
    """The frame of a match, as `Frame.to_bytes` wrote it, and why it matched."""

    frame: bytes
    explanation: Explanation


class PendingMatch(Record, frozen=True, kw_only=True):
    """A match that waits for the projector; `vector` is `(dimension,) float32`, normalised."""

    campaign: str
    frame_id: str
    model_id: str
    basis_digest: str
    vector: bytes


class DecidedEntries(Record, frozen=True, kw_only=True):
    """The outbox entries whose decision is committed and whose samples must reach the vectors."""

    entries: tuple[str, ...] = ()


class Extremes(Record, frozen=True, kw_only=True):
    """The least and the greatest score that a campaign has seen."""

    minimum: float
    maximum: float


class Mark(Record, frozen=True, kw_only=True):
    """A record whose key says it all."""


def session_key(session: str) -> str:
    """Where a session's watermark lies."""
    return key("session", session)


def answer_key(session: str, seq: int) -> str:
    """Where the outcome of a batch lies, until the batch eight later takes its place."""
    return key("answer", session, str(seq % ANSWERS_KEPT))


def row_key(campaign: str, frame_id: str) -> str:
    """Where a match lies."""
    return key("row", campaign, frame_id)


def document_key(campaign: str, frame_id: str) -> str:
    """Where the frame of a match lies."""
    return key("document", campaign, frame_id)


def outbox_key(received_us: int, session: str, seq: int, index: int) -> str:
    """Where a pending match waits; oldest first."""
    return key("outbox", f"{received_us:020d}", session, str(seq), f"{index:05d}")


def extremes_key(campaign: str) -> str:
    """Where a campaign's least and greatest score lie."""
    return key("extremes", campaign)


def seen_set_key(campaign: str, seen_set: str) -> str:
    """Says that a distinct count holds frames seen by the campaign."""
    return key("seen-set", campaign, seen_set)


def mismatch_key(campaign: str, logger: str) -> str:
    """Says that a logger sent the campaign wrong scores."""
    return key("mismatch", campaign, logger)


def order_keys(campaign: str, version: int, score: float, frame_id: str) -> tuple[str, str]:
    """Where a collected row lies in the orders by score and by version, the greatest first."""
    by_score, by_version = _descending(_bits(score)), _descending(version)
    return (
        key("by-score", campaign, by_score, frame_id),
        key("by-version", campaign, by_version, by_score, frame_id),
    )


def order_prefix(campaign: str, *, by_version: bool, version: int = 0) -> str:
    """What the keys of one order start with; of one version only, when it is given."""
    if version:
        return prefix("by-version", campaign, _descending(version))
    return prefix("by-version" if by_version else "by-score", campaign)


def _bits(score: float) -> int:
    """The bits of a positive float64, which order as the numbers do."""
    return int(struct.unpack(">Q", struct.pack(">d", score))[0])


def _descending(number: int) -> str:
    """Hexadecimal that sorts the greatest number first."""
    return f"{2**64 - 1 - number:016x}"
