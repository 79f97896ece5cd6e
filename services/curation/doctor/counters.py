"""The counters of a dataset: groups by status and split, predictions, recorded rounds."""

from __future__ import annotations

from collections.abc import Callable

from services.curation.doctor.counter_drift import (
    Bounds,
    CounterRule,
    measure_counter_drift,
    repair_counters,
)
from services.curation.progress.records import rounds_counter, rounds_prefix
from services.curation.records import (
    CounterRepair,
    Group,
    Split,
    Status,
    counter_repair_key,
    counters_of,
    group_prefix,
    held_out_counter,
    split_counter,
    status_counter,
)
from services.curation.rounds.rounds import Round, predicted_counter
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.ledger.interface import ABSENT
from services.records.documents import find_record
from services.records.records import decode, prefix
from services.records.scanning import scan_pages
from sluice.names import DatasetName, RoundName


async def examine(examination: Examination, name: DatasetName) -> ExaminationEvents:
    """Compare the counters of a dataset with the records that they count."""
    dataset = name.dataset
    yield ExaminationProgress("counters", 1)
    counts = {status_counter(dataset, status): f"{status} groups" for status in Status}
    counts |= {split_counter(dataset, split): f"{split} groups" for split in Split if split}
    counts |= {held_out_counter(dataset, status): f"{status} groups held out" for status in Status}
    groups = CounterRule(
        group_prefix(dataset),
        list(counts),
        lambda entry: counters_of(dataset, decode(Group, entry)),
    )
    for finding in await _compare(examination, name, groups, lambda key: f"{name} {counts[key]}"):
        yield finding
    rounds = CounterRule(
        rounds_prefix(name), [rounds_counter(name)], lambda _: [rounds_counter(name)]
    )
    for finding in await _compare(examination, name, rounds, lambda _: f"{name} recorded rounds"):
        yield finding
    seen = 1
    async for page in scan_pages(examination.ledger, examination.project, prefix("round", dataset)):
        for entry in page:
            seen += 1
            yield ExaminationProgress("counters", seen)
            for finding in await _compare_predictions(examination, name, decode(Round, entry).id):
                yield finding


async def _compare_predictions(
    examination: Examination, name: DatasetName, round_id: str
) -> list[Finding]:
    counter = predicted_counter(name.dataset, round_id)
    below = prefix("prediction", name.dataset, round_id)
    subject = f"{RoundName(name.project, name.dataset, round_id)} predicted frames"
    rule = CounterRule(below, [counter], lambda _: [counter])
    return await _compare(examination, name, rule, lambda _: subject)


async def _compare(
    examination: Examination, name: DatasetName, rule: CounterRule, subject: Callable[[str], str]
) -> list[Finding]:
    """The counters that differ from their records; `subject` describes a counter by its key."""
    before = await _read_repair(examination, name)
    drift = await measure_counter_drift(examination, rule)
    if drift.certain and await _read_repair(examination, name) != before:
        return []  # records were deleted during the count
    repaired = set()
    if drift.certain and examination.repair:
        repaired = await repair_counters(examination, name.dataset, rule)
    return [
        Finding(
            FindingKind.COUNTER,
            subject(counter),
            _format_expected(drift.values[counter], bounds),
            str(drift.values[counter]),
        ).mark_repaired(counter in repaired)
        for counter, bounds in drift.certain.items()
    ]


async def _read_repair(examination: Examination, name: DatasetName) -> int:
    """The revision of the last repair or deletion, ABSENT without one."""
    key = counter_repair_key(name.dataset)
    stored = await find_record(examination.ledger, examination.project, key, CounterRepair)
    return stored.revision if stored else ABSENT


def _format_expected(stored: int, drift: Bounds) -> str:
    low, high = drift
    return str(stored - low) if low == high else f"{stored - high} to {stored - low}"
