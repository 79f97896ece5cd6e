"""`sluiced` as a process: its first start, its keys, failing starts, and how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from sluice import errors, rpc_errors
from sluice.channel import connect
from sluice.v1 import (
    campaign_pb2,
    dataset_pb2,
    frame_pb2,
    ingest_pb2,
    project_pb2,
    round_pb2,
    scorer_pb2,
)
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from sluice.v1.round_pb2_grpc import RoundServiceStub
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub

ROOT = Path(__file__).resolve().parents[3]
TOKEN = re.compile("slc_[0-9a-f]{16}_[0-9a-f]{64}")


def environment(**settings: str) -> dict[str, str]:
    """The environment of the process, with those settings alone."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")
    }
    return inherited | settings


class Sluiced:
    """A running process."""

    def __init__(self, process: asyncio.subprocess.Process, greeting: str, target: str) -> None:
        self.process, self.greeting, self.target = process, greeting, target

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Send a signal, and wait until the process exits with 0; returns its stderr."""
        self.process.send_signal(number)
        _, stderr = await asyncio.wait_for(self.process.communicate(), 30)
        assert 0 == self.process.returncode
        return stderr.decode()


Start = Callable[..., Any]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts `sluiced` on a free port and the data of this test."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(**settings: str) -> Sluiced:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.embedded", "--data-dir", str(tmp_path / "data")),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environment(**{"SLUICE_PORT": "0"} | settings),
        )
        processes.append(process)
        assert process.stdout is not None
        greeting = ""
        async with asyncio.timeout(60):
            while "listens on" not in greeting:
                line = await process.stdout.readline()
                if not line:
                    raise AssertionError((await process.communicate())[1].decode())
                greeting += line.decode()
        return Sluiced(process, greeting, greeting.split("listens on ")[1].split(";")[0])

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def run_failing_start(
    tmp_path: Path, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a `sluiced` that cannot start until it exits."""
    return subprocess.run(
        [sys.executable, "-m", "services.embedded", "--data-dir", tmp_path / "data", *arguments],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@asynccontextmanager
async def open_channel(server: Sluiced, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """A channel with the admin's key from its file."""
    async with connect(server.target, (tmp_path / "data/admin.key").read_text().strip()) as opened:
        yield opened


async def create_project(opened: grpc.aio.Channel, project: str = "p") -> None:
    """Create a project."""
    request = project_pb2.CreateProjectRequest(project_id=project)
    await ProjectServiceStub(opened).CreateProject(request)


async def test_the_first_start_shows_the_admin_key(start: Start, tmp_path: Path) -> None:
    """The key is printed at the first start only, and written to a private file."""
    first = await start()
    [token] = TOKEN.findall(first.greeting)
    path = tmp_path / "data/admin.key"

    assert token == path.read_text().strip()
    assert "admin.key" in first.greeting
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o600 == stat.S_IMODE((tmp_path / "data/pepper").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / "data").stat().st_mode)
    async with open_channel(first, tmp_path) as opened:
        await create_project(opened)
    await first.stop()

    second = await start()
    assert not TOKEN.findall(second.greeting)
    async with connect(second.target, token) as opened:
        listed = await ProjectServiceStub(opened).ListProjects(project_pb2.ListProjectsRequest())
    assert ["projects/p"] == [project.name for project in listed.projects]


async def test_services_never_use_a_proxy(start: Start, tmp_path: Path) -> None:
    """With a proxy that does not listen in its environment, a server still serves itself."""
    proxies = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    server = await start(**proxies)
    async with open_channel(server, tmp_path) as opened:
        await create_project(opened)
        dataset = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_BOX_2D)
        created = await DatasetServiceStub(opened).CreateDataset(
            dataset_pb2.CreateDatasetRequest(parent="projects/p", dataset_id="d", dataset=dataset)
        )
        # The curation service asks the campaign service for the dataset.
        request = round_pb2.ListRoundsRequest(parent=created.name)
        listed = await RoundServiceStub(opened).ListRounds(request)

    assert [] == list(listed.rounds)


async def test_data_belongs_to_one_server(start: Start, tmp_path: Path) -> None:
    """A second server with the same data folder fails to start, and does not disturb the first."""
    first = await start()
    second = await asyncio.to_thread(run_failing_start, tmp_path, SLUICE_PORT="0")

    assert 1 == second.returncode
    assert str(tmp_path / "data") in second.stderr
    assert "open" in second.stderr
    assert "Traceback" not in second.stderr
    async with open_channel(first, tmp_path) as opened:
        await create_project(opened)


async def test_a_port_in_use_is_named(start: Start, tmp_path: Path) -> None:
    """A start on a taken port fails with its number, and without showing the admin's key."""
    other = await start()
    port = other.target.split(":")[1]
    failed = await asyncio.to_thread(run_failing_start, tmp_path / "new", "--port", port)

    assert 1 == failed.returncode
    assert f"port {port}" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "slc_" not in failed.stdout
    assert not (tmp_path / "new/data/admin.key").exists()


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"SLUICE_PORT": "x"}, "port"), ({"SLUICE_PEPPER": "short"}, "pepper")],
)
def test_a_wrong_setting_is_named(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    """An invalid setting fails the start with its name and status 2."""
    failed = run_failing_start(tmp_path, **settings)

    assert 2 == failed.returncode
    assert named in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "data").exists()


