"""CampaignService over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from hashlib import sha256
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from services.embedded.process import serve
from services.server.settings import Settings
from sluice import errors
from sluice.channel import connect
from sluice.scoring import Basis, ScoringModel
from sluice.tensors import pack
from sluice.v1 import campaign_pb2 as pb
from sluice.v1 import issue_pb2, project_pb2
from tests.rpc.campaign.api import DIMENSION, PROJECT, ApiClient, catch_error
from tests.rpc.conftest import WithScopes

DEADLINE_S = 1.0
"""Time limit for a watcher to receive a change."""


ROWS = np.random.default_rng(1).normal(size=(64, DIMENSION)).astype(np.float32)


NO_CAMPAIGN = "projects/p/campaigns/none"


async def read(api: ApiClient, campaign: str) -> pb.Campaign:
    """A campaign as it is now."""
    return await api.campaigns.GetCampaign(pb.GetCampaignRequest(name=campaign))


async def download(api: ApiClient, version: str, file: pb.GetScoringModelRequest.File) -> bytes:
    """A file of a version, joined."""
    request = pb.GetScoringModelRequest(name=version, file=file)
    chunks = [chunk async for chunk in api.campaigns.GetScoringModel(request)]
    content = b"".join(chunk.data for chunk in chunks)
    assert {len(content)} == {chunk.total_bytes for chunk in chunks}
    return content


async def set_background(api: ApiClient, *messages: pb.SetBackgroundRequest) -> pb.Space:
    """The space that a background was sent for."""

    async def stream() -> AsyncIterator[pb.SetBackgroundRequest]:
        for message in messages:
            yield message

    return await api.campaigns.SetBackground(stream())


def watch_project(
    api: ApiClient, project: str = PROJECT
) -> AsyncIterator[pb.WatchActiveVersionsResponse]:
    """The responses that a watcher of a project receives."""
    request = pb.WatchActiveVersionsRequest(parent=project)
    return aiter(api.campaigns.WatchActiveVersions(request))


def make_first_message(rows: int) -> pb.SetBackgroundRequest:
    """The first message of a background."""
    return pb.SetBackgroundRequest(parent=PROJECT, model_id="m", embeddings=pack(ROWS[:rows]))


async def test_a_campaign_is_made_and_read(api: ApiClient) -> None:
    """A campaign is active with version 1 of its issue, and reads as it was created."""
    issue = await api.create_issue("a", "b")
    campaign = pb.Campaign(issue=issue, threshold=0, budget=pb.Budget(per_day=0))

    created = await api.campaigns.CreateCampaign(
        pb.CreateCampaignRequest(parent=PROJECT, campaign=campaign)
    )
    listed = await api.campaigns.ListCampaigns(pb.ListCampaignsRequest(parent=PROJECT))

    assert ("night", issue, pb.Campaign.STATE_ACTIVE) == (
        created.display_name,
        created.issue,
        created.state,
    )
    assert (True, 0.0, True, False) == (
        created.HasField("threshold"),
        created.threshold,
        created.budget.HasField("per_day"),
        created.budget.HasField("total"),
    )
    assert (f"{created.name}/versions/1", 1, 2, "m", DIMENSION, "") == (
        created.version.name,
        created.version.number,
        created.version.element_count,
        created.version.model_id,
        created.version.dimension,
        created.version.basis_digest,
    )
    assert created == await read(api, created.name)
    assert [created] == list(listed.campaigns)


async def test_an_issue_moves_on_until_the_next_version(api: ApiClient) -> None:
    """GetCampaign counts what was added and removed; CommitVersion takes it in."""
    issue = await api.create_issue("a", "b")
    campaign = await api.create_campaign(issue)
    await api.add_frames(issue, "c", "d")
    await api.issues.RemoveElements(
        issue_pb2.RemoveElementsRequest(issue=issue, elements=[issue_pb2.ElementKey(frame_id="a")])
    )
    before = await read(api, campaign.name)

    version = await api.commit_version(campaign.name)
    after = await read(api, campaign.name)

    assert (2, 1, campaign.version) == (
        before.elements_added,
        before.elements_removed,
        before.version,
    )
    assert (0, 0, version) == (after.elements_added, after.elements_removed, after.version)
    assert (2, 3) == (version.number, version.element_count)


async def test_versions_are_read_and_listed(api: ApiClient) -> None:
    """Versions are listed newest first, page by page, and each can be read."""
    campaign = await api.create_campaign(await api.create_issue("a"))
    newer = [await api.commit_version(campaign.name) for _ in range(2)]

    first = await api.campaigns.ListVersions(
        pb.ListVersionsRequest(parent=campaign.name, page_size=2)
    )
    rest = await api.campaigns.ListVersions(
        pb.ListVersionsRequest(parent=campaign.name, page_size=2, page_token=first.next_page_token)
    )
    oldest = await api.campaigns.GetVersion(pb.GetVersionRequest(name=campaign.version.name))

    assert [newer[1], newer[0], campaign.version] == [*first.versions, *rest.versions]
    assert campaign.version == oldest


async def test_a_model_is_downloaded_whole(api: ApiClient) -> None:
    """Model and basis of a version have the digests that it names, and fit each other."""
    await set_background(api, make_first_message(64))
    version = (await api.create_campaign(await api.create_issue("a", "b", "c"))).version

    model = await download(api, version.name, pb.GetScoringModelRequest.FILE_MODEL)
    default = await download(api, version.name, pb.GetScoringModelRequest.FILE_UNSPECIFIED)
    basis = await download(api, version.name, pb.GetScoringModelRequest.FILE_BASIS)

    assert (version.model_digest, version.basis_digest) == (
        sha256(model).hexdigest(),
        sha256(basis).hexdigest(),
    )
    assert model == default
    loaded = ScoringModel.from_bytes(model)
    assert Basis.from_bytes(basis).digest == loaded.basis_digest
    assert ["a", "b", "c"] == [id.frame_id for id in loaded.element_ids]
    assert (len(loaded.centroids), loaded.diverse) == (version.cluster_count, version.diverse)


async def test_a_version_has_the_summary_of_its_model(api: ApiClient) -> None:
    """The fit summary of the model's file is in each response, the share with its interval."""
    await set_background(api, make_first_message(64))
    campaign = await api.create_campaign(await api.create_issue("a", "b", "c"))

    model = await download(api, campaign.version.name, pb.GetScoringModelRequest.FILE_MODEL)
    summary = ScoringModel.from_bytes(model).summary

    assert summary is not None
    assert summary.members is not None
    share = summary.members
    expected = pb.FitSummary(
        remainder_weight=summary.remainder_weight,
        background_set_aside=summary.set_aside,
        prototype_share=summary.prototype_share,
        member_share=pb.MemberShare(estimate=share.estimate, low=share.low, high=share.high),
    )
    assert expected == campaign.version.fit
    assert campaign.version == (await read(api, campaign.name)).version
    watched = await anext(watch_project(api))
    assert [campaign.version] == [active.version for active in watched.active_versions]


