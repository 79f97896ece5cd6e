"""What the doctors of all services share: ages, repairs, and the order of examiners."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from services.doctor.examination import LEFTOVER_AFTER_US, Examination, run_examiners
from services.doctor.findings import ExaminationEvents, ExaminationProgress
from services.ledger.interface import ABSENT
from services.ledger.sqlite.ledger import SqliteLedger
from services.records.stores import Stores

STARTED_US = 10 * LEFTOVER_AFTER_US


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    """An empty ledger."""
    ledger = await SqliteLedger.open(tmp_path / "ledger")
    yield ledger
    await ledger.close()


def examine(ledger: SqliteLedger, *, repair: bool) -> Examination:
    """An examination of project `p`; only the ledger is used."""
    stores = Stores(ledger, cast(Any, None), cast(Any, None))
    return Examination(stores, "p", repair, STARTED_US)


async def test_a_repair_is_committed_with_its_counters(ledger: SqliteLedger) -> None:
    """With repairs on, puts and counters are committed, and the caller hears so."""
    examination = examine(ledger, repair=True)

    assert await examination.commit_repair({"row": ABSENT}, {"row": b"1"}, {"rows": 2})
    assert b"1" == (await ledger.get("p", ["row"]))["row"].value
    assert {"rows": 2} == await ledger.counters("p", ["rows"])


async def test_a_row_that_changed_is_not_repaired(ledger: SqliteLedger) -> None:
    """When a check fails, another call was faster, and nothing is committed."""
    examination = examine(ledger, repair=True)
    await examination.commit_repair({}, {"row": b"1"})

    assert not await examination.commit_repair({"row": ABSENT}, {"row": b"2"})
    assert b"1" == (await ledger.get("p", ["row"]))["row"].value


async def test_nothing_is_repaired_unless_asked(ledger: SqliteLedger) -> None:
    """With repairs off, nothing is committed."""
    assert not await examine(ledger, repair=False).commit_repair({}, {"row": b"1"})
    assert {} == await ledger.get("p", ["row"])


@pytest.mark.parametrize(
    ("age_us", "young"), [(0, True), (LEFTOVER_AFTER_US - 1, True), (LEFTOVER_AFTER_US, False)]
)
async def test_what_was_written_within_the_hour_is_young(
    ledger: SqliteLedger, age_us: int, young: bool
) -> None:
    """A record counts as a leftover from the age of an hour on, at the start of the run."""
    assert young == examine(ledger, repair=False).is_young(STARTED_US - age_us)


async def test_examiners_run_one_after_another() -> None:
    """An examiner starts when the one before has ended, since it may depend on its repairs."""
    steps: list[str] = []

    async def examiner(name: str) -> ExaminationEvents:
        steps.append(f"{name} starts")
        yield ExaminationProgress(name, 1)
        steps.append(f"{name} ends")

    events = [event async for event in run_examiners(examiner("a"), examiner("b"))]

    assert [ExaminationProgress("a", 1), ExaminationProgress("b", 1)] == events
    assert ["a starts", "a ends", "b starts", "b ends"] == steps
