"""The projector: decides pending matches and brings the collected ones into the vector store.

It works page by page, and every step repeats safely:
1. decide near duplicates, exactly, in the order of the outbox;
2. commit the decisions, with the list of the entries decided;
3. write the collected ones to the vector store, under deterministic ids;
4. delete the entries and the list.
A projector that died between 2 and 4 left the list: the next one goes on with 3.
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
from services.ingest.decisions import WaitingMatch, decisions, one_basis_each
from services.ingest.lease import Fence, Leases
from services.ingest.near_duplicates import KeptCache, KeptSamples
from services.ingest.points import collection_of, payload_of, sample_point, tenant_of
from services.ingest.records import DECIDED, DecidedEntries, PendingMatch, Row, RowState, row_key
from services.ledger.interface import Add, Conflict, Entry, Transaction
from services.records.records import decode
from services.vectors.interface import Collection, Points

PAGE_ENTRIES = 2_048
"""How many matches are decided and written at once: one flush of the vector store a page."""

KEPT_BYTES_MAX = 256 * 2**20
"""How much memory the projected samples of recent campaigns may take."""

log = structlog.get_logger()


class Projector:
    """Empties the outboxes of projects; `owner` names it in their leases."""

    def __init__(self, ingest: Ingest, owner: str, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._ingest = ingest
        self._leases = Leases(ingest.stores.ledger, owner, ingest.now_us, ingest.steady_us)
        self._kept = KeptCache(kept_bytes_max)
        self._fences: dict[str, Fence] = {}

    async def drain(self, project: str) -> int:
        """Bring all that waits to its end; the number of matches decided."""
        decided = 0
        while page := await self.step(project):
            decided += page
        return decided

    async def step(self, project: str) -> int:
        """Bring one page to its end; the number of matches decided, 0 when none waits.

        Also 0 while another projector has the project's lease.
        """
        if not await self._work_waits(project):
            return 0
        fence = await self._fence(project)
        if fence is None:
            return 0
        try:
            return await self._step(project, fence)
        except BaseException as error:
            self._lose(project)
            if not isinstance(error, Conflict):
                raise
            log.info("projector.fenced", project=project, subject=error.subject)
            return 0

    async def _work_waits(self, project: str) -> bool:
        """Whether there is anything to take the lease for: an idle projector writes nothing.

        What is decided but not finished is in the outbox still.
        """
        return bool(await self._ingest.stores.ledger.scan(project, "outbox/", limit=1))

    async def _fence(self, project: str) -> Fence | None:
        held = self._fences.get(project)
        if held is not None and held.lasts(self._ingest.now_us()):
            return held
        fence = await self._leases.acquire(project, held)
        if fence is None:
            self._lose(project)
        else:
            self._fences[project] = fence
        return fence

    def _lose(self, project: str) -> None:
        """Forget what was held under the lease: others may decide from now on."""
        self._fences.pop(project, None)
        self._kept.forget(project)

    async def _step(self, project: str, fence: Fence) -> int:
        ledger = self._ingest.stores.ledger
        left = (await ledger.get(project, [DECIDED])).get(DECIDED)
        if left is not None:
            entries = await ledger.get(project, decode(DecidedEntries, left).entries)
            await self._finish(project, fence, await self._waiting(project, entries.values()))
        entries_page = await ledger.scan(project, "outbox/", limit=PAGE_ENTRIES)
        page = await self._waiting(project, entries_page)
        page = page[: one_basis_each(page)]
        if not page:
            return 0
        await self._finish(project, fence, await self._decide(project, fence, page))
        return len(page)

    async def _waiting(self, project: str, entries: Iterable[Entry]) -> list[WaitingMatch]:
        pending = [(entry.key, decode(PendingMatch, entry)) for entry in entries]
        keys = [row_key(waits.campaign, waits.frame_id) for _, waits in pending]
        rows = await self._ingest.stores.ledger.get(project, keys)
        return [
            WaitingMatch(place, waits, decode(Row, rows[key]))
            for (place, waits), key in zip(pending, keys, strict=True)
        ]

    async def _decide(
        self, project: str, fence: Fence, page: Sequence[WaitingMatch]
    ) -> list[WaitingMatch]:
        """Decide the matches of a page and commit it."""
        decided = []
        for group in _by_campaign(page):
            kept = await self._kept_samples(project, group[0].pending)
            vectors = await self._project(kept.basis_digest, _stack(group))
            frame_ids = [match.pending.frame_id for match in group]
            duplicate_of = await asyncio.to_thread(kept.keep, frame_ids, vectors)
            self._kept.put(project, group[0].pending.campaign, kept)
            decided += [
                match.decide(named) for match, named in zip(group, duplicate_of, strict=True)
            ]
        await self._ingest.stores.ledger.commit(decisions(project, fence, decided))
        return decided

    async def _kept_samples(self, project: str, pending: PendingMatch) -> KeptSamples:
        held = self._kept.get(project, pending.campaign, pending.basis_digest)
        if held is not None:
            return held
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
        """Write what was collected, then delete the entries: in this order, or samples are lost."""
        collected = [match for match in page if match.row.state is RowState.COLLECTED]
        for group in _by_campaign(collected):
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
                deletes=[DECIDED, *(match.place for match in page)],
                adds={counters.OUTBOX: Add(-len(page))},
            )
        )


def _by_campaign(page: Iterable[WaitingMatch]) -> Iterable[list[WaitingMatch]]:
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
