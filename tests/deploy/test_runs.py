"""What the manifests describe runs: the same commands, settings and probes, on this machine."""

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
from tests.deploy.rendered import ROOT, SETTINGS, Service, container, named, quantity

ANSWER_S_MAX = 30


class Redis:
    """Redis with the rendered redis.conf, its folders and port moved to this machine."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        self.port = free_port()
        self._moved = {
            "/etc/redis/auth": str(secrets),
            "/data": str(folder / "data"),
            "6379": str(self.port),
        }
        (folder / "data").mkdir()
        volumes = self._stateful_set["spec"]["template"]["spec"]["volumes"]
        [volume] = [each for each in volumes if "configMap" in each]
        conf = folder / "redis.conf"
        conf.write_text(
            self.moved(named("ConfigMap", volume["configMap"]["name"])["data"]["redis.conf"])
        )
        command, _ = container(self._stateful_set)["command"]
        self.process = LocalProcess(
            "redis",
            [command, str(conf)],
            ready="Ready to accept connections",
            log=folder / "redis.log",
            env={},
        )

    @property
    def _stateful_set(self) -> Any:
        return named("StatefulSet", "redis")

    def moved(self, text: str) -> str:
        """The same, with what lies elsewhere on this machine."""
        for there, here in self._moved.items():
            text = text.replace(there, here)
        return text

    def ready(self) -> bool:
        """What the readiness probe says."""
        command = container(self._stateful_set)["readinessProbe"]["exec"]["command"]
        return 0 == subprocess.run([*map(self.moved, command)], check=False).returncode

    def url(self, secrets: Path) -> str:
        """What the secret says of it."""
        return (secrets / "sluice_redis_url").read_text().replace("redis:6379", self.address)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def redis(tmp_path: Path, made_secrets: Path) -> Iterator[Redis]:
    """A running Redis."""
    redis = Redis(tmp_path, made_secrets)
    redis.process.start()
    yield redis
    redis.process.kill()


async def test_the_ledger_accepts_redis(redis: Redis, made_secrets: Path) -> None:
    """A ledger opens on Redis as it is deployed and commits, and the probe knows it is ready."""
    ledger = await RedisLedger.open(redis.url(made_secrets))
    await ledger.commit(Transaction("p", checks={"a": ABSENT}, puts={"a": b"1"}))

    assert b"1" == (await ledger.get("p", ["a"]))["a"].value
    await ledger.close()
    assert redis.ready()
    redis.process.kill()
    assert not redis.ready()


async def test_redis_refuses_before_it_is_killed(redis: Redis, made_secrets: Path) -> None:
    """A full ledger and a rewrite of its file fit into the container's memory together."""
    client = redis_client.from_url(redis.url(made_secrets))
    memory_max = int((await client.config_get("maxmemory"))["maxmemory"] or 0)
    await client.aclose()
    limit = quantity(container(named("StatefulSet", "redis"))["resources"]["limits"]["memory"])

    assert 0 < memory_max <= limit / 2


class Pods:
    """One process of each service, started as its pod would start it."""

    def __init__(self, folder: Path, secrets: Path, redis: Redis) -> None:
        self.ports = {name: free_port() for name in SETTINGS}
        self._folder, self._secrets, self._redis = folder, secrets, redis
        self.processes = {name: self._process(Service(name)) for name in SETTINGS}

    def _process(self, service: Service) -> LocalProcess:
        secrets = self._folder / f"{service.name}-secrets"
        service.write_secrets(self._secrets, secrets)
        (secrets / "sluice_redis_url").write_text(self._redis.url(self._secrets))
        _, *command = service.container["command"]
        port = f"--port={self.ports[service.name]}"
        env = {name: self._moved(value) for name, value in service.env.items()}
        return LocalProcess(
            service.name,
            [sys.executable, *command, *service.arguments(secrets), port],
            ready="listens on",
            log=self._folder / f"{service.name}.log",
            env={"PYTHONPATH": f"{ROOT / 'client'}:{ROOT}", **env},
        )

    def _moved(self, value: str) -> str:
        moved = {
            "campaign:50051": f"127.0.0.1:{self.ports['campaign']}",
            "qdrant:6334": f"127.0.0.1:{free_port()}",
            "/var/lib/sluice": str(self._folder),
        }
        for there, here in moved.items():
            value = value.replace(there, here)
        return value

    def wait(self, name: str, probe: str, expected: str) -> bool:
        """Whether a probe of a pod is answered so within some seconds."""
        service = Service(name).container[f"{probe}Probe"]["grpc"]["service"]
        statuses = health_pb2.HealthCheckResponse.ServingStatus
        with grpc.insecure_channel(f"127.0.0.1:{self.ports[name]}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service=service)
            try:
                answers = stub.Watch(request, timeout=ANSWER_S_MAX)
                return any(expected == statuses.Name(answer.status) for answer in answers)
            except grpc.RpcError:
                return False


@pytest.fixture
def pods(tmp_path: Path, made_secrets: Path, redis: Redis) -> Iterator[Pods]:
    """All services, running."""
    pods = Pods(tmp_path, made_secrets, redis)
    try:
        for process in pods.processes.values():
            process.launch()
        for process in pods.processes.values():
            process.wait()
        yield pods
    finally:
        for process in pods.processes.values():
            process.kill()


def test_the_pods_run(pods: Pods, redis: Redis) -> None:
    """All pods get ready without Qdrant, stay alive while Redis is away, and stop cleanly."""
    probes = ("startup", "liveness", "readiness")
    told = {(name, probe) for name in SETTINGS for probe in probes}

    assert told == {each for each in told if pods.wait(*each, "SERVING")}
    redis.process.kill()
    assert set(SETTINGS) == {
        name for name in SETTINGS if pods.wait(name, "readiness", "NOT_SERVING")
    }
    assert set(SETTINGS) == {name for name in SETTINGS if pods.wait(name, "liveness", "SERVING")}
    assert {0} == {process.stop() for process in pods.processes.values()}
