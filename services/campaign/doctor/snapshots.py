"""The snapshots of versions, with their files, against manifests and models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.campaign import points
from services.campaign.candidates import sample_digest
from services.campaign.doctor.elements import has_digest
from services.campaign.doctor.files import Files, find_manifest, rebuild_model
from services.campaign.doctor.reading import campaigns_of, versions_of
from services.campaign.manifest import Manifest, entry_of
from services.campaign.records import Campaign, Element, ElementEntry, Version, element_key
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.points import read_points
from services.records.records import decode
from services.records.scanning import PAGE
from services.vectors.interface import Payload, Points
from sluice.names import CampaignName, IssueName, VersionName
from sluice.scoring import Basis, ScoringModel

TOLERANCE: Final = 1e-4
"""How far a projected element may be from the model's: products differ between machines."""


@dataclass(frozen=True, slots=True)
class _Member:
    """An element of a snapshot, or a sample with its review, and its point."""

    entry: ElementEntry
    review: str
    point: UUID

    @property
    def payload(self) -> Payload:
        return points.payload_of(self.entry, self.review)

    def may_have(self, vector: NDArray[np.float32]) -> bool:
        """Whether a vector may be its own: for sure of a sample; of an element its model tells."""
        return not self.review or sample_digest(self.entry.label_id, vector) == self.entry.digest


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A snapshot with what is known of it: its manifest, and its model and basis if readable."""

    name: CampaignName
    issue: IssueName
    version: Version
    manifest: Manifest
    model: ScoringModel | None
    basis: Basis | None

    @property
    def tenant(self) -> str:
        return points.snapshot_tenant(self.name, self.version.snapshot_digest)

    @property
    def members(self) -> list[_Member]:
        """All that it has a point of; those that its model scores for come first, in its order."""
        members = []
        for line, review in self.manifest.members:
            entry = entry_of(line)
            point = points.snapshot_point(self.name, self.version.snapshot_digest, entry)
            members.append(_Member(entry, review, point))
        return members

    def __str__(self) -> str:
        return str(VersionName(self.name.project, self.name.campaign, str(self.version.number)))


async def examine(this: Examination, files: Files) -> ExaminationEvents:
    """Examine the snapshot, model and basis of every version; a snapshot that two share, once."""
    seen = 0
    for campaign in await campaigns_of(this.ledger, this.project):
        snapshots: set[str] = set()
        for version in await versions_of(this.ledger, this.project, campaign.id):
            seen += 1
            yield ExaminationProgress("versions", seen)
            first = version.snapshot_digest not in snapshots
            snapshots.add(version.snapshot_digest)
            async for event in _examine_version(this, files, campaign, version, first=first):
                yield event


async def _examine_version(
    this: Examination, files: Files, campaign: Campaign, version: Version, *, first: bool
) -> ExaminationEvents:
    name, issue = CampaignName(this.project, campaign.id), IssueName(this.project, campaign.issue)
    manifest, finding = await find_manifest(this, files, name, issue, version)
    if finding is not None:
        yield finding
    basis = await files.basis(version.basis_digest)
    basis_lost = version.basis_digest and basis is None
    if basis_lost and (finding := files.report(version.basis_digest, "a basis")):
        yield finding.mark_lost()
    model = await files.model(version.model_digest)
    if manifest is not None and first:
        snapshot = _Snapshot(name, issue, version, manifest, model, basis)
        async for event in _examine_points(this, snapshot):
            yield event
    if model is None and (finding := files.report(version.model_digest, "a scoring model")):
        again = manifest is not None and await rebuild_model(this, files, name, version, manifest)
        yield finding.mark_repaired(this.repair) if again else finding.mark_lost()


async def _examine_points(this: Examination, snapshot: _Snapshot) -> ExaminationEvents:
    """Compare the points of a bound snapshot, which nobody writes any more, with its members."""
    members, wrong, lost = snapshot.members, 0, 0
    for start in range(0, len(members), PAGE):
        for member in await _suspects(this, snapshot, members[start : start + PAGE], start):
            wrong += 1
            lost += not await _restore(this, snapshot, member)
    if wrong:
        kind, all_of = FindingKind.SNAPSHOT_POINTS, len(members)
        found = f"{wrong} of them missing or others" + (f", {lost} lost" if lost else "")
        finding = Finding(kind, str(snapshot), f"{all_of} points as committed", found)
        yield finding.mark_lost() if lost else finding.mark_repaired(this.repair)
    async for event in _examine_extra(this, snapshot, {member.point for member in members}):
        yield event


async def _suspects(
    this: Examination, snapshot: _Snapshot, members: Sequence[_Member], start: int
) -> list[_Member]:
    """Those of a page whose point is not there, or not what the model was made from."""
    found = await _retrieve(this, snapshot, [member.point for member in members])
    at = {point: row for row, point in enumerate(found.ids)}
    rows = np.zeros((len(members), snapshot.version.dimension), np.float32)
    wrong = np.ones(len(members), bool)
    for row, member in enumerate(members):
        if (place := at.get(member.point)) is not None:
            rows[row] = found.vectors[place]
            known = found.payloads[place] == member.payload
            wrong[row] = not (known and member.may_have(rows[row]))
    wrong |= await asyncio.to_thread(_unlike, snapshot, rows, start)
    return [members[int(row)] for row in np.flatnonzero(wrong)]


def _unlike(snapshot: _Snapshot, rows: NDArray[np.float32], start: int) -> NDArray[np.bool_]:
    """Which rows are others than the model has for the members from `start` on.

    Without the model, or its basis, only that they are unit vectors can be told; so it is with
    negatives.
    """
    model, basis = snapshot.model, snapshot.basis
    lengths = np.linalg.norm(rows, axis=1)
    right: NDArray[np.bool_] = np.abs(lengths - 1) < TOLERANCE
    if model is None or (snapshot.version.basis_digest and basis is None):
        return ~right
    expected = model.elements[model.unique_of[start : start + len(rows)]]
    positives = rows[: len(expected)]
    actual = basis.project(positives) if basis is not None else positives
    # Projected rows are normalised: those of no direction come out as no numbers at all.
    right[: len(expected)] &= np.abs(actual - expected).max(axis=1) < TOLERANCE
    return ~right


async def _restore(this: Examination, snapshot: _Snapshot, member: _Member) -> bool:
    """Whether the vector of a member is still anywhere; with `repair` it is copied anew."""
    find = _from_other_versions if member.review else _from_issue
    vector = await find(this, snapshot, member.entry)
    if vector is None:
        return False
    if this.repair:
        version = snapshot.version
        collection = points.elements_of(this.project, version.model_id, version.dimension)
        copy = points.points_of([member.point], [member.entry], vector, member.review)
        await this.stores.vectors.write(collection, snapshot.tenant, copy)
    return True


async def _from_issue(
    this: Examination, snapshot: _Snapshot, entry: ElementEntry
) -> NDArray[np.float32] | None:
    """The vector of an element, `(1, dimension) float32`, if it is in its issue as it was."""
    where = element_key(snapshot.issue.issue, entry.frame_id, entry.label_id)
    found = (await this.ledger.get(this.project, [where])).get(where)
    if found is None or (element := decode(Element, found)).digest != entry.digest:
        return None
    version = snapshot.version
    collection = points.elements_of(this.project, version.model_id, version.dimension)
    tenant = points.issue_tenant(snapshot.issue)
    ids = [UUID(bytes=element.point)]
    vector = await read_points(this.stores.vectors, collection, tenant, ids)
    return vector if has_digest(element, vector[0]) else None


async def _from_other_versions(
    this: Examination, snapshot: _Snapshot, entry: ElementEntry
) -> NDArray[np.float32] | None:
    """The vector of a sample, `(1, dimension) float32`, if another version took it in too."""
    own = snapshot.version
    collection = points.elements_of(this.project, own.model_id, own.dimension)
    for version in await versions_of(this.ledger, this.project, snapshot.name.campaign):
        digest = version.snapshot_digest
        tenant = points.snapshot_tenant(snapshot.name, digest)
        ids = [points.snapshot_point(snapshot.name, digest, entry)]
        vector = await read_points(this.stores.vectors, collection, tenant, ids)
        if sample_digest(entry.label_id, vector[0]) == entry.digest:
            return vector
    return None


async def _examine_extra(
    this: Examination, snapshot: _Snapshot, ids: set[UUID]
) -> ExaminationEvents:
    version, vectors = snapshot.version, this.stores.vectors
    collection = points.elements_of(this.project, version.model_id, version.dimension)
    if await vectors.count(collection, snapshot.tenant) <= len(ids):
        return
    after, extra = None, 0
    while page := await vectors.read_page(collection, snapshot.tenant, after=after, limit=PAGE):
        after = page.ids[-1]
        others = [point for point in page.ids if point not in ids]
        extra += len(others)
        if this.repair:
            await vectors.delete(collection, snapshot.tenant, others)
    if extra:
        kind, all_of = FindingKind.SNAPSHOT_POINTS, len(ids)
        finding = Finding(kind, str(snapshot), f"{all_of} points", f"{extra} more")
        yield finding.mark_repaired(this.repair)


async def _retrieve(this: Examination, snapshot: _Snapshot, ids: Sequence[UUID]) -> Points:
    version = snapshot.version
    collection = points.elements_of(this.project, version.model_id, version.dimension)
    return await this.stores.vectors.retrieve(collection, snapshot.tenant, ids)
