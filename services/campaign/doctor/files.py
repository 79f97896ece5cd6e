"""Checks of the files that versions and spaces reference: manifests, bases, scoring models."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import msgspec
import numpy as np

from services.campaign import element_points
from services.campaign.candidates import sample_digest
from services.campaign.manifest import Manifest, ManifestLine, to_lines
from services.campaign.records import ElementEntry, SpaceRecord, VersionRecord, element_prefix
from services.campaign.snapshot_models import build_snapshot_model, read_member_vectors
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.records.records import decode, prefix
from services.records.scanning import PAGE, scan_pages
from sluice.errors import DataLoss, NotFound
from sluice.names import CampaignName, IssueName
from sluice.scoring import Basis, ScoringModel


class FileExaminer:
    """Reads the files of a project; each damaged one is reported once."""

    def __init__(self, examination: Examination) -> None:
        self._examination = examination
        self._reported: set[str] = set()
        self._basis: tuple[str, Basis | None] = ("", None)

    async def read(self, digest: str) -> bytes | None:
        """A file, None if it is missing or damaged: it was written before it was referenced."""
        try:
            return await self._examination.stores.blobs.get(digest)
        except (NotFound, DataLoss):
            return None

    def report(self, digest: str, kind: str) -> Finding | None:
        """The finding for a file that cannot be read; None if it was reported before."""
        if digest in self._reported:
            return None
        self._reported.add(digest)
        subject = f"{kind}, blob {digest}"
        return Finding(FindingKind.BLOB_DAMAGED, subject, "its content", "missing or damaged")

    async def read_basis(self, digest: str) -> Basis | None:
        """A basis, None if it is missing or damaged; the last one is kept in memory."""
        if not digest:
            return None
        if self._basis[0] != digest:
            content = await self.read(digest)
            basis = await asyncio.to_thread(Basis.from_bytes, content) if content else None
            self._basis = digest, basis
        return self._basis[1]

    async def read_model(self, digest: str) -> ScoringModel | None:
        """A scoring model, None if it is missing or damaged."""
        content = await self.read(digest)
        return await asyncio.to_thread(ScoringModel.from_bytes, content) if content else None

    async def examine_spaces(self) -> ExaminationEvents:
        """Report lost bases of spaces: only a new background helps.

        The bases of versions are examined with the versions.
        """
        ledger, project = self._examination.ledger, self._examination.project
        async for page in scan_pages(ledger, project, prefix("space")):
            for entry in page:
                space = decode(SpaceRecord, entry)
                if space.basis_digest and await self.read_basis(space.basis_digest) is None:
                    kind = f"the background of {space.model_id!r}, {space.dimension} dimensions"
                    if finding := self.report(space.basis_digest, kind):
                        yield finding.mark_lost()


async def find_manifest(
    examination: Examination,
    files: FileExaminer,
    name: CampaignName,
    issue: IssueName,
    version: VersionRecord,
) -> tuple[Manifest | None, Finding | None]:
    """The manifest of a version, rebuilt if its file is lost, and the finding for a lost file.

    It is rebuilt from the elements of the issue and the samples among the snapshot's points.
    """
    digest = version.snapshot_digest
    content = await files.read(digest)
    if content is not None:
        return Manifest.from_bytes(content), None
    finding = files.report(digest, "a manifest")
    prefix_of_elements = element_prefix(issue.issue)
    entries = [
        decode(ElementEntry, entry)
        async for page in scan_pages(examination.ledger, examination.project, prefix_of_elements)
        for entry in page
    ]
    samples = await _read_sample_lines(examination, name, version)
    manifest = Manifest(
        elements=to_lines(entries),
        accepted=samples[element_points.ACCEPTED],
        negatives=samples[element_points.DISCARDED],
    )
    content = manifest.to_bytes()
    if sha256(content).hexdigest() != digest:
        return None, finding and finding.mark_lost()
    if examination.repair:
        await examination.stores.blobs.put(content)
    return manifest, finding and finding.mark_repaired(examination.repair)


async def _read_sample_lines(
    examination: Examination, name: CampaignName, version: VersionRecord
) -> dict[str, list[ManifestLine]]:
    """The sorted manifest lines of the samples among a snapshot's points, by review."""
    lines: dict[str, list[ManifestLine]] = {
        element_points.ACCEPTED: [],
        element_points.DISCARDED: [],
    }
    vectors = examination.stores.vectors
    collection = element_points.collection_for(examination.project, version)
    tenant, after = element_points.snapshot_tenant(name, version.snapshot_digest), None
    while page := await vectors.read_page(collection, tenant, after=after, limit=PAGE):
        after = page.ids[-1]
        for payload, vector in zip(page.payloads, page.vectors, strict=True):
            if (review := payload.get("review")) in lines:
                frame_id, label_id = str(payload["frame_id"]), str(payload["label_id"])
                digest = sample_digest(label_id, vector).hex()
                lines[review].append((frame_id, label_id, digest))
    return {review: sorted(lines_of_review) for review, lines_of_review in lines.items()}


async def rebuild_model(
    examination: Examination,
    files: FileExaminer,
    name: CampaignName,
    version: VersionRecord,
    manifest: Manifest,
) -> bool:
    """Build a version's model again; returns whether it is the same to the last bit.

    With `repair` it is put into the blob store.
    """
    basis = await files.read_basis(version.basis_digest)
    if version.basis_digest and basis is None:
        return False
    vectors = await read_member_vectors(examination.stores, name, version, manifest)
    if not np.linalg.norm(vectors, axis=1).all():
        return False
    model = await asyncio.to_thread(build_snapshot_model, manifest, vectors, basis)
    if model.digest != version.model_digest:
        return False
    if examination.repair:
        await examination.stores.blobs.put(model.to_bytes())
    return True


def kind_of(content: bytes) -> str:
    """The kind of a file that the campaign service writes, "" for any other."""
    for kind, parse in (
        ("a scoring model", ScoringModel.from_bytes),
        ("a basis", Basis.from_bytes),
        ("a manifest", Manifest.from_bytes),
    ):
        try:
            parse(content)
        except (DataLoss, msgspec.MsgspecError):
            continue
        return kind
    return ""
