"""What a batch is planned from: all groups of a dataset, and the failures of some rounds."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.batches.places import Places, read_places
from services.curation.batches.records import Wanted, remains
from services.curation.context import Curation
from services.curation.datasets.reading import Known, scan_known
from services.curation.records import HELD_OUT, DatasetFrames, Status
from services.curation.selection.admission import NO_SCENE
from services.curation.selection.kernel import Groups
from services.curation.selection.pool import CoverageMethod, Pool
from services.curation.selection.targeted import Failures
from services.curation.selection.zcore import zcore_scores
from sluice.checks import too_large
from sluice.names import DatasetName

ROWS_MAX: Final = 1_000_000
"""Embeddings, and frames, of a dataset that batches are chosen from: they take about 1 GB."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The pool, the ids of its groups, and the failures with the ids of their frames."""

    pool: Pool
    groups: list[str]
    failures: Failures | None
    failing: list[str]
    notes: list[str]


async def gather(
    curation: Curation, name: DatasetName, space: DatasetFrames, wanted: Wanted
) -> Gathered:
    """Read all of a dataset that a batch depends on; what of it is missing is said in notes.

    Raises InvalidArgument for a dataset that is too large. Rows are as they were when each was
    read: who marks a group must look at it again.
    """
    scan = _Scan(wanted)
    async for page in scan_known(curation.stores.ledger, name):
        for known in page:
            scan.add(known)
        scan.check(name)
    places = await read_places(curation.stores, name, space, (bytes(scan.points), wanted.seed))
    return await asyncio.to_thread(_gathered, scan, places)


@dataclass(frozen=True, slots=True)
class _Failing:
    """A failing frame, what it weighs, and which rows are its."""

    frame_id: str
    weight: float
    rows: slice


@dataclass(slots=True)
class _Scan:
    """The frames that were read so far, in columns; groups are numbered as they come."""

    wanted: Wanted
    numbers: dict[str, int] = field(default_factory=dict)
    excluded: list[bool] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    scenes: list[int] = field(default_factory=list)
    scene_numbers: dict[object, int] = field(default_factory=dict)
    points: bytearray = field(default_factory=bytearray)
    owners: array[int] = field(default_factory=lambda: array("q"))
    failing: list[_Failing] = field(default_factory=list)
    frames: int = 0

    def add(self, known: Known) -> None:
        """Take a frame in."""
        self.frames += 1
        number = self._number(known)
        if (scene := self._scene(known)) != NO_SCENE:
            self.scenes[number] = scene
        first = len(self.owners)
        for vector in known.row.vectors:
            self.points += vector.point
            self.owners.append(number)
        rounds = known.row.failures
        weight = sum(each.weight for each in self.wanted.failures if rounds.get(each.round))
        if weight:
            rows = slice(first, len(self.owners))
            self.failing.append(_Failing(known.row.id, weight, rows))
            # Its labels have not served the model: groups like it are what is looked for.
            self.covered[number] = False

    def check(self, name: DatasetName) -> None:
        """Refuse a dataset that is too large to be held."""
        if max(self.frames, len(self.owners)) > ROWS_MAX:
            problem = f"{name} has more than {ROWS_MAX:,} frames or embeddings"
            raise too_large("parent", problem, ROWS_MAX)

    def _number(self, known: Known) -> int:
        group = known.group
        number = self.numbers.setdefault(group.id, len(self.numbers))
        if number == len(self.excluded):
            # What is held out teaches models nothing, so it covers nothing either.
            labelled = group.status is not Status.UNLABELLED and group.split not in HELD_OUT
            self.excluded.append(not remains(group))
            self.covered.append(labelled)
            self.scenes.append(NO_SCENE)
        return number

    def _scene(self, known: Known) -> int:
        value = known.row.fields.get(self.wanted.scene_field)
        if value is None:
            return NO_SCENE
        # Python counts True as 1.
        told_apart = isinstance(value, bool), value
        return self.scene_numbers.setdefault(told_apart, len(self.scene_numbers))


def _gathered(scan: _Scan, places: Places) -> Gathered:
    failures, failing = _failures(scan, places)
    notes = list(places.notes)
    if missing := len(scan.failing) - len(failing):
        notes.append(f"{missing} failing frames have no embedding: nothing is like them.")
    vectors = places.rows[places.there]
    owners = np.array(scan.owners, np.intp)[places.there]
    excluded = np.array(scan.excluded, bool)
    pool = Pool(
        size=len(scan.numbers),
        excluded=excluded,
        covered=np.array(scan.covered, bool) & excluded,
        vectors=vectors if len(vectors) else None,
        group_of=owners if len(vectors) else None,
        scenes=np.array(scan.scenes, np.intp),
        zcore=_zcore(scan.wanted, vectors, owners, ~excluded),
    )
    return Gathered(pool, list(scan.numbers), failures, failing, notes)


def _failures(scan: _Scan, places: Places) -> tuple[Failures | None, list[str]]:
    """The failing frames that have embeddings."""
    rows: list[NDArray[np.float32]] = [places.rows[:0]]
    owners: list[int] = []
    for number, each in enumerate(scan.failing):
        own = places.rows[each.rows][places.there[each.rows]]
        rows.append(own)
        owners += [number] * len(own)
    if not owners:
        return None, []
    groups, numbers = Groups.gathered("failures", np.concatenate(rows), np.array(owners))
    found = [scan.failing[number] for number in numbers.tolist()]
    weights = np.array([each.weight for each in found], np.float32)
    return Failures(groups, weights), [each.frame_id for each in found]


def _zcore(
    wanted: Wanted,
    vectors: NDArray[np.float32],
    owners: NDArray[np.intp],
    free: NDArray[np.bool_],
) -> NDArray[np.float64] | None:
    """The best ZCore score of the rows of each group that remains, if they are asked for."""
    if wanted.coverage is not CoverageMethod.ZCORE:
        return None
    scores = np.zeros(len(free))
    rows = np.flatnonzero(free[owners])
    if len(rows):
        found = zcore_scores(vectors[rows], seed=wanted.seed, draws=wanted.zcore_draws)
        np.maximum.at(scores, owners[rows], found)
    return scores
