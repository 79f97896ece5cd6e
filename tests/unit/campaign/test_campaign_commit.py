"""Committing: what a version is made of, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.campaign import version_files
from services.campaign.active_campaigns import read_active_campaigns
from services.campaign.campaigns import CampaignTerms, get_campaign, set_active, update_campaign
from services.campaign.commit import commit_version, create_campaign
from services.campaign.element_points import elements_collection, issue_tenant, snapshot_tenant
from services.campaign.elements import list_elements, remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.manifest import read_manifest, to_lines
from services.campaign.records import ElementEntry
from services.campaign.version_files import VersionFile, read_version_file, split_chunks
from services.campaign.versions import get_version, list_versions
from services.records.documents import ATTEMPTS
from services.records.idempotency import IdempotentRequest
from services.vectors.interface import Points
from sluice.errors import (
    Aborted,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
)
from sluice.names import CampaignName, IssueName, ProjectName, VersionName
from tests.unit.campaign.campaign_service import (
    ALL,
    DIMENSION,
    MODEL_ID,
    ONCE,
    PROJECT,
    CampaignService,
    make_page,
)
from tests.unit.campaign.faults import Gate, InterceptedStore, failing, overtaken

COLLECTION = elements_collection(PROJECT.project, MODEL_ID, DIMENSION)


def version_name(campaign: CampaignName, number: int) -> VersionName:
    """The name of a version."""
    return VersionName(campaign.project, campaign.campaign, str(number))


async def snapshot(
    service: CampaignService, campaign: CampaignName, digest: str
) -> dict[str, bytes]:
    """The vectors of a snapshot, by frame id."""
    found = await service.stores.vectors.read(COLLECTION, snapshot_tenant(campaign, digest))
    return {p["frame_id"]: row.tobytes() for p, row in zip(found.payloads, found.vectors)}


async def test_a_campaign_starts_with_version_1(service: CampaignService) -> None:
    """A new campaign is active, has its issue's name, and scores a snapshot of the issue."""
    issue = await service.create_issue("a", "b")
    name, made = await service.create_campaign(issue)

    assert name.campaign == str(UUID(name.campaign))
    assert (True, "night", issue.issue) == (made.active, made.display_name, made.issue)
    assert (1, 2, MODEL_ID, DIMENSION, "") == (
        made.version.number,
        made.version.element_count,
        made.version.model_id,
        made.version.dimension,
        made.version.basis_digest,
    )
    assert made == await get_campaign(service.stores, name)
    assert made.version == await get_version(service.stores, version_name(name, 1))


async def test_a_campaign_has_the_terms_it_is_given(service: CampaignService) -> None:
    """Display name and threshold of a new campaign are those that were asked for."""
    terms = CampaignTerms(display_name="Nights", threshold=0.25)

    made = await create_campaign(
        service.stores, ONCE, PROJECT, await service.create_issue("a"), terms
    )

    assert ("Nights", 0.25) == (made.display_name, made.threshold)


async def test_a_snapshot_does_not_change(service: CampaignService) -> None:
    """Whatever becomes of the issue, a version keeps its elements, model and digests."""
    issue = await service.create_issue("a", "b")
    campaign, made = await service.create_campaign(issue)
    version = made.version
    model = await read_version_file(service.stores, version_name(campaign, 1), VersionFile.MODEL)
    elements = await snapshot(service, campaign, version.snapshot_digest)

    await service.add_frames(issue, "b", "c", seed=1)
    await remove_elements(service.stores, issue, [("a", "")])
    second = await service.commit_version(campaign)
    await set_active(service.stores, campaign, active=False)
    await delete_issue(service.stores, issue, "")

    assert {"a", "b"} == elements.keys()
    assert elements == await snapshot(service, campaign, version.snapshot_digest)
    assert {"b", "c"} == (await snapshot(service, campaign, second.snapshot_digest)).keys()
    assert version == await get_version(service.stores, version_name(campaign, 1))
    assert model == await read_version_file(
        service.stores, version_name(campaign, 1), VersionFile.MODEL
    )
    assert 2 == len({version.model_digest, second.model_digest})