async def test_a_lost_pepper_is_not_replaced(start: Start, tmp_path: Path) -> None:
    """Without the pepper of its API keys, a server does not start."""
    await (await start()).stop()
    (tmp_path / "data/pepper").unlink()
    failed = await asyncio.to_thread(run_failing_start, tmp_path, SLUICE_PORT="0")

    assert 1 == failed.returncode
    assert str(tmp_path / "data/pepper") in failed.stderr
    assert not (tmp_path / "data/pepper").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_streams(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    """At a signal every stream ends with UNAVAILABLE and a delay, and the process exits with 0."""
    server = await start(SLUICE_GRACE_S="20")
    async with open_channel(server, tmp_path) as opened:
        await create_project(opened)
        scores = ScorerServiceStub(opened).StreamScores()
        batch = scorer_pb2.ScoreFramesRequest(parent="projects/p")
        await scores.write(scorer_pb2.StreamScoresRequest(batch=batch))
        await scores.read()
        request = campaign_pb2.WatchActiveVersionsRequest(parent="projects/p")
        watch = CampaignServiceStub(opened).WatchActiveVersions(request)
        await watch.read()
        submit, _ = await open_session(opened)

        ended = asyncio.create_task(server.stop(number))
        for stream in (scores, watch, submit):
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await stream.read()
            error = rpc_errors.from_rpc_error(failed.value)
            assert errors.Unavailable is type(error)
            assert error.retry_after_s
        await ended


async def open_session(
    opened: grpc.aio.Channel,
) -> tuple[Any, ingest_pb2.SubmitStarted]:
    """An open Submit stream of one session, and the response to its start."""
    call: Any = IngestServiceStub(opened).Submit()
    session = "0b0e7d4e-4c8b-4f43-9f9c-2f6a3f6d8a11"
    start = ingest_pb2.SubmitStart(parent="projects/p", session_id=session, logger="test")
    await call.write(ingest_pb2.SubmitRequest(start=start))
    return call, (await call.read()).started


async def test_acknowledged_batches_outlast_the_server(start: Start, tmp_path: Path) -> None:
    """Batches that were acknowledged before a signal are there after a restart."""
    server = await start()
    answered: list[int] = []
    async with open_channel(server, tmp_path) as opened:
        await create_project(opened)
        call, started = await open_session(opened)
        assert 1 == started.next_seq

        async def send() -> None:
            for seq in range(1, 10_000):
                batch = ingest_pb2.SubmitBatch(seq=seq, seen_hashes=bytes(8))
                await call.write(ingest_pb2.SubmitRequest(batch=batch))

        async def read(count: int) -> None:
            for _ in range(count):
                result = (await call.read()).result
                assert "verdicts" == result.WhichOneof("outcome")
                answered.append(result.seq)

        sending = asyncio.create_task(send())
        await read(10)
        ended = asyncio.create_task(server.stop())
        with pytest.raises(grpc.aio.AioRpcError):
            await read(10_000)
        await asyncio.wait([sending])
        await ended

    assert list(range(1, len(answered) + 1)) == answered
    again = await start()
    async with open_channel(again, tmp_path) as opened:
        _, started = await open_session(opened)
    # More may have been committed than the client saw answers to; that is sent again.
    assert len(answered) < started.next_seq < 10_000


async def test_records_are_json_and_hold_no_key(start: Start, tmp_path: Path) -> None:
    """Without a terminal each line on stderr is one JSON record, and none contains a key."""
    server = await start(SLUICE_LOG_LEVEL="debug")
    async with open_channel(server, tmp_path) as opened:
        await create_project(opened)
    async with connect(server.target, "slc_wrong") as opened:
        with pytest.raises(grpc.aio.AioRpcError):
            await create_project(opened, "q")
    written = await server.stop()

    records = [json.loads(line) for line in written.splitlines()]
    calls = [(r["method"], r["code"]) for r in records if r["event"] == "rpc"]
    method = "/sluice.v1.ProjectService/CreateProject"
    assert [(method, "OK"), (method, "UNAUTHENTICATED")] == calls
    assert "slc_" not in written
    pepper = (tmp_path / "data/pepper").read_text().strip()
    assert pepper not in written


def test_threads_are_set_before_numpy_is_imported() -> None:
    """The number of threads is in the environment before numpy reads it at import."""
    program = """
import os, sys, types
from services.embedded import __main__ as sluiced
assert "numpy" not in sys.modules
process = sys.modules["services.embedded.process"] = types.ModuleType("process")
process.serve = lambda settings: None
serve = sys.modules["services.server.run"] = types.ModuleType("serve")
serve.run = lambda *_: print(os.environ["OPENBLAS_NUM_THREADS"])
sluiced.main([])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(SLUICE_BLAS_THREADS="3"),
        capture_output=True,
        text=True,
        check=True,
    )

    assert "3" == done.stdout.strip()
