"""Checks of the snapshots of versions, with their files, against manifests and models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.campaign import element_points
from services.campaign.blob_references import read_versions
from services.campaign.candidates import sample_digest
from services.campaign.doctor.elements import matches_digest
from services.campaign.doctor.files import FileExaminer, find_manifest, rebuild_model
from services.campaign.doctor.reading import read_campaigns
from services.campaign.manifest import Manifest, to_entry
from services.campaign.records import (
    CampaignRecord,
    ElementEntry,
    ElementRecord,
    VersionRecord,
    element_key,
)
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.points import read_points
from services.records.records import decode
from services.records.scanning import PAGE
from services.vectors.interface import Collection, Payload
from sluice.names import CampaignName, IssueName, VersionName
from sluice.scoring import Basis, ScoringModel

TOLERANCE: Final = 1e-4
"""Maximum difference of a projected element from the model's: products differ by machine."""


@dataclass(frozen=True, slots=True)
class _Member:
    """An element of a snapshot, or a sample with its review, and its point."""

    entry: ElementEntry
    review: str
    point: UUID

    @property
    def payload(self) -> Payload:
        return element_points.to_payload(self.entry, self.review)

    def accepts(self, vector: NDArray[np.float32]) -> bool:
        """Whether a sample's vector matches its digest; elements are compared with the model."""
        return not self.review or sample_digest(self.entry.label_id, vector) == self.entry.digest


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A snapshot with its manifest, and its model and basis if they can be read."""

    name: CampaignName
    issue: IssueName
    version: VersionRecord
    manifest: Manifest
    model: ScoringModel | None
    basis: Basis | None

    @property
    def collection(self) -> Collection:
        return element_points.collection_for(self.name.project, self.version)

    @property
    def tenant(self) -> str:
        return element_points.snapshot_tenant(self.name, self.version.snapshot_digest)

    @property
    def members(self) -> list[_Member]:
        """All members that have a point; the positives come first, in the model's order."""
        members = []
        for line, review in self.manifest.members:
            entry = to_entry(line)
            digest = self.version.snapshot_digest
            point = element_points.snapshot_point(self.name, digest, entry)
            members.append(_Member(entry, review, point))
        return members

    def __str__(self) -> str:
        return str(VersionName(self.name.project, self.name.campaign, str(self.version.number)))


async def examine(examination: Examination, files: FileExaminer) -> ExaminationEvents:
    """Examine snapshot, model and basis of every version; a shared snapshot only once."""
    ledger, project = examination.ledger, examination.project
    examined = 0
    for campaign in await read_campaigns(ledger, project):
        digests: set[str] = set()
        for version in await read_versions(ledger, project, campaign.id):
            examined += 1
            yield ExaminationProgress("versions", examined)
            first = version.snapshot_digest not in digests
            digests.add(version.snapshot_digest)
            async for event in _examine_version(examination, files, campaign, version, first=first):
                yield event


async def _examine_version(
    examination: Examination,
    files: FileExaminer,
    campaign: CampaignRecord,
    version: VersionRecord,
    *,
    first: bool,
) -> ExaminationEvents:
    name = CampaignName(examination.project, campaign.id)
    issue = IssueName(examination.project, campaign.issue)
    manifest, manifest_finding = await find_manifest(examination, files, name, issue, version)
    if manifest_finding is not None:
        yield manifest_finding
    basis = await files.read_basis(version.basis_digest)
    basis_lost = version.basis_digest and basis is None
    if basis_lost and (finding := files.report(version.basis_digest, "a basis")):
        yield finding.mark_lost()
    if manifest is not None:
        manifest = manifest.without(version.purged)
    model = await files.read_model(version.model_digest) if version.model_digest else None
    if manifest is not None and first:
        snapshot = _Snapshot(name, issue, version, manifest, model, basis)
        async for event in _examine_points(examination, snapshot):
            yield event
    if not version.model_digest:  # all its elements are purged
        return
    if model is None and (finding := files.report(version.model_digest, "a scoring model")):
        rebuilt = manifest is not None and await rebuild_model(
            examination, files, name, version, manifest
        )
        lost = _mark_model_lost(finding, name, version)
        yield finding.mark_repaired(examination.repair) if rebuilt else lost


def _mark_model_lost(finding: Finding, name: CampaignName, version: VersionRecord) -> Finding:
    """A copy that says why the model cannot be built again, and what to do.

    A version without a fit summary has a model of an earlier formula, which nothing computes any
    more: built again it has another digest.
    """
    formula_changed = version.fit is None
    reason = ": the formula has changed since it was committed" if formula_changed else ""
    actual = f"{finding.actual}, and cannot be rebuilt{reason}; commit {name} again"
    return replace(finding, actual=actual).mark_lost()


