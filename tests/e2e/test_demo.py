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
class DemoRun:
    """A finished run of the demo."""

    folder: Path
    exit_code: int
    output: str

    @property
    def report(self) -> dict[str, Any]:
        """The figures of demo-report.json."""
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
    """Whether the server named in the output accepts connections."""
    match = SERVES_ON.search(output)
    assert match is not None, output
    with socket.socket() as client:
        return client.connect_ex((match[1], int(match[2]))) == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """One run, from an empty folder."""
    folder = tmp_path_factory.mktemp("demo")
    with start_demo(folder) as process:
        output, _ = process.communicate(timeout=TIMEOUT_S)
        return DemoRun(folder, process.returncode, output)


def test_it_ends_well_and_leaves_nothing_running(run: DemoRun) -> None:
    """The demo exits 0, and its server has stopped."""
    assert 0 == run.exit_code, run.output
    assert not serves(run.output)


@pytest.mark.parametrize("scan", ["first", "overlapping_scan", "second_version"])
def test_every_match_has_a_verdict(run: DemoRun, scan: str) -> None:
    """After each scan the verdicts add up to the matches, and none is pending."""
    funnel = (run.report if scan == "first" else run.report[scan])["funnel"]

    assert funnel["matches"] == sum(funnel[verdict] for verdict in VERDICTS)
    assert 0 == funnel["pending"]


def test_every_frame_is_accounted_for(run: DemoRun) -> None:
    """The first scan has seen the whole archive, and both collection rates are correct."""
    report = run.report
    funnel, archive = report["funnel"], report["frames"]["archive"]

    assert archive == funnel["seen"]
    assert archive == pytest.approx(funnel["distinct_seen"], rel=0.03)
    assert report["collection_rate"] == pytest.approx(funnel["collected"] / funnel["seen"])
    assert report["collection_rate_distinct"] == pytest.approx(
        funnel["collected"] / funnel["distinct_seen"]
    )


def test_it_beats_random_selection_three_times(run: DemoRun) -> None:
    """Samples are of the class, and hard, three times as often as random frames."""
    report = run.report

    assert 10 <= report["funnel"]["collected"]
    assert report["precision"] >= 3 * report["precision_random"] > 0
    assert report["precision_hard"] >= 3 * report["precision_hard_random"] > 0


def test_frames_seen_again_are_duplicates(run: DemoRun) -> None:
    """An overlapping scan adds to `seen`, and to no count of distinct frames."""
    first, overlap = run.report, run.report["overlapping_scan"]

    assert overlap["funnel"]["seen"] > first["funnel"]["seen"]
    assert overlap["funnel"]["duplicate"] > first["funnel"]["duplicate"] == 0
    assert first["funnel"]["distinct_seen"] == overlap["funnel"]["distinct_seen"]
    assert first["funnel"]["collected"] == overlap["funnel"]["collected"]
    assert first["collection_rate_distinct"] == overlap["collection_rate_distinct"]


def test_what_was_accepted_makes_the_next_version(run: DemoRun) -> None:
    """All samples are reviewed, accepted ones join the issue, and version 2 finds more."""
    first, second = run.report, run.report["second_version"]

    assert first["funnel"]["collected"] == (
        second["funnel"]["accepted"] + second["funnel"]["discarded"]
    )
    assert 2 == second["version"]
    assert second["elements"] == first["elements"] + second["funnel"]["accepted"]
    assert second["recall"] >= first["recall"]


def test_it_leaves_a_contact_sheet(run: DemoRun) -> None:
    """The picture is in the work folder, and small enough for a README."""
    picture = run.folder / "demo-data" / "demo.png"

    assert b"\x89PNG" == picture.read_bytes()[:4]
    assert picture.stat().st_size < 150_000


@pytest.fixture
def demo_that_serves(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo with a server that just started, and the line with its address."""
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
