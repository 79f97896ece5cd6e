"""MatchRow rows against their points in the vector store."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.doctor.findings import Finding, FindingKind, FindingOutcome
from services.ingest.context import Ingest
from services.ingest.doctor.reading import Match
from services.ingest.judge import SCORE_TOLERANCE
from services.ingest.points import collection_of, payload_of, sample_point, tenant_of
from services.ingest.records import Row
from services.ingest.unwritten_samples import read_unwritten
from services.peers.active import Version
from services.vectors.interface import Points
from sluice.errors import DataLoss, NotFound
from sluice.names import SampleName


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A row with the ids of its match."""

    match: Match
    row: Row

    def name(self, project: str) -> str:
        """The resource name of the match as a sample."""
        return str(SampleName(project, *self.match))


@dataclass(frozen=True, slots=True)
class _VersionSamples:
    """Samples of one campaign version, so of one space and one model."""

    project: str
    campaign: str
    version: Version
    samples: Sequence[MatchRow]


async def find_wrong_samples(
    ingest: Ingest, project: str, samples: Sequence[MatchRow], *, repair: bool
) -> list[Finding]:
    """Compare collected rows with their points."""
    findings: list[Finding] = []
    for group in await _group_by_version(ingest, project, samples):
        points = await _retrieve(ingest, group, group.samples)
        index_of = {point: index for index, point in enumerate(points.ids)}
        missing = [s for s in group.samples if sample_point(project, *s.match) not in index_of]
        findings += [
            Finding(
                FindingKind.SAMPLE_MISSING,
                sample.name(group.project),
                "a vector in the vector store",
                "nothing: the vector is lost; the frame and its explanation are kept",
                FindingOutcome.LOST,
            )
            for sample in await _find_lost(ingest, group, missing)
        ]
        present = [s for s in group.samples if sample_point(project, *s.match) in index_of]
        indices = [index_of[sample_point(project, *s.match)] for s in present]
        for sample, index in zip(present, indices, strict=True):
            payload, expected = points.payloads[index], payload_of(sample.match[1], sample.row)
            if payload != expected:
                kind = FindingKind.SAMPLE_PAYLOAD
                finding = Finding(
                    kind, sample.name(group.project), _describe(expected), _describe(payload)
                )
                if repair:
                    await _rewrite(ingest, group, sample, points.vectors[[index]])
                findings.append(finding.mark_repaired(repair))
        findings += await _find_wrong_vectors(ingest, group, present, points.vectors[indices])
    return findings


async def _group_by_version(
    ingest: Ingest, project: str, samples: Iterable[MatchRow]
) -> list[_VersionSamples]:
    """The samples by version; a missing version is a finding of the campaign service."""
    by_version: dict[tuple[str, int], list[MatchRow]] = defaultdict(list)
    for sample in samples:
        by_version[sample.match[0], sample.row.version].append(sample)
    groups = []
    for (campaign, number), members in by_version.items():
        try:
            version = await ingest.active.version(project, campaign, number)
        except NotFound:
            continue
        groups.append(_VersionSamples(project, campaign, version, members))
    return groups


async def _retrieve(ingest: Ingest, group: _VersionSamples, samples: Sequence[MatchRow]) -> Points:
    version = group.version
    return await ingest.stores.vectors.retrieve(
        collection_of(group.project, version.model_id, version.dimension),
        tenant_of(group.project, group.campaign),
        [sample_point(group.project, *sample.match) for sample in samples],
    )


async def _find_lost(
    ingest: Ingest, group: _VersionSamples, missing: Sequence[MatchRow]
) -> list[MatchRow]:
    """Those samples, of ones without a point, that will not get a point.

    A decision stays on the projector's list until its sample is written: a sample that is not on
    the list should have a point by now.
    """
    if not missing:
        return []
    unwritten = await read_unwritten(ingest.stores.ledger, group.project)
    written = set((await _retrieve(ingest, group, missing)).ids)
    return [
        sample
        for sample in missing
        if sample.match not in unwritten
        and sample_point(group.project, *sample.match) not in written
    ]


async def _rewrite(
    ingest: Ingest, group: _VersionSamples, sample: MatchRow, vector: NDArray[np.float32]
) -> None:
    """Write the point as the projector would; if both write it, they write the same."""
    version = group.version
    point = sample_point(group.project, *sample.match)
    await ingest.stores.vectors.write(
        collection_of(group.project, version.model_id, version.dimension),
        tenant_of(group.project, group.campaign),
        Points([point], vector, [payload_of(sample.match[1], sample.row)]),
    )


async def _find_wrong_vectors(
    ingest: Ingest,
    group: _VersionSamples,
    samples: Sequence[MatchRow],
    vectors: NDArray[np.float32],
) -> list[Finding]:
    """Findings for samples with a vector that has another score than the row.

    Empty if the version's files are damaged, which is a finding of the campaign service, and if
    its model was built again after a deletion: scores differ since then.
    """
    if not samples or group.version.former_digests:
        return []
    try:
        scorer = await ingest.models.scorer([group.version])
    except (DataLoss, NotFound):
        return []
    scores = (await asyncio.to_thread(scorer.score, vectors)).scores[:, 0]
    return [
        Finding(
            FindingKind.SAMPLE_VECTOR,
            sample.name(group.project),
            f"a vector of score {sample.row.score:.6f}",
            f"a vector of score {score:.6f}: the original is lost",
            FindingOutcome.LOST,
        )
        for sample, score in zip(samples, scores.tolist(), strict=True)
        # Not "greater than": the score of a damaged vector may be NaN.
        if not abs(score - sample.row.score) <= SCORE_TOLERANCE
    ]


def _describe(payload: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(payload.items()))