async def _examine_points(examination: Examination, snapshot: _Snapshot) -> ExaminationEvents:
    """Compare the points of a bound snapshot, which nobody writes any more, with its members."""
    members, wrong, lost = snapshot.members, 0, 0
    for start in range(0, len(members), PAGE):
        page = members[start : start + PAGE]
        for member in await _find_wrong_members(examination, snapshot, page, start):
            wrong += 1
            lost += not await _restore(examination, snapshot, member)
    if wrong:
        finding = Finding(
            FindingKind.SNAPSHOT_POINTS,
            str(snapshot),
            f"{len(members)} points as committed",
            f"{wrong} of them missing or different" + (f", {lost} lost" if lost else ""),
        )
        yield finding.mark_lost() if lost else finding.mark_repaired(examination.repair)
    if examination.is_young(snapshot.version.purged_us):  # its points may be deleted right now
        return
    ids = {member.point for member in members}
    if extra := await _remove_extra_points(examination, snapshot, ids):
        yield extra


async def _find_wrong_members(
    examination: Examination, snapshot: _Snapshot, members: Sequence[_Member], start: int
) -> list[_Member]:
    """The members of a page with a missing or different point."""
    ids = [member.point for member in members]
    points = await examination.stores.vectors.retrieve(snapshot.collection, snapshot.tenant, ids)
    row_of_point = {point: row for row, point in enumerate(points.ids)}
    vectors = np.zeros((len(members), snapshot.version.dimension), np.float32)
    wrong = np.ones(len(members), bool)
    for index, member in enumerate(members):
        if (row := row_of_point.get(member.point)) is not None:
            vectors[index] = points.vectors[row]
            same_payload = points.payloads[row] == member.payload
            wrong[index] = not (same_payload and member.accepts(vectors[index]))
    wrong |= await asyncio.to_thread(_differ_from_model, snapshot, vectors, start)
    return [members[int(index)] for index in np.flatnonzero(wrong)]


def _differ_from_model(
    snapshot: _Snapshot, vectors: NDArray[np.float32], start: int
) -> NDArray[np.bool_]:
    """Whether each vector differs from the model's, for the members from `start` on.

    Negatives, and all members if model or basis are lost, are only checked to be unit vectors.
    """
    model, basis = snapshot.model, snapshot.basis
    lengths = np.linalg.norm(vectors, axis=1)
    matches: NDArray[np.bool_] = np.abs(lengths - 1) < TOLERANCE
    if model is None or (snapshot.version.basis_digest and basis is None):
        return ~matches
    expected = model.elements[model.unique_of[start : start + len(vectors)]]
    positives = vectors[: len(expected)]
    actual = basis.project(positives) if basis is not None else positives
    # Projected rows are normalised: a row without direction is NaN, which compares as different.
    matches[: len(expected)] &= np.abs(actual - expected).max(axis=1) < TOLERANCE
    return ~matches


async def _restore(examination: Examination, snapshot: _Snapshot, member: _Member) -> bool:
    """Whether another copy of a member's vector exists; with `repair` it is written again."""
    find = _find_in_versions if member.review else _find_in_issue
    vector = await find(examination, snapshot, member.entry)
    if vector is None:
        return False
    if examination.repair:
        points = element_points.to_points([member.point], [member.entry], vector, member.review)
        await examination.stores.vectors.write(snapshot.collection, snapshot.tenant, points)
    return True


async def _find_in_issue(
    examination: Examination, snapshot: _Snapshot, entry: ElementEntry
) -> NDArray[np.float32] | None:
    """The vector of an element, `(1, dimension) float32`, if its issue has it unchanged."""
    key = element_key(snapshot.issue.issue, entry.frame_id, entry.label_id)
    stored = (await examination.ledger.get(examination.project, [key])).get(key)
    if stored is None or (element := decode(ElementRecord, stored)).digest != entry.digest:
        return None
    tenant = element_points.issue_tenant(snapshot.issue)
    ids = [UUID(bytes=element.point)]
    vector = await read_points(examination.stores.vectors, snapshot.collection, tenant, ids)
    return vector if matches_digest(element, vector[0]) else None


async def _find_in_versions(
    examination: Examination, snapshot: _Snapshot, entry: ElementEntry
) -> NDArray[np.float32] | None:
    """The vector of a sample, `(1, dimension) float32`, if another version has it."""
    ledger, name = examination.ledger, snapshot.name
    for version in await read_versions(ledger, examination.project, name.campaign):
        digest = version.snapshot_digest
        tenant = element_points.snapshot_tenant(name, digest)
        ids = [element_points.snapshot_point(name, digest, entry)]
        vector = await read_points(examination.stores.vectors, snapshot.collection, tenant, ids)
        if sample_digest(entry.label_id, vector[0]) == entry.digest:
            return vector
    return None


async def _remove_extra_points(
    examination: Examination, snapshot: _Snapshot, ids: set[UUID]
) -> Finding | None:
    """The finding for points that are not of a member; with `repair` they are deleted."""
    vectors, collection = examination.stores.vectors, snapshot.collection
    if await vectors.count(collection, snapshot.tenant) <= len(ids):
        return None
    after, count = None, 0
    while page := await vectors.read_page(collection, snapshot.tenant, after=after, limit=PAGE):
        after = page.ids[-1]
        extra = [point for point in page.ids if point not in ids]
        count += len(extra)
        if examination.repair:
            await vectors.delete(collection, snapshot.tenant, extra)
    if not count:
        return None
    finding = Finding(
        FindingKind.SNAPSHOT_POINTS, str(snapshot), f"{len(ids)} points", f"{count} more"
    )
    return finding.mark_repaired(examination.repair)
