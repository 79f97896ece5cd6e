"""The campaign service on real stores, with one project and one dataset."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.blobs.folder import FolderBlobs
from services.campaign.campaigns import CampaignTerms
from services.campaign.candidates import Candidate, CandidateSet
from services.campaign.commit import commit_version, create_campaign
from services.campaign.datasets import create_dataset
from services.campaign.element_points import elements_collection, issue_tenant, snapshot_tenant
from services.campaign.elements import AddElementsResult, add_elements, list_elements
from services.campaign.issues import create_issue
from services.campaign.projects import create_project
from services.campaign.records import CampaignRecord, ElementRecord, LabelClassRecord, VersionRecord
from services.campaign.spaces import set_background
from services.ledger.sqlite.ledger import SqliteLedger
from services.peers.reviews import Reviews
from services.records.idempotency import IdempotentRequest
from services.records.pages import Page, read_page
from services.records.stores import Stores
from services.vectors.edge.vectors import EdgeVectors
from sluice.frames import Frame
from sluice.labels import Box2D, Label, TaskType
from sluice.names import CampaignName, DatasetName, IssueName, ProjectName, VersionName

PROJECT = ProjectName("p")
DATASET = DatasetName("p", "d")
MODEL_ID = "m"
DIMENSION = 8
ELEMENTS = elements_collection(PROJECT.project, MODEL_ID, DIMENSION)

ONCE = IdempotentRequest.of("Test", "", b"")
"""A request without an id."""

ALL = read_page(1_000, "", "test")
"""A page large enough for all that a test creates."""


@dataclass(frozen=True, slots=True)
class CampaignService:
    """The stores of the service, with shorthands for the first steps of many tests."""

    stores: Stores

    def with_stores(self, **stores: Any) -> CampaignService:
        """The same service with some of its stores replaced."""
        return CampaignService(replace(self.stores, **stores))

    async def create_issue(self, *frame_ids: str) -> IssueName:
        """A new issue with whole frames as its elements."""
        issue = await create_issue(self.stores, ONCE, PROJECT, "night", DATASET)
        name = IssueName(PROJECT.project, issue.id)
        if frame_ids:
            await self.add_frames(name, *frame_ids)
        return name

    async def add_frames(
        self, issue: IssueName, *frame_ids: str, seed: int = 0
    ) -> AddElementsResult:
        """Add whole frames to an issue; another seed gives them other embeddings."""
        return await add_elements(self.stores, issue, make_frames(*frame_ids, seed=seed))

    async def create_campaign(self, issue: IssueName) -> tuple[CampaignName, CampaignRecord]:
        """A new campaign of an issue."""
        campaign = await create_campaign(self.stores, ONCE, PROJECT, issue, CampaignTerms())
        return CampaignName(PROJECT.project, campaign.id), campaign

    async def commit_version(
        self, campaign: CampaignName, reviews: Reviews | None = None
    ) -> VersionRecord:
        """The next version of a campaign, with feedback if reviews are given."""
        return await commit_version(self.stores, ONCE, campaign, "", reviews)

    async def list_elements(self, issue: IssueName) -> list[ElementRecord]:
        """All elements of an issue."""
        _, elements, _ = await list_elements(self.stores, issue, ALL)
        return elements

    async def read_points(self, issue: IssueName) -> dict[bytes, bytes]:
        """The vectors of an issue in the vector store, by point id."""
        points = await self.stores.vectors.read(ELEMENTS, issue_tenant(issue))
        return {id.bytes: row.tobytes() for id, row in zip(points.ids, points.vectors)}

    async def read_snapshot(self, campaign: CampaignName, digest: str) -> dict[str, bytes]:
        """The vectors of a snapshot, by frame id."""
        points = await self.stores.vectors.read(ELEMENTS, snapshot_tenant(campaign, digest))
        rows = zip(points.payloads, points.vectors)
        return {payload["frame_id"]: row.tobytes() for payload, row in rows}

    async def set_background(self, rows: int = 64) -> None:
        """Give the space of `MODEL_ID` a background."""

        async def chunks() -> AsyncIterator[NDArray[np.float32]]:
            yield np.random.default_rng(7).normal(size=(rows, DIMENSION)).astype(np.float32)

        await set_background(self.stores, PROJECT, MODEL_ID, chunks())


@asynccontextmanager
async def open_service(path: Path) -> AsyncIterator[CampaignService]:
    """The service on new stores in a folder."""
    ledger = await SqliteLedger.open(path / "ledger.sqlite")
    vectors = await EdgeVectors.open(path / "vectors")
    stores = Stores(ledger, vectors, FolderBlobs(path / "blobs"))
    await create_project(stores, ONCE, PROJECT.project, "")
    classes = [LabelClassRecord(id=0, name="car"), LabelClassRecord(id=1, name="tram")]
    await create_dataset(stores, ONCE, DATASET, "", TaskType.BOX_2D, classes)
    yield CampaignService(stores)
    await vectors.close()
    await ledger.close()


def make_box(id: str, class_name: str = "car") -> Label:
    """A label of the dataset."""
    return Label(id=id, class_name=class_name, shape=Box2D(1, 2, 3, 4))


def make_embedding(text: str, seed: int = 0) -> NDArray[np.float32]:
    """A vector `(DIMENSION,)` of length 3, the same for the same text and seed."""
    values = np.random.default_rng([seed, *text.encode()]).normal(size=DIMENSION)
    return (3 * values / np.linalg.norm(values)).astype(np.float32)


def make_candidate(frame_id: str, label_id: str = "", *labels: Label) -> Candidate:
    """A frame, or the crop that is one of its labels."""
    return Candidate(Frame(id=frame_id, labels=labels), label_id, str(DATASET))


def make_frames(*frame_ids: str, seed: int = 0) -> CandidateSet:
    """Whole frames without labels, with embeddings made from their ids."""
    return make_candidate_set([make_candidate(frame_id) for frame_id in frame_ids], seed=seed)


def make_candidate_set(
    candidates: Sequence[Candidate], rows: NDArray[Any] | None = None, *, seed: int = 0
) -> CandidateSet:
    """Candidates with the given embeddings, or ones made from their ids."""
    if rows is None:
        rows = np.stack([make_embedding(str(candidate), seed) for candidate in candidates])
    return CandidateSet(MODEL_ID, candidates, np.asarray(rows, np.float32))


def make_page(size: int, token: str = "") -> Page:
    """A page of a given size."""
    return read_page(size, token, "test")


def version_name(campaign: CampaignName, number: int) -> VersionName:
    """The name of a version."""
    return VersionName(campaign.project, campaign.campaign, str(number))
