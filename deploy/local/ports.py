"""Ports that stay the same when the cluster is started again in its folder."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from deploy.local.process import free_port


class SavedPorts:
    """The port of each process, in a file; new processes get ports that nobody has."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}

    def port_of(self, name: str) -> int:
        """The port that a process has had before, or a free one.

        Raises RuntimeError if another program listens on its port.
        """
        if name not in self._ports:
            taken = set(self._ports.values())
            self._ports[name] = next(port for port in iter(free_port, None) if port not in taken)
        elif not _is_free(self._ports[name]):
            raise RuntimeError(
                f"port {self._ports[name]} of {name} is in use; is this cluster running already? "
                f"To choose other ports, delete {self._file}"
            )
        return self._ports[name]

    def write(self) -> None:
        """Keep the ports for the next start."""
        self._file.write_text(json.dumps(self._ports, indent=2) + "\n")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # Connections of the former process may linger; its successor listens in spite of them.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