@pytest.mark.parametrize(("rows", "ids"), [(0, "abc"), (64, "ab")])
async def test_a_share_needs_a_background_and_three_elements(
    api: ApiClient, rows: int, ids: str
) -> None:
    """Without a background, or for two elements, a version has a summary without a share."""
    if rows:
        await set_background(api, make_first_message(rows))

    version = (await api.create_campaign(await api.create_issue(*ids))).version

    assert (True, False) == (version.HasField("fit"), version.fit.HasField("member_share"))
    assert 0 == version.fit.background_set_aside


async def test_large_models_come_in_chunks(api: ApiClient) -> None:
    """A file over 1 MiB comes in several messages of at most 1 MiB."""
    dimension, rows = 2_048, 200
    issue = await api.create_issue()
    vectors = np.random.default_rng(2).normal(size=(rows, dimension)).astype(np.float32)
    elements = [
        issue_pb2.Element(frame={"id": f"{row:03}"}, dataset="projects/p/datasets/d")
        for row in range(rows)
    ]
    await api.issues.AddElements(
        issue_pb2.AddElementsRequest(
            issue=issue, elements=elements, model_id="wide", embeddings=pack(vectors)
        )
    )
    version = (await api.create_campaign(issue)).version

    request = pb.GetScoringModelRequest(name=version.name)
    sizes = [len(chunk.data) async for chunk in api.campaigns.GetScoringModel(request)]

    assert len(sizes) > 1
    assert [2**20] * (len(sizes) - 1) == sizes[:-1]
    assert sum(sizes) > rows * dimension * 4


