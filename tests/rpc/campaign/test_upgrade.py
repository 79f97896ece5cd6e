"""A server on the data of a Sluice that wrote model format 2."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray

from services.blobs.folder import FolderBlobs
from services.campaign.records import (
    CampaignRecord,
    SpaceRecord,
    campaign_key,
    space_key,
    version_key,
)
from services.embedded.process import serve
from services.ledger.interface import Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.records.records import decode, encode
from services.server.settings import Settings
from sluice.channel import connect
from sluice.names import CampaignName
from sluice.scoring import ScoringModel
from sluice.tensors import Embeddings
from sluice.v1 import campaign_pb2 as pb
from sluice.v1 import finding_pb2, project_pb2, scorer_pb2
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub
from tests.format_2 import read_earlier_version
from tests.rpc.campaign.api import PROJECT, ApiClient, make_element, make_request
from tests.score_comparison import ROUNDING

EARLIER = read_earlier_version()
DEADLINE_S = 5.0
"""Time limit for the scorer to follow a commit."""


@dataclass(frozen=True, slots=True)
class UpgradedServer:
    """A server on earlier data, with one campaign of one version."""

    api: ApiClient
    channel: grpc.aio.Channel
    campaign: str

    async def read_version(self) -> pb.CampaignVersion:
        """The campaign's newest version."""
        request = pb.GetCampaignRequest(name=self.campaign)
        return (await self.api.campaigns.GetCampaign(request)).version

    async def download(self, version: str) -> bytes:
        """The scoring model of a version."""
        call = self.api.campaigns.GetScoringModel(pb.GetScoringModelRequest(name=version))
        return b"".join([chunk.data async for chunk in call])

    async def score(self, version: int) -> NDArray[np.float64]:
        """The scores of the stored frames by a version, `(frames,)`, once it is active."""
        embeddings = Embeddings.of_frames("m", EARLIER.frames).to_proto()
        request = scorer_pb2.ScoreFramesRequest(parent=PROJECT, embeddings=embeddings)
        async with asyncio.timeout(DEADLINE_S):
            while True:
                response = await ScorerServiceStub(self.channel).ScoreFrames(request)
                if [version] == [scored_by.version for scored_by in response.versions]:
                    return np.frombuffer(response.scores, "<f8")
                await asyncio.sleep(0.05)

    async def diagnose(self) -> list[finding_pb2.Finding]:
        """The doctor's findings."""
        request = finding_pb2.DiagnoseProjectRequest(name=PROJECT)
        events = [event async for event in self.api.campaigns.DiagnoseProject(request)]
        return [event.finding for event in events if event.HasField("finding")]


@pytest.fixture
async def upgraded(settings: Settings) -> AsyncIterator[UpgradedServer]:
    """A server of today on the data of an earlier one."""
    async with serve(settings) as server, connect(server.target, server.admin_key) as channel:
        campaign = await start_campaign(ApiClient(channel))
    await restore_earlier_data(settings, CampaignName.parse(campaign))
    async with serve(settings) as server, connect(server.target, server.admin_key) as channel:
        yield UpgradedServer(ApiClient(channel), channel, campaign)


async def start_campaign(api: ApiClient) -> str:
    """The name of a campaign of the stored elements."""
    await api.projects.CreateProject(project_pb2.CreateProjectRequest(project_id="p"))
    await api.create_dataset()
    issue = await api.create_issue()
    elements = [make_element(id.frame_id) for id in EARLIER.element_ids]
    await api.issues.AddElements(make_request(issue, elements, EARLIER.elements))
    return (await api.create_campaign(issue)).name


async def restore_earlier_data(settings: Settings, name: CampaignName) -> None:
    """Replace basis, model and records by those that the earlier Sluice wrote."""
    blobs = FolderBlobs(settings.data_dir / "blobs")
    ledger = await SqliteLedger.open(settings.data_dir / "ledger.sqlite")
    key = campaign_key(name.campaign)
    campaign = decode(CampaignRecord, (await ledger.get(name.project, [key]))[key])
    await blobs.delete(campaign.version.model_digest)
    dimension = EARLIER.elements.shape[1]
    basis_digest = await blobs.put(EARLIER.basis)
    version = structs.replace(
        campaign.version,
        model_digest=await blobs.put(EARLIER.model),
        basis_digest=basis_digest,
        fit=None,
    )
    space = SpaceRecord(model_id="m", dimension=dimension, basis_digest=basis_digest)
    records = {
        key: structs.replace(campaign, version=version),
        version_key(name.campaign, 1): version,
        space_key("m", dimension): space,
    }
    puts = {key: encode(record) for key, record in records.items()}
    await ledger.commit(Transaction(name.project, puts=puts))
    await ledger.close()


async def test_an_earlier_version_keeps_its_scores(upgraded: UpgradedServer) -> None:
    """It gives the scores it gave, its file is served unchanged, and nothing is called damaged."""
    version = await upgraded.read_version()

    scores = await upgraded.score(1)

    np.testing.assert_allclose(EARLIER.scores, scores, rtol=0, atol=ROUNDING)
    assert (EARLIER.model_digest, False) == (version.model_digest, version.HasField("fit"))
    assert EARLIER.model == await upgraded.download(version.name)
    assert [] == await upgraded.diagnose()


async def test_the_next_commit_uses_the_new_formula(upgraded: UpgradedServer) -> None:
    """It has a fit summary and other scores; the earlier version stays as it was."""
    before = await upgraded.read_version()
    committed = await upgraded.api.commit_version(upgraded.campaign)

    scores = await upgraded.score(2)

    summary = EARLIER.build_again().summary
    assert summary is not None
    assert summary == ScoringModel.from_bytes(await upgraded.download(committed.name)).summary
    assert (summary.remainder_weight, summary.set_aside) == (
        committed.fit.remainder_weight,
        committed.fit.background_set_aside,
    )
    assert np.abs(EARLIER.scores - scores).max() > 0.05
    request = pb.GetVersionRequest(name=before.name)
    assert before == await upgraded.api.campaigns.GetVersion(request)
    assert EARLIER.model == await upgraded.download(before.name)
    assert [] == await upgraded.diagnose()


async def test_a_lost_earlier_model_is_committed_again(
    upgraded: UpgradedServer, settings: Settings
) -> None:
    """The doctor says that the formula has changed, and that committing again helps: it does."""
    (path,) = settings.data_dir.rglob(EARLIER.model_digest)
    path.unlink()

    [finding] = await upgraded.diagnose()
    await upgraded.api.commit_version(upgraded.campaign)

    assert (finding_pb2.FINDING_KIND_BLOB_DAMAGED, finding_pb2.FINDING_OUTCOME_LOST) == (
        finding.kind,
        finding.outcome,
    )
    assert (
        "missing or damaged, and cannot be rebuilt: the formula has changed since it was "
        f"committed; commit {upgraded.campaign} again"
    ) == finding.found
    assert len(EARLIER.frames) == len(await upgraded.score(2))
