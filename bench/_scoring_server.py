"""Server processes of the scoring benchmark, and their campaigns."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import grpc

from bench._scoring_data import Space
from deploy.local.process import LocalProcess, free_port
from sluice import CollectionClient, Frame
from sluice.v1 import dataset_pb2, frame_pb2

PROJECT: Final = "projects/bench"
MODEL: Final = "bench"

_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Server:
    """A running `sluiced`."""

    target: str
    admin_key: str


@contextmanager
def sluiced(folder: Path, settings: Mapping[str, str] = _NO_SETTINGS) -> Iterator[Server]:
    """Run a `sluiced` with its data in that folder."""
    port = free_port()
    command = ["-m", "services.embedded", f"--port={port}", f"--data-dir={folder / 'data'}"]
    env = {f"SLUICE_{name.upper()}": value for name, value in settings.items()}
    with process("sluiced", command, "listens on", folder / "log", env):
        key = (folder / "data" / "admin.key").read_text().strip()
        yield Server(f"127.0.0.1:{port}", key)


@contextmanager
def process(
    name: str, arguments: list[str], ready: str, log: Path, env: Mapping[str, str] = _NO_SETTINGS
) -> Iterator[LocalProcess]:
    """Run a Python process: wait until it is ready, and stop it at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    server = LocalProcess(name, [sys.executable, *arguments], ready=ready, log=log, env=env)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Campaigns:
    """A project on a server, with a growing number of campaigns of a space."""

    def __init__(self, target: str, admin_key: str, space: Space) -> None:
        self.client = CollectionClient(target, logger="bench")
        self.client.set_credentials(api_key=admin_key)
        self.space = space
        self.names: list[str] = []
        self.client.projects.create(PROJECT.removeprefix("projects/"))
        dataset = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D)
        self._dataset = self.client.projects.create_dataset(PROJECT, "d", dataset).name
        self.client.campaigns.set_background(PROJECT, MODEL, space.background)

    @property
    def channel(self) -> grpc.Channel:
        """A connection with the admin's key."""
        return self.client.channel

    def grow(self, count: int) -> None:
        """Start campaigns up to this number."""
        for number in range(len(self.names), count):
            issue = self.client.issues.create(PROJECT, f"issue {number}", self._dataset).name
            elements = self.space.elements(number)
            frames = [Frame(id=f"i{number}-{index}") for index in range(len(elements))]
            self.client.issues.add_elements(issue, frames, elements, model_id=MODEL)
            self.names.append(self.client.campaigns.start(issue).name)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()
