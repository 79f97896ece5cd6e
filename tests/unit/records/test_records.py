"""Encoding of records and of ledger keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.interface import Entry
from services.records.records import Record, decode, encode, key, prefix, segments

texts = st.lists(st.text("ab/%é \0", max_size=4), min_size=1, max_size=4)


class FirstRecord(Record, frozen=True):
    """A record of an earlier version of Sluice."""

    name: str


class LaterRecord(Record, frozen=True):
    """The same record with a field that was added later."""

    name: str
    count: int = 0


@given(texts, texts)
def test_keys_collide_only_for_equal_segments(one: list[str], other: list[str]) -> None:
    """No id, whatever its characters, gives the key of another."""
    assert (one == other) == (key(*one) == key(*other))
    assert one == segments(key(*one))


@given(texts, texts)
def test_a_prefix_holds_the_keys_below_it(parent: list[str], other: list[str]) -> None:
    """Exactly the keys that begin with all of the parent's segments and go on."""
    below = len(other) > len(parent) and other[: len(parent)] == parent

    assert below == key(*other).startswith(prefix(*parent))
    assert key(*parent, *other).startswith(prefix(*parent))


def test_records_of_earlier_versions_are_read() -> None:
    """A field that was added with a default has it, and one that is unknown is ignored."""
    earlier = Entry("k", encode(FirstRecord(name="a")), 1)
    later = Entry("k", encode(LaterRecord(name="a", count=3)), 1)

    assert LaterRecord(name="a") == decode(LaterRecord, earlier)
    assert FirstRecord(name="a") == decode(FirstRecord, later)
