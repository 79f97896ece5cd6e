"""The ledger against a model of plain dictionaries, driven by hypothesis."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from typing_extensions import override

from services.ledger.interface import ABSENT, Add, Conflict, Entry, Ledger, Transaction

NewStore = Callable[[], AbstractAsyncContextManager[Callable[[], Awaitable[Ledger]]]]

# Few names, so that they meet often, with the least and the greatest characters among them.
partitions = st.sampled_from(["p", "p\0"])
names = st.text("a\0\U0010ffff", min_size=1, max_size=2)
prefixes = st.text("a\0\U0010ffff", max_size=2)
values = st.binary(max_size=3)
adds = st.builds(Add, st.integers(-3, 5) | st.just(2**63 - 1), st.none() | st.integers(-1, 12))
hashes = st.lists(st.integers(0, 40) | st.just(2**64 - 1), max_size=8)
guesses = st.sampled_from(["right", "absent", "stale"])

_Result = TypeVar("_Result")


@dataclass
class PartitionModel:
    """What one partition must hold."""

    entries: dict[str, Entry] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    distinct: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    revision: int = 0

    def revision_of(self, key: str) -> int:
        """The revision of a key, ABSENT if it does not exist."""
        return self.entries[key].revision if key in self.entries else ABSENT

    def check(self, key: str, guess: str) -> int:
        """The revision that a caller with that guess would require of the key."""
        right = self.revision_of(key)
        return {"right": right, "absent": ABSENT, "stale": right + 1}[guess]

    def refusals(self, transaction: Transaction) -> set[str]:
        """Everything that a Conflict may name; empty when the transaction must apply."""
        refused = {k for k, rev in transaction.checks.items() if rev != self.revision_of(k)}
        for name, add in transaction.adds.items():
            total = self.counters[name] + add.delta
            over = add.ceiling is not None and add.delta > 0 and total > add.ceiling
            if over or not -(2**63) <= total < 2**63:
                refused.add(name)
        return refused

    def apply(self, transaction: Transaction, revision: int) -> None:
        """Change the model as the ledger must have changed."""
        for key, value in transaction.puts.items():
            self.entries[key] = Entry(key, value, revision)
        for key in transaction.deletes:
            self.entries.pop(key, None)
        for name, add in transaction.adds.items():
            self.counters[name] += add.delta
        for name, inserted in transaction.distinct.items():
            self.distinct[name] |= set(inserted)


async def refusal(ledger: Ledger, transaction: Transaction) -> str | None:
    """What the Conflict named, None when the transaction was applied."""
    try:
        await ledger.commit(transaction)
    except Conflict as conflict:
        return conflict.subject
    return None


class LedgerMachine(RuleBasedStateMachine):
    """Random transactions and reads, each compared with what the model says."""

    def __init__(self, new_store: NewStore) -> None:
        super().__init__()
        self.models: dict[str, PartitionModel] = defaultdict(PartitionModel)
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.open_store = self.run(self.stack.enter_async_context(new_store()))
        self.open()

    def run(self, call: Coroutine[Any, Any, _Result]) -> _Result:
        """The result of one call to the ledger."""
        return self.runner.run(call)

    def open(self) -> None:
        """Open the store."""

        async def opened() -> Ledger:
            return await self.open_store()

        self.ledger = self.run(opened())

    @rule()
    def reopen(self) -> None:
        """Close the store and open it again."""
        self.run(self.ledger.close())
        self.open()

    @rule(
        partition=partitions,
        guessed=st.dictionaries(names, guesses, max_size=2),
        puts=st.dictionaries(names, values, max_size=3),
        deletes=st.lists(names, max_size=2),
        added=st.dictionaries(names, adds, max_size=2),
        distinct=st.dictionaries(names, hashes, max_size=2),
    )
    def commit(
        self,
        partition: str,
        guessed: dict[str, str],
        puts: dict[str, bytes],
        deletes: list[str],
        added: dict[str, Add],
        distinct: dict[str, list[int]],
    ) -> None:
        """A transaction applies exactly when the model says so; its revision is a new one."""
        model = self.models[partition]
        checks = {key: model.check(key, guess) for key, guess in guessed.items()}
        deletes = [key for key in deletes if key not in puts]
        transaction = Transaction(partition, checks, puts, deletes, added, distinct)
        refusals = model.refusals(transaction)
        refused = self.run(refusal(self.ledger, transaction))
        assert (refused in refusals) if refusals else (refused is None)
        if refused is not None:
            return
        if puts:
            revisions = {e.revision for e in self.run(self.ledger.get(partition, [*puts])).values()}
            [revision] = revisions
            assert revision > model.revision
            model.revision = revision
        model.apply(transaction, model.revision)

    @rule(partition=partitions, keys=st.lists(names, max_size=5))
    def get(self, partition: str, keys: list[str]) -> None:
        """Exactly the entries that exist come back."""
        entries = self.models[partition].entries
        expected = {key: entries[key] for key in keys if key in entries}
        assert expected == self.run(self.ledger.get(partition, keys))

    @rule(partition=partitions, prefix=prefixes, after=prefixes, limit=st.integers(1, 5))
    def scan(self, partition: str, prefix: str, after: str, limit: int) -> None:
        """A page is the head of what the model has behind `after`."""
        ordered = sorted(self.models[partition].entries.values(), key=lambda e: e.key.encode())
        expected = [
            entry
            for entry in ordered
            if entry.key.startswith(prefix) and entry.key.encode() > after.encode()
        ]
        page = self.run(self.ledger.scan(partition, prefix, after=after, limit=limit))
        assert expected[:limit] == page

    @rule(partition=partitions, counter_names=st.lists(names, max_size=5))
    def counters(self, partition: str, counter_names: list[str]) -> None:
        """Every counter has the model's sum, 0 if it has none."""
        expected = {name: self.models[partition].counters[name] for name in counter_names}
        assert expected == self.run(self.ledger.counters(partition, counter_names))

    @rule(partition=partitions, distinct_names=st.lists(names, max_size=5))
    def count_distinct(self, partition: str, distinct_names: list[str]) -> None:
        """So few hashes are counted to within one."""
        union = set[int]().union(
            *[self.models[partition].distinct[name] for name in distinct_names]
        )
        counted = self.run(self.ledger.count_distinct(partition, distinct_names))
        assert abs(len(union) - counted) <= 1

    @override
    def teardown(self) -> None:
        """At last, and after one more reopening, the store holds what the model holds."""
        try:
            self.reopen()
            for partition, model in self.models.items():
                entries = self.run(self.ledger.scan(partition, "", limit=1_000))
                assert model.entries == {entry.key: entry for entry in entries}
            self.run(self.ledger.close())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()


def test_the_ledger_behaves_like_dictionaries(new_store: NewStore) -> None:
    """Whatever is committed, read and reopened, in whichever order, the model foretells it."""

    class Machine(LedgerMachine):
        """The machine for this implementation."""

        def __init__(self) -> None:
            super().__init__(new_store)

    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=40, stateful_step_count=30, deadline=None),
    )
