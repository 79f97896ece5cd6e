"""Deleting a golden set: its images, its checks, and their files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.curation.context import Curation
from services.curation.golden.records import (
    GoldenSet,
    RoundCheck,
    checks_prefix,
    golden_set_key,
    newest_key,
)
from services.curation.resource_deletion import (
    GOLDEN_SET,
    DeletionStart,
    ResourceTombstone,
    delete_keys,
    tombstone_key,
)
from services.ledger.interface import Ledger
from services.records.documents import read_record
from services.records.records import decode
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.names import DatasetName, GoldenSetName


@dataclass(frozen=True, slots=True)
class GoldenSetDeletion:
    """`ResourceDeletion` of a golden set; without it, it no longer blocks the next batch."""

    name: GoldenSetName

    @property
    def dataset(self) -> DatasetName:
        """See `ResourceDeletion.dataset`."""
        return DatasetName(self.name.project, self.name.dataset)

    @property
    def tombstone(self) -> str:
        """See `ResourceDeletion.tombstone`."""
        return tombstone_key(GOLDEN_SET, self.name.dataset, self.name.golden_set)

    async def read_start(self, curation: Curation) -> DeletionStart:
        """See `ResourceDeletion.read_start`."""
        ledger, key = curation.stores.ledger, golden_set_key(self.name)
        stored = await read_record(ledger, self.name.project, key, GoldenSet, self.name)
        checks = await self._read_checks(ledger)
        return DeletionStart(
            {key: stored.revision},
            [key, newest_key(self.name)],
            DeletionCounts(checks=len(checks)),
            tuple({stored.record.annotations, *_files_of(checks)}),
        )

    async def remove(self, curation: Curation, tombstone: ResourceTombstone) -> None:
        """See `ResourceDeletion.remove`."""
        moment, ledger = datetime.now(UTC), curation.stores.ledger
        # A check that was added since the first step has files of its own.
        files = {*tombstone.files, *_files_of(await self._read_checks(ledger))}
        await delete_keys(ledger, self.name.project, checks_prefix(self.name))
        named = await _read_named(curation)
        for digest in files - named:
            await curation.stores.blobs.delete_before(digest, moment)

    async def _read_checks(self, ledger: Ledger) -> list[RoundCheck]:
        pages = scan_pages(ledger, self.name.project, checks_prefix(self.name))
        return [decode(RoundCheck, entry) async for page in pages for entry in page]


def _files_of(checks: Iterable[RoundCheck]) -> set[str]:
    return {digest for check in checks for digest in (check.annotations, check.check)}


async def _read_named(curation: Curation) -> set[str]:
    """The files that golden sets and checks of any project name: all share one blob store."""
    ledger, named = curation.stores.ledger, set[str]()
    for project in await curation.others.projects.list():
        async for page in scan_pages(ledger, project, "golden-set/"):
            named.update(decode(GoldenSet, entry).annotations for entry in page)
        async for page in scan_pages(ledger, project, "golden-check/"):
            named |= _files_of(decode(RoundCheck, entry) for entry in page)
    return named
