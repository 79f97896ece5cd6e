"""Scans a file batch by batch: scores and counts every row, submits the matches.

Memory does not grow with the file, apart from 8 bytes a row for duplicate ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
from sluice.spaces import describe_spaces
from sluice.state import SpaceState, load_state, read_active
from sluice.tally import BINS
from sluice.tensors import Embeddings
from sluice.v1 import ingest_pb2

BATCH_FLOATS_MAX = 2**20
"""Maximum vector values in a batch: 4 MiB, so that it can submit all its vectors if all match."""

LOGGER = "sluice scan"
_SENT_VERDICTS = ("pending", "collected")

_Item = TypeVar("_Item")


@dataclass(slots=True)
class ScanProgress:
    """The counts of a scan so far.

    `rows` were read; `skipped` of them are in batches sent by an earlier run, `submitted` in
    batches of this run. `counted` rows are counted by the server, in any run, and `in_flight`
    batches have no result yet. `batches` have a result; `rejected` of them were not counted.
    `passing` rows reach a threshold. `verdicts` counts the server's verdicts on matches, by
    (campaign's resource name, verdict in lower case).
    """

    rows: int = 0
    skipped: int = 0
    submitted: int = 0
    counted: int = 0
    in_flight: int = 0
    batches: int = 0
    rejected: int = 0
    passing: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    """Histogram of the rows' highest scores over all campaigns."""

    @property
    def sent(self) -> int:
        """Matches that the server took; it may still drop near duplicates among them."""
        return sum(
            count for (_, verdict), count in self.verdicts.items() if verdict in _SENT_VERDICTS
        )


def batch_rows(dimension: int, campaigns: int = 1) -> int:
    """Rows per batch: few enough that every row may match every campaign."""
    bounds = (BATCH_ROWS_MAX, BATCH_FLOATS_MAX // dimension, BATCH_MATCHES_MAX // campaigns)
    return max(1, min(bounds))


def work_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Yield the items; a thread computes the next item while the caller handles the last one."""
    with ThreadPoolExecutor(1, thread_name_prefix="work-ahead") as worker:
        future = worker.submit(_next, items)
        while (item := future.result()) is not None:
            future = worker.submit(_next, items)
            yield item[0]


def _next(items: Iterator[_Item]) -> tuple[_Item] | None:
    for item in items:
        return (item,)
    return None


def load_space(
    channel: grpc.Channel, project: str, model_id: str, dimension: int, store: ModelStore
) -> SpaceState:
    """The active campaigns of a space, and their scorer; FailedPrecondition if there are none."""
    versions = read_active(channel, project)
    spaces = [(item.version.model_id, item.version.dimension) for item in versions]
    active = [
        item for item, space in zip(versions, spaces, strict=True) if space == (model_id, dimension)
    ]
    if not active:
        raise _no_campaign(project, (model_id, dimension), spaces)
    [space] = load_state(channel, store, active, None)
    return space


def _no_campaign(
    project: str, space: tuple[str, int], active_spaces: Sequence[tuple[str, int]]
) -> errors.FailedPrecondition:
    model_id, dimension = space
    step = f"spaces of the active campaigns: {describe_spaces(active_spaces)}"
    if not active_spaces:
        step = "no campaign is active; start one with `sluice campaigns start ISSUE`"
    return errors.FailedPrecondition(
        f"{project}: no active campaign scores vectors of {model_id!r} with {dimension} "
        f"dimensions; {step}"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _ScoredBatch:
    """Scored frames; `passing` marks the matches, `(frames, versions)`."""

    frames: ScoredFrames
    passing: NDArray[np.bool_]


class Scan:
    """One scan of a file for all active campaigns of its space."""

    def __init__(self, space: SpaceState, *, rows: int, threshold: float | None = None) -> None:
        """`rows` is the batch size; `threshold` overrides each campaign's threshold."""
        self._space, self._batch_rows, self._threshold = space, rows, threshold
        self._thresholds, self._scored_by = space.thresholds(threshold), space.scored_by
        self._row_ends = [0]
        """The number of rows up to each batch, by its number."""
        self.progress = ScanProgress()

    def try_out(self, source: Source, on_progress: Callable[[ScanProgress], None]) -> ScanProgress:
        """Score all rows without submitting anything; raises InvalidArgument as `run` does."""
        for batch in work_ahead(map(self._score, work_ahead(source.batches(self._batch_rows)))):
            self._make_batch(batch)
            on_progress(self.progress)
        return self.progress

    def run(
        self,
        channel: grpc.Channel,
        source: Source,
        session_id: str,
        on_progress: Callable[[ScanProgress], None],
    ) -> ScanProgress:
        """Scan all rows; batches submitted by an earlier run under this session are skipped.

        Raises InvalidArgument naming invalid rows, and the error of a rejected batch; batches that
        were sent before have their results then, unless the server does not answer.
        """
        session = SubmitSession(channel, self._space.project, session_id=session_id, logger=LOGGER)
        try:
            with session:
                self._submit_all(session, source, on_progress)
        finally:
            self._update_progress(session)
        on_progress(self.progress)
        return self.progress

    def _submit_all(
        self,
        session: SubmitSession,
        source: Source,
        on_progress: Callable[[ScanProgress], None],
    ) -> None:
        try:
            for batch in work_ahead(self._batches(source, session.open())):
                self._submit(session, batch)
                self._update_progress(session)
                on_progress(self.progress)
        except errors.InvalidArgument:
            _await_results(session)
            raise

    def _batches(self, source: Source, counted: int) -> Iterator[_ScoredBatch | int]:
        """Scored batches; for a batch that is counted already, only its number of rows."""
        for number, rows in enumerate(work_ahead(source.batches(self._batch_rows)), 1):
            yield len(rows) if number <= counted else self._score(rows)

    def _submit(self, session: SubmitSession, batch: _ScoredBatch | int) -> None:
        rows = batch if isinstance(batch, int) else len(batch.passing)
        self._row_ends.append(self._row_ends[-1] + rows)
        if isinstance(batch, int):
            session.pass_over()
            self.progress.skipped += batch
            self.progress.rows += batch
            return
        message = self._make_batch(batch)
        self.progress.submitted += len(batch.passing)
        session.submit(message)

    def _update_progress(self, session: SubmitSession) -> None:
        """Copy the session's verdicts and acknowledgements."""
        progress, ends, rejected = self.progress, self._row_ends, session.outcomes.rejected
        progress.verdicts = session.outcomes.verdicts
        progress.in_flight, progress.rejected = session.unacknowledged, len(rejected)
        progress.batches = min(session.acknowledged, len(ends) - 1)
        not_counted = sum(ends[number] - ends[number - 1] for number in rejected)
        progress.counted = ends[progress.batches] - not_counted

    def _score(self, rows: Rows) -> _ScoredBatch:
        scores = self._space.scorer.score(rows.unit(self._space.dimension)).scores
        embeddings = Embeddings.of_frames(self._space.model_id, rows.embeddings)
        frames = ScoredFrames(rows.ids, rows.frame, embeddings, scores, self._scored_by)
        return _ScoredBatch(frames, scores >= self._thresholds)

    def _make_batch(self, batch: _ScoredBatch) -> ingest_pb2.SubmitBatch:
        """Build the message of a batch, and add the batch to the counts."""
        message = make_batch(batch.frames, batch.passing, threshold_override=self._threshold)
        best = (batch.frames.scores.max(axis=1) * BINS).astype(np.intp)
        self.progress.rows += len(batch.passing)
        self.progress.histogram += np.bincount(np.minimum(best, BINS - 1), minlength=BINS)
        self.progress.passing += int(batch.passing.any(axis=1).sum())
        return message


def _await_results(session: SubmitSession) -> None:
    """Wait for the results of all batches, also rejected ones, while the server answers."""
    while waiting := session.unacknowledged:
        try:
            session.flush()
        except errors.SluiceError:
            if session.unacknowledged == waiting:
                return
