"""The keys of ingest's records sort as the listings need."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.records import (
    OUTCOMES_KEPT,
    order_keys,
    order_prefix,
    outbox_key,
    outcome_key,
)

scores = st.floats(0, 1, exclude_min=True, allow_nan=False)
versions = st.integers(1, 2**32)


@given(st.lists(st.tuples(versions, scores), min_size=2, max_size=8, unique=True))
def test_order_keys_sort_descending(samples: list[tuple[int, float]]) -> None:
    """Ascending keys list samples by descending score, and by descending version and score."""
    by_score = sorted(samples, key=lambda sample: order_keys("c", sample[0], sample[1], "f")[0])
    by_version = sorted(samples, key=lambda sample: order_keys("c", sample[0], sample[1], "f")[1])
    assert sorted((score for _, score in samples), reverse=True) == [s for _, s in by_score]
    assert sorted(samples, reverse=True) == by_version


@given(versions, versions)
def test_a_prefix_selects_one_version(version: int, other: int) -> None:
    """The prefix of a version is that of its keys, and of no other version's."""
    _, key = order_keys("c", version, 0.5, "f")
    assert key.startswith(order_prefix("c", by_version=True))
    assert (version == other) == key.startswith(order_prefix("c", by_version=True, version=other))


@given(st.lists(st.integers(0, 2**53), min_size=2, unique=True))
def test_the_outbox_is_in_order_of_receipt(times_us: list[int]) -> None:
    """Ascending keys list outbox entries from the oldest to the newest."""
    keys = [outbox_key(time_us, "s", 1, 0) for time_us in times_us]
    assert [outbox_key(time_us, "s", 1, 0) for time_us in sorted(times_us)] == sorted(keys)


def test_an_outcome_is_kept_for_the_next_batches() -> None:
    """The outcomes of the last batches have keys of their own; the next one replaces the oldest."""
    keys = [outcome_key("s", seq) for seq in range(1, OUTCOMES_KEPT + 2)]
    assert OUTCOMES_KEPT == len(set(keys))
    assert keys[0] == keys[-1]
