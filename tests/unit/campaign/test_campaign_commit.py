"""Committing: what a version is made of, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.campaign import downloads
from services.campaign.campaigns import Terms, get_campaign, set_active, update_campaign
from services.campaign.commit import commit_version, create_campaign
from services.campaign.downloads import File, chunks, read_file
from services.campaign.elements import list_elements, remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.manifest import lines_of, read_manifest
from services.campaign.points import elements_of, issue_tenant, snapshot_tenant
from services.campaign.records import ElementEntry
from services.campaign.versions import get_version, list_versions
from services.campaign.watch import read_active
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
from tests.unit.campaign.faults import Around, Gate, failing, overtaken
from tests.unit.campaign.world import (
    ALL,
    DIMENSION,
    MODEL_ID,
    ONCE,
    PROJECT,
    World,
    page,
)

COLLECTION = elements_of(PROJECT.project, MODEL_ID, DIMENSION)


def version_name(campaign: CampaignName, number: int) -> VersionName:
    """The name of a version."""
    return VersionName(campaign.project, campaign.campaign, str(number))


async def snapshot(here: World, campaign: CampaignName, digest: str) -> dict[str, bytes]:
    """The vectors of a snapshot, by frame id."""
    found = await here.stores.vectors.read(COLLECTION, snapshot_tenant(campaign, digest))
    return {p["frame_id"]: row.tobytes() for p, row in zip(found.payloads, found.vectors)}


async def test_a_campaign_starts_with_version_1(here: World) -> None:
    """A new campaign is active, has its issue's name, and scores a snapshot of the issue."""
    issue = await here.issue("a", "b")
    name, made = await here.campaign(issue)

    assert name.campaign == str(UUID(name.campaign))
    assert (True, "night", issue.issue) == (made.active, made.display_name, made.issue)
    assert (1, 2, MODEL_ID, DIMENSION, "") == (
        made.version.number,
        made.version.element_count,
        made.version.model_id,
        made.version.dimension,
        made.version.basis_digest,
    )
    assert made == await get_campaign(here.stores, name)
    assert made.version == await get_version(here.stores, version_name(name, 1))


async def test_a_campaign_has_the_terms_it_is_given(here: World) -> None:
    """Display name and threshold of a new campaign are those that were asked for."""
    terms = Terms(display_name="Nights", threshold=0.25)

    made = await create_campaign(here.stores, ONCE, PROJECT, await here.issue("a"), terms)

    assert ("Nights", 0.25) == (made.display_name, made.threshold)


async def test_a_snapshot_does_not_change(here: World) -> None:
    """Whatever becomes of the issue, a version keeps its elements, model and digests."""
    issue = await here.issue("a", "b")
    campaign, made = await here.campaign(issue)
    version = made.version
    model = await read_file(here.stores, version_name(campaign, 1), File.MODEL)
    elements = await snapshot(here, campaign, version.snapshot_digest)

    await here.add(issue, "b", "c", seed=1)
    await remove_elements(here.stores, issue, [("a", "")])
    second = await here.commit(campaign)
    await set_active(here.stores, campaign, active=False)
    await delete_issue(here.stores, issue, "")

    assert {"a", "b"} == elements.keys()
    assert elements == await snapshot(here, campaign, version.snapshot_digest)
    assert {"b", "c"} == (await snapshot(here, campaign, second.snapshot_digest)).keys()
    assert version == await get_version(here.stores, version_name(campaign, 1))
    assert model == await read_file(here.stores, version_name(campaign, 1), File.MODEL)
    assert 2 == len({version.model_digest, second.model_digest})


async def test_a_snapshot_is_named_by_its_manifest(here: World) -> None:
    """The digest is that of the sorted list of elements, each with its content digest."""
    issue = await here.issue("b", "a")
    _, made = await here.campaign(issue)
    _, elements, _ = await list_elements(here.stores, issue, ALL)

    manifest = (await read_manifest(here.stores, made.version.snapshot_digest)).elements
    stored = await here.stores.blobs.get(made.version.snapshot_digest)

    assert [("a", "", elements[0].digest.hex()), ("b", "", elements[1].digest.hex())] == manifest
    assert sha256(stored).hexdigest() == made.version.snapshot_digest


