"""All services on one set of stores, without gRPC, for tests of what a deletion leaves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from services.campaign.active_campaigns import read_active_campaigns
from services.campaign.campaign_deletion import delete_campaign
from services.campaign.campaigns import CampaignTerms, get_campaign, set_active
from services.campaign.candidates import Candidate, CandidateSet
from services.campaign.commit import commit_version, create_campaign
from services.campaign.datasets import create_dataset
from services.campaign.doctor import diagnose as campaign_doctor
from services.campaign.elements import add_elements
from services.campaign.frame_deletion import purge_frames as purge_campaign
from services.campaign.issues import create_issue
from services.campaign.projects import create_project
from services.campaign.records import LabelClassRecord, VersionRecord
from services.campaign.versions import get_version
from services.curation.context import Curation
from services.curation.datasets.append import append_frames
from services.curation.datasets.delete_frames import delete_frames
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.datasets.frames import read_summaries
from services.curation.datasets.new_frames import AppendRequest, FrameToAppend
from services.curation.doctor import diagnose as curation_doctor
from services.curation.project_purge import purge_project as purge_project_of_curation
from services.curation.records import Split
from services.curation.rounds.predictions import FramePredictions, ScoredLabel, import_predictions
from services.curation.rounds.rounds import create_round
from services.doctor.findings import ExaminationEvents, Finding
from services.ingest.batch import Delivery, Match, SubmittedBatch
from services.ingest.campaign_purge import purge_campaign as purge_campaign_of_ingest
from services.ingest.context import Ingest
from services.ingest.deletion import delete_samples
from services.ingest.deletion import purge_frames as purge_ingest
from services.ingest.doctor import diagnose as ingest_doctor
from services.ingest.funnel import Funnel, read_funnel
from services.ingest.project_purge import purge_project as purge_project_of_ingest
from services.ingest.projector import Projector
from services.ingest.read_reviews import read_reviews
from services.ingest.records import Review
from services.ingest.review_samples import ReviewRequest, review_samples
from services.ingest.samples import SampleFilter, list_samples
from services.ingest.submit import SessionId, start, submit
from services.peers.active import ActiveCampaign, ActiveSet, Version
from services.peers.curation_peers import CurationPeers
from services.peers.datasets import Dataset
from services.peers.issues import IssueElements
from services.peers.models import Models
from services.peers.reviews import ReviewsPage
from services.records.idempotency import IdempotentRequest
from services.records.records import now_us
from services.records.scanning import scan_pages
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from sluice.frames import Frame
from sluice.hashes import frame_hashes
from sluice.labels import Box2D, Label, TaskType
from sluice.names import CampaignName, DatasetName, IssueName, ProjectName, RoundName, VersionName
from sluice.scoring import normalise
from sluice.sensors import SensorData
from sluice.tally import ScoredBy, tally_scores
from sluice.tensors import Embeddings
from tests.faults.crashes import CrashCountdown
from tests.unit.curation.datasets.harness import FakeRemovals, OneProjectList

MODEL_ID: Final = "m"
DIMENSION: Final = 8
ONCE: Final = IdempotentRequest.of("Test", "", b"")
LATER: Final = timedelta(hours=2)


def vector_of(frame_id: str) -> NDArray[np.float32]:
    """The unit vector of a frame, near the first axis, `(dimension,) float32`."""
    noise = np.random.default_rng([*frame_id.encode()]).normal(size=DIMENSION)
    row: NDArray[np.float32] = normalise((np.eye(DIMENSION)[0] * 3 + noise)[None].astype("f4"))[0]
    return row


def secrets_of(frame_id: str) -> list[bytes]:
    """Bytes that nothing but copies of a frame contains: its vector, media and metadata."""
    texts = f"url-of-{frame_id}.", f"note-of-{frame_id}."
    return [vector_of(frame_id).tobytes(), *(text.encode() for text in texts)]


def frame_of(frame_id: str) -> Frame:
    """A frame with a label, media and metadata."""
    return Frame(
        id=frame_id,
        sensors=(SensorData(sensor_id="camera", url=f"https://store.example/url-of-{frame_id}."),),
        labels=(Label(id=f"label {frame_id}", class_name="car", shape=Box2D(1, 2, 3, 4)),),
        metadata={"note": f"note-of-{frame_id}."},
    )


class OneDataset:
    """`DatasetReader` of any dataset: boxes around cars."""

    async def get(self, name: DatasetName) -> Dataset:
        """See `DatasetReader.get`."""
        return Dataset(name, TaskType.BOX_2D, frozenset({"car"}))

    async def check(self) -> None:
        """It is always there."""


class StoredVersions:
    """`ActiveVersions`, read from the stores of the campaign service each time."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def current(self, project: str) -> ActiveSet:
        """See `ActiveVersions.current`."""
        active = await read_active_campaigns(self._stores.ledger, project)
        campaigns = [
            ActiveCampaign(c.id, _version(c.version), c.threshold) for c in active.campaigns
        ]
        return ActiveSet(active.generation, {c.campaign: c for c in campaigns})

    async def version(
        self, project: str, campaign: str, number: int, *, fresh: bool = False
    ) -> Version:
        """See `ActiveVersions.version`."""
        name = VersionName(project, campaign, str(number))
        return _version(await get_version(self._stores, name))