async def test_a_snapshot_is_named_by_its_manifest(service: CampaignService) -> None:
    """The digest is that of the sorted list of elements, each with its content digest."""
    issue = await service.create_issue("b", "a")
    _, made = await service.create_campaign(issue)
    _, elements, _ = await list_elements(service.stores, issue, ALL)

    manifest = (await read_manifest(service.stores, made.version.snapshot_digest)).elements
    stored = await service.stores.blobs.get(made.version.snapshot_digest)

    assert [("a", "", elements[0].digest.hex()), ("b", "", elements[1].digest.hex())] == manifest
    assert sha256(stored).hexdigest() == made.version.snapshot_digest


async def test_the_order_of_elements_does_not_matter(service: CampaignService) -> None:
    """Two issues of the same elements, added in other orders, have one snapshot and one model."""
    one, other = await service.create_issue("a", "b", "c"), await service.create_issue("c", "x")
    await service.add_frames(other, "b", "a")
    await remove_elements(service.stores, other, [("x", "")])

    _, first = await service.create_campaign(one)
    _, second = await service.create_campaign(other)

    assert first.version.snapshot_digest == second.version.snapshot_digest
    assert first.version.model_digest == second.version.model_digest


def test_a_manifest_is_sorted() -> None:
    """The manifest of elements is the same whatever order they are given in."""
    given = [
        ElementEntry(frame_id=id, label_id=label, digest=b"d") for id, label in ("bx", "by", "az")
    ]

    assert to_lines(given) == to_lines(given[::-1])
    assert [("a", "z"), ("b", "x"), ("b", "y")] == [line[:2] for line in to_lines(given)]


async def test_a_commit_is_the_next_version(service: CampaignService) -> None:
    """A commit makes the next version, which is then the one that is scored."""
    issue = await service.create_issue("a")
    campaign, made = await service.create_campaign(issue)
    await service.add_frames(issue, "b")

    version = await service.commit_version(campaign)
    (scored,) = (await read_active_campaigns(service.stores.ledger, "p")).campaigns

    assert (2, 2) == (version.number, version.element_count)
    assert version == scored.version == (await get_campaign(service.stores, campaign)).version
    assert made.etag != scored.etag


async def test_a_commit_leaves_an_inactive_campaign_inactive(service: CampaignService) -> None:
    """Committing makes a version, and does not start to collect."""
    campaign, _ = await service.create_campaign(await service.create_issue("a"))
    await set_active(service.stores, campaign, active=False)

    version = await service.commit_version(campaign)
    found = await get_campaign(service.stores, campaign)

    assert (False, version) == (found.active, found.version)


async def test_versions_are_listed_newest_first(service: CampaignService) -> None:
    """Pages of versions go from the newest down to 1, past the number of digits."""
    campaign, _ = await service.create_campaign(await service.create_issue("a"))
    for _ in range(10):
        await service.commit_version(campaign)

    seen, token = [], ""
    while True:
        found, token = await list_versions(service.stores, campaign, make_page(4, token))
        seen += [version.number for version in found]
        if not token:
            break

    assert list(range(11, 0, -1)) == seen


@pytest.mark.parametrize("number", ["0", "2", "01", "-1", "1.0", "x", "٣", "9" * 40])
async def test_only_committed_versions_are_found(service: CampaignService, number: str) -> None:
    """A version that was never committed, or is not spelt as its number is, is not found."""
    campaign, _ = await service.create_campaign(await service.create_issue("a"))

    with pytest.raises(NotFound, match="versions/"):
        await get_version(service.stores, VersionName("p", campaign.campaign, number))


