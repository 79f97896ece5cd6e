"""All services on one set of stores, without gRPC, for tests of what a deletion leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from services.campaign.campaign_deletion import delete_campaign
from services.campaign.campaigns import CampaignTerms, get_campaign, set_active
from services.campaign.candidates import Candidate, CandidateSet
from services.campaign.commit import commit_version, create_campaign
from services.campaign.datasets import create_dataset
from services.campaign.doctor import diagnose as campaign_doctor
from services.campaign.elements import add_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.issues import create_issue
from services.campaign.project_deletion import delete_project
from services.campaign.projects import create_project
from services.campaign.records import LabelClassRecord, issue_tombstone_key
from services.curation.batches.create import Creation
from services.curation.batches.delete_batch import BatchDeletion
from services.curation.batches.records import CreateBatchSpec
from services.curation.context import Curation
from services.curation.datasets.append import append_frames
from services.curation.datasets.delete_dataset import DatasetDeletion
from services.curation.datasets.delete_frames import delete_frames
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.datasets.frames import read_summaries
from services.curation.datasets.new_frames import AppendRequest, FrameToAppend
from services.curation.doctor import diagnose as curation_doctor
from services.curation.golden.annotations import AnnotatedImage, Annotations
from services.curation.golden.delete_golden_set import GoldenSetDeletion
from services.curation.golden.golden_sets import create_golden_set
from services.curation.golden.limits import GoldenLimits
from services.curation.records import Split
from services.curation.resource_deletion import ResourceDeletion, delete_resource
from services.curation.rounds.delete_round import RoundDeletion
from services.curation.rounds.predictions import FramePredictions, ScoredLabel, import_predictions
from services.curation.rounds.rounds import create_round
from services.doctor.findings import ExaminationEvents, Finding
from services.ingest.batch import Delivery, Match, SubmittedBatch
from services.ingest.context import Ingest
from services.ingest.counters import Count
from services.ingest.deletion import delete_samples
from services.ingest.doctor import diagnose as ingest_doctor
from services.ingest.projector import Projector
from services.ingest.records import Review
from services.ingest.review_samples import ReviewRequest, review_samples
from services.ingest.samples import SampleFilter, list_samples
from services.ingest.submit import SessionId, start, submit
from services.peers.models import Models
from services.records.guarded_stores import guard_stores
from services.records.idempotency import IdempotentRequest
from services.records.project_marks import MARK
from services.records.records import now_us
from services.records.scanning import list_children
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from sluice.errors import SluiceError
from sluice.hashes import frame_hashes
from sluice.labels import Box2D, Label, TaskType
from sluice.names import (
    BatchName,
    CampaignName,
    DatasetName,
    GoldenSetName,
    IssueName,
    ProjectName,
    RoundName,
)
from sluice.tally import ScoredBy, tally_scores
from sluice.tensors import Embeddings
from tests.faults.crashes import CrashCountdown
from tests.faults.deletion_peers import (
    DirectResourcePurges,
    StoredReviews,
    StoredVersions,
    connect_curation,
)
from tests.faults.deletion_secrets import frame_of, secret_of, vector_of

MODEL_ID: Final = "m"
ONCE: Final = IdempotentRequest.of("Test", "", b"")
LATER: Final = timedelta(hours=2)

Tombstones = dict[str, bytes]
"""The secret of each resource that was deleted, by the key of its tombstone."""


class DeletionWorld:
    """A project with a dataset, a round, an issue and a campaign; its writes may crash."""

    def __init__(self, stores: Stores, project: str) -> None:
        self.real = stores
        self.countdown = CrashCountdown()
        self.stores = guard_stores(self.countdown.wrap(stores))
        self.project = ProjectName(project)
        self.number = 0
        self.dataset = DatasetName(project, "none")
        self.round = RoundName(project, "none", "none")
        self.issue = IssueName(project, "none")
        self.campaign = CampaignName(project, "none")
        self.has_dataset = self.has_issue = False
        self.tombstones: Tombstones = {}
        self.owners: list[object] = []
        self.golden_sets: list[GoldenSetName] = []
        self.batches: list[BatchName] = []
        self.requested_batches: list[BatchName] = []
        self.versions = StoredVersions(stores)
        self.late_batch: SubmittedBatch | None = None
        self.restart()

    def restart(self) -> None:
        """Start the services again, with empty caches."""
        self.countdown.stop()
        models = Models(self.stores.blobs)
        self.ingest = Ingest(self.stores, self.versions, models)
        peers = connect_curation(self.stores, self.ingest)
        self.curation = Curation(self.stores, peers, self.versions, models)
        self.projector = Projector(self.ingest, "projector")
        self.purges = DirectResourcePurges(self.ingest, self.curation)

    async def start(self, *frame_ids: str) -> None:
        """Create a dataset, unless there is one, a round, and a campaign of these frames."""
        self.number += 1
        project = self.project
        if not self.has_dataset:
            self.dataset = DatasetName(project.project, f"d{self.number}")
            classes = [LabelClassRecord(id=0, name="car")]
            await create_dataset(self.stores, ONCE, self.dataset, "", TaskType.BOX_2D, classes)
            self.owners.append(self.dataset)
            self.has_dataset = True
        issue = await create_issue(self.stores, ONCE, project, "night", self.dataset)
        self.issue = IssueName(project.project, issue.id)
        self.owners.append(self.issue)
        self.has_issue = True
        await self.pick(*frame_ids)
        terms = CampaignTerms(threshold=0.0)
        campaign = await create_campaign(self.stores, ONCE, project, self.issue, terms)
        self.campaign = CampaignName(project.project, campaign.id)
        await self.start_round()

    async def set_up(self, *frame_ids: str) -> None:
        """Create the project with everything."""
        await create_project(self.stores, ONCE, self.project.project, "")
        await self.start(*frame_ids)

    async def start_round(self) -> None:
        """Create the next round."""
        self.number += 1
        self.round = RoundName(self.project.project, self.dataset.dataset, f"r{self.number}")
        await create_round(self.curation, ONCE, self.round, "", Split.TEST)
        self.owners.append(self.round)

    async def append(self, *frame_ids: str) -> None:
        """Append frames to the dataset; neighbours are slices of one scene."""
        frames = [
            FrameToAppend(frame_of(id, self.dataset), f"scene {id[-1] in '13579'}", id)
            for id in frame_ids
        ]
        rows = np.stack([vector_of(id) for id in frame_ids])
        request = AppendRequest(frames, Embeddings.of_frames(MODEL_ID, rows))
        await append_frames(self.curation, self.dataset, request)

    async def pick(self, *frame_ids: str) -> None:
        """Add frames and their crops to the issue."""
        candidates = [
            Candidate(frame_of(id, self.issue), label_id, str(self.dataset))
            for id in frame_ids
            for label_id in ("", f"label {id}")
        ]
        rows = np.stack([vector_of(candidate.frame.id) for candidate in candidates])
        await add_elements(self.stores, self.issue, CandidateSet(MODEL_ID, candidates, rows))

    async def predict(self, *frame_ids: str) -> None:
        """Import predictions of those frames that are in the dataset."""
        summaries = await read_summaries(self.stores.ledger, self.dataset, frame_ids)
        label = Label(id=secret_of(self.round), class_name="car", shape=Box2D(1, 2, 3, 4))
        predicted = [FramePredictions(id, (ScoredLabel(label, 0.5),)) for id in summaries]
        if predicted:
            await import_predictions(self.curation, self.round, predicted)

    async def create_batch(self) -> None:
        """Choose a group of the dataset."""
        self.number += 1
        name = BatchName(self.project.project, self.dataset.dataset, f"b{self.number}")
        self.batches.append(name)
        self.requested_batches.append(name)
        await self._send_batch(name)

    async def finish_batches(self) -> None:
        """Send all requests for batches again: it completes those that were interrupted."""
        for name in self.requested_batches:
            with suppress(SluiceError):  # it was deleted, or no group is left
                await self._send_batch(name)

    async def _send_batch(self, name: BatchName) -> None:
        creation = Creation(self.curation, asyncio.Lock())
        await creation.create_batch(name, CreateBatchSpec(count=1))

    async def create_golden_set(self) -> None:
        """Create a golden set of one image."""
        self.number += 1
        name = GoldenSetName(self.project.project, self.dataset.dataset, f"g{self.number}")
        box = Label(id="l", class_name="car", shape=Box2D(1, 2, 3, 4))
        images = Annotations.of([AnnotatedImage(id=secret_of(name), labels=(box,))])
        datasets = self.curation.others.datasets
        await create_golden_set(self.stores, datasets, name, "", GoldenLimits(), images)
        # The file of one that crashed before its record was stored is named by nothing.
        self.golden_sets.append(name)
        self.owners.append(name)

    async def make_batch(self, *frame_ids: str) -> SubmittedBatch | None:
        """The batch of a logger that scores frames now; None without an active campaign."""
        active = (await self.versions.current(self.project.project)).campaigns
        if self.campaign.campaign not in active:
            return None
        version = active[self.campaign.campaign].version
        scorer = await Models(self.real.blobs).scorer([version])
        rows = np.stack([vector_of(id) for id in frame_ids])
        scores = scorer.score(rows).scores
        by = ScoredBy(str(self.campaign), version.number, version.model_digest)
        return SubmittedBatch(
            seen_hashes=frame_hashes(list(frame_ids)),
            tallies=tuple(tally_scores(scores, [by])),
            threshold_override=None,
            matches=tuple(
                Match(frame_of(id), ((0, float(score)),))
                for id, score in zip(frame_ids, scores[:, 0], strict=True)
            ),
            embeddings=Embeddings.of_frames(MODEL_ID, rows),
        )

    async def submit(self, session: str, batch: SubmittedBatch | None) -> None:
        """Submit a batch in a session of its own."""
        if batch is not None:
            session_id = SessionId(self.project.project, session, "logger")
            await start(self.ingest, session_id)
            sent = Delivery(1, session.encode(), lambda: batch)
            outcome = await submit(self.ingest, session_id, sent)
            assert outcome.error == b""

    async def list_samples(self) -> list[str]:
        """The frames of all samples."""
        samples, _ = await list_samples(
            self.ingest, self.campaign, SampleFilter(), after="", limit=1_000
        )
        return [sample.frame.id for sample in samples]

    async def review(self, review: Review, *frame_ids: str) -> None:
        """Review those frames that are samples."""
        if chosen := [id for id in await self.list_samples() if id in frame_ids]:
            await review_samples(self.ingest, ReviewRequest(self.campaign, chosen, review, ONCE))

    async def discard_copies(self, *frame_ids: str) -> None:
        """Delete those frames that are samples, from the campaign alone."""
        if chosen := [id for id in await self.list_samples() if id in frame_ids]:
            await delete_samples(self.ingest, self.campaign, chosen, validate_only=False)

    async def commit(self, *, with_feedback: bool) -> None:
        """Commit the next version, and activate the campaign."""
        reviews = StoredReviews(self.ingest) if with_feedback else None
        await commit_version(self.stores, ONCE, self.campaign, "", reviews)
        if not (await get_campaign(self.stores, self.campaign)).active:
            await set_active(self.stores, self.campaign, active=True)

    async def delete(self, *frame_ids: str, validate_only: bool = False) -> DeletionCounts:
        """Delete frames from the whole project."""
        return await delete_frames(
            self.curation, self.project, frame_ids, validate_only=validate_only
        )

    async def delete_campaign(self) -> None:
        """Deactivate and delete the campaign."""
        await self._deactivate()
        await delete_campaign(self.stores, self.purges, self.campaign, "", validate_only=False)

    async def delete_issue(self) -> None:
        """Deactivate the campaign, and delete its issue."""
        self.has_issue = False
        self._expect_gone(issue_tombstone_key(self.issue.issue), self.issue)
        await self._deactivate()
        await delete_issue(self.stores, self.issue, "")

    async def delete_dataset(self) -> None:
        """Delete the dataset with its issue."""
        if self.has_issue:
            await self.delete_issue()
        self.has_dataset = False
        await self._delete(DatasetDeletion(self.dataset), self.dataset)

    async def delete_round(self) -> None:
        """Delete the round."""
        await self._delete(RoundDeletion(self.round), self.round)

    async def delete_batch(self) -> None:
        """Delete the last batch; its id stays in the tags of frames."""
        await delete_resource(self.curation, BatchDeletion(self.batches.pop()), validate_only=False)

    async def delete_golden_set(self) -> None:
        """Delete the last golden set."""
        name = self.golden_sets.pop()
        await self._delete(GoldenSetDeletion(name), name)

    async def delete_project(self, *, validate_only: bool = False) -> DeletionCounts:
        """Delete the project."""
        return await delete_project(
            self.stores, self.purges, self.project, validate_only=validate_only
        )

    async def _delete(self, deletion: ResourceDeletion, name: object) -> None:
        self._expect_gone(deletion.tombstone, name)
        await delete_resource(self.curation, deletion, validate_only=False)

    def _expect_gone(self, tombstone: str, name: object) -> None:
        self.tombstones[tombstone] = secret_of(name).encode()

    async def _deactivate(self) -> None:
        # All of them: one whose creation crashed may be active too.
        for campaign in (await self.versions.current(self.project.project)).campaigns:
            name = CampaignName(self.project.project, campaign)
            await set_active(self.stores, name, active=False)

    async def find_deleted(self, frame_ids: Sequence[str]) -> frozenset[str]:
        """The frames whose deletion has begun."""
        found = await TOMBSTONES.read(self.real.ledger, self.project.project, frame_ids)
        return found.deleted

    async def list_gone(self) -> list[bytes]:
        """The secrets of the resources whose deletion has begun."""
        begun = await self.real.ledger.get(self.project.project, list(self.tombstones))
        return [self.tombstones[key] for key in begun]

    async def read_counts(self, campaigns: Iterable[str] = ()) -> dict[str, dict[Count, int]]:
        """The counters of campaigns, by default of all that ever had a version."""
        ledger, project = self.real.ledger, self.project.project
        counts = {}
        for campaign in campaigns or await list_children(ledger, project, "version"):
            names = {count: count.of(campaign) for count in Count}
            values = await ledger.counters(project, list(names.values()))
            counts[campaign] = {count: values[name] for count, name in names.items()}
        return counts

    async def list_leftovers(self) -> list[str]:
        """The records and collections of the deleted project, apart from its mark."""
        entries = await self.real.ledger.scan(self.project.project, "", limit=1_000)
        collections = await self.real.vectors.collections(self.project.project)
        return [*(entry.key for entry in entries if entry.key != MARK), *map(str, collections)]

    async def examine(self, *, repair: bool) -> list[str]:
        """The findings of all doctors two hours from now, one line each."""
        at = now_us() + LATER // timedelta(microseconds=1)
        ingest = replace(self.ingest, now=lambda: datetime.now(UTC) + LATER)
        name, purges = self.project, DirectResourcePurges(ingest, self.curation)
        found: list[str] = []
        for events in (
            curation_doctor.diagnose(self.curation, name, repair=repair, started_us=at),
            ingest_doctor.diagnose(ingest, name, repair=repair),
            campaign_doctor.diagnose(
                self.stores, name, repair=repair, purges=purges, started_us=at
            ),
        ):
            found += [line async for line in _describe(events)]
        return found


async def _describe(events: ExaminationEvents) -> AsyncIterator[str]:
    async for event in events:
        if isinstance(event, Finding):
            yield f"{event.kind.name} {event.subject}: {event.expected}, {event.actual}"
