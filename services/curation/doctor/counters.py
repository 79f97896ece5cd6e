"""The counters of a dataset: groups by status and split, predictions, recorded rounds."""

from __future__ import annotations

from collections.abc import Callable

from services.curation.doctor.census import Bounds, Counted, mend, take
from services.curation.progress.records import rounds_counter, rounds_prefix
from services.curation.records import (
    Group,
    Split,
    Status,
    counters_of,
    group_prefix,
    held_out_counter,
    split_counter,
    status_counter,
)
from services.curation.rounds.rounds import Round, predicted_counter
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.records import decode, prefix
from services.records.scanning import scan_pages
from sluice.names import DatasetName, RoundName


async def examine(this: Examination, name: DatasetName) -> ExaminationEvents:
    """Compare the counters of a dataset with the records that they count."""
    dataset = name.dataset
    yield ExaminationProgress("counters", 1)
    counts = {status_counter(dataset, status): f"{status} groups" for status in Status}
    counts |= {split_counter(dataset, split): f"{split} groups" for split in Split if split}
    counts |= {held_out_counter(dataset, status): f"{status} groups held out" for status in Status}
    groups = Counted(
        group_prefix(dataset),
        list(counts),
        lambda entry: counters_of(dataset, decode(Group, entry)),
    )
    for finding in await _examine(this, name, groups, lambda counter: f"{name} {counts[counter]}"):
        yield finding
    rounds = Counted(rounds_prefix(name), [rounds_counter(name)], lambda _: [rounds_counter(name)])
    for finding in await _examine(this, name, rounds, lambda _: f"{name} recorded rounds"):
        yield finding
    seen = 1
    async for page in scan_pages(this.ledger, this.project, prefix("round", dataset)):
        for entry in page:
            seen += 1
            yield ExaminationProgress("counters", seen)
            for finding in await _predictions(this, name, decode(Round, entry).id):
                yield finding


async def _predictions(this: Examination, name: DatasetName, round_id: str) -> list[Finding]:
    counter = predicted_counter(name.dataset, round_id)
    below = prefix("prediction", name.dataset, round_id)
    subject = f"{RoundName(name.project, name.dataset, round_id)} predicted frames"
    what = Counted(below, [counter], lambda _: [counter])
    return await _examine(this, name, what, lambda _: subject)


async def _examine(
    this: Examination, name: DatasetName, what: Counted, subject: Callable[[str], str]
) -> list[Finding]:
    census = await take(this, what)
    wrong = census.wrong
    mended = await mend(this, name.dataset, what) if wrong and this.repair else set()
    return [
        Finding(
            FindingKind.COUNTER,
            subject(counter),
            _expected(census.values[counter], bounds),
            str(census.values[counter]),
        ).mark_repaired(counter in mended)
        for counter, bounds in wrong.items()
    ]


def _expected(found: int, off: Bounds) -> str:
    low, high = off
    return str(found - low) if low == high else f"{found - high} to {found - low}"