async def test_a_background_is_used_from_the_next_commit_on(service: CampaignService) -> None:
    """A version made without background stays so; the next one names the basis of its space."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    await service.set_background()

    version = await service.commit_version(campaign)
    basis = await read_version_file(service.stores, version_name(campaign, 2), VersionFile.BASIS)

    assert "" == (await get_version(service.stores, version_name(campaign, 1))).basis_digest
    assert sha256(basis).hexdigest() == version.basis_digest
    with pytest.raises(NotFound, match="versions/1 has no basis"):
        await read_version_file(service.stores, version_name(campaign, 1), VersionFile.BASIS)


async def test_of_two_commits_at_once_one_is_aborted(service: CampaignService) -> None:
    """A commit that is overtaken by another one, at the last moment, changes nothing."""
    issue = await service.create_issue("a")
    campaign, _ = await service.create_campaign(issue)
    gate = Gate()

    async def wait(real: Callable[..., Awaitable[str]], content: bytes) -> str:
        digest = await real(content)
        if digest not in {manifest}:
            await gate.pass_through()  # its model is written, and not yet bound
        return digest

    await service.add_frames(issue, "b")
    manifest = (await service.commit_version(campaign)).snapshot_digest
    await service.set_background()
    slow = service.with_stores(blobs=InterceptedStore(service.stores.blobs, "put", wait))

    loser = asyncio.create_task(slow.commit_version(campaign))
    await gate.reached.wait()
    winner = await service.commit_version(campaign)
    gate.opened.set()

    with pytest.raises(Aborted, match=str(campaign)):
        await loser
    assert winner == (await get_campaign(service.stores, campaign)).version
    assert 3 == winner.number


async def test_an_old_etag_commits_nothing(service: CampaignService) -> None:
    """A commit under an etag that the campaign has no more is refused."""
    campaign, made = await service.create_campaign(await service.create_issue("a"))
    await update_campaign(service.stores, campaign, CampaignTerms(threshold=1), ["threshold"], "")

    with pytest.raises(Aborted, match="etag: "):
        await commit_version(service.stores, ONCE, campaign, str(made.etag))
    current = str((await get_campaign(service.stores, campaign)).etag)

    assert 2 == (await commit_version(service.stores, ONCE, campaign, current)).number


async def test_a_request_sent_again_commits_once(service: CampaignService) -> None:
    """CreateCampaign and CommitVersion under one request id happen once."""
    issue = await service.create_issue("a")
    creation = IdempotentRequest.of("CreateCampaign", str(uuid4()), b"c")
    made = await create_campaign(service.stores, creation, PROJECT, issue, CampaignTerms())
    campaign = CampaignName("p", made.id)
    commit = IdempotentRequest.of("CommitVersion", str(uuid4()), b"v")
    version = await commit_version(service.stores, commit, campaign, str(made.etag))

    assert made == await create_campaign(service.stores, creation, PROJECT, issue, CampaignTerms())
    assert version == await commit_version(service.stores, commit, campaign, str(made.etag))
    assert 2 == (await get_campaign(service.stores, campaign)).version.number


@pytest.mark.parametrize(
    ("store", "method", "at"),
    [
        ("vectors", "retrieve", 1),
        ("blobs", "put", 1),
        ("vectors", "write", 1),
        ("vectors", "retrieve", 2),
        ("blobs", "get", 1),
        ("blobs", "put", 2),
        ("ledger", "commit", 1),
    ],
    ids=["reading", "manifest", "points", "reading back", "basis", "model", "binding"],
)
async def test_a_commit_that_dies_changes_nothing(
    service: CampaignService, store: str, method: str, at: int
) -> None:
    """Wherever a commit stops, the campaign stays on its version, and the next one succeeds."""
    issue = await service.create_issue("a")
    campaign, made = await service.create_campaign(issue)
    await service.set_background()
    await service.add_frames(issue, "b")
    before = await read_active_campaigns(service.stores.ledger, "p")
    broken = service.with_stores(**{store: failing(getattr(service.stores, store), method, at=at)})

    with pytest.raises(Unavailable, match="as the test wants"):
        await broken.commit_version(campaign)

    assert before == await read_active_campaigns(service.stores.ledger, "p")
    assert made == await get_campaign(service.stores, campaign)
    assert ([made.version], "") == await list_versions(service.stores, campaign, ALL)
    assert 2 == (await service.commit_version(campaign)).number


async def test_a_creation_that_dies_leaves_no_campaign(service: CampaignService) -> None:
    """A campaign whose first version is never bound does not exist."""
    issue = await service.create_issue("a")

    with pytest.raises(Unavailable):
        await service.with_stores(blobs=failing(service.stores.blobs, "put", at=2)).create_campaign(
            issue
        )

    assert () == (await read_active_campaigns(service.stores.ledger, "p")).campaigns
    await delete_issue(service.stores, issue, "")


async def test_an_empty_issue_has_no_versions(service: CampaignService) -> None:
    """Neither a campaign nor a version is made of an issue without elements."""
    issue = await service.create_issue()
    with pytest.raises(FailedPrecondition, match=f"{issue} has no elements"):
        await service.create_campaign(issue)

    await service.add_frames(issue, "a")
    campaign, _ = await service.create_campaign(issue)
    await remove_elements(service.stores, issue, [("a", "")])
    with pytest.raises(FailedPrecondition, match=f"{issue} has no elements"):
        await service.commit_version(campaign)


async def test_a_campaign_needs_an_issue_of_its_project(service: CampaignService) -> None:
    """An unknown issue is not found, one of another project is refused; so is a deleted one."""
    with pytest.raises(NotFound, match="projects/p/issues/none"):
        await service.create_campaign(IssueName("p", "none"))
    with pytest.raises(InvalidArgument, match=r"campaign\.issue: 'projects/q/issues/i'"):
        await service.create_campaign(IssueName("q", "i"))
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await create_campaign(
            service.stores, ONCE, ProjectName("q"), IssueName("q", "i"), CampaignTerms()
        )


async def test_a_campaign_of_a_deleted_issue_is_never_bound(service: CampaignService) -> None:
    """An issue deleted while a campaign of it is being made wins: no campaign is left over."""
    issue = await service.create_issue("a")
    deletion = delete_issue(service.stores, issue, "")
    late = service.with_stores(ledger=overtaken(service.stores.ledger, "commit", deletion))

    with pytest.raises(NotFound, match=str(issue)):
        await late.create_campaign(issue)

    assert () == (await read_active_campaigns(service.stores.ledger, "p")).campaigns


async def test_two_campaigns_of_one_issue_at_once(service: CampaignService) -> None:
    """Campaigns of one issue that are made at once are both there, and both keep the issue."""
    issue = await service.create_issue("a")

    (first, _), (second, _) = await asyncio.gather(
        service.create_campaign(issue), service.create_campaign(issue)
    )

    with pytest.raises(FailedPrecondition) as raised:
        await delete_issue(service.stores, issue, "")
    assert str(first) in raised.value.message
    assert str(second) in raised.value.message


async def test_a_commit_reads_the_issue_at_one_moment(service: CampaignService) -> None:
    """An issue that changes while it is read is read again: the snapshot is never a mixture."""
    issue = await service.create_issue("a", "b")
    campaign, _ = await service.create_campaign(issue)
    replacement = service.add_frames(issue, "a", "b", seed=1)
    late = service.with_stores(vectors=overtaken(service.stores.vectors, "retrieve", replacement))

    version = await late.commit_version(campaign)

    _, elements, _ = await list_elements(service.stores, issue, ALL)
    manifest = (await read_manifest(service.stores, version.snapshot_digest)).elements
    assert [element.digest.hex() for element in elements] == [digest for *_, digest in manifest]


async def test_an_issue_that_never_rests_is_given_up(service: CampaignService) -> None:
    """A commit of an issue that changes each time it is read ends with ABORTED."""
    issue = await service.create_issue("a")
    campaign, made = await service.create_campaign(issue)
    seeds = iter(range(1, ATTEMPTS + 1))

    async def change(real: Callable[..., Awaitable[Points]], *args: Any) -> Points:
        await service.add_frames(issue, "a", seed=next(seeds))
        return await real(*args)

    with pytest.raises(Aborted, match=str(issue)):
        await service.with_stores(
            vectors=InterceptedStore(service.stores.vectors, "retrieve", change)
        ).commit_version(campaign)
    assert made == await get_campaign(service.stores, campaign)


async def test_a_lost_vector_stops_a_commit(service: CampaignService) -> None:
    """An element whose vector is gone or altered is named, and no version is made of it."""
    issue = await service.create_issue("a", "b")
    campaign, made = await service.create_campaign(issue)
    vectors, tenant = service.stores.vectors, issue_tenant(issue)
    found = await vectors.read(COLLECTION, tenant)
    altered = Points(found.ids, found.vectors[::-1].copy(), found.payloads)

    await vectors.write(COLLECTION, tenant, altered)
    with pytest.raises(DataLoss, match="frame 'a' does not match its digest"):
        await service.commit_version(campaign)
    await vectors.delete_tenant(COLLECTION, tenant)
    with pytest.raises(DataLoss, match="frame 'a' does not match its digest") as raised:
        await service.commit_version(campaign)

    assert "DIGEST_MISMATCH" == raised.value.reason
    assert made == await get_campaign(service.stores, campaign)


async def test_a_snapshot_is_read_back(service: CampaignService) -> None:
    """A vector store that keeps something else than it was given stops the commit."""
    issue = await service.create_issue("a", "b")

    async def corrupt(real: Callable[..., Awaitable[None]], *args: Any) -> None:
        collection, tenant, given = args
        await real(collection, tenant, Points(given.ids, given.vectors * 2, given.payloads))

    with pytest.raises(DataLoss, match=r"snapshot .* differ from those written"):
        await service.with_stores(
            vectors=InterceptedStore(service.stores.vectors, "write", corrupt)
        ).create_campaign(issue)
    assert () == (await read_active_campaigns(service.stores.ledger, "p")).campaigns


@pytest.mark.parametrize("file", list(VersionFile))
async def test_a_damaged_file_is_not_handed_out(
    service: CampaignService, tmp_path: Path, file: VersionFile
) -> None:
    """A model or basis that is not what its digest says is DATA_LOSS, naming the digest."""
    await service.set_background()
    campaign, made = await service.create_campaign(await service.create_issue("a"))
    digest = made.version.model_digest if file is VersionFile.MODEL else made.version.basis_digest
    (path,) = (tmp_path / "blobs").rglob(digest)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(DataLoss, match=digest) as raised:
        await read_version_file(service.stores, version_name(campaign, 1), file)

    assert digest == raised.value.metadata["digest"]


async def test_large_snapshots_are_written_in_pages(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot of several pages has every element once."""
    monkeypatch.setattr("services.records.points.PAGE", 2)
    monkeypatch.setattr("services.campaign.snapshots.PAGE", 2)
    ids = [f"frame-{number}" for number in range(5)]

    campaign, made = await service.create_campaign(await service.create_issue(*ids))

    assert set(ids) == (await snapshot(service, campaign, made.version.snapshot_digest)).keys()
    assert 5 == len((await read_manifest(service.stores, made.version.snapshot_digest)).elements)


def test_chunks_make_up_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is sent whole, in order, in pieces of at most the given size."""
    monkeypatch.setattr(version_files, "CHUNK_BYTES", 4)

    assert [b"abcd", b"efgh", b"i"] == list(split_chunks(b"abcdefghi"))
