"""Redis, Qdrant or its stand-in, and one or more of each service, as processes on this machine."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from deploy.local.ports import SavedPorts
from deploy.local.process import LocalProcess

ROOT: Final = Path(__file__).resolve().parents[2]
REDIS_OPTIONS: Final = {
    "bind": "127.0.0.1",
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "save": "",
    "daemonize": "no",
    "logfile": "",
}
"""Settings that the ledger requires; the log goes to stdout, where the start is awaited."""

WATCH_S: Final = 0.5
"""Pause between two checks whether a process has ended."""

_NO_ENV: Final[Mapping[str, str]] = MappingProxyType({})
_NO_PROGRAMS: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})


def _ignore_progress(_name: str, _ready: int, _total: int) -> None:
    """The default of `Cluster.start`."""


class Cluster:
    """The processes by name: `redis`, `qdrant`, `campaign`, `scorer-0`, `ingest-0`, `curation`.

    The folder holds all data, logs, secrets and ports, so that the cluster can be started again
    there, for the same targets.
    `settings` are additional settings of all services, by name; `programs` are arguments of Python
    in place of `-m services.<name>`, by process.
    """

    def __init__(
        self,
        folder: Path,
        *,
        campaigns: int = 1,
        scorers: int = 1,
        ingesters: int = 1,
        qdrant_url: str = "",
        settings: Mapping[str, str] = _NO_ENV,
        programs: Mapping[str, Sequence[str]] = _NO_PROGRAMS,
    ) -> None:
        self.folder = folder
        self._settings = settings
        self._programs = programs
        folder.mkdir(parents=True, exist_ok=True)
        self._secrets = {name: _load_secret(folder / name) for name in ("pepper", "internal_key")}
        self.admin_key = _load_secret(folder / "admin.key", prefix=f"slc_{secrets.token_hex(8)}_")
        self._ports: dict[str, int] = {}
        self._saved_ports = SavedPorts(folder / "ports.json")
        self.processes: dict[str, LocalProcess] = {}
        self._add_redis()
        self._qdrant_url = qdrant_url or self._add_qdrant()
        others = _numbered("campaign", campaigns)[1:]
        numbered = [*others, *_numbered("scorer", scorers), *_numbered("ingest", ingesters)]
        services = ["campaign", *numbered, "curation"]
        for name in services:
            self._port(name)
        for name in services:
            self._add_service(name)
        self._saved_ports.write()

    @property
    def target(self) -> str:
        """The target for clients: the address of each service."""
        services = [name for name in self._ports if name not in ("redis", "qdrant")]
        return ",".join(f"{name.partition('-')[0]}={self.address(name)}" for name in services)

    def targets_by_ingester(self) -> list[str]:
        """The targets for clients that use one ingester each."""
        parts = self.target.split(",")
        others = [part for part in parts if not part.startswith("ingest=")]
        return [",".join([*others, part]) for part in parts if part.startswith("ingest=")]

    def address(self, name: str) -> str:
        """The address that a process listens on."""
        return f"127.0.0.1:{self._ports[name]}"

    def start(self, on_ready: Callable[[str, int, int], None] = _ignore_progress) -> None:
        """Start all processes at once, and wait until each is ready.

        `on_ready` is called with the name of each that is, their number so far, and of all.
        Raises RuntimeError with the log of a process that does not start.
        """
        started = [process for process in self.processes.values() if not process.running]
        for process in started:
            process.launch()
        for number, process in enumerate(started, 1):
            process.wait()
            on_ready(process.name, number, len(started))

    def wait(self) -> LocalProcess:
        """Wait until one of the processes has ended, and return it."""
        while True:
            for process in self.processes.values():
                if not process.running:
                    return process
            time.sleep(WATCH_S)

    def stop(self) -> None:
        """Stop all with SIGTERM, also when one does not stop."""
        with ExitStack() as stack:
            for process in self.processes.values():
                stack.callback(process.stop)

    def kill(self) -> None:
        """Kill all with SIGKILL, as a power cut would."""
        for process in self.processes.values():
            process.kill()

    def _add_redis(self) -> None:
        data = self.folder / "redis"
        data.mkdir(exist_ok=True)
        options = {**REDIS_OPTIONS, "port": str(self._port("redis")), "dir": str(data)}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._add("redis", ["redis-server", *arguments], ready="Ready to accept connections")

    def _add_qdrant(self) -> str:
        port, data = self._port("qdrant"), self.folder / "qdrant"
        command = [sys.executable, "-m", "tests.qdrant_server", f"--port={port}", f"--data={data}"]
        self._add("qdrant", command, ready="http://")
        return f"http://127.0.0.1:{port}"

    def _add_service(self, name: str) -> None:
        program = self._programs.get(name, ("-m", f"services.{name.partition('-')[0]}"))
        command = [sys.executable, *program, f"--port={self._ports[name]}"]
        settings = {
            "admin_key": self.admin_key,
            "blobs": str(self.folder / "blobs"),
            "campaign_target": self.address("campaign"),
            "curation_target": self.address("curation"),
            "ingest_target": self._ingest_target(),
            "log_format": "json",
            "qdrant_url": self._qdrant_url,
            "redis_url": f"redis://{self.address('redis')}",
            **self._secrets,
            **self._settings,
        }
        env = {f"SLUICE_{setting.upper()}": value for setting, value in settings.items()}
        self._add(name, command, ready="listens on", env=env)

    def _ingest_target(self) -> str:
        """All ingesters: a caller uses the next one while one is down."""
        ingesters = [name for name in self._ports if name.startswith("ingest")]
        return "ipv4:" + ",".join(map(self.address, ingesters))

    def _add(
        self, name: str, command: Sequence[str], *, ready: str, env: Mapping[str, str] = _NO_ENV
    ) -> None:
        log = self.folder / f"{name}.log"
        path = os.pathsep.join([str(ROOT / "client"), str(ROOT)])
        self.processes[name] = LocalProcess(
            name, command, ready=ready, log=log, env={"PYTHONPATH": path, **env}
        )

    def _port(self, name: str) -> int:
        self._ports[name] = self._saved_ports.port_of(name)
        return self._ports[name]


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Cluster]:
    """A cluster in a folder, with the options of `Cluster`, stopped at the end."""
    cluster = Cluster(folder, **options)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def _load_secret(path: Path, prefix: str = "") -> str:
    """The secret in a file, generated when there is none."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(prefix + secrets.token_hex(32))
    return path.read_text()
