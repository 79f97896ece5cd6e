"""A scan, with the server or the client killed at random moments: every frame counted once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.sluiced import Sluiced
from tests.e2e.team import DIMENSION, MODEL, Team

ROWS, EVERY, KILLS = 120_000, 600, 10
COMMAND = [sys.executable, "-c", "from sluice.cli import main; main()"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Frames of which every so many is like the issue, no two of these alike."""
    draw = np.random.default_rng(3)
    rows = draw.standard_normal((ROWS, DIMENSION), dtype=np.float32)
    members = np.arange(0, ROWS, EVERY)
    rows[members] *= 0.12
    rows[members, 0] += 3
    ids = np.array([f"f{index}" for index in range(ROWS)])
    np.savez(tmp_path / "corpus.npz", frame_id=ids, embedding=rows)
    return tmp_path / "corpus.npz"


def start_scan(server: Sluiced, corpus: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command."""
    environment = {
        "SLUICE_TARGET": server.target,
        "SLUICE_API_KEY": server.admin_key,
        "SLUICE_CACHE_DIR": str(corpus.parent / "models"),
    }
    arguments = ["scan", str(corpus), "-p", "p", "--model-id", MODEL, "--json"]
    arguments += ["--batch-rows=256", *options]
    return subprocess.Popen(
        [*COMMAND, *arguments], env=os.environ | environment, stderr=subprocess.PIPE, text=True
    )


def wait_until_scanning(team: Team, scan: subprocess.Popen[str], seen: int) -> None:
    """Wait until the server has counted more than that."""
    while team.samples.funnel(team.started["vans"]).seen <= seen and scan.poll() is None:
        pass


def check_exact(team: Team) -> None:
    """Every frame was counted once, every match is stored once."""
    funnel = team.funnel("vans")
    expected = {f"f{index}" for index in range(0, ROWS, EVERY)}
    assert (ROWS, 0, len(expected)) == (funnel.seen, funnel.duplicate, funnel.matches)
    assert funnel.matches == funnel.collected + funnel.near_duplicate
    frame_ids = [sample.frame.id for sample in team.samples.list(team.started["vans"])]
    assert len(frame_ids) == len(set(frame_ids)) == funnel.collected
    assert set(frame_ids) <= expected


def test_the_server_is_killed_ten_times(
    team: Team, sluiced: Sluiced, corpus: Path, moments: random.Random
) -> None:
    """Whenever the server dies, the scan goes on where the last acknowledged batch ended."""
    scan = start_scan(sluiced, corpus)
    wait_until_scanning(team, scan, 0)
    killed = 0
    while killed < KILLS and scan.poll() is None:
        time.sleep(moments.uniform(0, 0.15))
        sluiced.kill()
        sluiced.start()
        killed += 1
    _, output = scan.communicate(timeout=120)
    assert 0 == scan.returncode, output
    assert KILLS == killed
    check_exact(team)


def test_the_client_is_killed_ten_times(
    team: Team, sluiced: Sluiced, corpus: Path, moments: random.Random
) -> None:
    """Whenever the scan dies, --resume counts what is left and nothing twice."""
    state = corpus.with_name(corpus.name + ".scan")
    options: list[str] = []
    for _ in range(KILLS):
        seen = team.samples.funnel(team.started["vans"]).seen
        scan = start_scan(sluiced, corpus, *options)
        wait_until_scanning(team, scan, seen)
        time.sleep(moments.uniform(0, 0.05))
        scan.send_signal(signal.SIGKILL)
        scan.communicate()
        assert state.exists(), "the scan was over before it was killed"
        options = ["--resume"]
    scan = start_scan(sluiced, corpus, "--resume")
    _, output = scan.communicate(timeout=120)
    assert 0 == scan.returncode, output
    check_exact(team)
