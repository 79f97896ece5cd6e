"""Creating a batch: plan it, bind the plan to its name, then mark its groups page by page."""

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
from services.curation.resource_deletion import BATCH, check_not_deleted, tombstone_key
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
    """Creates batches; the lock lets one be planned at a time, since that takes much memory."""

    curation: Curation
    planning: asyncio.Lock

    async def create_batch(self, name: BatchName, spec: CreateBatchSpec) -> Batch:
        """Choose a batch and mark its groups; the same request again returns the same batch.

        Raises AlreadyExists if a batch with another spec, or a view, has the name;
        FailedPrecondition if a golden check blocks it or no group remains; NotFound for a missing
        dataset or round; Aborted if concurrent changes keep taking its groups.
        """
        check_resource_id(name.batch, "batch_id")
        check_spec(spec)
        await self.curation.others.datasets.get(dataset_of(name))
        ledger = self.curation.stores.ledger
        await check_not_deleted(ledger, name.project, _tombstone(name), "batch_id")
        stored = await self._find(name)
        if stored is None:
            stored = await self._plan_and_bind(name, spec)
        if stored.record.spec != spec:
            raise AlreadyExists(f"batch_id: {name} exists already, with other settings")
        return await self._finish(name)

    async def _find(self, name: BatchName) -> StoredRecord[Batch] | None:
        return await find_record(self.curation.stores.ledger, name.project, batch_key(name), Batch)

    async def _plan_and_bind(self, name: BatchName, spec: CreateBatchSpec) -> StoredRecord[Batch]:
        """Plan the batch and bind the plan to its name; returns the first of concurrent calls'."""
        stores, dataset = self.curation.stores, dataset_of(name)
        problem = await check_gate(stores, dataset, spec.golden_override)
        for failures in spec.failures:
            await read_round(self.curation, RoundName(name.project, name.dataset, failures.round))
        await self._check_model(name, spec)
        async with self.planning:
            # The same request may have been planned while this one waited for the lock.
            return await self._find(name) or await self._create_planned(name, spec, problem)

    async def _create_planned(
        self, name: BatchName, spec: CreateBatchSpec, problem: str
    ) -> StoredRecord[Batch]:
        part = await self._plan(name, spec)
        if not part.picks:
            raise FailedPrecondition(
                f"no group remains in {dataset_of(name)}: all are selected, annotated or held out"
            )
        batch = Batch(
            id=name.batch,
            spec=spec,
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

    async def _check_model(self, name: BatchName, spec: CreateBatchSpec) -> None:
        space = (await read_dataset_frames(self.curation.stores, dataset_of(name))).record
        if spec.model_id not in ("", space.model_id):
            problem = (
                f"{spec.model_id!r}; {dataset_of(name)} has embeddings of model {space.model_id!r}"
            )
            raise InvalidArgument.of("batch.model_id", problem, reason="SPACE_MISMATCH")

    async def _plan(self, name: BatchName, spec: CreateBatchSpec) -> PlanPart:
        """Plan a part; the caller must hold `planning`."""
        plan_input = await read_plan_input(self.curation, dataset_of(name), spec)
        work = asyncio.create_task(asyncio.to_thread(plan_part, plan_input, spec))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: the next plan must wait until its memory is freed.
            await asyncio.wait([work])
            raise

    async def _write(self, name: BatchName, part: PlanPart) -> str:
        """Write a plan and return its id; it takes effect once the batch names it."""
        # The id holds the time: the doctor deletes leftover plans of a certain age.
        id = create_point_id().hex
        picks = enumerate(part.picks)
        puts = {plan_key(name, id, number): encode(pick) for number, pick in picks}
        keys = list(puts)
        for start in range(0, len(keys), PICKS_PER_COMMIT):
            page = {key: puts[key] for key in keys[start : start + PICKS_PER_COMMIT]}
            await self.curation.stores.ledger.commit(Transaction(name.project, puts=page))
        return id

    async def _bind(self, name: BatchName, batch: Batch) -> StoredRecord[Batch]:
        """Create the batch and its view."""
        view = view_name(name)
        puts = {batch_key(name): encode(batch), view_key(view): encode(view_of(batch))}
        checks = dict.fromkeys([*puts, _tombstone(name)], ABSENT)
        ledger = self.curation.stores.ledger
        try:
            await ledger.commit(Transaction(name.project, checks, puts))
        except Conflict as conflict:
            await self._delete_plans(name, plan_prefix(name, batch.part))
            await check_not_deleted(ledger, name.project, _tombstone(name), "batch_id")
            if await self._find(name) is None:
                problem = f"batch_id: {view} exists already; choose an id that no view has"
                raise AlreadyExists(problem) from conflict
        return await read_record(ledger, name.project, batch_key(name), Batch, name)

    async def _finish(self, name: BatchName) -> Batch:
        """Mark the planned groups, and others in place of those taken by concurrent changes."""
        for _ in range(ATTEMPTS):
            stored = await select_planned(self.curation.stores.ledger, name)
            batch = stored.record
            if batch.state is BatchState.READY:
                return batch
            if batch.picked < batch.size:
                changed = await self._replan_missing(name, batch)
            else:
                await self._delete_plans(name, plans_prefix(name))
                changed = structs.replace(batch, state=BatchState.READY)
            if await self._replace(name, stored, changed) and changed.state is BatchState.READY:
                return changed
        raise Aborted(f"concurrent changes kept taking the groups of {name}: try again")

    async def _replan_missing(self, name: BatchName, batch: Batch) -> Batch:
        """The batch with a new part that replaces the groups taken by concurrent changes."""
        missing = batch.size - batch.picked
        targeted = min(max(batch.targeted_size - batch.targeted_count, 0), missing)
        coverage_share = 1 - targeted / missing
        spec = structs.replace(batch.spec, count=missing, coverage_share=coverage_share)
        async with self.planning:
            part = await self._plan(name, spec)
        log.info("batch.made_up", batch=str(name), missing=missing, planned=len(part.picks))
        note = f"{missing} groups were taken by others meanwhile; {len(part.picks)} replace them."
        new_notes = [note, *(other for other in part.notes if other not in batch.notes)]
        return structs.replace(
            batch,
            size=batch.picked + len(part.picks),
            part=await self._write(name, part),
            notes=(*batch.notes, *new_notes),
        )

    async def _replace(self, name: BatchName, stored: StoredRecord[Batch], changed: Batch) -> bool:
        """Store the changed batch; returns False if a concurrent call changed it first."""
        checks, puts = {batch_key(name): stored.revision}, {batch_key(name): encode(changed)}
        try:
            await self.curation.stores.ledger.commit(Transaction(name.project, checks, puts))
        except Conflict:
            if changed.part != stored.record.part:
                await self._delete_plans(name, plan_prefix(name, changed.part))
            return False
        return True

    async def _delete_plans(self, name: BatchName, prefix: str) -> None:
        """Delete the plans below a key prefix."""
        ledger = self.curation.stores.ledger
        async for page in scan_pages(ledger, name.project, prefix):
            keys = [entry.key for entry in page]
            await ledger.commit(Transaction(name.project, deletes=keys))


def _tombstone(name: BatchName) -> str:
    return tombstone_key(BATCH, name.dataset, name.batch)


def view_name(name: BatchName) -> ViewName:
    """The name of the view that is created with a batch."""
    return ViewName(name.project, name.dataset, name.batch)


def view_of(batch: Batch) -> View:
    """The view of the frames of a batch, as it is first stored."""
    return View(
        id=batch.id,
        display_name=batch.id,
        filter=Filter(tags=(BATCH_TAG + batch.id,)),
        created_us=batch.created_us,
        updated_us=batch.created_us,
    )
