"""The campaign service dies at each step of a commit, and two of them commit at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier, Event
from uuid import uuid4

import grpc
import numpy as np
import pytest

from deploy.local import cluster as local
from deploy.local.cluster import Cluster
from sluice import Frame, errors, rpc_errors
from sluice.channel import connect_sync
from sluice.v1 import campaign_pb2 as pb
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from tests.e2e.team import MODEL, vector
from tests.faults.fleet import PATIENCE_S, Fleet, Logger, Scored
from tests.faults.waiting import wait_until

PROGRAM = Path(__file__).with_name("dying_campaign.py")
STEPS_MAX = 40
"""More store calls than a commit makes."""

PACE_S = 0.02
ROUNDS_MAX = 50
CAMPAIGNS = ("campaign", "campaign-1")


@pytest.fixture(scope="module")
def dying_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with two campaign services, the first of which dies when a file says so."""
    folder = tmp_path_factory.mktemp("commits")
    programs = {"campaign": (str(PROGRAM), str(folder / "die"))}
    with local.running(folder / "cluster", campaigns=2, programs=programs) as started:
        yield started


@pytest.fixture
def cluster(dying_cluster: Cluster) -> Cluster:
    """The same, all of which runs."""
    dying_cluster.start()
    return dying_cluster


@pytest.fixture
def stubs(cluster: Cluster) -> Iterator[list[CampaignServiceStub]]:
    """Each of the two campaign services."""
    addresses = [cluster.address(name) for name in CAMPAIGNS]
    channels = [
        connect_sync(f"campaign={a},scorer={a},ingest={a}", cluster.admin_key) for a in addresses
    ]
    yield [CampaignServiceStub(channel) for channel in channels]
    for channel in channels:
        channel.close()


def add_element(fleet: Fleet, frame_id: str) -> None:
    """Change the issue, so that its next version is another."""
    issue = fleet.team.campaigns.get(fleet.campaign).issue
    rows = vector(frame_id)[np.newaxis]
    fleet.team.issues.add_elements(issue, [Frame(id=frame_id)], rows, model_id=MODEL)


def request_for(fleet: Fleet) -> pb.CommitVersionRequest:
    """A commit that may be asked for again."""
    return pb.CommitVersionRequest(parent=fleet.campaign, request_id=str(uuid4()))


def versions(stub: CampaignServiceStub, fleet: Fleet) -> list[pb.CampaignVersion]:
    """All versions, oldest first."""
    listed = stub.ListVersions(
        pb.ListVersionsRequest(parent=fleet.campaign, page_size=1_000), wait_for_ready=True
    )
    return list(reversed(listed.versions))


def check_versions(stub: CampaignServiceStub, fleet: Fleet) -> list[pb.CampaignVersion]:
    """Versions are numbered without a gap, each has its model, and the newest is active."""
    found = versions(stub, fleet)
    assert list(range(1, len(found) + 1)) == [version.number for version in found]
    for version in found[-2:]:
        chunks = stub.GetScoringModel(pb.GetScoringModelRequest(name=version.name))
        content = b"".join(chunk.data for chunk in chunks)
        assert version.model_digest == sha256(content).hexdigest()
    request = pb.WatchActiveVersionsRequest(parent=fleet.project)
    watch = stub.WatchActiveVersions(request, timeout=PATIENCE_S, wait_for_ready=True)
    assert [found[-1]] == [active.version for active in next(watch).active_versions]
    watch.cancel()
    return found


def submit_on(logger: Logger, scored: Scored, done: Event) -> None:
    """Collect by the version that was scored with, until told to end."""
    while not done.wait(PACE_S):
        number = len(logger.batches)
        logger.submit(scored.batch({f"f{number}": f"v{number % 20}", f"f{number}-x": "x"}))


