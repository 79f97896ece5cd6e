"""A small world for the campaign service: real stores, one project and one dataset."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.blobs.folder import FolderBlobs
from services.campaign.campaigns import Terms
from services.campaign.candidates import Candidate, Candidates
from services.campaign.commit import commit_version, create_campaign
from services.campaign.datasets import create_dataset
from services.campaign.elements import Added, add_elements
from services.campaign.issues import create_issue
from services.campaign.projects import create_project
from services.campaign.records import Campaign, LabelClass, Version
from services.campaign.spaces import set_background
from services.ledger.sqlite.ledger import SqliteLedger
from services.peers.reviews import Reviews
from services.records.idempotency import IdempotentRequest
from services.records.pages import Page, read_page
from services.records.stores import Stores
from services.vectors.edge.vectors import EdgeVectors
from sluice.frames import Frame
from sluice.labels import Box2D, Label, TaskType
from sluice.names import CampaignName, DatasetName, IssueName, ProjectName

PROJECT = ProjectName("p")
DATASET = DatasetName("p", "d")
MODEL_ID = "m"
DIMENSION = 8

ONCE = IdempotentRequest.of("Test", "", b"")
"""A request without an id."""

ALL = read_page(1_000, "", "test")
"""A page that holds everything a test makes."""


@dataclass(frozen=True, slots=True)
class World:
    """The stores, and shorter ways to do what many tests do first."""

    stores: Stores

    def having(self, **stores: Any) -> World:
        """The same world with some of its stores replaced."""
        return World(replace(self.stores, **stores))

    async def issue(self, *frame_ids: str) -> IssueName:
        """A new issue with those frames as its elements."""
        made = await create_issue(self.stores, ONCE, PROJECT, "night", DATASET)
        name = IssueName(PROJECT.project, made.id)
        if frame_ids:
            await self.add(name, *frame_ids)
        return name

    async def add(self, issue: IssueName, *frame_ids: str, seed: int = 0) -> Added:
        """Add whole frames to an issue; another seed gives them other embeddings."""
        return await add_elements(self.stores, issue, candidates(*frame_ids, seed=seed))

    async def campaign(self, issue: IssueName) -> tuple[CampaignName, Campaign]:
        """A new campaign of an issue."""
        made = await create_campaign(self.stores, ONCE, PROJECT, issue, Terms())
        return CampaignName(PROJECT.project, made.id), made

    async def commit(self, campaign: CampaignName, reviews: Reviews | None = None) -> Version:
        """The next version of a campaign, with feedback if there are reviews."""
        return await commit_version(self.stores, ONCE, campaign, "", reviews)

    async def background(self, rows: int = 64) -> None:
        """Give the space of this world a background."""

        async def chunks() -> AsyncIterator[NDArray[np.float32]]:
            yield np.random.default_rng(7).normal(size=(rows, DIMENSION)).astype(np.float32)

        await set_background(self.stores, PROJECT, MODEL_ID, chunks())


@asynccontextmanager
async def world(path: Path) -> AsyncIterator[World]:
    """New stores in that folder."""
    ledger = await SqliteLedger.open(path / "ledger.sqlite")
    vectors = await EdgeVectors.open(path / "vectors")
    stores = Stores(ledger, vectors, FolderBlobs(path / "blobs"))
    await create_project(stores, ONCE, PROJECT.project, "")
    classes = [LabelClass(id=0, name="car"), LabelClass(id=1, name="tram")]
    await create_dataset(stores, ONCE, DATASET, "", TaskType.BOX_2D, classes)
    yield World(stores)
    await vectors.close()
    await ledger.close()


def box(id: str, class_name: str = "car") -> Label:
    """A label of the world's dataset."""
    return Label(id=id, class_name=class_name, shape=Box2D(1, 2, 3, 4))


def embedding(text: str, seed: int = 0) -> NDArray[np.float32]:
    """A vector `(DIMENSION,)` of length 3 that goes with that text."""
    values = np.random.default_rng([seed, *text.encode()]).normal(size=DIMENSION)
    return (3 * values / np.linalg.norm(values)).astype(np.float32)


def candidate(frame_id: str, label_id: str = "", *labels: Label) -> Candidate:
    """A frame, or the crop that is one of its labels."""
    return Candidate(Frame(id=frame_id, labels=labels), label_id, str(DATASET))


def candidates(*frame_ids: str, seed: int = 0) -> Candidates:
    """Whole frames without labels, with embeddings of their own."""
    return candidates_of([candidate(frame_id) for frame_id in frame_ids], seed=seed)


def candidates_of(
    given: Sequence[Candidate], rows: NDArray[Any] | None = None, *, seed: int = 0
) -> Candidates:
    """Candidates, with those embeddings or ones of their own."""
    if rows is None:
        rows = np.stack([embedding(str(each), seed) for each in given])
    return Candidates(MODEL_ID, given, np.asarray(rows, np.float32))


def page(size: int, token: str = "") -> Page:
    """A page of that size."""
    return read_page(size, token, "test")
