"""Pods run as the manifests describe: their commands, settings and probes, on this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import redis.asyncio as redis_client
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local.process import LocalProcess, free_port
from services.ledger.interface import ABSENT, Transaction
from services.ledger.redis.ledger import RedisLedger
from tests.deploy.manifests import (
    ROOT,
    SETTINGS,
    Service,
    find_object,
    only_container,
    parse_quantity,
)

PROBE_TIMEOUT_S = 30


class DeployedRedis:
    """Redis with the rendered redis.conf, its folders and port moved to this machine."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        self.port = free_port()
        self._replacements = {
            "/etc/redis/auth": str(secrets),
            "/data": str(folder / "data"),
            "6379": str(self.port),
        }
        (folder / "data").mkdir()
        volumes = self._stateful_set["spec"]["template"]["spec"]["volumes"]
        [volume] = [volume for volume in volumes if "configMap" in volume]
        conf = folder / "redis.conf"
        conf.write_text(
            self.localise(
                find_object("ConfigMap", volume["configMap"]["name"])["data"]["redis.conf"]
            )
        )
        command, _ = only_container(self._stateful_set)["command"]
        self.process = LocalProcess(
            "redis",
            [command, str(conf)],
            ready="Ready to accept connections",
            log=folder / "redis.log",
            env={},
        )

    @property
    def _stateful_set(self) -> Any:
        return find_object("StatefulSet", "redis")

    def localise(self, text: str) -> str:
        """Replace the folders and the port of the pod by those of this machine."""
        for deployed, local in self._replacements.items():
            text = text.replace(deployed, local)
        return text

    def probe(self) -> bool:
        """Whether the readiness probe passes."""
        command = only_container(self._stateful_set)["readinessProbe"]["exec"]["command"]
        return 0 == subprocess.run([*map(self.localise, command)], check=False).returncode

    def url(self, secrets: Path) -> str:
        """The URL of the secret, at this machine's port."""
        return (secrets / "sluice_redis_url").read_text().replace("redis:6379", self.address)

    @property
    def address(self) -> str:
        """The address that it listens on."""
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def redis(tmp_path: Path, secret_files: Path) -> Iterator[DeployedRedis]:
    """A running Redis."""
    redis = DeployedRedis(tmp_path, secret_files)
    redis.process.start()
    yield redis
    redis.process.kill()


async def test_the_ledger_accepts_redis(redis: DeployedRedis, secret_files: Path) -> None:
    """A ledger opens on the deployed Redis and commits, and the readiness probe passes."""
    ledger = await RedisLedger.open(redis.url(secret_files))
    await ledger.commit(Transaction("p", checks={"a": ABSENT}, puts={"a": b"1"}))

    assert b"1" == (await ledger.get("p", ["a"]))["a"].value
    await ledger.close()
    assert redis.probe()
    redis.process.kill()
    assert not redis.probe()


async def test_redis_refuses_before_it_is_killed(redis: DeployedRedis, secret_files: Path) -> None:
    """A full ledger and a rewrite of its file fit into the container's memory together."""
    client = redis_client.from_url(redis.url(secret_files))
    memory_max = int((await client.config_get("maxmemory"))["maxmemory"] or 0)
    await client.aclose()
    limit = parse_quantity(
        only_container(find_object("StatefulSet", "redis"))["resources"]["limits"]["memory"]
    )

    assert 0 < memory_max <= limit / 2


class PodProcesses:
    """One process of each service, started by the command of its pod."""

    def __init__(self, folder: Path, secrets: Path, redis: DeployedRedis) -> None:
        self.ports = {name: free_port() for name in SETTINGS}
        self._folder, self._secrets, self._redis = folder, secrets, redis
        self.processes = {name: self._process(Service(name)) for name in SETTINGS}

    def _process(self, service: Service) -> LocalProcess:
        secrets = self._folder / f"{service.name}-secrets"
        service.mount_secrets(self._secrets, secrets)
        (secrets / "sluice_redis_url").write_text(self._redis.url(self._secrets))
        _, *command = service.container["command"]
        port = f"--port={self.ports[service.name]}"
        env = {name: self._localise(value) for name, value in service.env.items()}
        return LocalProcess(
            service.name,
            [sys.executable, *command, *service.arguments(secrets), port],
            ready="listens on",
            log=self._folder / f"{service.name}.log",
            env={"PYTHONPATH": f"{ROOT / 'client'}:{ROOT}", **env},
        )

    def _localise(self, value: str) -> str:
        replacements = {
            "campaign:50051": f"127.0.0.1:{self.ports['campaign']}",
            "qdrant:6334": f"127.0.0.1:{free_port()}",
            "/var/lib/sluice": str(self._folder),
        }
        for deployed, local in replacements.items():
            value = value.replace(deployed, local)
        return value

    def wait(self, name: str, probe: str, expected: str) -> bool:
        """Whether a probe of a pod returns that status within the timeout."""
        service = Service(name).container[f"{probe}Probe"]["grpc"]["service"]
        statuses = health_pb2.HealthCheckResponse.ServingStatus
        with grpc.insecure_channel(f"127.0.0.1:{self.ports[name]}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service=service)
            try:
                answers = stub.Watch(request, timeout=PROBE_TIMEOUT_S)
                return any(expected == statuses.Name(answer.status) for answer in answers)
            except grpc.RpcError:
                return False


@pytest.fixture
def pods(tmp_path: Path, secret_files: Path, redis: DeployedRedis) -> Iterator[PodProcesses]:
    """All services, running."""
    pods = PodProcesses(tmp_path, secret_files, redis)
    try:
        for process in pods.processes.values():
            process.launch()
        for process in pods.processes.values():
            process.wait()
        yield pods
    finally:
        for process in pods.processes.values():
            process.kill()


def test_the_pods_run(pods: PodProcesses, redis: DeployedRedis) -> None:
    """All pods get ready without Qdrant, stay alive while Redis is down, and stop cleanly."""
    probes = ("startup", "liveness", "readiness")
    all_probes = {(name, probe) for name in SETTINGS for probe in probes}

    assert all_probes == {probe for probe in all_probes if pods.wait(*probe, "SERVING")}
    redis.process.kill()
    assert set(SETTINGS) == {
        name for name in SETTINGS if pods.wait(name, "readiness", "NOT_SERVING")
    }
    assert set(SETTINGS) == {name for name in SETTINGS if pods.wait(name, "liveness", "SERVING")}
    assert {0} == {process.stop() for process in pods.processes.values()}
