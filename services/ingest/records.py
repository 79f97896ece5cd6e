"""The records of ingest in a project's partition of the ledger, and their keys.

| key | content |
| --- | --- |
| `session/{session}` | the watermark: the number of the last batch with an outcome |
| `session-day/{day}/{session}` | the sessions by the UTC day of their last batch |
| `answer/{session}/{seq mod 8}` | the outcome of a recent batch, for replays |
| `row/{campaign}/{frame}` | one match, from pending to purged; it makes later ones duplicates |
| `document/{campaign}/{frame}` | the frame of a row and its explanation; written once |
| `outbox/{received}/{session}/{seq}/{index}` | a pending match for the projector, with its vector |
| `decided` | the outbox entries that are decided, but may not be in the vector store yet |
| `by-score/…`, `by-version/…` | a campaign's collected rows in the two listing orders |
| `extremes/{campaign}` | the minimum and maximum score seen |
| `seen-set/{campaign}/{set}` | the distinct counts that include frames of the campaign |
| `mismatch/{campaign}/{logger}` | the loggers with score mismatches |
| `purged-campaign/{campaign}` | a campaign that was deleted; only its counters are left |

Counters are named in `counters.py`, tombstones of deleted frames in `records/tombstones.py`.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from services.records.records import Record, key, prefix
from services.records.tombstones import Tombstones
from sluice.explanations import Explanation

OUTCOMES_KEPT = 8
"""Outcomes of a session that are kept for replays: as many batches as may be in flight."""

DECIDED = "decided"

SESSION_DAYS = "session-day/"
"""Prefix of the sessions by day."""

TOMBSTONES = Tombstones("ingest")
"""The frames that no campaign collects any more."""


class RowState(IntEnum):
    """The state of a match."""

    PENDING = 1
    NEAR_DUPLICATE = 2
    COLLECTED = 3


class Review(IntEnum):
    """The review state of a sample; numbered as in the API."""

    UNSORTED = 1
    ACCEPTED = 2
    DISCARDED = 3


class Session(Record, frozen=True, kw_only=True):
    """The progress of one run of a logger; times are microseconds since 1970, UTC."""

    watermark: int
    updated_us: int


class BatchOutcome(Record, frozen=True, kw_only=True):
    """The outcome of one batch: its verdicts, one byte each, or the error that rejected it."""

    seq: int
    digest: bytes
    verdicts: bytes = b""
    id_conflicts: tuple[str, ...] = ()
    error: bytes = b""


class Row(Record, frozen=True, kw_only=True):
    """One match of one campaign: its state and the fields that are counted.

    A deleted one stays, for the counters follow from the rows: `purged_us` is when it was purged of
    everything else, 0 if it was not.
    """

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
    purged_us: int = 0

    @property
    def is_sample(self) -> bool:
        """Whether it is a sample that can be read."""
        return self.state is RowState.COLLECTED and not self.purged_us


class Document(Record, frozen=True, kw_only=True):
    """The frame of a match, as encoded by `Frame.to_bytes`, and the explanation of its score."""

    frame: bytes
    explanation: Explanation


class PendingMatch(Record, frozen=True, kw_only=True):
    """An undecided match in the outbox; `vector` is `(dimension,) float32`, normalised."""

    campaign: str
    frame_id: str
    model_id: str
    basis_digest: str
    vector: bytes


class DecidedEntries(Record, frozen=True, kw_only=True):
    """Keys of outbox entries that are decided, and still to be written to the vector store."""

    entries: tuple[str, ...] = ()


class Extremes(Record, frozen=True, kw_only=True):
    """The minimum and maximum score that a campaign has seen."""

    minimum: float
    maximum: float


class Mark(Record, frozen=True, kw_only=True):
    """A record without fields; its key is the information."""


class PurgedCampaign(Record, frozen=True, kw_only=True):
    """When a campaign was purged."""

    purged_us: int


def session_key(session: str) -> str:
    """Key of a session's watermark."""
    return key("session", session)


def session_day_key(day: str, session: str) -> str:
    """Key that lists a session under the day of its last batch."""
    return f"{SESSION_DAYS}{day}/{key(session) if session else ''}"


def outcome_key(session: str, seq: int) -> str:
    """Key of a batch's outcome, which the batch eight numbers later overwrites."""
    return key("answer", session, str(seq % OUTCOMES_KEPT))


def row_key(campaign: str, frame_id: str) -> str:
    """Key of a match."""
    return key("row", campaign, frame_id)


def document_key(campaign: str, frame_id: str) -> str:
    """Key of the frame of a match."""
    return key("document", campaign, frame_id)


def outbox_key(received_us: int, session: str, seq: int, index: int) -> str:
    """Key of a pending match in the outbox; sorts by time of receipt."""
    return key("outbox", f"{received_us:020d}", session, str(seq), f"{index:05d}")


def extremes_key(campaign: str) -> str:
    """Key of a campaign's minimum and maximum score."""
    return key("extremes", campaign)


def seen_set_key(campaign: str, seen_set: str) -> str:
    """Key that marks a distinct count as including frames of the campaign."""
    return key("seen-set", campaign, seen_set)


def mismatch_key(campaign: str, logger: str) -> str:
    """Key that marks a logger as having score mismatches in the campaign."""
    return key("mismatch", campaign, logger)


def purged_campaign_key(campaign: str) -> str:
    """Key that marks a campaign as deleted."""
    return key("purged-campaign", campaign)


def order_keys(campaign: str, version: int, score: float, frame_id: str) -> tuple[str, str]:
    """Keys of a collected row in the orders by score and by version, both descending."""
    by_score, by_version = _descending(_bits(score)), _descending(version)
    return (
        key("by-score", campaign, by_score, frame_id),
        key("by-version", campaign, by_version, by_score, frame_id),
    )


def order_prefix(campaign: str, *, by_version: bool, version: int = 0) -> str:
    """Prefix of the keys of one order; of a single version, if it is not 0."""
    if version:
        return prefix("by-version", campaign, _descending(version))
    return prefix("by-version" if by_version else "by-score", campaign)


def _bits(score: float) -> int:
    """The bits of a positive float64, which sort like the numbers."""
    return int(struct.unpack(">Q", struct.pack(">d", score))[0])


def _descending(number: int) -> str:
    """Hexadecimal digits that sort the greatest number first."""
    return f"{2**64 - 1 - number:016x}"