async def test_a_damaged_model_is_data_loss(api: ApiClient, settings: Settings) -> None:
    """A model that does not match its digest is refused, naming the digest."""
    version = (await api.create_campaign(await api.create_issue("a"))).version
    (path,) = settings.data_dir.rglob(version.model_digest)
    path.write_bytes(path.read_bytes() + b"x")

    error = await catch_error(download(api, version.name, pb.GetScoringModelRequest.FILE_MODEL))

    assert (errors.DataLoss, "DIGEST_MISMATCH") == (type(error), error.reason)
    assert version.model_digest == error.metadata["digest"]


async def test_a_background_is_set_in_any_number_of_messages(api: ApiClient) -> None:
    """The rows of all messages make the background, and campaigns say that it would help them."""
    campaign = await api.create_campaign(await api.create_issue("a"))
    rest = [pb.SetBackgroundRequest(embeddings=pack(ROWS[at : at + 16])) for at in (16, 32, 48)]

    space = await set_background(api, make_first_message(16), *rest)
    listed = await api.campaigns.ListSpaces(pb.ListSpacesRequest(parent=PROJECT))
    before = await read(api, campaign.name)
    version = await api.commit_version(campaign.name)
    after = await read(api, campaign.name)

    assert ("m", DIMENSION, 64, True) == (
        space.model_id,
        space.dimension,
        space.background_count,
        space.HasField("background_time"),
    )
    assert [space] == list(listed.spaces)
    assert (True, space.basis_digest, False) == (
        before.commit_adds_background,
        version.basis_digest,
        after.commit_adds_background,
    )


async def test_a_space_exists_from_its_first_element_on(api: ApiClient) -> None:
    """A space without a background is listed with neither basis nor time."""
    await api.create_issue("a")

    (space,) = (await api.campaigns.ListSpaces(pb.ListSpacesRequest(parent=PROJECT))).spaces

    assert ("m", DIMENSION, "", 0, False) == (
        space.model_id,
        space.dimension,
        space.basis_digest,
        space.background_count,
        space.HasField("background_time"),
    )


async def test_a_wrong_background_is_refused(api: ApiClient) -> None:
    """Too few rows, other dimensions, another space later on and nothing at all are refused."""
    narrow = pb.SetBackgroundRequest(embeddings=pack(ROWS[:, 1:]))
    elsewhere = pb.SetBackgroundRequest(model_id="n", embeddings=pack(ROWS))
    for messages, field in (
        ([make_first_message(31)], "embeddings"),
        ([make_first_message(64), narrow], "embeddings"),
        ([make_first_message(64), elsewhere], "model_id"),
        ([make_first_message(64), pb.SetBackgroundRequest()], "embeddings.dimension"),
        ([pb.SetBackgroundRequest(parent=PROJECT, model_id="m")], "embeddings"),
        ([pb.SetBackgroundRequest(parent=PROJECT, embeddings=pack(ROWS))], "model_id"),
        ([], "parent"),
    ):
        error = await catch_error(set_background(api, *messages))
        assert (errors.InvalidArgument, [field]) == (type(error), [f.field for f in error.fields])
    assert [] == list((await api.campaigns.ListSpaces(pb.ListSpacesRequest(parent=PROJECT))).spaces)


async def test_an_update_changes_what_its_mask_names(api: ApiClient) -> None:
    """Masked fields change, or go back to their defaults; an old etag and a wrong path do not."""
    created = await api.create_campaign(await api.create_issue("a"))
    campaign = pb.Campaign(
        name=created.name, display_name="Nights", threshold=0.25, budget=pb.Budget(total=9)
    )

    async def update(*paths: str, etag: str = "", to: pb.Campaign = campaign) -> pb.Campaign:
        message = pb.Campaign()
        message.CopyFrom(to)
        message.etag = etag
        return await api.campaigns.UpdateCampaign(
            pb.UpdateCampaignRequest(campaign=message, update_mask=FieldMask(paths=paths))
        )

    changed = await update("threshold", "budget", etag=created.etag)
    late = await catch_error(update("display_name", etag=created.etag))
    wrong = [await catch_error(update(*paths)) for paths in ((), ("state",))]
    over = await catch_error(update("threshold", to=pb.Campaign(name=created.name, threshold=1.5)))
    reset = await update("threshold", "budget", to=pb.Campaign(name=created.name))

    assert ("night", 0.25, 9) == (changed.display_name, changed.threshold, changed.budget.total)
    assert isinstance(late, errors.Aborted)
    assert [["update_mask"], ["update_mask"]] == [[f.field for f in e.fields] for e in wrong]
    assert "campaign.threshold: 1.5 is not in 0…1" == over.message
    assert (False, False) == (reset.HasField("threshold"), reset.HasField("budget"))
    assert reset == await read(api, created.name)