def _version(record: VersionRecord) -> Version:
    return Version(
        record.number,
        record.model_digest,
        record.basis_digest,
        record.model_id,
        record.dimension,
        record.former_digests,
    )


@dataclass(frozen=True, slots=True)
class _Reviews:
    """`Reviews`, read from ingest without gRPC."""

    ingest: Ingest

    async def read(self, campaign: CampaignName) -> AsyncGenerator[ReviewsPage]:
        """See `Reviews.read`."""
        async for page in read_reviews(self.ingest, campaign):
            yield page


@dataclass(frozen=True, slots=True)
class _Purges:
    """`FramePurges` without gRPC."""

    stores: Stores
    ingest: Ingest

    async def purge_ingest(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """See `FramePurges.purge_ingest`."""
        return await purge_ingest(self.ingest, name, frame_ids, validate_only=validate_only)

    async def purge_campaign(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """See `FramePurges.purge_campaign`."""
        return await purge_campaign(self.stores, name, frame_ids, validate_only=validate_only)


@dataclass(frozen=True, slots=True)
class _ResourcePurges:
    """`ResourcePurges` without gRPC."""

    ingest: Ingest
    curation: Curation

    async def purge_campaign(self, name: CampaignName, *, validate_only: bool) -> DeletionCounts:
        """See `ResourcePurges.purge_campaign`."""
        return await purge_campaign_of_ingest(self.ingest, name, validate_only=validate_only)

    async def purge_project(self, name: ProjectName, *, validate_only: bool) -> DeletionCounts:
        """See `ResourcePurges.purge_project`."""
        counts = await purge_project_of_ingest(self.ingest, name, validate_only=validate_only)
        return counts + await purge_project_of_curation(
            self.curation, name, validate_only=validate_only
        )


class DeletionWorld:
    """A project with a dataset, a round, an issue and a campaign; its writes may crash."""

    def __init__(self, stores: Stores, project: str) -> None:
        self.real = stores
        self.countdown = CrashCountdown()
        self.stores = self.countdown.wrap(stores)
        self.project = ProjectName(project)
        self.dataset = DatasetName(project, "d")
        self.round = RoundName(project, "d", "r")
        self.issue = IssueName(project, "")
        self.campaign = CampaignName(project, "")
        self.versions = StoredVersions(stores)
        self.late_batch: SubmittedBatch | None = None
        self.restart()

    def restart(self) -> None:
        """Start the services again, with empty caches."""
        self.countdown.stop()
        models = Models(self.stores.blobs)
        self.ingest = Ingest(self.stores, self.versions, models)
        peers = CurationPeers(
            OneDataset(),
            cast(IssueElements, None),
            cast(Any, None),
            _Purges(self.stores, self.ingest),
            OneProjectList(),
            FakeRemovals(),
        )
        self.curation = Curation(self.stores, peers, self.versions, models)
        self.projector = Projector(self.ingest, "projector")

    async def set_up(self, *frame_ids: str) -> None:
        """Create everything, with an issue of these frames."""
        project = self.project
        await create_project(self.stores, ONCE, project.project, "")
        classes = [LabelClassRecord(id=0, name="car")]
        await create_dataset(self.stores, ONCE, self.dataset, "", TaskType.BOX_2D, classes)
        issue = await create_issue(self.stores, ONCE, project, "night", self.dataset)
        self.issue = IssueName(project.project, issue.id)
        await self.pick(*frame_ids)
        terms = CampaignTerms(threshold=0.0)
        campaign = await create_campaign(self.stores, ONCE, project, self.issue, terms)
        self.campaign = CampaignName(project.project, campaign.id)
        await create_round(self.curation, ONCE, self.round, "", Split.TEST)

    async def append(self, *frame_ids: str) -> None:
        """Append frames to the dataset; neighbours are slices of one scene."""
        frames = [FrameToAppend(frame_of(id), f"scene {id[-1] in '13579'}", id) for id in frame_ids]
        rows = np.stack([vector_of(id) for id in frame_ids])
        request = AppendRequest(frames, Embeddings.of_frames(MODEL_ID, rows))
        await append_frames(self.curation, self.dataset, request)

    async def pick(self, *frame_ids: str) -> None:
        """Add frames and their crops to the issue."""
        candidates = [
            Candidate(frame_of(id), label_id, str(self.dataset))
            for id in frame_ids
            for label_id in ("", f"label {id}")
        ]
        rows = np.stack([vector_of(candidate.frame.id) for candidate in candidates])
        await add_elements(self.stores, self.issue, CandidateSet(MODEL_ID, candidates, rows))

    async def predict(self, *frame_ids: str) -> None:
        """Import predictions of those frames that are in the dataset."""
        summaries = await read_summaries(self.stores.ledger, self.dataset, frame_ids)
        label = Label(id="p", class_name="car", shape=Box2D(1, 2, 3, 4))
        predicted = [FramePredictions(id, (ScoredLabel(label, 0.5),)) for id in summaries]
        if predicted:
            await import_predictions(self.curation, self.round, predicted)

    async def make_batch(self, *frame_ids: str) -> SubmittedBatch | None:
        """The batch of a logger that scores frames now; None without an active campaign."""
        active = (await self.versions.current(self.project.project)).campaigns
        if not active:
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
        reviews = _Reviews(self.ingest) if with_feedback else None
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
        if (await self.versions.current(self.project.project)).campaigns:
            await set_active(self.stores, self.campaign, active=False)
        purges = _ResourcePurges(self.ingest, self.curation)
        await delete_campaign(self.stores, purges, self.campaign, "", validate_only=False)

    async def find_deleted(self, frame_ids: Sequence[str]) -> frozenset[str]:
        """The frames whose deletion has begun."""
        found = await TOMBSTONES.read(self.real.ledger, self.project.project, frame_ids)
        return found.deleted

    async def funnel(self) -> Funnel:
        """The funnel of the campaign."""
        return await read_funnel(self.ingest, self.project.project, self.campaign.campaign)

    async def examine(self, *, repair: bool) -> list[str]:
        """The findings of all doctors two hours from now, one line each."""
        at = now_us() + LATER // timedelta(microseconds=1)
        ingest = replace(self.ingest, now=lambda: datetime.now(UTC) + LATER)
        name = self.project
        found: list[str] = []
        for events in (
            curation_doctor.diagnose(self.curation, name, repair=repair, started_us=at),
            ingest_doctor.diagnose(ingest, name, repair=repair),
            campaign_doctor.diagnose(
                self.stores,
                name,
                repair=repair,
                purges=_ResourcePurges(ingest, self.curation),
                started_us=at,
            ),
        ):
            found += [line async for line in _describe(events)]
        return found

    async def search(self, secrets: Sequence[bytes]) -> list[str]:
        """Where any of these bytes can be read: in the ledger, the vector store, the blobs."""
        places: list[str] = []
        for partition in (self.project.project, "_system", "_ingest"):
            async for page in scan_pages(self.real.ledger, partition, ""):
                places += [entry.key for entry in page if _holds(entry.value, secrets)]
        vectors = self.real.vectors
        for collection in await vectors.collections(self.project.project):
            for tenant in await vectors.tenants(collection):
                points = await vectors.read(collection, tenant)
                places += [tenant for row in points.vectors if _holds(row.tobytes(), secrets)]
                places += [tenant for p in points.payloads if _holds(str(p).encode(), secrets)]
        everything, after = datetime.now(UTC) + LATER, ""
        blobs = self.real.blobs
        while digests := await blobs.list_before(everything, after=after, limit=100):
            after = digests[-1]
            places += [digest for digest in digests if _holds(await blobs.get(digest), secrets)]
        return places


def _holds(content: bytes, secrets: Sequence[bytes]) -> bool:
    return any(secret in content for secret in secrets)


async def _describe(events: ExaminationEvents) -> AsyncIterator[str]:
    async for event in events:
        if isinstance(event, Finding):
            yield f"{event.kind.name} {event.subject}: {event.expected}, {event.actual}"