async def test_the_order_of_elements_does_not_matter(here: World) -> None:
    """Two issues of the same elements, added in other orders, have one snapshot and one model."""
    one, other = await here.issue("a", "b", "c"), await here.issue("c", "x")
    await here.add(other, "b", "a")
    await remove_elements(here.stores, other, [("x", "")])

    _, first = await here.campaign(one)
    _, second = await here.campaign(other)

    assert first.version.snapshot_digest == second.version.snapshot_digest
    assert first.version.model_digest == second.version.model_digest


def test_a_manifest_is_sorted() -> None:
    """The manifest of elements is the same whatever order they are given in."""
    given = [
        ElementEntry(frame_id=id, label_id=label, digest=b"d") for id, label in ("bx", "by", "az")
    ]

    assert lines_of(given) == lines_of(given[::-1])
    assert [("a", "z"), ("b", "x"), ("b", "y")] == [line[:2] for line in lines_of(given)]


async def test_a_commit_is_the_next_version(here: World) -> None:
    """A commit makes the next version, which is then the one that is scored."""
    issue = await here.issue("a")
    campaign, made = await here.campaign(issue)
    await here.add(issue, "b")

    version = await here.commit(campaign)
    (scored,) = (await read_active(here.stores.ledger, "p")).campaigns

    assert (2, 2) == (version.number, version.element_count)
    assert version == scored.version == (await get_campaign(here.stores, campaign)).version
    assert made.etag != scored.etag


async def test_a_commit_leaves_an_inactive_campaign_inactive(here: World) -> None:
    """Committing makes a version, and does not start to collect."""
    campaign, _ = await here.campaign(await here.issue("a"))
    await set_active(here.stores, campaign, active=False)

    version = await here.commit(campaign)
    found = await get_campaign(here.stores, campaign)

    assert (False, version) == (found.active, found.version)


async def test_versions_are_listed_newest_first(here: World) -> None:
    """Pages of versions go from the newest down to 1, past the number of digits."""
    campaign, _ = await here.campaign(await here.issue("a"))
    for _ in range(10):
        await here.commit(campaign)

    seen, token = [], ""
    while True:
        found, token = await list_versions(here.stores, campaign, page(4, token))
        seen += [version.number for version in found]
        if not token:
            break

    assert list(range(11, 0, -1)) == seen


@pytest.mark.parametrize("number", ["0", "2", "01", "-1", "1.0", "x", "٣", "9" * 40])
async def test_only_committed_versions_are_found(here: World, number: str) -> None:
    """A version that was never committed, or is not spelt as its number is, is not found."""
    campaign, _ = await here.campaign(await here.issue("a"))

    with pytest.raises(NotFound, match="versions/"):
        await get_version(here.stores, VersionName("p", campaign.campaign, number))


async def test_a_background_is_used_from_the_next_commit_on(here: World) -> None:
    """A version made without background stays so; the next one names the basis of its space."""
    issue = await here.issue("a", "b")
    campaign, _ = await here.campaign(issue)
    await here.background()

    version = await here.commit(campaign)
    basis = await read_file(here.stores, version_name(campaign, 2), File.BASIS)

    assert "" == (await get_version(here.stores, version_name(campaign, 1))).basis_digest
    assert sha256(basis).hexdigest() == version.basis_digest
    with pytest.raises(NotFound, match="versions/1 has no basis"):
        await read_file(here.stores, version_name(campaign, 1), File.BASIS)


async def test_of_two_commits_at_once_one_is_aborted(here: World) -> None:
    """A commit that is overtaken by another one, at the last moment, changes nothing."""
    issue = await here.issue("a")
    campaign, _ = await here.campaign(issue)
    gate = Gate()

    async def wait(real: Callable[..., Awaitable[str]], content: bytes) -> str:
        digest = await real(content)
        if digest not in {manifest}:
            await gate.pass_through()  # its model is written, and not yet bound
        return digest

    await here.add(issue, "b")
    manifest = (await here.commit(campaign)).snapshot_digest
    await here.background()
    slow = here.having(blobs=Around(here.stores.blobs, "put", wait))

    loser = asyncio.create_task(slow.commit(campaign))
    await gate.reached.wait()
    winner = await here.commit(campaign)
    gate.opened.set()

    with pytest.raises(Aborted, match=str(campaign)):
        await loser
    assert winner == (await get_campaign(here.stores, campaign)).version
    assert 3 == winner.number


