"""The transaction that commits the decisions of a page."""

from __future__ import annotations

import pytest

from services.ingest.counters import Count, budget_used_on
from services.ingest.decisions import WaitingMatch, plan_decisions, take_until_basis_changes
from services.ingest.lease import LEASE, Fence
from services.ingest.records import DECIDED, PendingMatch, Row, RowState, order_keys, row_key


def waiting(frame_id: str, campaign: str = "c", basis_digest: str = "basis") -> WaitingMatch:
    """A pending match."""
    return WaitingMatch(
        f"outbox/{frame_id}",
        PendingMatch(
            campaign=campaign,
            frame_id=frame_id,
            model_id="m",
            basis_digest=basis_digest,
            vector=b"",
        ),
        Row(
            state=RowState.PENDING,
            version=1,
            score=0.7,
            captured_us=None,
            device="",
            received_us=0,
            session="s",
            logger="",
        ),
    )


def test_decisions_move_pending_matches() -> None:
    """Collected matches are listed, near duplicates refund their budget, under the fence."""
    page = [waiting("a").decide(""), waiting("b").decide("a")]
    transaction = plan_decisions("p", Fence(7, 0), page)

    assert {LEASE: 7} == transaction.checks
    assert {
        Count.PENDING.of("c"): -2,
        Count.COLLECTED.of("c"): 1,
        Count.NEAR_DUPLICATE.of("c"): 1,
        Count.BUDGET_USED.of("c"): -1,
        budget_used_on("c", 0): -1,
    } == {name: add.delta for name, add in transaction.adds.items()}
    assert {DECIDED, row_key("c", "a"), row_key("c", "b"), *order_keys("c", 1, 0.7, "a")} == set(
        transaction.puts
    )


@pytest.mark.parametrize(
    ("matches", "taken"),
    [
        ([("a", "c", "x"), ("b", "c", "x")], 2),
        ([("a", "c", "x"), ("b", "c", "y"), ("d", "c", "x")], 1),
        ([("a", "c", "x"), ("b", "other", "y"), ("d", "other", "z")], 2),
    ],
    ids=["one basis", "change", "a basis for each campaign"],
)
def test_a_page_ends_where_a_basis_changes(matches: list[tuple[str, str, str]], taken: int) -> None:
    """Only matches before the first change of a campaign's basis are decided together."""
    page = [waiting(*match) for match in matches]
    assert page[:taken] == take_until_basis_changes(page)
