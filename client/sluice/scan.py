"""Scanning a file: every row scored, all counted, what matches submitted; in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
import numpy as np
from numpy.typing import NDArray

from sluice import errors
from sluice.batches import ScoredFrames, make_batch
from sluice.formats import Rows, Source
from sluice.limits import BATCH_MATCHES_MAX, BATCH_ROWS_MAX
from sluice.model_store import ModelStore
from sluice.session import SubmitSession
from sluice.state import SpaceState, load_state, read_active
from sluice.tally import BINS
from sluice.tensors import Embeddings
from sluice.v1 import ingest_pb2

BATCH_FLOATS_MAX = 2**20
"""Values of a batch: so few that all its vectors could be submitted at once, in 4 MiB."""

LOGGER = "sluice scan"
_TAKEN = ("pending", "collected")

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Progress:
    """How far a scan has come.

    `rows` were read, of them `skipped` in batches that an earlier run had sent, and `submitted`
    now; `counted` are acknowledged by the server, in any run. `passing` are at or over a
    threshold. `verdicts` count what the server made of matches, by (campaign's resource name,
    verdict in lower case).
    """

    rows: int = 0
    skipped: int = 0
    submitted: int = 0
    counted: int = 0
    passing: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    """The scores of all rows, each for the campaign that it is most like."""

    @property
    def collected(self) -> int:
        """Matches that the server took; near duplicates among them are dropped a little later."""
        return sum(count for (_, verdict), count in self.verdicts.items() if verdict in _TAKEN)


def batch_rows(dimension: int, campaigns: int = 1) -> int:
    """How many rows a batch has: so few that all of them may match every campaign."""
    most = (BATCH_ROWS_MAX, BATCH_FLOATS_MAX // dimension, BATCH_MATCHES_MAX // campaigns)
    return max(1, min(most))


def work_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items, the next one made in a thread while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="work-ahead") as worker:
        coming = worker.submit(_next, items)
        while (found := coming.result()) is not None:
            coming = worker.submit(_next, items)
            yield found[0]


def _next(items: Iterator[_Item]) -> tuple[_Item] | None:
    for item in items:
        return (item,)
    return None


def load_space(
    channel: grpc.Channel, project: str, model_id: str, dimension: int, store: ModelStore
) -> SpaceState:
    """The active campaigns of one space, and their scorer; FailedPrecondition if there are none."""
    active = [
        found
        for found in read_active(channel, project)
        if (found.version.model_id, found.version.dimension) == (model_id, dimension)
    ]
    if not active:
        raise errors.FailedPrecondition(
            f"{project}: no active campaign scores vectors of {model_id!r} with {dimension} "
            "dimensions"
        )
    [space] = load_state(channel, store, active, None)
    return space


@dataclass(frozen=True, slots=True, eq=False)
class _ScoredBatch:
    """Frames with their scores, and which of these are matches, `(frames, versions)`."""

    frames: ScoredFrames
    passing: NDArray[np.bool_]


class Scan:
    """One scan of a file for all active campaigns of its space."""

    def __init__(self, space: SpaceState, *, rows: int, threshold: float | None = None) -> None:
        """`rows` make a batch; the threshold, if there is one, goes before the campaigns' own."""
        self._space, self._batch_rows, self._threshold = space, rows, threshold
        self._thresholds, self._scored_by = space.thresholds(threshold), space.scored_by
        self.progress = Progress()

    def try_out(self, source: Source, on_progress: Callable[[Progress], None]) -> Progress:
        """Score all rows, and submit nothing; raises as `run` does."""
        for batch in work_ahead(map(self._score, work_ahead(source.batches(self._batch_rows)))):
            self._made(batch)
            on_progress(self.progress)
        return self.progress

    def run(
        self,
        channel: grpc.Channel,
        source: Source,
        session_id: str,
        on_progress: Callable[[Progress], None],
    ) -> Progress:
        """Scan all rows; what an earlier run under the same session has submitted is passed over.

        Raises InvalidArgument naming rows that are not right, and what a batch was refused with.
        """
        session = SubmitSession(channel, self._space.project, session_id=session_id, logger=LOGGER)
        try:
            with session:
                for batch in work_ahead(self._batches(source, session.open())):
                    self._submit(session, batch)
                    self._follow(session)
                    on_progress(self.progress)
        finally:
            self._follow(session)
        on_progress(self.progress)
        return self.progress

    def _batches(self, source: Source, counted: int) -> Iterator[_ScoredBatch | int]:
        """Batches that were scored; of those that are counted already, only how many rows."""
        for number, rows in enumerate(work_ahead(source.batches(self._batch_rows)), 1):
            yield len(rows) if number <= counted else self._score(rows)

    def _submit(self, session: SubmitSession, batch: _ScoredBatch | int) -> None:
        if isinstance(batch, int):
            session.pass_over()
            self.progress.skipped += batch
            self.progress.rows += batch
            return
        made = self._made(batch)
        self.progress.submitted += len(batch.passing)
        session.submit(made)

    def _follow(self, session: SubmitSession) -> None:
        """Take over what the server has said so far."""
        self.progress.verdicts = session.outcomes.verdicts
        acknowledged = session.acknowledged * self._batch_rows
        self.progress.counted = min(acknowledged, self.progress.rows)

    def _score(self, rows: Rows) -> _ScoredBatch:
        scores = self._space.scorer.score(rows.unit(self._space.dimension)).scores
        embeddings = Embeddings.of_frames(self._space.model_id, rows.embeddings)
        frames = ScoredFrames(rows.ids, rows.frame, embeddings, scores, self._scored_by)
        return _ScoredBatch(frames, scores >= self._thresholds)

    def _made(self, batch: _ScoredBatch) -> ingest_pb2.SubmitBatch:
        """What is submitted of a batch, which has been read then."""
        made = make_batch(batch.frames, batch.passing, threshold_override=self._threshold)
        best = (batch.frames.scores.max(axis=1) * BINS).astype(np.intp)
        self.progress.rows += len(batch.passing)
        self.progress.histogram += np.bincount(np.minimum(best, BINS - 1), minlength=BINS)
        self.progress.passing += int(batch.passing.any(axis=1).sum())
        return made
