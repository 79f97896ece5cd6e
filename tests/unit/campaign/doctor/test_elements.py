"""Elements that are replaced during an examination are no difference."""

from __future__ import annotations

from typing import Any

from tests.unit.campaign.doctor.examining import examine
from tests.unit.campaign.doctor.tampering import (
    Scenario,
)
from tests.unit.campaign.faults import InterceptedStore


async def test_an_element_replaced_between_two_reads_is_no_difference(scenario: Scenario) -> None:
    """An element whose point goes because it got another one has its vector."""
    waiting = [scenario.issue]

    async def retrieve(real: Any, *arguments: Any) -> Any:
        if waiting:
            await scenario.service.add_frames(waiting.pop(), "a", seed=1)
        return await real(*arguments)

    vectors = InterceptedStore(scenario.service.stores.vectors, "retrieve", retrieve)
    assert [] == await examine(scenario.service.with_stores(vectors=vectors), later=False)
    assert [] == waiting
