"""Planning the next batch: which groups to label, and why each of them was picked.

A part of the budget goes to groups similar to failures, the rest to groups that cover what is not
covered yet. The plan is a pure function of arrays and a seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.curation.selection.admission import NO_SCENE, Admission
from services.curation.selection.budget import apportion, batch_size
from services.curation.selection.draws import Stream, shuffled
from services.curation.selection.facility import CandidateGain, Clients, choose
from services.curation.selection.k_center import choose_farthest
from services.curation.selection.kernel import GroupVectors, Indices
from services.curation.selection.pool import (
    BatchPlan,
    CoverageMethod,
    Pick,
    PickSource,
    Pool,
    SelectionSettings,
    TargetedMethod,
)
from services.curation.selection.targeted import (
    Failures,
    TargetedCandidate,
    choose_jointly,
    choose_neighbours,
)
from sluice.errors import InvalidArgument


def plan_batch(pool: Pool, failures: Failures | None, settings: SelectionSettings) -> BatchPlan:
    """Pick the next batch: exactly as many groups as the budget says, each once.

    Targeted groups are picked first; coverage takes them as given. If only near duplicates
    remain, they are picked too, and a note says so. Raises InvalidArgument for a value out of
    range, for failures of another dimension, and for ZCore without scores.
    """
    return _Planner(pool, failures, settings).plan()


class _Planner:
    def __init__(self, pool: Pool, failures: Failures | None, settings: SelectionSettings) -> None:
        embedded, numbers = pool.embedded()
        self._pool, self._settings = pool, settings
        self._free = pool.free
        self._size = batch_size(settings.budget, int(self._free.sum()))
        free = np.flatnonzero(self._free[numbers])
        self._numbers = numbers[free]
        self._candidates = embedded.take(free)
        self._covered = embedded.take(np.flatnonzero(pool.covered[numbers]))
        self._labelled = embedded.take(np.flatnonzero(pool.not_repeated[numbers]))
        self._failures = _check_failures(failures, embedded)
        self._notes: list[str] = []

    def plan(self) -> BatchPlan:
        if not len(self._candidates):
            if self._size:
                self._notes.append(
                    "No group that remains has an embedding: "
                    f"the batch is random, with seed {self._settings.seed}."
                )
            return BatchPlan(self._random([], np.flatnonzero(self._free), self._size), self._notes)
        scenes = self._scenes()
        admission = Admission(self._candidates, scenes[self._numbers], self._labelled)
        admission.take_scenes(scenes[self._pool.not_repeated].tolist())
        targeted = self._targeted(admission)
        coverage = self._coverage(admission, [target.candidate for target in targeted])
        picks = self._ranked(coverage, targeted)
        if len(picks) < self._size:
            picks += self._backfill(picks)
        return BatchPlan(picks, self._notes)

    def _targeted(self, admission: Admission) -> list[TargetedCandidate]:
        share = self._settings.targeted_share
        _, count = apportion(self._size, [1 - share, share])
        if self._failures is None:
            if count:
                self._notes.append("There are no failures: the whole batch is for coverage.")
            return []
        if self._settings.targeted is TargetedMethod.NEIGHBOURS:
            targeted = choose_neighbours(self._failures, self._candidates, count, admission.admit)
        else:
            clients = self._clients()
            targeted = choose_jointly(
                self._failures, clients, self._candidates, self._covered, count, admission.admit
            )
        if len(targeted) < count:
            self._notes.append(
                f"Only {len(targeted)} of {count} targeted groups were found: "
                "coverage replaces the others."
            )
        return targeted

    def _coverage(self, admission: Admission, targeted: list[int]) -> list[CandidateGain]:
        count = self._size - len(targeted)
        covered = self._covered.concatenate(self._candidates.take(targeted))
        match self._settings.coverage:
            case CoverageMethod.ZCORE:
                return self._by_zcore(admission, count)
            case CoverageMethod.K_CENTER:
                return choose_farthest(self._candidates, covered, count, admission.admit)
            case CoverageMethod.FACILITY:
                clients = self._clients()
                return choose(clients, self._candidates, covered, count, admission.admit)

    def _by_zcore(self, admission: Admission, count: int) -> list[CandidateGain]:
        if self._pool.zcore is None:
            raise InvalidArgument.of("pool.zcore", "required for coverage by ZCore")
        scores = self._pool.zcore[self._numbers]
        chosen: list[CandidateGain] = []
        for candidate in np.argsort(-scores, kind="stable").tolist():
            if len(chosen) == count:
                break
            if admission.admit(candidate):
                chosen.append(CandidateGain(candidate, float(scores[candidate])))
        return chosen

    def _ranked(
        self, coverage: list[CandidateGain], targeted: list[TargetedCandidate]
    ) -> list[Pick]:
        """Both parts merged evenly, so that labelling in rank order covers both from the start."""
        merged: list[tuple[float, PickSource, CandidateGain | TargetedCandidate]] = [
            *_spread(PickSource.TARGETED, targeted),
            *_spread(PickSource.COVERAGE, coverage),
        ]
        merged.sort(key=lambda entry: entry[0])
        return [
            Pick(
                group=int(self._numbers[choice.candidate]),
                source=source,
                rank=rank,
                gain=choice.gain,
                failure=choice.failure if isinstance(choice, TargetedCandidate) else None,
            )
            for rank, (_, source, choice) in enumerate(merged, 1)
        ]

    def _backfill(self, picks: list[Pick]) -> list[Pick]:
        """Random picks for the missing ones: first groups without embedding, then the others."""
        open_groups = self._free.copy()
        open_groups[[pick.group for pick in picks]] = False
        without_embedding = open_groups.copy()
        without_embedding[self._numbers] = False
        missing = self._size - len(picks)
        added = self._random(picks, np.flatnonzero(without_embedding), missing)
        if added:
            self._notes.append(
                f"{len(added)} picks have no embedding: they are random, "
                f"since all other remaining groups are near duplicates."
            )
        if len(added) < missing:
            others = np.flatnonzero(open_groups & ~without_embedding)
            more = self._random([*picks, *added], others, missing - len(added))
            self._notes.append(
                f"{len(more)} picks are near duplicates, by embedding or scene, of groups that "
                "are labelled or picked: no other groups remain."
            )
            added += more
        return added

    def _random(self, picks: list[Pick], groups: Indices, count: int) -> list[Pick]:
        """Up to `count` of the groups at random, ranked after `picks`."""
        order = shuffled(self._settings.seed, Stream.ORDER, len(groups))[:count]
        return [
            Pick(group, PickSource.COVERAGE, rank, gain=0.0)
            for rank, group in enumerate(groups[order].tolist(), len(picks) + 1)
        ]

    def _clients(self) -> Clients:
        return Clients.sample(self._candidates, self._settings.seed, self._settings.clients_max)

    def _scenes(self) -> Indices:
        if self._pool.scenes is None:
            return np.full(self._pool.size, NO_SCENE)
        return self._pool.scenes


def _check_failures(failures: Failures | None, embedded: GroupVectors) -> Failures | None:
    """The failures, None without any; InvalidArgument if their dimension is not the pool's."""
    if failures is None or not len(failures):
        return None
    expected, components = embedded.vectors.shape[1], failures.groups.vectors.shape[1]
    if len(embedded) and expected != components:
        raise InvalidArgument.of("failures", f"{components} components; expected {expected}")
    return failures


def _spread(
    source: PickSource, choices: Sequence[CandidateGain | TargetedCandidate]
) -> list[tuple[float, PickSource, CandidateGain | TargetedCandidate]]:
    """Choices with evenly spaced positions between 0 and 1."""
    return [((index + 0.5) / len(choices), source, choice) for index, choice in enumerate(choices)]
