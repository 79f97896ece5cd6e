"""Scanning a file: every row scored, all counted, what matches submitted; in constant memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self, TypeVar
from uuid import uuid4

import grpc
import numpy as np
from numpy.typing import NDArray

from sluice import errors
from sluice.batches import ScoredFrames, make_batch
from sluice.formats import Rows, Source
from sluice.limits import BATCH_ROWS_MAX
from sluice.model_store import ModelStore
from sluice.resources import Campaigns
from sluice.scoring import normalise
from sluice.session import SubmitSession
from sluice.state import SpaceState, load_state, read_active
from sluice.tally import BINS, ScoredBy
from sluice.tensors import Embeddings
from sluice.v1 import campaign_pb2

SAMPLE_ROWS = 1_024
BATCH_FLOATS_MAX = 2**20
"""Values of a batch: so few that all its vectors could be submitted at once, in 4 MiB."""

BACKGROUND_ROWS = 2_000
_SEED = 0

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Progress:
    """How far a scan has come."""

    rows: int = 0
    collected: int = 0
    passing: int = 0
    skipped: int = 0
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    """The scores of all rows, each for the campaign that it is most like."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a scan that was interrupted needs to go on: kept in a small file beside its input."""

    session_id: str
    batch_rows: int
    file_bytes: int

    @classmethod
    def new(cls, path: Path, dimension: int, rows_max: int = BATCH_ROWS_MAX) -> Self:
        """A scan that begins, of batches with at most so many rows."""
        rows = min(rows_max, batch_rows(dimension))
        return cls(str(uuid4()), rows, path.stat().st_size)

    @classmethod
    def load(cls, state: Path, path: Path) -> Self:
        """The scan of that file that was interrupted; FailedPrecondition if there is none."""
        try:
            found = cls(**json.loads(state.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise errors.FailedPrecondition(f"{state}: no scan to resume: {error}") from error
        if found.file_bytes != path.stat().st_size:
            raise errors.FailedPrecondition(f"{path} is not the file whose scan {state} describes")
        return found

    def save(self, state: Path) -> None:
        """Keep it: all of it is there, or nothing."""
        unfinished = state.with_name(state.name + ".new")
        unfinished.write_text(json.dumps(asdict(self)))
        unfinished.replace(state)


def batch_rows(dimension: int) -> int:
    """How many rows a batch of that dimension has."""
    return max(1, min(BATCH_ROWS_MAX, BATCH_FLOATS_MAX // dimension))


def ensure_background(
    channel: grpc.Channel, project: str, model_id: str, source: Source
) -> campaign_pb2.Space | None:
    """Give the file's space a background, a random sample of the file, if it has none.

    Returns the space when it had none; None when there was one.
    """
    campaigns, wanted = Campaigns(channel), (model_id, dimension_of(source))
    for space in campaigns.spaces(project):
        if (space.model_id, space.dimension) == wanted and space.basis_digest:
            return None
    return campaigns.set_background(project, model_id, _sample(source))


def dimension_of(source: Source) -> int:
    """The dimension of a file's embeddings; InvalidArgument for a file without rows."""
    first = next(source.batches(1), None)
    if first is None:
        raise errors.InvalidArgument.of("file", "has no rows")
    return int(first.embeddings.shape[1])


def _sample(source: Source) -> NDArray[np.float32]:
    """Up to `BACKGROUND_ROWS` rows, every one as likely as any other."""
    random = np.random.default_rng(_SEED)
    kept: NDArray[np.float32] | None = None
    keys = np.empty(0)
    for rows in source.batches(SAMPLE_ROWS):
        drawn = np.concatenate([keys, random.random(len(rows))])
        together = rows.embeddings if kept is None else np.concatenate([kept, rows.embeddings])
        chosen = np.argsort(drawn, kind="stable")[:BACKGROUND_ROWS]
        keys, kept = drawn[chosen], together[chosen]
    if kept is None:
        raise errors.InvalidArgument.of("file", "has no rows")
    return kept


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


@dataclass(frozen=True, slots=True, eq=False)
class _ScoredBatch:
    """Frames with their scores, and which of these are matches, `(frames, versions)`."""

    frames: ScoredFrames
    passing: NDArray[np.bool_]


class Scan:
    """One scan of a file for all active campaigns of its space."""

    def __init__(
        self, channel: grpc.Channel, project: str, model_id: str, store: ModelStore
    ) -> None:
        self._channel, self._project, self._model_id = channel, project, model_id
        self._store = store
        self.progress = Progress()

    def run(
        self,
        source: Source,
        resumption: Resumption,
        on_progress: Callable[[Progress], None],
        *,
        override: float | None = None,
        dry_run: bool = False,
    ) -> Progress:
        """Scan all rows; what an earlier run under the same session has submitted is passed over.

        Raises InvalidArgument naming rows that are not right, and what a batch was refused with.
        A dry run submits nothing.
        """
        space = self._space(dimension_of(source))
        with SubmitSession(
            self._channel, self._project, session_id=resumption.session_id, logger="sluice scan"
        ) as session:
            counted = 0 if dry_run else session.open()
            batches = work_ahead(source.batches(resumption.batch_rows))
            scored = (
                len(rows) if number <= counted else self._score(space, rows, override)
                for number, rows in enumerate(batches, 1)
            )
            for batch in work_ahead(scored):
                if isinstance(batch, int):
                    session.pass_over()
                    self.progress.skipped += batch
                    self.progress.rows += batch
                else:
                    self._count(batch)
                    if not dry_run:
                        session.submit(
                            make_batch(batch.frames, batch.passing, threshold_override=override)
                        )
                on_progress(self.progress)
        return self.progress

    def _space(self, dimension: int) -> SpaceState:
        active = [
            found
            for found in read_active(self._channel, self._project)
            if (found.version.model_id, found.version.dimension) == (self._model_id, dimension)
        ]
        if not active:
            raise errors.FailedPrecondition(
                f"{self._project}: no active campaign scores vectors of {self._model_id!r} with "
                f"{dimension} dimensions"
            )
        [space] = load_state(self._channel, self._store, active, None)
        return space

    def _score(self, space: SpaceState, rows: Rows, override: float | None) -> _ScoredBatch:
        unit = _normalised(rows)
        scores = space.scorer.score(unit).scores
        thresholds = [c.threshold if override is None else override for c in space.campaigns]
        scored_by = [ScoredBy(c.name, c.version, c.model_digest) for c in space.campaigns]
        embeddings = Embeddings.of_frames(self._model_id, rows.embeddings)
        frames = ScoredFrames(rows.ids, rows.frame, embeddings, scores, scored_by)
        return _ScoredBatch(frames, scores >= thresholds)

    def _count(self, batch: _ScoredBatch) -> None:
        self.progress.rows += len(batch.passing)
        best = (batch.frames.scores.max(axis=1) * BINS).astype(np.intp)
        self.progress.histogram += np.bincount(np.minimum(best, BINS - 1), minlength=BINS)
        self.progress.passing += int(batch.passing.any(axis=1).sum())


def _normalised(rows: Rows) -> NDArray[np.float32]:
    try:
        return normalise(rows.embeddings)
    except errors.InvalidArgument as error:
        bad = [rows.start + int(row) for row in error.metadata.get("rows", "").split(", ") if row]
        named = ", ".join(map(str, bad))
        raise errors.InvalidArgument(
            f"{rows.file}: column {rows.columns.embedding!r}: rows {named} hold NaN, infinity or "
            "only zeros",
            reason=error.reason,
            fields=error.fields,
            metadata={**error.metadata, "rows": named},
        ) from None
