"""Committing with feedback: what samples become, what counts, and what may go wrong."""

from __future__ import annotations

from hashlib import sha256
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from services.campaign.campaigns import get_campaign, set_active
from services.campaign.commit import commit_version
from services.campaign.downloads import File, read_file
from services.campaign.elements import remove_elements
from services.campaign.issue_deletion import delete_issue
from services.campaign.manifest import Manifest, lines_of, read_manifest
from services.campaign.points import snapshot_tenant
from services.campaign.records import ElementEntry
from services.campaign.versions import Drift, drift_of
from services.records.idempotency import IdempotentRequest
from sluice.errors import Aborted, ResourceExhausted, SluiceError, Unavailable
from sluice.names import CampaignName, VersionName
from sluice.scoring import ScoringModel, build_model, normalise
from tests.unit.campaign.faults import failing
from tests.unit.campaign.said import Said
from tests.unit.campaign.tampering import ELEMENTS
from tests.unit.campaign.world import ONCE, World, embedding

Counts = tuple[int, int, int]


async def counted(here: World, campaign: CampaignName, reviews: Said | None) -> Counts:
    """How many elements, accepted samples and negatives the next version has."""
    made = await here.commit(campaign, reviews)
    return made.element_count, made.accepted_count, made.negative_count


async def points(here: World, campaign: CampaignName, digest: str) -> dict[tuple[str, ...], bytes]:
    """The vectors of a snapshot, by what their payloads say."""
    found = await here.stores.vectors.read(ELEMENTS, snapshot_tenant(campaign, digest))
    return {tuple(p.values()): v.tobytes() for p, v in zip(found.payloads, found.vectors)}


async def model_of(here: World, campaign: CampaignName, number: int) -> ScoringModel:
    """The scoring model of a version."""
    name = VersionName(campaign.project, campaign.campaign, str(number))
    return ScoringModel.from_bytes(await read_file(here.stores, name, File.MODEL))


def unit(known_as: str) -> bytes:
    """The vector of a sample."""
    vector: NDArray[np.float32] = normalise(embedding(f"sample {known_as}")[None])[0]
    return vector.tobytes()


async def test_samples_become_elements_and_negatives(here: World) -> None:
    """Accepted samples are elements of the model and the snapshot, discarded ones negatives."""
    campaign, made = await here.campaign(await here.issue("b", "d"))

    version = await here.commit(campaign, Said("c a/crop", "x y/crop"))

    assert (2, 4, 2, 2) == (
        version.number,
        version.element_count,
        version.accepted_count,
        version.negative_count,
    )
    known = [(id.frame_id, id.label_id) for id in (await model_of(here, campaign, 2)).element_ids]
    assert [("a", "crop"), ("b", ""), ("c", ""), ("d", "")] == known
    stored = await points(here, campaign, version.snapshot_digest)
    own = await points(here, campaign, made.version.snapshot_digest)
    assert stored == own | {
        ("a", "crop", "accepted"): unit("a/crop"),
        ("c", "", "accepted"): unit("c"),
        ("x", "", "discarded"): unit("x"),
        ("y", "crop", "discarded"): unit("y/crop"),
    }


