"""The cluster on this machine keeps its ports, so that targets stay valid."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy.local.ports import SavedPorts


def test_ports_stay_the_same(tmp_path: Path) -> None:
    """A second start has the ports of the first; a process that is new gets another one."""
    file = tmp_path / "ports.json"
    first = SavedPorts(file)
    ports = {name: first.port_of(name) for name in ("redis", "campaign", "scorer-0")}
    first.write()
    second = SavedPorts(file)
    assert ports == {name: second.port_of(name) for name in ports}
    assert second.port_of("scorer-1") not in ports.values()


def test_a_port_that_is_in_use_is_named(tmp_path: Path) -> None:
    """Another program on a port is an error that names the process and the way out."""
    file = tmp_path / "ports.json"
    ports = SavedPorts(file)
    port = ports.port_of("redis")
    ports.write()
    with socket.create_server(("127.0.0.1", port)):
        message = f"port {port} of redis is in use; is this cluster running already.*delete .*ports"
        with pytest.raises(RuntimeError, match=message):
            SavedPorts(file).port_of("redis")