async def test_a_campaign_is_switched_off_and_on(api: ApiClient) -> None:
    """Deactivating and activating change the state, and repeating them nothing."""
    created = await api.create_campaign(await api.create_issue("a"))
    off, on = (
        pb.DeactivateCampaignRequest(name=created.name),
        pb.ActivateCampaignRequest(name=created.name),
    )

    stopped = await api.campaigns.DeactivateCampaign(off)
    assert stopped == await api.campaigns.DeactivateCampaign(off)
    started = await api.campaigns.ActivateCampaign(on)
    assert started == await api.campaigns.ActivateCampaign(on)

    assert (pb.Campaign.STATE_INACTIVE, pb.Campaign.STATE_ACTIVE) == (stopped.state, started.state)


async def test_requests_sent_again_are_answered_again(api: ApiClient) -> None:
    """CreateCampaign and CommitVersion under one request id happen once, etags included."""
    request = pb.CreateCampaignRequest(
        parent=PROJECT,
        campaign=pb.Campaign(issue=await api.create_issue("a")),
        request_id=str(uuid4()),
    )
    created = await api.campaigns.CreateCampaign(request)
    commit = pb.CommitVersionRequest(
        parent=created.name, etag=created.etag, request_id=str(uuid4())
    )
    version = await api.campaigns.CommitVersion(commit)

    assert created == await api.campaigns.CreateCampaign(request)
    assert version == await api.campaigns.CommitVersion(commit)
    assert version == (await read(api, created.name)).version
    commit.request_id = str(uuid4())
    assert isinstance(await catch_error(api.campaigns.CommitVersion(commit)), errors.Aborted)


async def test_what_cannot_be_started_is_refused(api: ApiClient) -> None:
    """An empty issue cannot be a campaign; an unknown one, or one elsewhere, even less."""
    empty = await api.create_issue()

    outcomes = [
        await catch_error(api.create_campaign(issue))
        for issue in (empty, "projects/p/issues/none", "projects/q/issues/i", "night")
    ]

    assert [
        errors.FailedPrecondition,
        errors.NotFound,
        errors.InvalidArgument,
        errors.InvalidArgument,
    ] == [type(error) for error in outcomes]
    assert empty in outcomes[0].message


async def test_every_method_names_a_missing_campaign(api: ApiClient) -> None:
    """Every method raises NotFound naming the missing campaign."""
    mask = FieldMask(paths=["threshold"])
    calls: list[Awaitable[Any]] = [
        api.campaigns.GetCampaign(pb.GetCampaignRequest(name=NO_CAMPAIGN)),
        api.campaigns.UpdateCampaign(
            pb.UpdateCampaignRequest(campaign=pb.Campaign(name=NO_CAMPAIGN), update_mask=mask)
        ),
        api.campaigns.ActivateCampaign(pb.ActivateCampaignRequest(name=NO_CAMPAIGN)),
        api.campaigns.DeactivateCampaign(pb.DeactivateCampaignRequest(name=NO_CAMPAIGN)),
        api.campaigns.CommitVersion(pb.CommitVersionRequest(parent=NO_CAMPAIGN)),
        api.campaigns.ListVersions(pb.ListVersionsRequest(parent=NO_CAMPAIGN)),
        api.campaigns.GetVersion(pb.GetVersionRequest(name=f"{NO_CAMPAIGN}/versions/1")),
        download(api, f"{NO_CAMPAIGN}/versions/1", pb.GetScoringModelRequest.FILE_MODEL),
    ]

    for call in calls:
        error = await catch_error(call)
        assert (errors.NotFound, True) == (type(error), NO_CAMPAIGN in error.message)


