"""What the functions of ingest work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.platform.active import ActiveVersions
from services.platform.models import Models
from services.platform.stores import Stores


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ingest:
    """The stores, the campaign versions, their models, the limits, and a clock (UTC)."""

    stores: Stores
    active: ActiveVersions
    models: Models
    outbox_entries_max: int = 100_000
    now: Callable[[], datetime] = field(default=_now)

    def now_us(self) -> int:
        """The time: microseconds since 1970, UTC."""
        return round(self.now().timestamp() * 1e6)
