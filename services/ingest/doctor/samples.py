"""Collected rows against their points in the vector store."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.doctor.findings import ExaminationEvents, Finding, FindingKind, FindingOutcome
from services.ingest.being_written import being_written
from services.ingest.context import Ingest
from services.ingest.doctor.reading import Match
from services.ingest.judge import SCORE_TOLERANCE
from services.ingest.points import collection_of, payload_of, sample_point, tenant_of
from services.ingest.records import Row
from services.peers.active import Version
from services.vectors.interface import Points
from sluice.errors import DataLoss, NotFound
from sluice.names import SampleName


@dataclass(frozen=True, slots=True)
class Collected:
    """A row that is collected, and the match that it is of."""

    match: Match
    row: Row


@dataclass(frozen=True, slots=True)
class _Group:
    """Samples of one campaign version: one space, one model."""

    project: str
    campaign: str
    version: Version
    samples: Sequence[Collected]

    def name(self, sample: Collected) -> str:
        return str(SampleName(self.project, *sample.match))


async def examine_samples(
    ingest: Ingest, project: str, samples: Sequence[Collected], *, repair: bool
) -> ExaminationEvents:
    """Compare samples, read as collected before, with their points."""
    for group in await _groups(ingest, project, samples):
        points = await _retrieve(ingest, group, group.samples)
        there = {point: row for row, point in enumerate(points.ids)}
        missing = [s for s in group.samples if sample_point(project, *s.match) not in there]
        for sample in await _lost(ingest, group, missing):
            yield Finding(
                FindingKind.SAMPLE_MISSING,
                group.name(sample),
                "a vector in the vector store",
                "nothing: the vector is lost, the frame and its explanation are not",
                FindingOutcome.LOST,
            )
        known = [s for s in group.samples if sample_point(project, *s.match) in there]
        at = [there[sample_point(project, *s.match)] for s in known]
        for sample, row in zip(known, at, strict=True):
            payload, expected = points.payloads[row], payload_of(sample.match[1], sample.row)
            if payload != expected:
                kind = FindingKind.SAMPLE_PAYLOAD
                finding = Finding(kind, group.name(sample), _text(expected), _text(payload))
                if repair:
                    await _rewrite(ingest, group, sample, points.vectors[[row]])
                yield finding.mark_repaired(repair)
        for finding in await _unlike(ingest, group, known, points.vectors[at]):
            yield finding


async def _groups(ingest: Ingest, project: str, samples: Iterable[Collected]) -> list[_Group]:
    """The samples by version; those of a version that is gone are for the campaign service."""
    by_version: dict[tuple[str, int], list[Collected]] = defaultdict(list)
    for sample in samples:
        by_version[sample.match[0], sample.row.version].append(sample)
    groups = []
    for (campaign, number), members in by_version.items():
        try:
            version = await ingest.active.version(project, campaign, number)
        except NotFound:
            continue
        groups.append(_Group(project, campaign, version, members))
    return groups


async def _retrieve(ingest: Ingest, group: _Group, samples: Sequence[Collected]) -> Points:
    version = group.version
    return await ingest.stores.vectors.retrieve(
        collection_of(group.project, version.model_id, version.dimension),
        tenant_of(group.project, group.campaign),
        [sample_point(group.project, *sample.match) for sample in samples],
    )


async def _lost(ingest: Ingest, group: _Group, missing: Sequence[Collected]) -> list[Collected]:
    """Of samples that had no point, those that get none.

    A decision stays on the projector's list until its sample is written. What is not on the list
    has been written by now, if it ever was.
    """
    if not missing:
        return []
    under_way = await being_written(ingest.stores.ledger, group.project)
    written = set((await _retrieve(ingest, group, missing)).ids)
    return [
        sample
        for sample in missing
        if sample.match not in under_way
        and sample_point(group.project, *sample.match) not in written
    ]


async def _rewrite(
    ingest: Ingest, group: _Group, sample: Collected, vector: NDArray[np.float32]
) -> None:
    """Write the point again as the projector would: whoever does so meanwhile writes the same."""
    version = group.version
    point = sample_point(group.project, *sample.match)
    await ingest.stores.vectors.write(
        collection_of(group.project, version.model_id, version.dimension),
        tenant_of(group.project, group.campaign),
        Points([point], vector, [payload_of(sample.match[1], sample.row)]),
    )


async def _unlike(
    ingest: Ingest, group: _Group, samples: Sequence[Collected], vectors: NDArray[np.float32]
) -> list[Finding]:
    """The samples whose vector has another score than the one they were collected with.

    None where the version's files are damaged: then nothing can be told, and that is named there.
    """
    if not samples:
        return []
    try:
        scorer = await ingest.models.scorer([group.version])
    except (DataLoss, NotFound):
        return []
    scores = (await asyncio.to_thread(scorer.score, vectors)).scores[:, 0]
    return [
        Finding(
            FindingKind.SAMPLE_VECTOR,
            group.name(sample),
            f"a vector of score {sample.row.score:.6f}",
            f"one of score {score:.6f}: the right one is lost",
            FindingOutcome.LOST,
        )
        for sample, score in zip(samples, scores.tolist(), strict=True)
        # Not "greater than": a vector of nonsense has a score that is no number.
        if not abs(score - sample.row.score) <= SCORE_TOLERANCE
    ]


def _text(payload: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(payload.items()))
