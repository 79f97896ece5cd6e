"""The gate of a dataset."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.curation.golden.gate import GoldenGate, check_gate, read_gate
from services.curation.golden.golden_checks import override_check
from services.curation.golden.records import RoundCheck, check_name
from services.curation.golden.verdict import GoldenVerdict
from sluice.errors import FailedPrecondition
from sluice.names import GoldenSetName
from tests.unit.curation.batches.helpers import fail_golden_check
from tests.unit.curation.datasets.harness import NAME, DatasetHarness, open_harness

GOLDEN_SET = GoldenSetName(NAME.project, NAME.dataset, "g")


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DatasetHarness]:
    """The stores of a dataset."""
    async with open_harness(tmp_path) as opened:
        yield opened


@pytest.fixture
async def failed(harness: DatasetHarness) -> RoundCheck:
    """A failed check of the dataset's only golden set."""
    return await fail_golden_check(harness)


async def test_a_dataset_without_checks_has_an_open_gate(harness: DatasetHarness) -> None:
    """Nothing is blocked, and there is no verdict."""
    gate = await read_gate(harness.curation.stores, NAME)

    assert (GoldenGate([]), None, "no golden check was made") == (gate, gate.verdict, gate.reason)
    assert "" == await check_gate(harness.curation.stores, NAME, "")


async def test_a_failed_check_needs_a_reason_to_go_on(
    harness: DatasetHarness, failed: RoundCheck
) -> None:
    """Without a reason the next batch is refused; with one, the problem is returned."""
    with pytest.raises(FailedPrecondition, match=r"failed golden set 'g': .*golden_override"):
        await check_gate(harness.curation.stores, NAME, "")

    problem = await check_gate(harness.curation.stores, NAME, "the trams are gone")

    assert f"round {failed.key.round} failed golden set 'g': {failed.reason}" == problem


async def test_an_overridden_check_is_a_warning(
    harness: DatasetHarness, failed: RoundCheck
) -> None:
    """It blocks nothing, and the gate's verdict is no failure any more."""
    stores = harness.curation.stores
    assert GoldenVerdict.FAIL is (await read_gate(stores, NAME)).verdict

    await override_check(stores, check_name(GOLDEN_SET, failed.key), "known", "Ada", "k")

    gate = await read_gate(stores, NAME)
    assert ([], GoldenVerdict.WARN) == (gate.blocking, gate.verdict)
    assert "a failed golden check is overridden" == gate.reason
