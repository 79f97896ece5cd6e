"""The scripts of docs/quickstart.md run as printed, on a file of a user's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits

import sluice
from tests.e2e.sluiced import Server

GUIDE = Path(__file__).parents[2] / "docs" / "quickstart.md"
EIGHT, FAILURES, LINES_MAX = 8, 40, 30


def scripts() -> list[str]:
    """The Python scripts of the page: the whole job, and the server's scores."""
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def lines_of(script: str) -> list[str]:
    """The lines of a script without blank ones."""
    return [line for line in script.splitlines() if line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a user's files: digits, and the ids of some eights."""
    digits = load_digits()
    ids = [f"digit-{number}-{target}" for number, target in enumerate(digits.target)]
    columns = {
        "frame_id": ids,
        "embedding": list(digits.data.astype(np.float32)),
        "image_url": [f"https://example.org/{frame_id}.png" for frame_id in ids],
    }
    pq.write_table(pa.table(columns), tmp_path / "corpus.parquet")
    eights = [ids[row] for row in np.flatnonzero(digits.target == EIGHT)[:FAILURES]]
    (tmp_path / "failures.txt").write_text("\n".join(eights) + "\n")
    return tmp_path


def environment(server: Server, folder: Path) -> dict[str, str]:
    """The variables of a user's shell, with the commands of this environment."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SLUICE_TARGET": server.target,
        "SLUICE_API_KEY": server.admin_key,
        "SLUICE_CACHE_DIR": str(folder / "models"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


def run(script: str, server: Server, folder: Path, answers: str) -> str:
    """Run a script in the folder, as a user would; returns its output."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(server, folder),
        cwd=folder,
        input=answers,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_the_script_ends_with_reviewed_samples(server: Server, folder: Path) -> None:
    """The page's script finds the class, asks about the best ten, and learns from the answers."""
    job, scoring = scripts()
    output = run(job + scoring, server, folder, "y\n" * 9 + "n\n")
    accepted = (folder / "to_label.txt").read_text().split()
    with sluice.CollectionClient(server.target) as client:
        client.set_credentials(server.admin_key)
        [campaign] = client.campaigns.list("projects/night-fleet")
        funnel = client.samples.funnel(campaign.name)
    assert (9, 1, 2) == (funnel.accepted, funnel.discarded, campaign.version.number)
    assert len(load_digits().target) - FAILURES == funnel.seen
    assert 9 == len(accepted) == len(set(accepted))
    assert sum(frame_id.endswith("-8") for frame_id in accepted) > 6
    assert f"{funnel.collected} samples" in output
    assert re.search(r"\d matches among 1000 frames", output)


def test_ten_commands_end_with_reviewed_samples(server: Server, folder: Path) -> None:
    """The page's commands, typed in bash, collect frames of the class and accept the best."""
    _, typed = re.findall(r"```console\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    commands = [line.removeprefix("$ ") for line in typed.splitlines()]
    assert 10 == len(commands)
    assert not any(word in typed for word in ("projects/", "issues/", "campaigns/", "datasets/"))
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        env=environment(server, folder),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    with sluice.CollectionClient(server.target) as client:
        client.set_credentials(server.admin_key)
        accepted = list(client.samples.list("Vans in fog", states=["accepted"]))
    assert len(accepted) > 20
    assert all(sample.score >= 0.7 for sample in accepted)
    assert sum(sample.frame.id.endswith("-8") for sample in accepted) > 0.9 * len(accepted)


def test_the_script_is_short_and_plain() -> None:
    """It has thirty lines, types no full resource name, and needs no protobuf module."""
    job, scoring = scripts()
    assert len(lines_of(job)) <= LINES_MAX
    for written in ("projects/", "issues/", "campaigns/", "pb2", "sluice.v1", "protobuf"):
        assert written not in job + scoring