async def test_an_old_etag_commits_nothing(here: World) -> None:
    """A commit under an etag that the campaign has no more is refused."""
    campaign, made = await here.campaign(await here.issue("a"))
    await update_campaign(here.stores, campaign, Terms(threshold=1), ["threshold"], "")

    with pytest.raises(Aborted, match="etag: "):
        await commit_version(here.stores, ONCE, campaign, str(made.etag))
    current = str((await get_campaign(here.stores, campaign)).etag)

    assert 2 == (await commit_version(here.stores, ONCE, campaign, current)).number


async def test_a_request_sent_again_commits_once(here: World) -> None:
    """CreateCampaign and CommitVersion under one request id happen once."""
    issue = await here.issue("a")
    creation = IdempotentRequest.of("CreateCampaign", str(uuid4()), b"c")
    made = await create_campaign(here.stores, creation, PROJECT, issue, Terms())
    campaign = CampaignName("p", made.id)
    commit = IdempotentRequest.of("CommitVersion", str(uuid4()), b"v")
    version = await commit_version(here.stores, commit, campaign, str(made.etag))

    assert made == await create_campaign(here.stores, creation, PROJECT, issue, Terms())
    assert version == await commit_version(here.stores, commit, campaign, str(made.etag))
    assert 2 == (await get_campaign(here.stores, campaign)).version.number


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
    here: World, store: str, method: str, at: int
) -> None:
    """Wherever a commit stops, the campaign stays on its version, and the next one succeeds."""
    issue = await here.issue("a")
    campaign, made = await here.campaign(issue)
    await here.background()
    await here.add(issue, "b")
    before = await read_active(here.stores.ledger, "p")
    broken = here.having(**{store: failing(getattr(here.stores, store), method, at=at)})

    with pytest.raises(Unavailable, match="as the test wants"):
        await broken.commit(campaign)

    assert before == await read_active(here.stores.ledger, "p")
    assert made == await get_campaign(here.stores, campaign)
    assert ([made.version], "") == await list_versions(here.stores, campaign, ALL)
    assert 2 == (await here.commit(campaign)).number


async def test_a_creation_that_dies_leaves_no_campaign(here: World) -> None:
    """A campaign whose first version is never bound does not exist."""
    issue = await here.issue("a")

    with pytest.raises(Unavailable):
        await here.having(blobs=failing(here.stores.blobs, "put", at=2)).campaign(issue)

    assert () == (await read_active(here.stores.ledger, "p")).campaigns
    await delete_issue(here.stores, issue, "")


async def test_an_empty_issue_has_no_versions(here: World) -> None:
    """Neither a campaign nor a version is made of an issue without elements."""
    issue = await here.issue()
    with pytest.raises(FailedPrecondition, match=f"{issue} has no elements"):
        await here.campaign(issue)

    await here.add(issue, "a")
    campaign, _ = await here.campaign(issue)
    await remove_elements(here.stores, issue, [("a", "")])
    with pytest.raises(FailedPrecondition, match=f"{issue} has no elements"):
        await here.commit(campaign)


async def test_a_campaign_needs_an_issue_of_its_project(here: World) -> None:
    """An unknown issue is not found, one of another project is refused; so is a deleted one."""
    with pytest.raises(NotFound, match="projects/p/issues/none"):
        await here.campaign(IssueName("p", "none"))
    with pytest.raises(InvalidArgument, match=r"campaign\.issue: 'projects/q/issues/i'"):
        await here.campaign(IssueName("q", "i"))
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await create_campaign(here.stores, ONCE, ProjectName("q"), IssueName("q", "i"), Terms())


async def test_a_campaign_of_a_deleted_issue_is_never_bound(here: World) -> None:
    """An issue deleted while a campaign of it is being made wins: no campaign is left over."""
    issue = await here.issue("a")
    deletion = delete_issue(here.stores, issue, "")
    late = here.having(ledger=overtaken(here.stores.ledger, "commit", deletion))

    with pytest.raises(NotFound, match=str(issue)):
        await late.campaign(issue)

    assert () == (await read_active(here.stores.ledger, "p")).campaigns


async def test_two_campaigns_of_one_issue_at_once(here: World) -> None:
    """Campaigns of one issue that are made at once are both there, and both keep the issue."""
    issue = await here.issue("a")

    (first, _), (second, _) = await asyncio.gather(here.campaign(issue), here.campaign(issue))

    with pytest.raises(FailedPrecondition) as raised:
        await delete_issue(here.stores, issue, "")
    assert str(first) in raised.value.message
    assert str(second) in raised.value.message


