"""The ledger records of golden QA, and their keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.golden.history import HistoryKey
from services.curation.golden.records import (
    CheckOverride,
    check_key,
    check_name,
    checks_prefix,
)
from sluice.errors import NotFound
from sluice.names import GoldenCheckName, GoldenSetName

GOLDEN_SET = GoldenSetName("p", "d", "g")

history_keys = st.builds(
    HistoryKey,
    round=st.integers(0, 2**31 - 1),
    schema_version=st.just("1"),
    annotator=st.sampled_from(["ann", "bob"]),
    guideline_version=st.just("1"),
)


@given(st.sets(history_keys, max_size=8))
def test_keys_are_unique_and_ordered_by_round(keys: set[HistoryKey]) -> None:
    """Each history key has a ledger key of its own, and ledger keys sort by round."""
    rounds = {check_key(check_name(GOLDEN_SET, key)): key.round for key in keys}

    assert len(keys) == len(rounds)
    assert sorted(rounds.values()) == [rounds[key] for key in sorted(rounds)]
    assert all(key.startswith(checks_prefix(GOLDEN_SET)) for key in rounds)


@pytest.mark.parametrize("check", ["1", "x-0123456789abcdef", "01-0123456789abcdef", "1-0123"])
def test_a_malformed_check_id_is_not_found(check: str) -> None:
    """No check can have such an id."""
    with pytest.raises(NotFound, match="goldenSets/g/checks/"):
        check_key(GoldenCheckName("p", "d", "g", check))


def test_a_decision_is_the_same_at_another_time() -> None:
    """Reason, author and API key make a decision; its time does not."""
    first = CheckOverride(reason="r", decided_by="Ada", key_id="k", created_us=1)

    later = CheckOverride(reason="r", decided_by="Ada", key_id="k", created_us=2)
    other = CheckOverride(reason="r", decided_by="Bob", key_id="k", created_us=1)

    assert first.is_same_decision(later)
    assert not first.is_same_decision(other)
