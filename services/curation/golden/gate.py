"""The gate of a dataset: a failed golden check blocks its next batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.curation.golden.records import NewestCheck, RoundCheck, check_key, newest_prefix
from services.curation.golden.verdict import GoldenVerdict
from services.records.records import decode, segments
from services.records.scanning import scan_pages
from services.records.stores import Stores
from sluice.errors import FailedPrecondition
from sluice.names import DatasetName, GoldenCheckName


@dataclass(frozen=True, slots=True)
class GoldenGate:
    """The deciding check of each golden set of a dataset that has one, the newest of all first.

    That is its newest check that is not insufficient, if there is any. Every golden set counts: one
    that passes does not outweigh one that fails, since their images differ.
    """

    checks: Sequence[tuple[GoldenCheckName, RoundCheck]]

    @property
    def blocking(self) -> list[tuple[GoldenCheckName, RoundCheck]]:
        """The checks that block the next batch."""
        return [(name, check) for name, check in self.checks if check.blocks]

    @property
    def reason(self) -> str:
        """Why the next batch is blocked, or is not, as a sentence."""
        if not self.checks:
            return "no golden check was made"
        if blocking := self.blocking:
            name, check = blocking[0]
            return f"round {check.key.round} failed golden set {name.golden_set!r}: {check.reason}"
        if any(check.override for _, check in self.checks):
            return "a failed golden check is overridden"
        return "no newest golden check failed"

    @property
    def verdict(self) -> GoldenVerdict | None:
        """The worst verdict, where an overridden failure is a warning; None without a check."""
        verdicts = {
            GoldenVerdict.WARN if check.override else check.verdict for _, check in self.checks
        }
        worst_first = (
            GoldenVerdict.FAIL,
            GoldenVerdict.INSUFFICIENT,
            GoldenVerdict.WARN,
            GoldenVerdict.PASS,
        )
        return next((verdict for verdict in worst_first if verdict in verdicts), None)


async def read_gate(stores: Stores, name: DatasetName) -> GoldenGate:
    """The gate of a dataset; open where no check was made."""
    checks: list[tuple[GoldenCheckName, RoundCheck]] = []
    async for page in scan_pages(stores.ledger, name.project, newest_prefix(name)):
        names = [
            GoldenCheckName(
                name.project,
                name.dataset,
                segments(entry.key)[-1],
                decode(NewestCheck, entry).check,
            )
            for entry in page
        ]
        # A check that is missing is deleted with its golden set, since its name was read.
        keys = [check_key(check) for check in names]
        entries = await stores.ledger.get(name.project, keys)
        checks += [
            (check, decode(RoundCheck, entries[key]))
            for check, key in zip(names, keys, strict=True)
            if key in entries
        ]
    return GoldenGate(sorted(checks, key=lambda item: item[1].created_us, reverse=True))


async def check_gate(stores: Stores, name: DatasetName, override: str) -> str:
    """Refuse the next batch of a dataset while a golden check blocks it.

    Returns the problem that `override`, the caller's reason, overrides; "" if nothing blocks.
    Raises FailedPrecondition naming the failed check if there is no reason.
    """
    gate = await read_gate(stores, name)
    if not gate.blocking:
        return ""
    if not override:
        problem = f"{name}: {gate.reason}; to create the batch anyway, give a reason in "
        raise FailedPrecondition(problem + "golden_override")
    return gate.reason
