"""Reads of every ledger: their results, their order, and that they see earlier commits."""

from __future__ import annotations

import pytest

from services.ledger.interface import Ledger, Transaction

# Where byte order, UTF-16 order, case folding and LIKE patterns would differ.
AWKWARD = [
    *["a", "a\0", "a\0b", "aa", "A", "a%", "a_", "a*", "[a]", " a,b c", "\0"],
    *["é", "e\u0301", "\x7f", "\x80", "\uffff", "\U00010000", "\U0010ffff", "\U0010ffff" * 2],
]


async def put(ledger: Ledger, *keys: str) -> None:
    """Put each key with its own bytes as the value."""
    await ledger.commit(Transaction("p", puts={key: key.encode() for key in keys}))


async def scan_keys(
    ledger: Ledger, prefix: str, *, after: str = "", limit: int = 1000
) -> list[str]:
    """The keys of one page in partition p."""
    return [entry.key for entry in await ledger.scan("p", prefix, after=after, limit=limit)]


async def test_get_returns_those_that_exist(ledger: Ledger) -> None:
    """Missing keys are left out, repeated ones are returned once."""
    await put(ledger, "a", "b", "c")

    assert {"a": b"a", "c": b"c"} == {
        key: entry.value for key, entry in (await ledger.get("p", ["c", "x", "a", "a"])).items()
    }
    assert {} == await ledger.get("p", [])


@pytest.mark.parametrize("value", [b"", bytes(range(256)), b"\0", b" ,", b"x" * 2**20])
async def test_values_are_any_bytes(ledger: Ledger, value: bytes) -> None:
    """What was put comes back byte for byte, by get and by scan."""
    await ledger.commit(Transaction("p", puts={"a": value}))

    [scanned] = await ledger.scan("p", "", limit=1)
    assert value == scanned.value
    assert scanned == (await ledger.get("p", ["a"]))["a"]


async def test_keys_are_any_text(ledger: Ledger) -> None:
    """Keys that only nearly equal each other are different, NUL included."""
    await put(ledger, *AWKWARD)

    entries = await ledger.get("p", AWKWARD)
    assert {key: key.encode() for key in AWKWARD} == {
        k: entry.value for k, entry in entries.items()
    }


async def test_scan_orders_by_utf8_bytes(ledger: Ledger) -> None:
    """The order is that of the bytes, not of UTF-16 or a language."""
    await put(ledger, *AWKWARD)

    assert sorted(AWKWARD, key=str.encode) == await scan_keys(ledger, "")


@pytest.mark.parametrize("prefix", [*AWKWARD, "b", "aaa", "\U0010fffe"])
async def test_scan_takes_prefixes_literally(ledger: Ledger, prefix: str) -> None:
    """A page holds exactly the keys that start with the prefix; nothing in it is a pattern."""
    await put(ledger, *AWKWARD)

    expected = [key for key in sorted(AWKWARD, key=str.encode) if key.startswith(prefix)]
    assert expected == await scan_keys(ledger, prefix)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("", ["b", "b1", "b2"]),
        ("a", ["b", "b1", "b2"]),
        ("aa", ["b", "b1", "b2"]),
        ("b", ["b1", "b2"]),
        ("b1", ["b2"]),
        ("b1\0", ["b2"]),
        ("b10", ["b2"]),
        ("b2", []),
        ("z", []),
    ],
)
async def test_scan_starts_after_a_key(ledger: Ledger, after: str, expected: list[str]) -> None:
    """`after` is exclusive, and may lie before, between or beyond the keys of the prefix."""
    await put(ledger, "a", "ab", "b", "b1", "b2", "c")

    assert expected == await scan_keys(ledger, "b", after=after)


@pytest.mark.parametrize("limit", [1, 7, 599, 600, 601])
async def test_pages_join_to_the_whole(ledger: Ledger, limit: int) -> None:
    """Page after page, every key comes once, and no page but the last is short."""
    keys = sorted(f"k{i}" for i in range(600 if limit > 1 else 20))
    await put(ledger, "j", *keys, "l")

    joined: list[str] = []
    while page := await scan_keys(ledger, "k", after=joined[-1] if joined else "", limit=limit):
        assert min(limit, len(keys) - len(joined)) == len(page)
        joined += page
    assert keys == joined


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_holds_at_least_one(ledger: Ledger, limit: int) -> None:
    """A limit below 1 is a mistake that names it."""
    with pytest.raises(ValueError, match=f"limit: is {limit}"):
        await ledger.scan("p", "", limit=limit)


async def test_unknown_names_are_empty(ledger: Ledger) -> None:
    """An unknown partition has no entries, counters of 0 and nothing counted."""
    assert {} == await ledger.get("p", ["a"])
    assert [] == await ledger.scan("p", "", limit=10)
    assert {"n": 0} == await ledger.counters("p", ["n", "n"])
    assert {} == await ledger.counters("p", [])
    assert 0 == await ledger.count_distinct("p", ["ids"])
    assert 0 == await ledger.count_distinct("p", [])


async def test_a_read_sees_the_commit_before_it(ledger: Ledger) -> None:
    """Once commit returned, every read shows it."""
    for i in range(50):
        await ledger.commit(Transaction("p", puts={"a": b"%d" % i}))
        assert b"%d" % i == (await ledger.get("p", ["a"]))["a"].value
