"""What an examination works on, which datasets there are, and what is too young to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.ledger.interface import Add, Conflict, Ledger, Transaction
from services.records.scanning import list_children
from services.records.stores import Stores
from sluice.names import DatasetName

LEFTOVER_AFTER_US: Final = 3_600_000_000
"""Age at which what nobody names was left behind, and is not being written."""

ATTEMPTS: Final = 3
"""How often something is read anew that others change meanwhile."""

LOST_DIGEST: Final = b"lost"
"""The digest of what is lost: no content has it, so what is appended again is taken as new."""

_OF_DATASETS: Final = (
    "dataset-frames",
    "frame",
    "frame-at",
    "group",
    "round",
    "batch",
    "batch-plan",
    "golden-set",
    "golden-check",
    "recorded-round",
)
"""What the keys of a dataset's records start with."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What is examined, whether it is mended, and when: microseconds since 1970, UTC."""

    stores: Stores
    project: str
    repair: bool
    started_us: int

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self.stores.ledger

    def come_back(self, digest: bytes) -> str:
        """How lost content comes back, of which a row has that digest.

        Appended again with the same content, a frame whose row does not note a loss is unchanged.
        """
        if self.repair or digest == LOST_DIGEST:
            return "append the frame again"
        return "repair, then append the frame again"

    def is_young(self, made_us: int) -> bool:
        """Whether something was made so recently that it may yet be named."""
        return self.started_us - made_us < LEFTOVER_AFTER_US

    async def mend(
        self,
        checks: Mapping[str, int],
        puts: Mapping[str, bytes],
        adds: Mapping[str, int] | None = None,
    ) -> bool:
        """Commit if a repair is wanted and all checks hold; whether it was done."""
        if not self.repair:
            return False
        changes = {name: Add(delta) for name, delta in (adds or {}).items()}
        try:
            await self.ledger.commit(Transaction(self.project, checks, puts, adds=changes))
        except Conflict:
            return False
        return True


async def datasets_of(this: Examination) -> list[DatasetName]:
    """The datasets of which anything is kept, by name."""
    found: set[str] = set()
    for parent in _OF_DATASETS:
        found.update(await list_children(this.ledger, this.project, parent))
    return [DatasetName(this.project, dataset) for dataset in sorted(found)]
