"""Ingest on real stores and models, with campaign versions that a test sets."""

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
from services.ingest.batch import Delivery, Match, SubmittedBatch, Verdict
from services.ingest.context import Ingest
from services.ingest.funnel import Funnel, read_funnel
from services.ingest.projector import Projector
from services.ingest.records import Review
from services.ingest.review_samples import ReviewRequest, review_samples
from services.ingest.submit import SessionId, submit
from services.ledger.interface import Ledger, Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.peers.active import ActiveCampaign, ActiveSet, Budget, Version
from services.peers.models import Models
from services.records.idempotency import IdempotentRequest
from services.records.stores import Stores
from services.vectors.edge.vectors import EdgeVectors
from sluice import errors, rpc_errors
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
CAMPAIGN = CampaignName(PROJECT, "c")
EYE = np.eye(DIMENSION, dtype=np.float32)


class FakeVersions:
    """`ActiveVersions` that a test sets."""

    def __init__(self) -> None:
        self.active: dict[str, ActiveCampaign] = {}
        self.inactive: dict[str, ActiveCampaign] = {}
        self.committed: dict[tuple[str, int], Version] = {}

    async def current(self, project: str) -> ActiveSet:
        """See ActiveVersions."""
        if project != PROJECT:
            raise errors.NotFound(f"project {project!r} does not exist")
        return ActiveSet(0, dict(self.active))

    async def version(
        self, project: str, campaign: str, number: int, *, fresh: bool = False
    ) -> Version:
        """See ActiveVersions."""
        try:
            return self.committed[campaign, number]
        except KeyError:
            raise errors.NotFound(f"version {number} of {campaign!r} does not exist") from None


class BarrierLedger:
    """A ledger whose first `parties` commits wait for each other, so that all read before them."""

    def __init__(self, ledger: Ledger, parties: int) -> None:
        self._ledger = ledger
        self._barrier = asyncio.Barrier(parties)
        self._remaining = parties

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def commit(self, transaction: Transaction) -> None:
        """Commit, after the others are ready to commit too."""
        if self._remaining:
            self._remaining -= 1
            await self._barrier.wait()
        await self._ledger.commit(transaction)