async def test_a_watcher_receives_every_change_within_a_second(api: ApiClient) -> None:
    """Watching answers at once, and within a second of a commit, a switch and a threshold."""
    issue = await api.create_issue("a")
    watch = watch_project(api)
    generations = []

    async def receive() -> list[pb.ActiveVersion]:
        response = await asyncio.wait_for(anext(watch), DEADLINE_S)
        generations.append(response.generation)
        return list(response.active_versions)

    assert [] == await receive()
    created = await api.create_campaign(issue)
    assert [
        pb.ActiveVersion(campaign=created.name, issue=issue, version=created.version)
    ] == await receive()
    version = await api.commit_version(created.name)
    assert [version] == [active.version for active in await receive()]
    await api.campaigns.UpdateCampaign(
        pb.UpdateCampaignRequest(
            campaign=pb.Campaign(name=created.name, threshold=0.75, budget=pb.Budget(total=3)),
            update_mask=FieldMask(paths=["threshold", "budget"]),
        )
    )
    assert [(0.75, 3)] == [(a.threshold, a.budget.total) for a in await receive()]
    await api.campaigns.DeactivateCampaign(pb.DeactivateCampaignRequest(name=created.name))
    assert [] == await receive()
    assert generations == sorted(set(generations))


async def test_an_unknown_project_is_not_watched(api: ApiClient) -> None:
    """Watching a project that does not exist ends with NOT_FOUND."""
    first = anext(watch_project(api, "projects/q"))

    error = await catch_error(first)

    assert (errors.NotFound, "projects/q does not exist") == (type(error), error.message)


async def test_a_watcher_that_leaves_is_not_read_for(api: ApiClient) -> None:
    """When the last watcher of a project cancels its call, nobody reads its generation."""
    request = pb.WatchActiveVersionsRequest(parent=PROJECT)
    watch = api.campaigns.WatchActiveVersions(request)
    await watch.read()
    reading = asyncio.ensure_future(watch.read())
    await api.create_campaign(await api.create_issue("a"))
    await reading
    pollers = [task for task in asyncio.all_tasks() if task.get_name() == "watch p"]

    watch.cancel()
    _, running_on = await asyncio.wait(pollers, timeout=5)

    assert (1, set()) == (len(pollers), running_on)


async def test_a_stopping_server_ends_its_watches(settings: Settings) -> None:
    """A stopping server ends its watches with a retry delay, and does not wait for them."""
    async with serve(settings) as server:
        channel = connect(server.target, server.admin_key)
        api = ApiClient(channel)
        await api.projects.CreateProject(project_pb2.CreateProjectRequest(project_id="p"))
        watch = watch_project(api)
        await anext(watch)
        waiting = asyncio.ensure_future(catch_error(anext(watch)))

    error = await waiting
    await channel.close()
    assert (errors.Unavailable, 1.0) == (type(error), error.retry_after_s)


async def test_a_logger_reads_and_does_not_write(api: ApiClient, with_scopes: WithScopes) -> None:
    """The scope LOG is enough to watch, download and set a first background, and not to commit."""
    version = (await api.create_campaign(await api.create_issue("a"))).version
    logger = ApiClient(await with_scopes(project_pb2.SCOPE_LOG))

    response = await anext(watch_project(logger))
    assert [version] == [active.version for active in response.active_versions]
    assert await download(logger, version.name, pb.GetScoringModelRequest.FILE_MODEL)
    space = await set_background(logger, make_first_message(64))
    assert space == await set_background(logger, make_first_message(64))
    error = await catch_error(set_background(logger, make_first_message(63)))
    assert (errors.PermissionDenied, "admin") == (type(error), error.metadata["scope"])
    assert space.basis_digest != (await set_background(api, make_first_message(63))).basis_digest
    campaign = version.name.rpartition("/versions/")[0]
    assert isinstance(await catch_error(logger.commit_version(campaign)), errors.PermissionDenied)


@pytest.mark.parametrize("file", [7])
async def test_there_are_two_files(api: ApiClient, file: pb.GetScoringModelRequest.File) -> None:
    """A file that is neither model nor basis is refused; so is the basis of a version without."""
    version = (await api.create_campaign(await api.create_issue("a"))).version

    unknown = await catch_error(download(api, version.name, file))
    missing = await catch_error(download(api, version.name, pb.GetScoringModelRequest.FILE_BASIS))

    assert (errors.InvalidArgument, "file") == (type(unknown), unknown.fields[0].field)
    assert (errors.NotFound, True) == (type(missing), "no basis" in missing.message)
