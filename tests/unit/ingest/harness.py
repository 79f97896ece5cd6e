"""A small world for ingest: real stores and models, and campaign versions at the test's command."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from services.blobs.folder import FolderBlobs
from services.ingest.batch import Delivery, Match, SubmittedBatch
from services.ingest.context import Ingest
from services.ingest.funnel import Funnel, read_funnel
from services.ingest.projector import Projector
from services.ingest.submit import SessionId
from services.ledger.interface import Ledger, Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.peers.active import ActiveCampaign, ActiveSet, Budget, Version
from services.peers.models import Models
from services.records.stores import Stores
from services.vectors.edge.vectors import EdgeVectors
from sluice import errors
from sluice.frames import Frame
from sluice.hashes import frame_hashes
from sluice.names import CampaignName
from sluice.scoring import Basis, ElementId, Scorer, build_basis, build_model, normalise
from sluice.tally import ScoredBy, tally_scores
from sluice.tensors import Embeddings
from sluice.thresholds import effective_threshold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from numpy.typing import NDArray

PROJECT = "p"
MODEL_ID = "m"
DIMENSION = 8
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Versions:
    """`ActiveVersions` as a test sets them."""

    def __init__(self) -> None:
        self.standing: dict[str, ActiveCampaign] = {}
        self.inactive: dict[str, ActiveCampaign] = {}
        self.committed: dict[tuple[str, int], Version] = {}

    async def current(self, project: str) -> ActiveSet:
        """The campaigns that are active."""
        if project != PROJECT:
            raise errors.NotFound(f"there is no project {project!r}")
        return ActiveSet(0, dict(self.standing))

    async def version(self, project: str, campaign: str, number: int) -> Version:
        """A version that was committed."""
        try:
            return self.committed[campaign, number]
        except KeyError:
            raise errors.NotFound(f"there is no version {number} of {campaign!r}") from None


class Meeting:
    """The ledger, where the first commits wait until so many have read what they build on."""

    def __init__(self, ledger: Ledger, parties: int) -> None:
        self._ledger = ledger
        self._barrier = asyncio.Barrier(parties)
        self._late = parties

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def commit(self, transaction: Transaction) -> None:
        """Commit, but not before the others have read."""
        if self._late:
            self._late -= 1
            await self._barrier.wait()
        await self._ledger.commit(transaction)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        """The time."""
        return self.time

    def advance(self, step: timedelta) -> None:
        """Move it on."""
        self.time += step


@dataclass
class IngestHarness:
    """Ingest on real stores, with what a test needs to drive it."""

    stores: Stores
    ingest: Ingest
    versions: Versions
    clock: Clock
    scorers: dict[tuple[str, int], tuple[Scorer, Version]] = field(default_factory=dict)
    basis_digest: str = ""
    basis: Basis | None = None

    async def set_background(self, rows: NDArray[np.float32]) -> None:
        """Use a basis for the versions committed from now on."""
        self.basis = build_basis(rows)
        self.basis_digest = await self.stores.blobs.put(self.basis.to_bytes())

    async def commit(
        self,
        campaign: str,
        elements: NDArray[np.float32],
        *,
        threshold: float | None = None,
        budget: Budget | None = None,
    ) -> Version:
        """Commit the next version of a campaign, of these elements, and make it active."""
        ids = [ElementId(f"e{index}", "") for index in range(len(elements))]
        model = build_model(normalise(elements), ids, self.basis)
        digest = await self.stores.blobs.put(model.to_bytes())
        number = 1 + sum(name == campaign for name, _ in self.versions.committed)
        version = Version(number, digest, self.basis_digest, MODEL_ID, DIMENSION)
        bases = {self.basis_digest: self.basis} if self.basis else {}
        self.scorers[campaign, number] = Scorer([model], bases), version
        self.versions.committed[campaign, number] = version
        before = self.versions.standing.get(campaign)
        self.versions.standing[campaign] = ActiveCampaign(
            campaign,
            version,
            threshold if before is None else before.threshold,
            budget or (before.budget if before else Budget()),
        )
        return version

    def meet(self, parties: int) -> None:
        """Let the next `parties` commits wait for each other: all decide on the same knowledge."""
        ledger = cast("Ledger", Meeting(self.stores.ledger, parties))
        self.ingest = replace(self.ingest, stores=replace(self.stores, ledger=ledger))

    def deactivate(self, campaign: str) -> None:
        """Make it collect no more."""
        self.versions.inactive[campaign] = self.versions.standing.pop(campaign)

    def activate(self, campaign: str) -> None:
        """Make it collect again."""
        self.versions.standing[campaign] = self.versions.inactive.pop(campaign)

    def batch(
        self,
        frames: Sequence[tuple[Frame, NDArray[np.float32]]],
        judged: Iterable[tuple[str, int]] | None = None,
        *,
        override: float | None = None,
        score_error: float = 0.0,
    ) -> SubmittedBatch:
        """What an honest logger sends of these frames, judged under (campaign, version) pairs.

        With a `score_error` it is not honest: its scores of matches are off by as much.
        """
        if judged is None:
            judged = [(c.campaign, c.version.number) for c in self.versions.standing.values()]
        columns = list(judged)
        rows = normalise(np.stack([vector for _, vector in frames]))
        tallies, passed = [], np.zeros((len(frames), len(columns)), bool)
        scores = np.zeros(passed.shape)
        for column, (campaign, number) in enumerate(columns):
            scorer, version = self.scorers[campaign, number]
            scores[:, column] = scorer.score(rows).scores[:, 0]
            standing = self.versions.standing.get(campaign) or self.versions.inactive[campaign]
            passed[:, column] = scores[:, column] >= effective_threshold(
                override, standing.threshold
            )
            name = str(CampaignName(PROJECT, campaign))
            scored_by = ScoredBy(name, number, version.model_digest)
            tallies += tally_scores(scores[:, [column]], [scored_by])
        matched = np.flatnonzero(passed.any(axis=1)).tolist()
        return SubmittedBatch(
            seen_hashes=frame_hashes([frame.id for frame, _ in frames]),
            tallies=tuple(tallies),
            threshold_override=override,
            matches=tuple(
                Match(
                    frames[index][0],
                    tuple(
                        (int(column), float(scores[index, column]) - score_error)
                        for column in np.flatnonzero(passed[index])
                    ),
                )
                for index in matched
            ),
            embeddings=Embeddings.of_frames(MODEL_ID, rows[matched]) if len(matched) else None,
        )

    async def funnel(self, campaign: str) -> Funnel:
        """The funnel of a campaign."""
        return await read_funnel(self.ingest, PROJECT, campaign)

    def projector(self, owner: str = "projector") -> Projector:
        """A projector that remembers nothing yet."""
        return Projector(self.ingest, owner)


def session(name: str = "s", logger: str = "logger") -> SessionId:
    """A session of the world's project."""
    return SessionId(PROJECT, name, logger)


def delivery(seq: int, batch: SubmittedBatch, content: str = "") -> Delivery:
    """A numbered batch; `content` stands for what its bytes would be."""
    return Delivery(seq, hashlib.sha256(content.encode()).digest(), lambda: batch)


def frame(frame_id: str, **changes: Any) -> Frame:
    """A frame of that id."""
    return replace(Frame(id=frame_id, device="cam", capture_time=NOON), **changes)


@asynccontextmanager
async def open_harness(folder: Path) -> AsyncIterator[IngestHarness]:
    """A world whose stores lie in the folder."""
    ledger = await SqliteLedger.open(folder / "ledger.db")
    vectors = await EdgeVectors.open(folder / "vectors")
    stores = Stores(ledger, vectors, FolderBlobs(folder / "blobs"))
    versions, clock = Versions(), Clock()
    ingest = Ingest(stores, versions, Models(stores.blobs, bytes_max=2**26), now=clock)
    try:
        yield IngestHarness(stores, ingest, versions, clock)
    finally:
        await vectors.close()
        await ledger.close()
