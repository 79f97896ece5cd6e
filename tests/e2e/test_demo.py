from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVES_ON = re.compile(r"sluiced serves on ([\d.]+):(\d+)")
VERDICTS = (
    "duplicate",
    "over_budget",
    "inactive",
    "score_mismatch",
    "pending",
    "near_duplicate",
    "collected",
)
TIMEOUT_S = 120  # a hang ends here; how long it takes is measured elsewhere


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the demo that has ended."""

    folder: Path
    exit_code: int
    output: str

    @property
    def report(self) -> dict[str, Any]:
        """The figures that it left."""
        loaded: dict[str, Any] = json.loads((self.folder / "demo-report.json").read_text())
        return loaded


def start_demo(folder: Path) -> subprocess.Popen[str]:
    """Start the demo in a folder, as `make demo` does in the repository's."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}",
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def serves(output: str) -> bool:
    """Whether the server that the output tells of still takes connections."""
    found = SERVES_ON.search(output)
    assert found is not None, output
    with socket.socket() as client:
        return client.connect_ex((found[1], int(found[2]))) == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run, from an empty folder."""
    folder = tmp_path_factory.mktemp("demo")
    with start_demo(folder) as process:
        output, _ = process.communicate(timeout=TIMEOUT_S)
        return Run(folder, process.returncode, output)


def test_it_ends_well_and_leaves_nothing_running(run: Run) -> None:
    """The demo exits 0, and the server that it started is gone."""
    assert 0 == run.exit_code, run.output
    assert not serves(run.output)


@pytest.mark.parametrize("scan", ["first", "overlapping_scan", "second_version"])
def test_every_match_has_a_verdict(run: Run, scan: str) -> None:
    """After each scan the matches are the sum of their verdicts, and none is undecided."""
    funnel = (run.report if scan == "first" else run.report[scan])["funnel"]

    assert funnel["matches"] == sum(funnel[verdict] for verdict in VERDICTS)
    assert 0 == funnel["pending"]


def test_every_frame_is_accounted_for(run: Run) -> None:
    """The first scan has seen the whole archive, and both rates are of what it collected."""
    report = run.report
    funnel, archive = report["funnel"], report["frames"]["archive"]

    assert archive == funnel["seen"]
    assert archive == pytest.approx(funnel["distinct_seen"], rel=0.03)
    assert report["collection_rate"] == pytest.approx(funnel["collected"] / funnel["seen"])
    assert report["collection_rate_distinct"] == pytest.approx(
        funnel["collected"] / funnel["distinct_seen"]
    )


def test_it_beats_random_selection_three_times(run: Run) -> None:
    """Of the samples three times as many are of the class, and hard, as of random frames."""
    report = run.report

    assert 10 <= report["funnel"]["collected"]
    assert report["precision"] >= 3 * report["precision_random"] > 0
    assert report["precision_hard"] >= 3 * report["precision_hard_random"] > 0


def test_frames_seen_again_are_duplicates(run: Run) -> None:
    """An overlapping scan adds to what was seen, and to nothing that counts different frames."""
    first, overlap = run.report, run.report["overlapping_scan"]

    assert overlap["funnel"]["seen"] > first["funnel"]["seen"]
    assert overlap["funnel"]["duplicate"] > first["funnel"]["duplicate"] == 0
    assert first["funnel"]["distinct_seen"] == overlap["funnel"]["distinct_seen"]
    assert first["funnel"]["collected"] == overlap["funnel"]["collected"]
    assert first["collection_rate_distinct"] == overlap["collection_rate_distinct"]


def test_what_was_accepted_makes_the_next_version(run: Run) -> None:
    """All samples are reviewed, the right ones join the issue, and version 2 finds more of them."""
    first, second = run.report, run.report["second_version"]

    assert first["funnel"]["collected"] == (
        second["funnel"]["accepted"] + second["funnel"]["discarded"]
    )
    assert 2 == second["version"]
    assert second["elements"] == first["elements"] + second["funnel"]["accepted"]
    assert second["recall"] >= first["recall"]


def test_it_leaves_a_contact_sheet(run: Run) -> None:
    """The picture lies in the work folder and is small enough for a README."""
    picture = run.folder / "demo-data" / "demo.png"

    assert b"\x89PNG" == picture.read_bytes()[:4]
    assert picture.stat().st_size < 150_000


@pytest.fixture
def demo_that_serves(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo whose server has just come up, and the line that says where."""
    with start_demo(tmp_path) as process:
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if SERVES_ON.search(line)), "")
            yield process, line
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_its_server(
    demo_that_serves: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM end the demo, and the server with it."""
    process, line = demo_that_serves
    assert serves(line)

    process.send_signal(number)
    output, _ = process.communicate(timeout=TIMEOUT_S)

    assert 128 + number == process.returncode, output
    assert not serves(line)
