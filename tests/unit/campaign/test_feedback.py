"""Feedback: accepted and discarded samples in the next version."""

from __future__ import annotations

from hashlib import sha256
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from services.campaign.campaigns import get_campaign
from services.campaign.commit import commit_version
from services.campaign.element_points import snapshot_tenant
from services.campaign.elements import remove_elements
from services.campaign.version_files import VersionFile, read_version_file
from services.records.idempotency import IdempotentRequest
from sluice.errors import Aborted, ResourceExhausted, SluiceError, Unavailable
from sluice.names import CampaignName, VersionName
from sluice.scoring import ScoringModel, build_model, normalise
from tests.unit.campaign.campaign_service import ELEMENTS, ONCE, CampaignService, make_embedding
from tests.unit.campaign.fake_reviews import FakeReviews
from tests.unit.campaign.faults import failing

Counts = tuple[int, int, int]


async def count_members(
    service: CampaignService, campaign: CampaignName, reviews: FakeReviews | None
) -> Counts:
    """How many elements, accepted samples and negatives the next version has."""
    created = await service.commit_version(campaign, reviews)
    return created.element_count, created.accepted_count, created.negative_count


async def read_points(
    service: CampaignService, campaign: CampaignName, digest: str
) -> dict[tuple[str, ...], bytes]:
    """The vectors of a snapshot, by what their payloads say."""
    stored = await service.stores.vectors.read(ELEMENTS, snapshot_tenant(campaign, digest))
    return {tuple(p.values()): v.tobytes() for p, v in zip(stored.payloads, stored.vectors)}


async def read_model(service: CampaignService, campaign: CampaignName, number: int) -> ScoringModel:
    """The scoring model of a version."""
    name = VersionName(campaign.project, campaign.campaign, str(number))
    return ScoringModel.from_bytes(await read_version_file(service.stores, name, VersionFile.MODEL))


def sample_vector(sample_id: str) -> bytes:
    """The vector of a sample."""
    vector: NDArray[np.float32] = normalise(make_embedding(f"sample {sample_id}")[None])[0]
    return vector.tobytes()


async def test_samples_become_elements_and_negatives(service: CampaignService) -> None:
    """Accepted samples are elements of the model and the snapshot, discarded ones negatives."""
    campaign, created = await service.create_campaign(await service.create_issue("b", "d"))

    version = await service.commit_version(campaign, FakeReviews("c a/crop", "x y/crop"))

    assert (2, 4, 2, 2) == (
        version.number,
        version.element_count,
        version.accepted_count,
        version.negative_count,
    )
    element_ids = [
        (id.frame_id, id.label_id) for id in (await read_model(service, campaign, 2)).element_ids
    ]
    assert [("a", "crop"), ("b", ""), ("c", ""), ("d", "")] == element_ids
    stored = await read_points(service, campaign, version.snapshot_digest)
    version_1 = await read_points(service, campaign, created.version.snapshot_digest)
    assert stored == version_1 | {
        ("a", "crop", "accepted"): sample_vector("a/crop"),
        ("c", "", "accepted"): sample_vector("c"),
        ("x", "", "discarded"): sample_vector("x"),
        ("y", "crop", "discarded"): sample_vector("y/crop"),
    }


