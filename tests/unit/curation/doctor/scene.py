"""A project with curation records of every kind, on embedded or cluster stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from services.blobs.folder import FolderBlobs
from services.curation.context import Curation
from services.curation.datasets import points
from services.curation.datasets.append import append_frames
from services.curation.datasets.new_frames import AppendRequest
from services.curation.datasets.split import split_groups
from services.curation.datasets.stratification import Shares
from services.curation.datasets.updates import GroupUpdate, tag_frames, update_groups
from services.curation.doctor.diagnose import diagnose
from services.curation.golden.records import RoundCheck
from services.curation.progress.recorded_rounds import record_round
from services.curation.progress.records import RecordedRound, RoundSamples
from services.curation.records import FrameRow, Split, Status, frame_key
from services.curation.rounds.predictions import FramePredictions, ScoredLabel, import_predictions
from services.curation.rounds.rounds import create_round
from services.doctor.findings import Finding
from services.ledger.interface import Add, Ledger, Transaction
from services.peers.active import ActiveSet, ActiveVersions
from services.peers.curation_peers import CurationPeers
from services.peers.issues import IssueElements
from services.peers.models import Models
from services.records.records import RecordT, decode, now_us
from services.records.stores import Stores
from services.vectors.interface import Vectors
from sluice.errors import NotFound
from sluice.labels import Box2D, Label
from sluice.names import ProjectName, RoundName
from sluice.tensors import Embeddings
from tests.unit.curation.batches.helpers import create, fail_golden_check, scenes
from tests.unit.curation.datasets.harness import (
    DIMENSION,
    NAME,
    ONCE,
    DatasetHarness,
    FakePurges,
    FakeRemovals,
    OneDataset,
    OneProjectList,
    frame,
    vector,
)

HOUR_US: Final = 3_600_000_000
PROJECT: Final = ProjectName(NAME.project)
FRAMES: Final = points.frames_collection(NAME.project, "m", DIMENSION)
TENANT: Final = points.tenant_of(NAME)
ROUND: Final = RoundName(NAME.project, NAME.dataset, "r1")
GROUPS: Final = 12


class OneProject:
    """`ActiveVersions` of a project without campaigns."""

    async def current(self, project: str) -> ActiveSet:
        """See `ActiveVersions.current`."""
        if project != NAME.project:
            raise NotFound(f"projects/{project} does not exist")
        return ActiveSet(0, {})


@dataclass(frozen=True, slots=True)
class Scene:
    """The harness of a project, with its newest golden check and its recorded round."""

    harness: DatasetHarness
    check: RoundCheck
    recorded: RecordedRound

    @property
    def stores(self) -> Stores:
        """The stores of the project."""
        return self.harness.curation.stores

    async def read(self, key: str, kind: type[RecordT]) -> RecordT:
        """A record."""
        opened_scene = await self.stores.ledger.get(NAME.project, [key])
        return decode(kind, opened_scene[key])

    async def row(self, frame_id: str) -> FrameRow:
        """The row of a frame."""
        return await self.read(frame_key(NAME.dataset, frame_id), FrameRow)

    async def write(
        self,
        *deletes: str,
        puts: dict[str, bytes] | None = None,
        adds: dict[str, int] | None = None,
    ) -> None:
        """Write into the ledger directly, past the curation service."""
        moves = {name: Add(delta) for name, delta in (adds or {}).items()}
        await self.stores.ledger.commit(Transaction(NAME.project, {}, puts or {}, deletes, moves))


async def examine(
    harness: DatasetHarness, *, repair: bool = False, later: bool = True
) -> list[Finding]:
    """The doctor's findings two hours later, or now."""
    at = now_us() + (2 * HOUR_US if later else 0)
    events = diagnose(harness.curation, PROJECT, repair=repair, started_us=at)
    return [event async for event in events if isinstance(event, Finding)]


@asynccontextmanager
async def open_scene(ledger: Ledger, vectors: Vectors, path: Path) -> AsyncIterator[Scene]:
    """A scene on new stores, which are closed at the end."""
    blobs = FolderBlobs(path / "blobs")
    others = CurationPeers(
        OneDataset(),
        cast(IssueElements, None),
        cast(Any, None),
        FakePurges(),
        OneProjectList(),
        FakeRemovals(),
    )
    active = cast(ActiveVersions, OneProject())
    harness = DatasetHarness(
        Curation(Stores(ledger, vectors, blobs), others, active, Models(blobs))
    )
    await append_frames_of_all_kinds(harness)
    await change_groups(harness)
    await create(harness, "b1", count=3)
    check = await fail_golden_check(harness)
    recorded, _ = await record_round(harness.curation.stores, others.datasets, NAME, samples(1))
    yield Scene(harness, check, recorded)
    await vectors.close()
    await ledger.close()


async def append_frames_of_all_kinds(harness: DatasetHarness) -> None:
    """Twelve groups of two slices, a frame with a crop, and one without embeddings."""
    await harness.append(*scenes(GROUPS))
    await append_crops(harness)
    await append_frames(harness.curation, NAME, AppendRequest([frame("plain")]))


async def append_crops(harness: DatasetHarness) -> None:
    """Append a frame with a label, and embeddings of both."""
    rows = np.stack([vector("car"), vector("car's crop")])
    embeddings = Embeddings("m", rows, np.array([0, 0]), ["", "l1"])
    await append_frames(
        harness.curation, NAME, AppendRequest([frame("car", box("l1"))], embeddings)
    )


async def change_groups(harness: DatasetHarness) -> None:
    """Set statuses forward and back, tags, splits, and predictions of a round."""
    curation = harness.curation
    for groups, marks in (
        (["g0", "g1", "g2", "g3"], GroupUpdate(Status.REVIEWED)),
        (["g0"], GroupUpdate(Status.ANNOTATED, allow_backward=True)),
    ):
        await update_groups(curation, ONCE, NAME, groups, marks)
    await tag_frames(curation, ONCE, NAME, ["0-left"], ["night"], [])
    shares: Shares = {Split.TRAIN: 0.5, Split.VALIDATION: 0.5}
    labelled = [Status.ANNOTATED, Status.REVIEWED]
    await split_groups(curation, NAME, shares, seed=1, statuses=labelled)
    await create_round(curation, ONCE, ROUND, "", Split.VALIDATION)
    predicted = [FramePredictions(id, (ScoredLabel(box("x"), 0.9),)) for id in ("0-left", "car")]
    await import_predictions(curation, ROUND, predicted)


def samples(number: int) -> RoundSamples:
    """A recorded round."""
    return RoundSamples(
        round=number, labelled_groups=number, sample_ids=("a", "b"), values=(0.0, 1.0)
    )


def box(id: str) -> Label:
    """A car."""
    return Label(id=id, class_name="car", shape=Box2D(1, 2, 3, 4))
