"""The files that versions and spaces name: manifests, bases, scoring models."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import msgspec
import numpy as np

from services.campaign import points
from services.campaign.candidates import sample_digest
from services.campaign.manifest import Line, Manifest, entry_of, lines_of
from services.campaign.records import ElementEntry, Space, Version, element_prefix
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, Finding, FindingKind
from services.records.points import read_points
from services.records.records import decode, prefix
from services.records.scanning import PAGE, scan_pages
from sluice.errors import DataLoss, NotFound
from sluice.names import CampaignName, IssueName
from sluice.scoring import Basis, ElementId, ScoringModel, build_model


class Files:
    """The files of a project as they are examined: each is read, and named, once."""

    def __init__(self, this: Examination) -> None:
        self._this = this
        self._damaged: set[str] = set()
        self._basis: tuple[str, Basis | None] = ("", None)

    async def read(self, digest: str) -> bytes | None:
        """A file, None if it is missing or damaged; it was written before anything named it."""
        try:
            return await self._this.stores.blobs.get(digest)
        except (NotFound, DataLoss):
            return None

    def report(self, digest: str, what: str) -> Finding | None:
        """The finding of a file that cannot be read, the first time that it is met."""
        if digest in self._damaged:
            return None
        self._damaged.add(digest)
        kind = FindingKind.BLOB_DAMAGED
        return Finding(kind, f"{what}, blob {digest}", "its content", "missing or damaged")

    async def basis(self, digest: str) -> Basis | None:
        """A basis, the last one held in memory; None if there is none, or it is damaged."""
        if not digest:
            return None
        if self._basis[0] != digest:
            content = await self.read(digest)
            made = await asyncio.to_thread(Basis.from_bytes, content) if content else None
            self._basis = digest, made
        return self._basis[1]

    async def model(self, digest: str) -> ScoringModel | None:
        """A scoring model; None if it is missing or damaged."""
        content = await self.read(digest)
        return await asyncio.to_thread(ScoringModel.from_bytes, content) if content else None

    async def examine_spaces(self) -> ExaminationEvents:
        """Look for bases that spaces name: of one that is lost, only its background is left to set.

        Those of versions are met with these.
        """
        this = self._this
        async for page in scan_pages(this.ledger, this.project, prefix("space")):
            for entry in page:
                space = decode(Space, entry)
                if space.basis_digest and await self.basis(space.basis_digest) is None:
                    what = f"the background of {space.model_id!r}, {space.dimension} dimensions"
                    if finding := self.report(space.basis_digest, what):
                        yield finding.mark_lost()


async def find_manifest(
    this: Examination, files: Files, name: CampaignName, issue: IssueName, version: Version
) -> tuple[Manifest | None, Finding | None]:
    """The manifest of a version, from its issue where the file is gone; and what is wrong.

    What was taken in from samples is told by the points of the snapshot itself.
    """
    digest = version.snapshot_digest
    content = await files.read(digest)
    if content is not None:
        return Manifest.from_bytes(content), None
    finding = files.report(digest, "a manifest")
    entries = [
        decode(ElementEntry, entry)
        async for page in scan_pages(this.ledger, this.project, element_prefix(issue.issue))
        for entry in page
    ]
    samples = await _samples_of(this, name, version)
    manifest = Manifest(
        elements=lines_of(entries),
        accepted=samples[points.ACCEPTED],
        negatives=samples[points.DISCARDED],
    )
    content = manifest.to_bytes()
    if sha256(content).hexdigest() != digest:
        return None, finding and finding.mark_lost()
    if this.repair:
        await this.stores.blobs.put(content)
    return manifest, finding and finding.mark_repaired(this.repair)


async def _samples_of(
    this: Examination, name: CampaignName, version: Version
) -> dict[str, list[Line]]:
    """The lines of the samples that a snapshot has points of, by review, sorted."""
    lines: dict[str, list[Line]] = {points.ACCEPTED: [], points.DISCARDED: []}
    collection = points.elements_of(this.project, version.model_id, version.dimension)
    tenant, after = points.snapshot_tenant(name, version.snapshot_digest), None
    while page := await this.stores.vectors.read_page(collection, tenant, after=after, limit=PAGE):
        after = page.ids[-1]
        for payload, vector in zip(page.payloads, page.vectors, strict=True):
            if (review := payload.get("review")) in lines:
                frame_id, label_id = str(payload["frame_id"]), str(payload["label_id"])
                digest = sample_digest(label_id, vector).hex()
                lines[review].append((frame_id, label_id, digest))
    return {review: sorted(found) for review, found in lines.items()}


async def rebuild_model(
    this: Examination, files: Files, name: CampaignName, version: Version, manifest: Manifest
) -> bool:
    """Make a version's model once more; whether it is the same, to the last bit.

    With `repair` it is put where the version looks for it.
    """
    basis = await files.basis(version.basis_digest)
    if version.basis_digest and basis is None:
        return False
    known_as = [ElementId(frame_id, label_id) for (frame_id, label_id, _), _ in manifest.positives]
    collection = points.elements_of(this.project, version.model_id, version.dimension)
    tenant = points.snapshot_tenant(name, version.snapshot_digest)
    entries = [entry_of(line) for line, _ in manifest.members]
    ids = [points.snapshot_point(name, version.snapshot_digest, entry) for entry in entries]
    vectors = await read_points(this.stores.vectors, collection, tenant, ids)
    if not np.linalg.norm(vectors, axis=1).all():
        return False
    positives, negatives = np.split(vectors, [len(known_as)])
    given = negatives if len(negatives) else None
    model = await asyncio.to_thread(build_model, positives, known_as, basis, given)
    if model.digest != version.model_digest:
        return False
    if this.repair:
        await this.stores.blobs.put(model.to_bytes())
    return True


def kind_of(content: bytes) -> str:
    """What a file is of those that the campaign service writes, "" for any other."""
    for what, read in (
        ("a scoring model", ScoringModel.from_bytes),
        ("a basis", Basis.from_bytes),
        ("a manifest", Manifest.from_bytes),
    ):
        try:
            read(content)
        except (DataLoss, msgspec.MsgspecError):
            continue
        return what
    return ""
