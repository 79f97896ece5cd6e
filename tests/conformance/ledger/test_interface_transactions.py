"""A transaction of every ledger is applied completely or not at all."""

from __future__ import annotations

import pytest

from services.ledger.interface import ABSENT, Add, Conflict, Ledger, Transaction

INT64_MAX = 2**63 - 1


async def revision_of(ledger: Ledger, key: str) -> int:
    """The key's revision in partition p, ABSENT if it has none."""
    entries = await ledger.get("p", [key])
    return entries[key].revision if key in entries else ABSENT


async def test_keys_put_together_share_one_revision(ledger: Ledger) -> None:
    """All keys of one transaction carry its revision."""
    await ledger.commit(Transaction("p", puts={"a": b"1", "b": b"2"}))

    assert 1 == len({entry.revision for entry in (await ledger.get("p", ["a", "b"])).values()})


async def test_revisions_grow_with_every_put(ledger: Ledger) -> None:
    """A later put has a higher revision, on whichever key of the partition."""
    revisions = []
    for key in ["b", "a", "a", "c", "b"]:
        await ledger.commit(Transaction("p", puts={key: b"same"}))
        revisions.append(await revision_of(ledger, key))

    assert sorted(set(revisions)) == revisions


async def test_other_keys_keep_their_revision(ledger: Ledger) -> None:
    """A transaction changes the revision of what it puts and of nothing else."""
    await ledger.commit(Transaction("p", puts={"a": b"1", "b": b"1"}))
    before = await ledger.get("p", ["a"])
    await ledger.commit(Transaction("p", checks={"a": before["a"].revision}, puts={"b": b"2"}))

    assert before == await ledger.get("p", ["a"])


async def test_a_key_put_anew_after_deletion_is_not_the_old_one(ledger: Ledger) -> None:
    """A revision is never used again, so that delete-and-put is seen by a check."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    old = await revision_of(ledger, "a")
    await ledger.commit(Transaction("p", deletes=["a"]))
    await ledger.commit(Transaction("p", puts={"a": b"1"}))

    with pytest.raises(Conflict):
        await ledger.commit(Transaction("p", checks={"a": old}))
    assert old < await revision_of(ledger, "a")


async def test_checks_that_hold_let_the_transaction_pass(ledger: Ledger) -> None:
    """A check passes at the current revision, and at ABSENT for a key that does not exist."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    checks = {"a": await revision_of(ledger, "a"), "b": ABSENT}
    await ledger.commit(Transaction("p", checks=checks, puts={"a": b"2", "b": b"2"}))

    entries = await ledger.get("p", ["a", "b"])
    assert {"a": b"2", "b": b"2"} == {key: entry.value for key, entry in entries.items()}