def test_a_commit_that_dies_is_made_once_when_asked_again(
    cluster: Cluster, fleet: Fleet, stubs: list[CampaignServiceStub]
) -> None:
    """Whatever store call is the last, the old version goes on, and a retry makes one version."""
    file, stub = Path(cluster.folder.parent / "die"), stubs[0]
    scored = fleet.score("x", *(f"v{index}" for index in range(20)))
    logger, done = fleet.logger(), Event()
    with ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(submit_on, logger, scored, done)
        try:
            step, died = 0, True
            while died:
                died = commit_dying_at(step, cluster, fleet, stub, file)
                step += 1
                wait_for_more(logger)
                assert not submitting.done(), submitting.exception()
        finally:
            done.set()
    submitting.result()
    assert 10 < step < STEPS_MAX
    assert step + 1 == len(check_versions(stub, fleet))
    fleet.check_accounts()


def wait_for_more(logger: Logger) -> None:
    """Wait until more batches are acknowledged."""
    wanted = logger.session.acknowledged + 1
    wait_until(lambda: logger.session.acknowledged >= wanted)


def commit_dying_at(
    step: int, cluster: Cluster, fleet: Fleet, stub: CampaignServiceStub, file: Path
) -> bool:
    """Commit a version, the service dying after so many store calls; whether it had so many."""
    add_element(fleet, f"v-element-{step}")
    before = versions(stub, fleet)
    request = request_for(fleet)
    file.write_text(str(step))
    try:
        stub.CommitVersion(request)
    except grpc.RpcError:
        wait_until(lambda: not cluster.processes["campaign"].running)
        cluster.processes["campaign"].start()
        assert before == check_versions(stub, fleet)[: len(before)]
    made = stub.CommitVersion(request, wait_for_ready=True)
    assert [*before, made] == check_versions(stub, fleet)
    died = not file.exists()
    file.unlink(missing_ok=True)
    return died


def commit(stub: CampaignServiceStub, request: pb.CommitVersionRequest, ready: Barrier) -> int:
    """The number of the version that a commit at the same moment as another makes, 0 for none."""
    ready.wait(PATIENCE_S)
    try:
        return stub.CommitVersion(request).number
    except grpc.RpcError as error:
        if isinstance(rpc_errors.from_rpc_error(error), errors.Aborted):
            return 0
        raise


def commit_both(
    stubs: list[CampaignServiceStub], requests: list[pb.CommitVersionRequest]
) -> list[int]:
    """Commit on both services at once."""
    ready = Barrier(len(stubs))
    with ThreadPoolExecutor(len(stubs)) as pool:
        return list(pool.map(commit, stubs, requests, [ready] * len(stubs)))


def test_of_two_commits_at_once_none_is_mixed(
    fleet: Fleet, stubs: list[CampaignServiceStub]
) -> None:
    """Two services that commit at once make a version each, one after the other, or just one."""
    expected, aborted = 1, 0
    for number in range(ROUNDS_MAX):
        add_element(fleet, f"v-round-{number}")
        made = commit_both(stubs, [request_for(fleet) for _ in stubs])
        numbers = sorted(number for number in made if number)
        assert list(range(expected + 1, expected + 1 + len(numbers))) == numbers
        assert numbers
        expected, aborted = numbers[-1], aborted + made.count(0)
        if number >= 5 and aborted:
            break
    assert aborted, "the two never met"
    assert expected == len(check_versions(stubs[0], fleet)) == len(check_versions(stubs[1], fleet))


def test_one_request_to_both_at_once_is_one_version(
    fleet: Fleet, stubs: list[CampaignServiceStub]
) -> None:
    """A commit sent to two services under one request id makes one version, and both know it."""
    for number in range(5):
        add_element(fleet, f"v-twice-{number}")
        request = request_for(fleet)
        assert set(commit_both(stubs, [request, request])) <= {0, number + 2}
        assert [number + 2] * 2 == [stub.CommitVersion(request).number for stub in stubs]
        assert number + 2 == len(check_versions(stubs[0], fleet))