class Clock:
    """A clock that only a test advances."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        """The time."""
        return self.time

    def advance(self, step: timedelta) -> None:
        """Advance the time."""
        self.time += step


@dataclass
class IngestHarness:
    """Ingest on real stores, and short ways to use it."""

    stores: Stores
    ingest: Ingest
    versions: FakeVersions
    clock: Clock
    scorers: dict[tuple[str, int], tuple[Scorer, Version]] = field(default_factory=dict)
    basis_digest: str = ""
    basis: Basis | None = None

    async def set_background(self, rows: NDArray[np.float32]) -> None:
        """Build a basis that versions committed from now on use."""
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
        """Commit the next version of a campaign with these elements, and activate it."""
        ids = [ElementId(f"e{index}", "") for index in range(len(elements))]
        model = build_model(normalise(elements), ids, self.basis)
        digest = await self.stores.blobs.put(model.to_bytes())
        number = 1 + sum(name == campaign for name, _ in self.versions.committed)
        version = Version(number, digest, self.basis_digest, MODEL_ID, DIMENSION)
        bases = {self.basis_digest: self.basis} if self.basis else {}
        self.scorers[campaign, number] = Scorer([model], bases), version
        self.versions.committed[campaign, number] = version
        previous = self.versions.active.get(campaign)
        self.versions.active[campaign] = ActiveCampaign(
            campaign,
            version,
            threshold if previous is None else previous.threshold,
            budget or (previous.budget if previous else Budget()),
        )
        return version

    def synchronise_commits(self, parties: int) -> None:
        """Let the next `parties` commits wait for each other, so that all read the same state."""
        ledger = cast("Ledger", BarrierLedger(self.stores.ledger, parties))
        self.ingest = replace(self.ingest, stores=replace(self.stores, ledger=ledger))

    def deactivate(self, campaign: str) -> None:
        """Deactivate a campaign."""
        self.versions.inactive[campaign] = self.versions.active.pop(campaign)

    def activate(self, campaign: str) -> None:
        """Activate a campaign again."""
        self.versions.active[campaign] = self.versions.inactive.pop(campaign)

    def batch(
        self,
        frames: Sequence[tuple[Frame, NDArray[np.float32]]],
        judged: Iterable[tuple[str, int]] | None = None,
        *,
        override: float | None = None,
        score_error: float = 0.0,
    ) -> SubmittedBatch:
        """The batch that a logger sends for these frames, judged under (campaign, version) pairs.

        A `score_error` is subtracted from the scores of its matches.
        """
        if judged is None:
            judged = [(c.campaign, c.version.number) for c in self.versions.active.values()]
        columns = list(judged)
        rows = normalise(np.stack([vector for _, vector in frames]))
        tallies, passed = [], np.zeros((len(frames), len(columns)), bool)
        scores = np.zeros(passed.shape)
        for column, (campaign, number) in enumerate(columns):
            scorer, version = self.scorers[campaign, number]
            scores[:, column] = scorer.score(rows).scores[:, 0]
            state = self.versions.active.get(campaign) or self.versions.inactive[campaign]
            passed[:, column] = scores[:, column] >= effective_threshold(override, state.threshold)
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

    async def submit(self, seq: int, batch: SubmittedBatch, session_id: str = "s") -> list[Verdict]:
        """Submit the next batch of a session, which must be accepted; its verdicts."""
        sent = delivery(seq, batch, f"{session_id}{seq}")
        outcome = await submit(self.ingest, session(session_id), sent)
        assert outcome.error == b"", rpc_errors.loads(outcome.error)
        return [Verdict(verdict) for verdict in outcome.verdicts]

    async def submit_extremes(self) -> None:
        """Submit the highest and the lowest score, so that later batches do not race for them."""
        await self.submit(1, self.batch([(frame("most"), EYE[0]), (frame("least"), -EYE[0])]), "0")

    async def review(self, review: Review, *frame_ids: str) -> None:
        """Give samples of the campaign `c` a review state."""
        request = ReviewRequest(
            CAMPAIGN, frame_ids, review, IdempotentRequest.of("Review", "", b"")
        )
        await review_samples(self.ingest, request)

    async def funnel(self, campaign: str) -> Funnel:
        """The funnel of a campaign."""
        return await read_funnel(self.ingest, PROJECT, campaign)

    def projector(self, owner: str = "projector") -> Projector:
        """A new projector, with an empty cache."""
        return Projector(self.ingest, owner)


def session(name: str = "s", logger: str = "logger") -> SessionId:
    """A session of the harness's project."""
    return SessionId(PROJECT, name, logger)


def delivery(seq: int, batch: SubmittedBatch, content: str = "") -> Delivery:
    """A numbered batch; `content` stands for its bytes."""
    return Delivery(seq, hashlib.sha256(content.encode()).digest(), lambda: batch)


def frame(frame_id: str, **changes: Any) -> Frame:
    """A frame of that id."""
    return replace(Frame(id=frame_id, device="cam", capture_time=NOON), **changes)


def near(index: int) -> NDArray[np.float32]:
    """A vector near the first axis; those of different indices are not near duplicates."""
    return np.asarray(EYE[0] * 4 + EYE[1 + index % (DIMENSION - 1)] * 1.4, np.float32)


@asynccontextmanager
async def open_harness(folder: Path) -> AsyncIterator[IngestHarness]:
    """A harness with its stores in the folder."""
    ledger = await SqliteLedger.open(folder / "ledger.db")
    vectors = await EdgeVectors.open(folder / "vectors")
    stores = Stores(ledger, vectors, FolderBlobs(folder / "blobs"))
    versions, clock = FakeVersions(), Clock()
    ingest = Ingest(stores, versions, Models(stores.blobs, bytes_max=2**26), now=clock)
    try:
        yield IngestHarness(stores, ingest, versions, clock)
    finally:
        await vectors.close()
        await ledger.close()