@pytest.mark.parametrize(("key", "expected"), [("a", ABSENT), ("a", 10**6), ("b", 1), ("b", -1)])
async def test_a_check_that_fails_names_its_key(ledger: Ledger, key: str, expected: int) -> None:
    """A check fails on another revision, on a key that should not exist, and on a missing one."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))

    with pytest.raises(Conflict) as conflict:
        await ledger.commit(Transaction("p", checks={"other": ABSENT, key: expected}))
    assert key == conflict.value.subject
    assert str(conflict.value).startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("checks", "adds"), [({"kept": ABSENT}, {}), ({}, {"full": Add(1, ceiling=5)})]
)
async def test_a_refused_transaction_leaves_nothing_behind(
    ledger: Ledger, checks: dict[str, int], adds: dict[str, Add]
) -> None:
    """After a Conflict no put, delete, counter or distinct count has changed."""
    await ledger.commit(
        Transaction("p", puts={"kept": b"1"}, adds={"full": Add(5)}, distinct={"ids": [1]})
    )
    before = await ledger.scan("p", "", limit=10)
    rejected = Transaction(
        "p",
        checks=checks,
        puts={"new": b"1"},
        deletes=["kept"],
        adds={"other": Add(1), **adds},
        distinct={"ids": [2]},
    )

    with pytest.raises(Conflict):
        await ledger.commit(rejected)
    assert before == await ledger.scan("p", "", limit=10)
    assert {"full": 5, "other": 0} == await ledger.counters("p", ["full", "other"])
    assert 1 == await ledger.count_distinct("p", ["ids"])


async def test_a_failed_check_on_an_untouched_key_refuses_the_writes(ledger: Ledger) -> None:
    """A check may guard keys other than its own."""
    await ledger.commit(Transaction("p", puts={"fence": b"1"}))
    await ledger.commit(Transaction("p", puts={"fence": b"2"}))

    with pytest.raises(Conflict):
        await ledger.commit(Transaction("p", checks={"fence": 1}, puts={"a": b"1"}))
    assert {} == await ledger.get("p", ["a"])


async def test_deletes_remove_what_exists_and_pass_over_the_rest(ledger: Ledger) -> None:
    """Deleting an absent key is nothing; any iterable of keys will do."""
    await ledger.commit(Transaction("p", puts={"a": b"1", "b": b"1"}))
    await ledger.commit(Transaction("p", deletes=(key for key in ["a", "absent"])))

    assert ["b"] == [entry.key for entry in await ledger.scan("p", "", limit=10)]


async def test_a_key_both_put_and_deleted_is_rejected(ledger: Ledger) -> None:
    """Such a transaction raises ValueError, and nothing of it applies."""
    with pytest.raises(ValueError, match="both"):
        await ledger.commit(Transaction("p", puts={"a": b"1", "b": b"1"}, deletes=["a"]))
    assert [] == await ledger.scan("p", "", limit=10)


async def test_an_empty_transaction_passes(ledger: Ledger) -> None:
    """A transaction without checks and changes is valid."""
    await ledger.commit(Transaction("p"))

    assert [] == await ledger.scan("p", "", limit=10)


async def test_keys_counters_and_distinct_counts_never_meet(ledger: Ledger) -> None:
    """One name may be all three."""
    transaction = Transaction("p", puts={"x": b"1"}, adds={"x": Add(7)}, distinct={"x": [1, 2]})
    await ledger.commit(transaction)
    await ledger.commit(Transaction("p", deletes=["x"]))

    assert {} == await ledger.get("p", ["x"])
    assert {"x": 7} == await ledger.counters("p", ["x"])
    assert 2 == await ledger.count_distinct("p", ["x"])


async def test_partitions_never_meet(ledger: Ledger) -> None:
    """Neither equal names in two partitions nor names that join to the same text are the same."""
    for partition, key in [("a", "bc"), ("ab", "c"), ("a\0", "bc"), ("A", "bc")]:
        transaction = Transaction(
            partition,
            checks={key: ABSENT},
            puts={key: partition.encode()},
            adds={key: Add(1, ceiling=1)},
            distinct={key: [1, 2]},
        )
        await ledger.commit(transaction)

    for partition, key in [("a", "bc"), ("ab", "c"), ("a\0", "bc"), ("A", "bc")]:
        [entry] = await ledger.scan(partition, "", limit=10)
        assert (key, partition.encode()) == (entry.key, entry.value)
        assert {"bc": 0, "c": 0, key: 1} == await ledger.counters(partition, ["bc", "c"])
        assert 2 == await ledger.count_distinct(partition, ["bc", "c"])


@pytest.mark.parametrize(("name", "problem"), [("", "empty"), ("\ud800", "surrogates")])
async def test_names_must_be_text(ledger: Ledger, name: str, problem: str) -> None:
    """An empty name and one that UTF-8 cannot encode are refused wherever they stand."""
    for transaction in [
        Transaction(name, puts={"a": b""}),
        Transaction("p", checks={name: 0}),
        Transaction("p", puts={name: b""}),
        Transaction("p", deletes=[name]),
        Transaction("p", adds={name: Add(1)}),
        Transaction("p", distinct={name: [1]}),
    ]:
        with pytest.raises(ValueError, match=problem):
            await ledger.commit(transaction)


async def test_a_ceiling_may_be_reached_but_not_passed(ledger: Ledger) -> None:
    """The sum may equal the ceiling; one more is a Conflict naming the counter."""
    await ledger.commit(Transaction("p", adds={"n": Add(3, ceiling=5)}))
    await ledger.commit(Transaction("p", adds={"n": Add(2, ceiling=5)}))

    with pytest.raises(Conflict) as conflict:
        await ledger.commit(Transaction("p", adds={"n": Add(1, ceiling=5)}))
    assert "n" == conflict.value.subject
    assert {"n": 5} == await ledger.counters("p", ["n"])


@pytest.mark.parametrize("delta", [0, -1, -5])
async def test_a_lowered_ceiling_lets_the_sum_fall(ledger: Ledger, delta: int) -> None:
    """Only a positive delta is refused, though the sum stays above the ceiling."""
    await ledger.commit(Transaction("p", adds={"n": Add(10)}))
    await ledger.commit(Transaction("p", adds={"n": Add(delta, ceiling=3)}))

    with pytest.raises(Conflict):
        await ledger.commit(Transaction("p", adds={"n": Add(1, ceiling=3)}))
    assert {"n": 10 + delta} == await ledger.counters("p", ["n"])


async def test_counters_and_ceilings_may_be_negative(ledger: Ledger) -> None:
    """A counter may fall below zero, and so may its ceiling."""
    await ledger.commit(Transaction("p", adds={"n": Add(-10)}))
    await ledger.commit(Transaction("p", adds={"n": Add(2, ceiling=-8)}))

    with pytest.raises(Conflict):
        await ledger.commit(Transaction("p", adds={"n": Add(1, ceiling=-8)}))
    assert {"n": -8} == await ledger.counters("p", ["n"])


@pytest.mark.parametrize("sign", [1, -1])
async def test_counters_are_exact_to_64_bits_and_go_no_further(ledger: Ledger, sign: int) -> None:
    """No rounding near 2^63, and a sum beyond it is a Conflict naming the counter."""
    await ledger.commit(Transaction("p", adds={"n": Add(sign * (INT64_MAX - 1))}))
    await ledger.commit(Transaction("p", adds={"n": Add(sign)}))

    with pytest.raises(Conflict) as conflict:
        await ledger.commit(Transaction("p", adds={"n": Add(2 * sign)}))
    assert "n" == conflict.value.subject
    assert {"n": sign * INT64_MAX} == await ledger.counters("p", ["n"])


@pytest.mark.parametrize("number", [2**64, -(2**64)])
async def test_numbers_beyond_64_bits_are_rejected(ledger: Ledger, number: int) -> None:
    """A delta, ceiling or hash that does not fit is a ValueError naming what it was for."""
    for transaction in [
        Transaction("p", adds={"some-name": Add(number)}),
        Transaction("p", adds={"some-name": Add(1, ceiling=number)}),
        Transaction("p", distinct={"some-name": [number]}),
        Transaction("p", distinct={"some-name": [-1]}),
    ]:
        with pytest.raises(ValueError, match="some-name"):
            await ledger.commit(transaction)
    assert {"some-name": 0} == await ledger.counters("p", ["some-name"])


async def test_large_transactions_apply_whole(ledger: Ledger) -> None:
    """Thousands of keys and counters fit one transaction, as checks, puts, adds and deletes."""
    keys = [f"k{i}" for i in range(1_234)]
    transaction = Transaction(
        "p",
        checks=dict.fromkeys(keys, ABSENT),
        puts={key: key.encode() for key in keys},
        adds={key: Add(i) for i, key in enumerate(keys)},
    )
    await ledger.commit(transaction)

    assert {key: i for i, key in enumerate(keys)} == await ledger.counters("p", keys)
    entries = await ledger.get("p", keys)
    assert {key: key.encode() for key in keys} == {k: entry.value for k, entry in entries.items()}
    with pytest.raises(Conflict) as conflict:
        await ledger.commit(Transaction("p", checks={**dict.fromkeys(keys, 1), "z": 1}))
    assert "z" == conflict.value.subject
    await ledger.commit(Transaction("p", deletes=keys[1:]))
    assert keys[:1] == [entry.key for entry in await ledger.scan("p", "", limit=10)]