async def test_a_commit_reads_the_issue_at_one_moment(here: World) -> None:
    """An issue that changes while it is read is read again: the snapshot is never a mixture."""
    issue = await here.issue("a", "b")
    campaign, _ = await here.campaign(issue)
    replacement = here.add(issue, "a", "b", seed=1)
    late = here.having(vectors=overtaken(here.stores.vectors, "retrieve", replacement))

    version = await late.commit(campaign)

    _, elements, _ = await list_elements(here.stores, issue, ALL)
    manifest = (await read_manifest(here.stores, version.snapshot_digest)).elements
    assert [element.digest.hex() for element in elements] == [digest for *_, digest in manifest]


async def test_an_issue_that_never_rests_is_given_up(here: World) -> None:
    """A commit of an issue that changes each time it is read ends with ABORTED."""
    issue = await here.issue("a")
    campaign, made = await here.campaign(issue)
    seeds = iter(range(1, ATTEMPTS + 1))

    async def change(real: Callable[..., Awaitable[Points]], *args: Any) -> Points:
        await here.add(issue, "a", seed=next(seeds))
        return await real(*args)

    with pytest.raises(Aborted, match=str(issue)):
        await here.having(vectors=Around(here.stores.vectors, "retrieve", change)).commit(campaign)
    assert made == await get_campaign(here.stores, campaign)


async def test_a_lost_vector_stops_a_commit(here: World) -> None:
    """An element whose vector is gone or altered is named, and no version is made of it."""
    issue = await here.issue("a", "b")
    campaign, made = await here.campaign(issue)
    vectors, tenant = here.stores.vectors, issue_tenant(issue)
    found = await vectors.read(COLLECTION, tenant)
    altered = Points(found.ids, found.vectors[::-1].copy(), found.payloads)

    await vectors.write(COLLECTION, tenant, altered)
    with pytest.raises(DataLoss, match="frame 'a' is not what its digest says"):
        await here.commit(campaign)
    await vectors.delete_tenant(COLLECTION, tenant)
    with pytest.raises(DataLoss, match="frame 'a' is not what its digest says") as raised:
        await here.commit(campaign)

    assert "DIGEST_MISMATCH" == raised.value.reason
    assert made == await get_campaign(here.stores, campaign)


async def test_a_snapshot_is_read_back(here: World) -> None:
    """A vector store that keeps something else than it was given stops the commit."""
    issue = await here.issue("a", "b")

    async def corrupt(real: Callable[..., Awaitable[None]], *args: Any) -> None:
        collection, tenant, given = args
        await real(collection, tenant, Points(given.ids, given.vectors * 2, given.payloads))

    with pytest.raises(DataLoss, match=r"snapshot .* not what was written"):
        await here.having(vectors=Around(here.stores.vectors, "write", corrupt)).campaign(issue)
    assert () == (await read_active(here.stores.ledger, "p")).campaigns


@pytest.mark.parametrize("file", list(File))
async def test_a_damaged_file_is_not_handed_out(here: World, tmp_path: Path, file: File) -> None:
    """A model or basis that is not what its digest says is DATA_LOSS, naming the digest."""
    await here.background()
    campaign, made = await here.campaign(await here.issue("a"))
    digest = made.version.model_digest if file is File.MODEL else made.version.basis_digest
    (path,) = (tmp_path / "blobs").rglob(digest)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(DataLoss, match=digest) as raised:
        await read_file(here.stores, version_name(campaign, 1), file)

    assert digest == raised.value.metadata["digest"]


async def test_large_snapshots_are_written_in_pages(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot of several pages has every element once."""
    monkeypatch.setattr("services.records.points.PAGE", 2)
    monkeypatch.setattr("services.campaign.snapshots.PAGE", 2)
    ids = [f"frame-{number}" for number in range(5)]

    campaign, made = await here.campaign(await here.issue(*ids))

    assert set(ids) == (await snapshot(here, campaign, made.version.snapshot_digest)).keys()
    assert 5 == len((await read_manifest(here.stores, made.version.snapshot_digest)).elements)


def test_chunks_make_up_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is sent whole, in order, in pieces of at most the given size."""
    monkeypatch.setattr(downloads, "CHUNK_BYTES", 4)

    assert [b"abcd", b"efgh", b"i"] == list(chunks(b"abcdefghi"))
