"""The dependencies of ingest's functions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.peers.active import ActiveVersions
from services.peers.models import Models
from services.records.stores import Stores


def _now() -> datetime:
    return datetime.now(UTC)


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1_000


@dataclass(frozen=True, slots=True)
class Ingest:
    """The stores, the campaign versions and their models, the limits, and two clocks.

    `now` is the time in UTC, which may be set back; `steady_us` is monotonic.
    """

    stores: Stores
    active: ActiveVersions
    models: Models
    outbox_entries_max: int = 100_000
    now: Callable[[], datetime] = field(default=_now)
    steady_us: Callable[[], int] = field(default=_monotonic_us)

    def now_us(self) -> int:
        """The time in microseconds since 1970, UTC."""
        return round(self.now().timestamp() * 1e6)
