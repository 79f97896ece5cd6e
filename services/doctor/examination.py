"""The examination of one project, as the doctors of all services run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.doctor.findings import ExaminationEvents
from services.ledger.interface import Add, Conflict, Ledger, Transaction
from services.records.stores import Stores

LEFTOVER_AFTER_US: Final = 3_600_000_000
"""Age from which an unreferenced record or file is a leftover: no call is still writing it."""


@dataclass(frozen=True, slots=True)
class Examination:
    """One run of a doctor over one project."""

    stores: Stores
    project: str
    repair: bool
    """Whether differences are repaired, or only reported."""
    started_us: int
    """Start of the run, microseconds since 1970, UTC."""

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self.stores.ledger

    def is_young(self, created_us: int) -> bool:
        """Whether something is so recent that a call under way may still reference it."""
        return self.started_us - created_us < LEFTOVER_AFTER_US

    async def commit_repair(
        self,
        checks: Mapping[str, int],
        puts: Mapping[str, bytes],
        adds: Mapping[str, int] | None = None,
    ) -> bool:
        """Commit a repair if repairs are on and all checks hold; returns whether it was made."""
        if not self.repair:
            return False
        changes = {name: Add(delta) for name, delta in (adds or {}).items()}
        try:
            await self.ledger.commit(Transaction(self.project, checks, puts, adds=changes))
        except Conflict:
            return False
        return True


async def run_examiners(*examiners: ExaminationEvents) -> ExaminationEvents:
    """Run examiners one after another; later ones see the repairs of earlier ones."""
    for events in examiners:
        async for event in events:
            yield event
