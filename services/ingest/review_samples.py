"""Reviewing samples: accepting, discarding and restoring them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from services.ingest.context import Ingest
from services.ingest.counters import Count
from services.ingest.records import Review, Row, row_key
from services.ingest.samples import not_a_sample
from services.ledger.interface import Add, Conflict, Entry, Transaction
from services.records.idempotency import IdempotentRequest, commit_once, find_response
from services.records.records import Record, decode, encode
from sluice import errors
from sluice.names import CampaignName

REVIEWED_MAX = 1_000
"""Samples that one request may review."""

REVIEW_ATTEMPTS = 8

_COUNT_OF_REVIEW = {Review.ACCEPTED: Count.ACCEPTED, Review.DISCARDED: Count.DISCARDED}


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """A request to give samples a review state."""

    campaign: CampaignName
    frame_ids: Sequence[str]
    review: Review
    idempotency: IdempotentRequest


class ReviewResponse(Record, frozen=True, kw_only=True):
    """The number of samples that a review changed."""

    changed: int


async def review_samples(ingest: Ingest, request: ReviewRequest) -> int:
    """Give samples a review state, all or none; the number of samples changed.

    Raises NotFound naming a frame that is not a sample of the campaign.
    """
    ledger, project = ingest.stores.ledger, request.campaign.project
    _check_frame_ids(request.frame_ids)
    first = await find_response(ledger, project, request.idempotency, ReviewResponse)
    if first is not None:
        return first.changed
    keys = [row_key(request.campaign.campaign, frame_id) for frame_id in request.frame_ids]
    for _ in range(REVIEW_ATTEMPTS):
        transaction, response = _plan_review(request, keys, await ledger.get(project, keys))
        try:
            return (await commit_once(ledger, transaction, request.idempotency, response)).changed
        except Conflict:
            continue
    raise errors.Aborted(
        f"parent: samples of {str(request.campaign)!r} are being reviewed by others; retry"
    )


def _check_frame_ids(frame_ids: Sequence[str]) -> None:
    if not 1 <= len(frame_ids) <= REVIEWED_MAX:
        raise errors.InvalidArgument.of(
            "frame_ids", f"got {len(frame_ids)} frame ids; 1 to {REVIEWED_MAX:,} are accepted"
        )
    [(frame_id, count)] = Counter(frame_ids).most_common(1)
    if count > 1:
        raise errors.InvalidArgument.of("frame_ids", f"duplicate frame id {frame_id!r}")


def _plan_review(
    request: ReviewRequest, keys: Sequence[str], entries: Mapping[str, Entry]
) -> tuple[Transaction, ReviewResponse]:
    """The transaction that updates the rows and the review counters."""
    campaign = request.campaign.campaign
    checks: dict[str, int] = {}
    puts: dict[str, bytes] = {}
    adds: Counter[str] = Counter()
    for frame_id, key in zip(request.frame_ids, keys, strict=True):
        row = decode(Row, entries[key]) if key in entries else None
        if row is None or not row.is_sample:
            raise not_a_sample(request.campaign, frame_id)
        if row.review is request.review:
            continue
        checks[key] = entries[key].revision
        puts[key] = encode(msgspec.structs.replace(row, review=request.review))
        for review, delta in ((row.review, -1), (request.review, 1)):
            if review is not Review.UNSORTED:
                adds[_COUNT_OF_REVIEW[review].of(campaign)] += delta
    transaction = Transaction(
        request.campaign.project,
        checks=checks,
        puts=puts,
        adds={name: Add(delta) for name, delta in adds.items()},
    )
    return transaction, ReviewResponse(changed=len(puts))