async def test_the_model_is_given_the_negatives(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel learns from is each negative's own vector, in the manifest's order."""
    given = []

    def build(*arguments: object) -> ScoringModel:
        given.append(arguments[3])
        return build_model(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("services.campaign.commit.build_model", build)
    campaign, _ = await here.campaign(await here.issue("a"))

    await here.commit(campaign, Said("b", "y x"))

    assert [None] == given[:1]
    np.testing.assert_array_equal(
        np.stack([np.frombuffer(unit(id), np.float32) for id in "xy"]), given[1]
    )


async def test_the_digest_covers_all_that_was_said(here: World) -> None:
    """Each difference of reviews is another snapshot; the order in which they come is none."""
    campaign, made = await here.campaign(await here.issue("a"))
    versions = [
        await here.commit(campaign, reviews)
        for reviews in (
            Said("b c", "x y"),
            Said("b c", "x y", backwards=True),
            Said("b c", "x"),
            Said("b", "x y"),
            Said("b c x", "y"),
            Said("", "x y"),
        )
    ]

    digests = [version.snapshot_digest for version in versions]
    assert digests[0] == digests[1]
    assert versions[0].model_digest == versions[1].model_digest
    assert 6 == len({*digests, made.version.snapshot_digest})
    manifest = await here.stores.blobs.get(digests[0])
    assert digests[0] == sha256(manifest).hexdigest()


async def test_nothing_said_is_a_version_without_feedback(here: World) -> None:
    """Without reviews, and without being asked for, a version is the same to the last bit."""
    campaign, made = await here.campaign(await here.issue("a", "b"))
    with_nothing = await here.commit(campaign, Said())
    await here.commit(campaign, Said("c", "x"))
    plain = await here.commit(campaign)

    for version in (with_nothing, plain):
        assert (made.version.snapshot_digest, made.version.model_digest, 2, 0, 0) == (
            version.snapshot_digest,
            version.model_digest,
            version.element_count,
            version.accepted_count,
            version.negative_count,
        )


async def test_what_the_issue_has_is_an_element_once(here: World) -> None:
    """An element of the issue is neither an accepted sample nor a negative; its crop may be."""
    issue = await here.issue("a", "b")
    campaign, made = await here.campaign(issue)

    assert (2, 0, 0) == await counted(here, campaign, Said("a", "b"))
    same = (await get_campaign(here.stores, campaign)).version
    assert made.version.snapshot_digest == same.snapshot_digest
    assert (3, 1, 1) == await counted(here, campaign, Said("a/crop", "b/crop"))
    await remove_elements(here.stores, issue, [("b", "")])
    assert (1, 0, 1) == await counted(here, campaign, Said("a", "b"))


async def test_the_limits_hold_for_the_sum(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements and accepted samples have one bound, negatives another; both are named."""
    monkeypatch.setattr("services.campaign.feedback.ELEMENTS_PER_ISSUE_MAX", 3)
    monkeypatch.setattr("services.campaign.feedback.NEGATIVES_PER_VERSION_MAX", 2)
    campaign, _ = await here.campaign(await here.issue("a", "b"))

    assert (3, 1, 2) == await counted(here, campaign, Said("a c", "b x y"))
    for reviews, problem in (
        (Said("c d"), "elements and accepted samples are more than the 3"),
        (Said("", "x y z"), "discarded samples are more than the 2"),
    ):
        with pytest.raises(ResourceExhausted, match=problem) as raised:
            await here.commit(campaign, reviews)
        assert {"limit"} == set(raised.value.metadata)
    assert 2 == (await get_campaign(here.stores, campaign)).version.number


@pytest.mark.parametrize("error", [Unavailable("away"), ResourceExhausted("x")])
async def test_without_reviews_only_feedback_waits(here: World, error: SluiceError) -> None:
    """Reviews that cannot be read to their end make no version; a plain commit needs none."""
    campaign, _ = await here.campaign(await here.issue("a"))

    with pytest.raises(type(error)):
        await here.commit(campaign, Said("b", error=error))

    assert (1, 0, 0) == await counted(here, campaign, None)
    assert [] == await here.stores.ledger.scan("p", "making/", limit=1)


async def test_a_request_with_feedback_commits_once(here: World) -> None:
    """Sent again it returns the first response, whatever was said meanwhile, or if nobody can."""
    campaign, made = await here.campaign(await here.issue("a"))
    request = IdempotentRequest.of("CommitVersion", str(uuid4()), b"v")
    version = await commit_version(here.stores, request, campaign, str(made.etag), Said("b", "x"))

    away = Said(error=Unavailable("away"))
    again = await commit_version(here.stores, request, campaign, str(made.etag), away)

    assert version == again
    with pytest.raises(Aborted, match="etag"):
        await commit_version(here.stores, ONCE, campaign, str(made.etag), Said("b"))


@pytest.mark.parametrize(("store", "method", "at"), [("vectors", "write", 3), ("blobs", "put", 2)])
async def test_a_commit_with_feedback_that_dies_binds_nothing(
    here: World, store: str, method: str, at: int
) -> None:
    """While negatives are written, or the model, a failure leaves the campaign as it was."""
    campaign, made = await here.campaign(await here.issue("a"))
    stores = {store: failing(getattr(here.stores, store), method, at=at)}

    with pytest.raises(Unavailable):
        await here.having(**stores).commit(campaign, Said("b", "x"))

    assert made == await get_campaign(here.stores, campaign)
    assert (2, 1, 1) == await counted(here, campaign, Said("b", "x"))


async def test_samples_are_no_change_of_the_issue(here: World) -> None:
    """GetCampaign counts what changed in the issue, and not what a version took in beside it."""
    issue = await here.issue("a", "b")
    campaign, _ = await here.campaign(issue)
    await here.commit(campaign, Said("c", "x"))

    async def drift() -> Drift:
        return await drift_of(here.stores, "p", await get_campaign(here.stores, campaign))

    assert Drift(0, 0, False) == await drift()
    await here.add(issue, "c", "d")
    await remove_elements(here.stores, issue, [("a", "")])
    assert Drift(2, 1, False) == await drift()
    await set_active(here.stores, campaign, active=False)
    await delete_issue(here.stores, issue, "")
    assert Drift(0, 2, False) == await drift()


async def test_a_manifest_is_what_was_written(here: World) -> None:
    """A manifest reads back, with feedback or without, and other JSON is none."""
    campaign, _ = await here.campaign(await here.issue("a"))
    for reviews in (None, Said("c b", "x")):
        version = await here.commit(campaign, reviews)
        manifest = await read_manifest(here.stores, version.snapshot_digest)
        assert version.snapshot_digest == sha256(manifest.to_bytes()).hexdigest()
        assert ["a"] == [frame_id for frame_id, *_ in manifest.elements]
    assert ["b", "c"] == [frame_id for frame_id, *_ in manifest.accepted]
    assert ["x"] == [frame_id for frame_id, *_ in manifest.negatives]
    entry = ElementEntry(frame_id="f", digest=b"\1")
    own = Manifest(elements=lines_of([entry]), accepted=[], negatives=[])
    assert b'[["f","","01"]]' == own.to_bytes()
    for file in (b"{}", b'{"elements":[]}', own.to_bytes()[:-1]):
        with pytest.raises(ValueError, match=r".+"):
            Manifest.from_bytes(file)
