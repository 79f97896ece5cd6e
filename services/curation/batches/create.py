"""Creating a batch: planned once, bound to its name, then marked group by group to its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec import structs

from services.curation.batches.plan_input import read_plan_input
from services.curation.batches.plan_part import PlanPart, plan_part
from services.curation.batches.records import (
    Batch,
    BatchState,
    CreateBatchSpec,
    batch_key,
    dataset_of,
    plan_key,
    plan_prefix,
    plans_prefix,
)
from services.curation.batches.select import BATCH_TAG, select_planned
from services.curation.batches.spec import check_spec
from services.curation.context import Curation
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.filters import Filter
from services.curation.datasets.views import View, view_key
from services.curation.golden.gate import check_gate
from services.curation.rounds.rounds import read_round
from services.ledger.interface import ABSENT, Conflict, Transaction
from services.records.documents import ATTEMPTS, StoredRecord, find_record, read_record
from services.records.points import create_point_id
from services.records.records import encode, now_us
from services.records.scanning import scan_pages
from sluice.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument
from sluice.names import BatchName, RoundName, ViewName, check_resource_id

PICKS_PER_COMMIT: Final = 500
"""Picks of a plan that one transaction writes."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Creation:
    """What batches are created with; one is planned at a time, since that takes much memory."""

    curation: Curation
    planning: asyncio.Lock

    async def create_batch(self, name: BatchName, wanted: CreateBatchSpec) -> Batch:
        """Choose a batch and mark its groups; the one that there is, if it was the same request.

        Raises AlreadyExists when another one, or a view, has the name; FailedPrecondition when a
        golden check blocks it or no group remains; NotFound for a dataset or round that does not
        exist; Aborted when others keep taking the groups.
        """
        check_resource_id(name.batch, "batch_id")
        check_spec(wanted)
        await self.curation.others.datasets.get(dataset_of(name))
        found = await self._find(name)
        if found is None:
            found = await self._begin(name, wanted)
        if found.record.wanted != wanted:
            problem = f"batch_id: {name} exists already, and was asked for otherwise"
            raise AlreadyExists(problem)
        return await self._finish(name)

    async def _find(self, name: BatchName) -> StoredRecord[Batch] | None:
        return await find_record(self.curation.stores.ledger, name.project, batch_key(name), Batch)

    async def _begin(self, name: BatchName, wanted: CreateBatchSpec) -> StoredRecord[Batch]:
        """Plan the batch and bind the plan to its name; the faster one's, of two at once."""
        stores, dataset = self.curation.stores, dataset_of(name)
        problem = await check_gate(stores, dataset, wanted.golden_override)
        for each in wanted.failures:
            await read_round(self.curation, RoundName(name.project, name.dataset, each.round))
        await self._check_model(name, wanted)
        async with self.planning:
            # The same request may have waited for its turn with this one.
            return await self._find(name) or await self._planned(name, wanted, problem)

    async def _planned(
        self, name: BatchName, wanted: CreateBatchSpec, problem: str
    ) -> StoredRecord[Batch]:
        part = await self._plan(name, wanted)
        if not part.picks:
            raise FailedPrecondition(
                f"no group remains in {dataset_of(name)}: all are selected, annotated, or held out"
            )
        batch = Batch(
            id=name.batch,
            wanted=wanted,
            model_id=part.model_id,
            remaining=part.remaining,
            size=len(part.picks),
            targeted_size=part.targeted,
            part=await self._write(name, part),
            notes=tuple(part.notes),
            golden_problem=problem,
            created_us=now_us(),
        )
        return await self._bind(name, batch)

    async def _check_model(self, name: BatchName, wanted: CreateBatchSpec) -> None:
        space = (await read_dataset_frames(self.curation.stores, dataset_of(name))).record
        if wanted.model_id not in ("", space.model_id):
            problem = (
                f"{wanted.model_id!r} is not {space.model_id!r}, the model of the embeddings of "
                f"{dataset_of(name)}"
            )
            raise InvalidArgument.of("batch.model_id", problem, reason="SPACE_MISMATCH")

    async def _plan(self, name: BatchName, wanted: CreateBatchSpec) -> PlanPart:
        """Plan a part; who calls this has `planning`."""
        gathered = await read_plan_input(self.curation, dataset_of(name), wanted)
        work = asyncio.create_task(asyncio.to_thread(plan_part, gathered, wanted))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be ended: the next plan must wait until it gives its memory back.
            await asyncio.wait([work])
            raise

    async def _write(self, name: BatchName, part: PlanPart) -> str:
        """Write a plan, which counts from when the batch names it; its id."""
        id = (
            create_point_id().hex
        )  # says when it was made, so that one left behind is told by its age
        puts = {plan_key(name, id, at): encode(pick) for at, pick in enumerate(part.picks)}
        keys = list(puts)
        for start in range(0, len(keys), PICKS_PER_COMMIT):
            page = {where: puts[where] for where in keys[start : start + PICKS_PER_COMMIT]}
            await self.curation.stores.ledger.commit(Transaction(name.project, puts=page))
        return id

    async def _bind(self, name: BatchName, batch: Batch) -> StoredRecord[Batch]:
        """Create the batch and its view."""
        view = view_name(name)
        puts = {batch_key(name): encode(batch), view_key(view): encode(view_of(batch))}
        checks = dict.fromkeys(puts, ABSENT)
        ledger = self.curation.stores.ledger
        try:
            await ledger.commit(Transaction(name.project, checks, puts))
        except Conflict as conflict:
            await self._forget(name, plan_prefix(name, batch.part))
            if await self._find(name) is None:
                problem = f"batch_id: {view} exists already; a batch needs a view of its name"
                raise AlreadyExists(problem) from conflict
        return await read_record(ledger, name.project, batch_key(name), Batch, name)

    async def _finish(self, name: BatchName) -> Batch:
        """Mark its groups, and others in place of those that were taken meanwhile."""
        for _ in range(ATTEMPTS):
            found = await select_planned(self.curation.stores.ledger, name)
            batch = found.record
            if batch.state is BatchState.READY:
                return batch
            if batch.picked < batch.size:
                changed = await self._made_up(name, batch)
            else:
                await self._forget(name, plans_prefix(name))
                changed = structs.replace(batch, state=BatchState.READY)
            if await self._replace(name, found, changed) and changed.state is BatchState.READY:
                return changed
        raise Aborted(f"others kept taking the groups of {name}: try again")

    async def _made_up(self, name: BatchName, batch: Batch) -> Batch:
        """The batch with a new part in place of the groups that others have taken."""
        missing, wanted = batch.size - batch.picked, batch.wanted
        targeted = min(max(batch.targeted_size - batch.targeted_count, 0), missing)
        again = structs.replace(wanted, count=missing, coverage_share=1 - targeted / missing)
        async with self.planning:
            part = await self._plan(name, again)
        log.info("batch.made_up", batch=str(name), missing=missing, planned=len(part.picks))
        note = (
            f"{missing} groups were taken by others meanwhile; {len(part.picks)} make up for them."
        )
        return structs.replace(
            batch,
            size=batch.picked + len(part.picks),
            part=await self._write(name, part),
            notes=(*batch.notes, note, *(said for said in part.notes if said not in batch.notes)),
        )

    async def _replace(self, name: BatchName, found: StoredRecord[Batch], changed: Batch) -> bool:
        """Change the batch, unless somebody else was faster."""
        checks, puts = {batch_key(name): found.revision}, {batch_key(name): encode(changed)}
        try:
            await self.curation.stores.ledger.commit(Transaction(name.project, checks, puts))
        except Conflict:
            if changed.part != found.record.part:
                await self._forget(name, plan_prefix(name, changed.part))
            return False
        return True

    async def _forget(self, name: BatchName, below: str) -> None:
        """Delete plans that count no more."""
        ledger = self.curation.stores.ledger
        async for page in scan_pages(ledger, name.project, below):
            left = [entry.key for entry in page]
            await ledger.commit(Transaction(name.project, deletes=left))


def view_name(name: BatchName) -> ViewName:
    """The view that a batch is created with."""
    return ViewName(name.project, name.dataset, name.batch)


def view_of(batch: Batch) -> View:
    """The view of the frames of a batch, as it is created."""
    return View(
        id=batch.id,
        display_name=batch.id,
        filter=Filter(tags=(BATCH_TAG + batch.id,)),
        created_us=batch.created_us,
        updated_us=batch.created_us,
    )
