"""Snapshots: the elements of an issue at one moment, named by the digest of what they are.

The manifest is the sorted list of (frame id, label id, content digest) as JSON; it is a blob, and
the digest of that blob is the snapshot's. So one issue gives one digest, in whatever order its
elements came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.campaign import points
from services.campaign.candidates import content_digest
from services.campaign.documents import ATTEMPTS
from services.campaign.issues import get_issue
from services.campaign.records import Element, ElementEntry, Issue, element_prefix
from services.platform.named_blobs import read_named
from services.platform.records import decode
from services.platform.stores import Stores
from sluice.errors import Aborted, DataLoss, FailedPrecondition
from sluice.names import CampaignName, IssueName

PAGE: Final = 1_000
"""Elements read or written at a time, so that few of them lie in memory twice."""

ElementT = TypeVar("ElementT", bound=ElementEntry)

Manifest = list[tuple[str, str, str]]
"""Frame id, label id and content digest (hexadecimal) of each element, sorted."""


@dataclass(frozen=True, slots=True)
class Content:
    """The elements of an issue at one moment, sorted as in their manifest, and their unit vectors.

    `vectors` is `(elements, dimension) float32`; every element has the digest that it says.
    """

    issue: Issue
    elements: list[Element]
    vectors: NDArray[np.float32]


async def read_content(stores: Stores, name: IssueName) -> Content:
    """What an issue holds now, read as it was at one moment.

    Raises FailedPrecondition when that is nothing, DataLoss naming an element that is not what
    its digest says, and Aborted when the issue never stays the same for as long as reading takes.
    """
    for _ in range(ATTEMPTS):
        issue = await get_issue(stores, name)
        elements = await read_elements(stores, name, Element)
        vectors = await points.read(
            stores.vectors,
            points.elements_of(name.project, issue.model_id, issue.dimension),
            points.issue_tenant(name),
            [UUID(bytes=element.point) for element in elements],
        )
        if (await get_issue(stores, name)).edits != issue.edits:
            continue
        if not elements:
            raise FailedPrecondition(f"{name} has no elements, at least one is needed")
        await asyncio.to_thread(_verify, name, elements, vectors)
        return Content(issue, elements, vectors)
    raise Aborted(f"{name} was changed by others while it was read, {ATTEMPTS} times over")


async def read_elements(stores: Stores, name: IssueName, kind: type[ElementT]) -> list[ElementT]:
    """All elements of an issue by frame and label id, or as much of each as `kind` has."""
    elements: list[ElementT] = []
    start, after = element_prefix(name.issue), ""
    while page := await stores.ledger.scan(name.project, start, after=after, limit=PAGE):
        elements += [decode(kind, entry) for entry in page]
        after = page[-1].key
    return elements


def manifest_file(elements: Iterable[ElementEntry]) -> bytes:
    """The manifest of elements as the blob that it is; its digest is the snapshot's."""
    return msgspec.json.encode(manifest_of(elements))


async def write_snapshot(
    stores: Stores, campaign: CampaignName, content: Content, manifest: bytes
) -> str:
    """Write the manifest and the points of a snapshot, and return its digest.

    Raises DataLoss when the points do not come back as they were written.
    """
    digest = await stores.blobs.put(manifest)
    tenant = points.snapshot_tenant(campaign, digest)
    space = (campaign.project, content.issue.model_id, content.issue.dimension)
    collection = points.elements_of(*space)
    for start in range(0, len(content.elements), PAGE):
        elements = content.elements[start : start + PAGE]
        vectors = content.vectors[start : start + PAGE]
        ids = [points.snapshot_point(campaign, digest, element) for element in elements]
        await stores.vectors.write(collection, tenant, points.points_of(ids, elements, vectors))
        written = await points.read(stores.vectors, collection, tenant, ids)
        if not np.array_equal(vectors, written):
            raise DataLoss(
                f"snapshot {digest}: its points are not what was written",
                metadata={"digest": digest},
            )
    return digest


async def read_manifest(stores: Stores, digest: str) -> Manifest:
    """The manifest of a snapshot; DataLoss if it is gone or not what was written."""
    return decode_manifest(await read_named(stores.blobs, digest))


def decode_manifest(file: bytes) -> Manifest:
    """The manifest of that file; msgspec.DecodeError if it is none."""
    return msgspec.json.decode(file, type=Manifest)


def manifest_of(elements: Iterable[ElementEntry]) -> Manifest:
    """The manifest of elements, whatever order they come in."""
    return sorted((e.frame_id, e.label_id, e.digest.hex()) for e in elements)


def _verify(name: IssueName, elements: list[Element], vectors: NDArray[np.float32]) -> None:
    for element, vector in zip(elements, vectors):
        if content_digest(element.frame, element.label_id, vector) != element.digest:
            crop = f", label {element.label_id!r}" if element.label_id else ""
            raise DataLoss(
                f"{name}: frame {element.frame_id!r}{crop} is not what its digest says",
                metadata={"digest": element.digest.hex()},
            )
