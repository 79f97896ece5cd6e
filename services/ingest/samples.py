"""Samples: the collected matches, listed, reviewed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from services.ingest.context import Ingest
from services.ingest.counters import Count
from services.ingest.records import (
    Document,
    Review,
    Row,
    RowState,
    document_key,
    order_prefix,
    row_key,
)
from services.ledger.interface import Add, Conflict, Entry, Transaction
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.records import Record, decode, encode, segments
from sluice import errors
from sluice.explanations import Explanation
from sluice.frames import Frame
from sluice.names import CampaignName, SampleName

REVIEWED_MAX = 1_000
"""How many samples are reviewed at once."""

REVIEW_ATTEMPTS = 8

_COUNTED_AS = {Review.ACCEPTED: Count.ACCEPTED, Review.DISCARDED: Count.DISCARDED}


@dataclass(frozen=True, slots=True)
class Sample:
    """A collected match: its row, its frame, and why it matched."""

    campaign: CampaignName
    row: Row
    frame: Frame
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples of a campaign, and in which order.

    By score, the greatest first; or by version, the newest first, then by score. Without states,
    samples of every state; without a version, of every version.
    """

    by_version: bool = False
    states: tuple[Review, ...] = ()
    version: int = 0


async def get_sample(ingest: Ingest, name: SampleName) -> Sample:
    """One sample.

    Raises NotFound naming it.
    """
    campaign = CampaignName(name.project, name.campaign)
    found = await _samples(ingest, campaign, [name.frame])
    if not found:
        raise errors.NotFound(f"name: there is no sample {str(name)!r}")
    return found[0]


async def list_samples(
    ingest: Ingest, campaign: CampaignName, selection: Selection, *, after: str, limit: int
) -> tuple[list[Sample], str]:
    """Up to `limit` samples, and where the next page starts, "" on the last one.

    Raises NotFound naming a campaign that does not exist.
    """
    await ingest.active.version(campaign.project, campaign.campaign, 1)
    below = order_prefix(
        campaign.campaign, by_version=selection.by_version, version=selection.version
    )
    chosen: list[Sample] = []
    while len(chosen) < limit:
        wanted = limit - len(chosen)
        page = await ingest.stores.ledger.scan(campaign.project, below, after=after, limit=wanted)
        frame_ids = [segments(entry.key)[-1] for entry in page]
        samples = await _samples(ingest, campaign, frame_ids)
        chosen += [
            sample
            for sample in samples
            if not selection.states or sample.row.review in selection.states
        ]
        if len(page) < wanted:
            return chosen, ""
        after = page[-1].key
    return chosen, after


async def _samples(
    ingest: Ingest, campaign: CampaignName, frame_ids: Sequence[str]
) -> list[Sample]:
    """The samples of those frames; what is not collected is passed over."""
    rows = [row_key(campaign.campaign, frame_id) for frame_id in frame_ids]
    documents = [document_key(campaign.campaign, frame_id) for frame_id in frame_ids]
    found = await ingest.stores.ledger.get(campaign.project, rows + documents)
    samples = []
    for row_at, document_at in zip(rows, documents, strict=True):
        if row_at in found and (row := decode(Row, found[row_at])).state is RowState.COLLECTED:
            document = decode(Document, found[document_at])
            frame = Frame.from_bytes(document.frame)
            samples.append(Sample(campaign, row, frame, document.explanation))
    return samples


@dataclass(frozen=True, slots=True)
class ReviewOrder:
    """What a person says of samples, and the request that says it."""

    campaign: CampaignName
    frame_ids: Sequence[str]
    verdict: Review
    request: IdempotentRequest


class Reviewed(Record, frozen=True, kw_only=True):
    """The outcome of a review: how many samples changed."""

    changed: int


async def review(ingest: Ingest, order: ReviewOrder) -> int:
    """Say of samples what they are, all or none; the number of those that changed.

    Raises NotFound naming a frame that is not a sample of the campaign.
    """
    ledger, project = ingest.stores.ledger, order.campaign.project
    _check_frame_ids(order.frame_ids)
    first = await find_response(ledger, project, order.request, Reviewed)
    if first is not None:
        return first.changed
    keys = [row_key(order.campaign.campaign, frame_id) for frame_id in order.frame_ids]
    for _ in range(REVIEW_ATTEMPTS):
        found = await ledger.get(project, keys)
        transaction, outcome = _plan_review(order, keys, found)
        try:
            return (await commit_once(ledger, transaction, order.request, outcome)).changed
        except Conflict:
            continue
    raise errors.Aborted(f"parent: samples of {str(order.campaign)!r} are being reviewed elsewhere")


def _check_frame_ids(frame_ids: Sequence[str]) -> None:
    if not 1 <= len(frame_ids) <= REVIEWED_MAX:
        raise errors.InvalidArgument.of(
            "frame_ids", f"{len(frame_ids)} of them; 1 to {REVIEWED_MAX:,} are accepted at once"
        )
    if len(set(frame_ids)) < len(frame_ids):
        raise errors.InvalidArgument.of("frame_ids", "a frame stands twice")


def _plan_review(
    order: ReviewOrder, keys: Sequence[str], found: Mapping[str, Entry]
) -> tuple[Transaction, Reviewed]:
    """The transaction that gives the rows their review, and the counters theirs."""
    campaign = order.campaign.campaign
    checks: dict[str, int] = {}
    puts: dict[str, bytes] = {}
    adds: Counter[str] = Counter()
    for frame_id, where in zip(order.frame_ids, keys, strict=True):
        row = decode(Row, found[where]) if where in found else None
        if row is None or row.state is not RowState.COLLECTED:
            raise errors.NotFound(f"frame_ids: {frame_id!r} is not a sample of {order.campaign}")
        if row.review is order.verdict:
            continue
        checks[where] = found[where].revision
        puts[where] = encode(msgspec.structs.replace(row, review=order.verdict))
        for review, delta in ((row.review, -1), (order.verdict, 1)):
            if review is not Review.UNSORTED:
                adds[_COUNTED_AS[review].of(campaign)] += delta
    transaction = Transaction(
        order.campaign.project,
        checks=checks,
        puts=puts,
        adds={name: Add(delta) for name, delta in adds.items()},
    )
    return transaction, Reviewed(changed=len(puts))
