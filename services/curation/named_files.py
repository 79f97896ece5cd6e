"""The files that records of curation name: all projects share one blob store."""

from __future__ import annotations

from services.curation.golden.records import GoldenSet, RoundCheck
from services.curation.progress.records import RecordedRound
from services.ledger.interface import Ledger
from services.records.records import decode, prefix
from services.records.scanning import scan_pages


async def read_files(ledger: Ledger, project: str, *dataset: str) -> set[str]:
    """The files that golden sets, checks and recorded rounds of a project or dataset name."""
    files: set[str] = set()
    async for page in scan_pages(ledger, project, prefix("golden-set", *dataset)):
        files.update(decode(GoldenSet, entry).annotations for entry in page)
    async for page in scan_pages(ledger, project, prefix("golden-check", *dataset)):
        for entry in page:
            check = decode(RoundCheck, entry)
            files |= {check.annotations, check.check}
    async for page in scan_pages(ledger, project, prefix("recorded-round", *dataset)):
        files.update(decode(RecordedRound, entry).samples for entry in page)
    return files
