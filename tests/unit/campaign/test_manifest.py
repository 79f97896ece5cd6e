"""Manifests: sorted, named by their digest, and read back as written."""

from __future__ import annotations

from hashlib import sha256

import pytest

from services.campaign.elements import list_elements
from services.campaign.manifest import Manifest, read_manifest, to_lines
from services.campaign.records import ElementEntry
from tests.unit.campaign.campaign_service import (
    ALL,
    CampaignService,
)
from tests.unit.campaign.fake_reviews import FakeReviews


async def test_a_snapshot_is_named_by_its_manifest(service: CampaignService) -> None:
    """The digest is that of the sorted list of elements, each with its content digest."""
    issue = await service.create_issue("b", "a")
    _, created = await service.create_campaign(issue)
    _, elements, _ = await list_elements(service.stores, issue, ALL)

    manifest = (await read_manifest(service.stores, created.version.snapshot_digest)).elements
    stored = await service.stores.blobs.get(created.version.snapshot_digest)

    assert [("a", "", elements[0].digest.hex()), ("b", "", elements[1].digest.hex())] == manifest
    assert sha256(stored).hexdigest() == created.version.snapshot_digest


def test_a_manifest_is_sorted() -> None:
    """The manifest of elements is the same whatever order they are given in."""
    entries = [
        ElementEntry(frame_id=id, label_id=label, digest=b"d") for id, label in ("bx", "by", "az")
    ]

    assert to_lines(entries) == to_lines(entries[::-1])
    assert [("a", "z"), ("b", "x"), ("b", "y")] == [line[:2] for line in to_lines(entries)]


async def test_a_manifest_is_what_was_written(service: CampaignService) -> None:
    """A manifest reads back, with feedback or without, and other JSON is none."""
    campaign, _ = await service.create_campaign(await service.create_issue("a"))
    for reviews in (None, FakeReviews("c b", "x")):
        version = await service.commit_version(campaign, reviews)
        manifest = await read_manifest(service.stores, version.snapshot_digest)
        assert version.snapshot_digest == sha256(manifest.to_bytes()).hexdigest()
        assert ["a"] == [frame_id for frame_id, *_ in manifest.elements]
    assert ["b", "c"] == [frame_id for frame_id, *_ in manifest.accepted]
    assert ["x"] == [frame_id for frame_id, *_ in manifest.negatives]
    entry = ElementEntry(frame_id="f", digest=b"\1")
    own = Manifest(elements=to_lines([entry]), accepted=[], negatives=[])
    assert b'[["f","","01"]]' == own.to_bytes()
    for file in (b"{}", b'{"elements":[]}', own.to_bytes()[:-1]):
        with pytest.raises(ValueError, match=r".+"):
            Manifest.from_bytes(file)