async def test_the_model_is_given_the_negatives(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel learns from is each negative's own vector, in the manifest's order."""
    negatives = []

    def build(*arguments: object) -> ScoringModel:
        negatives.append(arguments[3])
        return build_model(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("services.campaign.commit.build_model", build)
    campaign, _ = await service.create_campaign(await service.create_issue("a"))

    await service.commit_version(campaign, FakeReviews("b", "y x"))

    assert [None] == negatives[:1]
    np.testing.assert_array_equal(
        np.stack([np.frombuffer(sample_vector(id), np.float32) for id in "xy"]), negatives[1]
    )


async def test_the_digest_covers_all_that_was_said(service: CampaignService) -> None:
    """Each difference of reviews is another snapshot; the order in which they come is none."""
    campaign, created = await service.create_campaign(await service.create_issue("a"))
    versions = [
        await service.commit_version(campaign, reviews)
        for reviews in (
            FakeReviews("b c", "x y"),
            FakeReviews("b c", "x y", backwards=True),
            FakeReviews("b c", "x"),
            FakeReviews("b", "x y"),
            FakeReviews("b c x", "y"),
            FakeReviews("", "x y"),
        )
    ]

    digests = [version.snapshot_digest for version in versions]
    assert digests[0] == digests[1]
    assert versions[0].model_digest == versions[1].model_digest
    assert 6 == len({*digests, created.version.snapshot_digest})
    manifest = await service.stores.blobs.get(digests[0])
    assert digests[0] == sha256(manifest).hexdigest()


async def test_nothing_said_is_a_version_without_feedback(service: CampaignService) -> None:
    """Without reviews, and without being asked for, a version is the same to the last bit."""
    campaign, created = await service.create_campaign(await service.create_issue("a", "b"))
    with_nothing = await service.commit_version(campaign, FakeReviews())
    await service.commit_version(campaign, FakeReviews("c", "x"))
    plain = await service.commit_version(campaign)

    for version in (with_nothing, plain):
        assert (created.version.snapshot_digest, created.version.model_digest, 2, 0, 0) == (
            version.snapshot_digest,
            version.model_digest,
            version.element_count,
            version.accepted_count,
            version.negative_count,
        )


async def test_what_the_issue_has_is_an_element_once(service: CampaignService) -> None:
    """An element of the issue is neither an accepted sample nor a negative; its crop may be."""
    issue = await service.create_issue("a", "b")
    campaign, created = await service.create_campaign(issue)

    assert (2, 0, 0) == await count_members(service, campaign, FakeReviews("a", "b"))
    same = (await get_campaign(service.stores, campaign)).version
    assert created.version.snapshot_digest == same.snapshot_digest
    assert (3, 1, 1) == await count_members(service, campaign, FakeReviews("a/crop", "b/crop"))
    await remove_elements(service.stores, issue, [("b", "")])
    assert (1, 0, 1) == await count_members(service, campaign, FakeReviews("a", "b"))


async def test_the_limits_hold_for_the_sum(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elements and accepted samples have one bound, negatives another; both are named."""
    monkeypatch.setattr("services.campaign.feedback.ELEMENTS_PER_ISSUE_MAX", 3)
    monkeypatch.setattr("services.campaign.feedback.NEGATIVES_PER_VERSION_MAX", 2)
    campaign, _ = await service.create_campaign(await service.create_issue("a", "b"))

    assert (3, 1, 2) == await count_members(service, campaign, FakeReviews("a c", "b x y"))
    for reviews, problem in (
        (FakeReviews("c d"), "elements and accepted samples exceed the limit of 3"),
        (FakeReviews("", "x y z"), "discarded samples exceed the limit of 2"),
    ):
        with pytest.raises(ResourceExhausted, match=problem) as raised:
            await service.commit_version(campaign, reviews)
        assert {"limit"} == set(raised.value.metadata)
    assert 2 == (await get_campaign(service.stores, campaign)).version.number


@pytest.mark.parametrize("error", [Unavailable("away"), ResourceExhausted("x")])
async def test_without_reviews_only_feedback_waits(
    service: CampaignService, error: SluiceError
) -> None:
    """Reviews that cannot be read to their end make no version; a plain commit needs none."""
    campaign, _ = await service.create_campaign(await service.create_issue("a"))

    with pytest.raises(type(error)):
        await service.commit_version(campaign, FakeReviews("b", error=error))

    assert (1, 0, 0) == await count_members(service, campaign, None)
    assert [] == await service.stores.ledger.scan("p", "making/", limit=1)


async def test_a_request_with_feedback_commits_once(service: CampaignService) -> None:
    """Sent again it returns the first response, whatever was said meanwhile, or if nobody can."""
    campaign, created = await service.create_campaign(await service.create_issue("a"))
    request = IdempotentRequest.of("CommitVersion", str(uuid4()), b"v")
    version = await commit_version(
        service.stores, request, campaign, str(created.etag), FakeReviews("b", "x")
    )

    away = FakeReviews(error=Unavailable("away"))
    again = await commit_version(service.stores, request, campaign, str(created.etag), away)

    assert version == again
    with pytest.raises(Aborted, match="etag"):
        await commit_version(service.stores, ONCE, campaign, str(created.etag), FakeReviews("b"))


@pytest.mark.parametrize(("store", "method", "at"), [("vectors", "write", 3), ("blobs", "put", 2)])
async def test_a_commit_with_feedback_that_dies_binds_nothing(
    service: CampaignService, store: str, method: str, at: int
) -> None:
    """While negatives are written, or the model, a failure leaves the campaign as it was."""
    campaign, created = await service.create_campaign(await service.create_issue("a"))
    stores = {store: failing(getattr(service.stores, store), method, at=at)}

    with pytest.raises(Unavailable):
        await service.with_stores(**stores).commit_version(campaign, FakeReviews("b", "x"))

    assert created == await get_campaign(service.stores, campaign)
    assert (2, 1, 1) == await count_members(service, campaign, FakeReviews("b", "x"))
