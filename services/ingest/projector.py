"""The projector: decides pending matches, and writes the collected ones to the vector store.

It works page by page, and every step can be repeated:
1. decide near duplicates, exactly, in the order of the outbox;
2. commit the decisions, with the list of the decided entries;
3. write the collected samples to the vector store, under deterministic ids;
4. delete the entries and the list.
If a projector dies between 2 and 4, the list remains, and the next one continues with 3.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from services.ingest import counters
from services.ingest.context import Ingest
from services.ingest.decisions import WaitingMatch, plan_decisions, take_until_basis_changes
from services.ingest.lease import Fence, LeaseKeeper
from services.ingest.near_duplicates import KeptSamples, KeptSamplesCache
from services.ingest.points import collection_of, payload_of, sample_point, tenant_of
from services.ingest.records import DECIDED, DecidedEntries, PendingMatch, Row, RowState, row_key
from services.ledger.interface import Add, Conflict, Entry, Transaction
from services.records.records import decode
from services.vectors.interface import Collection, Points

PAGE_ENTRIES = 2_048
"""Matches that are decided and written at once: one flush of the vector store per page."""

KEPT_BYTES_MAX = 256 * 2**20
"""Memory for the projected samples of recent campaigns."""

log = structlog.get_logger()


class Projector:
    """Decides the outbox entries of projects; `owner` identifies it in their leases."""

    def __init__(self, ingest: Ingest, owner: str, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._ingest = ingest
        self._leases = LeaseKeeper(ingest.stores.ledger, owner, ingest.now_us, ingest.steady_us)
        self._kept = KeptSamplesCache(kept_bytes_max)
        self._fences: dict[str, Fence] = {}

    async def drain(self, project: str) -> int:
        """Process the whole outbox; the number of matches decided."""
        decided = 0
        while page := await self.step(project):
            decided += page
        return decided

    async def step(self, project: str) -> int:
        """Process one page of the outbox; the number of matches decided.

        0 if the outbox is empty, or while another projector has the project's lease.
        """
        if not await self._has_entries(project):
            return 0
        fence = await self._hold_lease(project)
        if fence is None:
            return 0
        try:
            return await self._process_page(project, fence)
        except BaseException as error:
            self._drop_lease(project)
            if not isinstance(error, Conflict):
                raise
            log.info("projector.fenced", project=project, subject=error.subject)
            return 0

    async def _has_entries(self, project: str) -> bool:
        """Whether the outbox has entries; without any, taking the lease would be a needless write.

        Decided entries stay in the outbox until they are written.
        """
        return bool(await self._ingest.stores.ledger.scan(project, "outbox/", limit=1))

    async def _hold_lease(self, project: str) -> Fence | None:
        held = self._fences.get(project)
        if held is not None and held.lasts(self._ingest.now_us()):
            return held
        fence = await self._leases.acquire(project, held)
        if fence is None:
            self._drop_lease(project)
        else:
            self._fences[project] = fence
        return fence

    def _drop_lease(self, project: str) -> None:
        """Forget the state kept under the lease: other projectors may decide from now on."""
        self._fences.pop(project, None)
        self._kept.forget(project)

    async def _process_page(self, project: str, fence: Fence) -> int:
        ledger = self._ingest.stores.ledger
        decided = (await ledger.get(project, [DECIDED])).get(DECIDED)
        if decided is not None:
            entries = await ledger.get(project, decode(DecidedEntries, decided).entries)
            await self._finish(project, fence, await self._read_matches(project, entries.values()))
        outbox = await ledger.scan(project, "outbox/", limit=PAGE_ENTRIES)
        page = take_until_basis_changes(await self._read_matches(project, outbox))
        if not page:
            return 0
        await self._finish(project, fence, await self._decide(project, fence, page))
        return len(page)

    async def _read_matches(self, project: str, entries: Iterable[Entry]) -> list[WaitingMatch]:
        """The matches of outbox entries, with their rows."""
        pending = {entry.key: decode(PendingMatch, entry) for entry in entries}
        row_keys = {
            entry_key: row_key(match.campaign, match.frame_id)
            for entry_key, match in pending.items()
        }
        rows = await self._ingest.stores.ledger.get(project, list(row_keys.values()))
        return [
            WaitingMatch(entry_key, match, decode(Row, rows[row_keys[entry_key]]))
            for entry_key, match in pending.items()
        ]

    async def _decide(
        self, project: str, fence: Fence, page: Sequence[WaitingMatch]
    ) -> list[WaitingMatch]:
        """Decide the matches of a page, and commit the decisions."""
        decided = []
        for group in _group_by_campaign(page):
            kept = await self._read_kept(project, group[0].pending)
            vectors = await self._project(kept.basis_digest, _stack(group))
            frame_ids = [match.pending.frame_id for match in group]
            duplicate_of = await asyncio.to_thread(kept.keep, frame_ids, vectors)
            self._kept.put(project, group[0].pending.campaign, kept)
            decided += [
                match.decide(frame_id) for match, frame_id in zip(group, duplicate_of, strict=True)
            ]
        await self._ingest.stores.ledger.commit(plan_decisions(project, fence, decided))
        return decided

    async def _read_kept(self, project: str, pending: PendingMatch) -> KeptSamples:
        """The kept samples of a match's campaign, cached or from the vector store."""
        cached = self._kept.get(project, pending.campaign, pending.basis_digest)
        if cached is not None:
            return cached
        points = await self._ingest.stores.vectors.read(
            _collection(project, pending), tenant_of(project, pending.campaign)
        )
        frame_ids = [str(payload["frame_id"]) for payload in points.payloads]
        vectors = await self._project(pending.basis_digest, points.vectors)
        return KeptSamples(pending.basis_digest, frame_ids, vectors)

    async def _project(
        self, basis_digest: str, vectors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        if not basis_digest:
            return vectors
        basis = await self._ingest.models.basis(basis_digest)
        return await asyncio.to_thread(basis.project, vectors)

    async def _finish(self, project: str, fence: Fence, page: Sequence[WaitingMatch]) -> None:
        """Write the collected samples, then delete the entries: never the other way round."""
        collected = [match for match in page if match.row.state is RowState.COLLECTED]
        for group in _group_by_campaign(collected):
            pending = group[0].pending
            await self._ingest.stores.vectors.write(
                _collection(project, pending),
                tenant_of(project, pending.campaign),
                _points(project, group),
            )
        await self._ingest.stores.ledger.commit(
            Transaction(
                project,
                checks=fence.checks,
                deletes=[DECIDED, *(match.entry_key for match in page)],
                adds={counters.OUTBOX: Add(-len(page))},
            )
        )


def _group_by_campaign(page: Iterable[WaitingMatch]) -> Iterable[list[WaitingMatch]]:
    groups: dict[str, list[WaitingMatch]] = defaultdict(list)
    for match in page:
        groups[match.pending.campaign].append(match)
    return groups.values()


def _points(project: str, group: Sequence[WaitingMatch]) -> Points:
    return Points(
        ids=[
            sample_point(project, match.pending.campaign, match.pending.frame_id) for match in group
        ],
        vectors=_stack(group),
        payloads=[payload_of(match.pending.frame_id, match.row) for match in group],
    )


def _stack(group: Sequence[WaitingMatch]) -> NDArray[np.float32]:
    return np.stack([np.frombuffer(match.pending.vector, "<f4") for match in group])


def _collection(project: str, pending: PendingMatch) -> Collection:
    dimension = len(pending.vector) // np.dtype("<f4").itemsize
    return collection_of(project, pending.model_id, dimension)
