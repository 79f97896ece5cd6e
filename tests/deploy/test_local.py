"""`make cluster`: its output, and that no process is left behind."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process import LocalProcess
from sluice import CollectionClient

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[LocalProcess]:
    """The command with two scorers, not started yet; stopped after the test."""
    arguments = [f"--data-dir={tmp_path / 'data'}", "--scorers=2"]
    process = LocalProcess(
        "cluster",
        [sys.executable, "-m", "deploy.local", *arguments],
        ready="export SLUICE_TARGET=",
        log=tmp_path / "log",
        env={"PYTHONPATH": os.pathsep.join([str(ROOT / "client"), str(ROOT)])},
    )
    yield process
    process.stop()


def list_children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_printed_target_works(command: LocalProcess, tmp_path: Path) -> None:
    """With the printed target and the key of the file a client works; Ctrl-C ends all processes."""
    line = command.start()
    target = line.strip().removeprefix("export SLUICE_TARGET=")
    assert 5 == len(re.findall(r"(campaign|scorer|ingest|curation)=127\.0\.0\.1:\d+", target))
    with CollectionClient(target, cache_dir=tmp_path / "models") as client:
        client.set_credentials(api_key=(tmp_path / "data" / "admin.key").read_text())
        assert "projects/p" == client.projects.create("p").name
    started = list_children(command.pid)
    assert 7 == len(started)  # Redis, Qdrant's stand-in, campaign, two scorers, ingest, curation
    command.send(signal.SIGINT)
    assert 0 == command.wait_until_ended(60)
    assert [] == [pid for pid in started if Path(f"/proc/{pid}").exists()]
    ready = re.findall(r"\[(\d)/7\] (\S+) is ready", (tmp_path / "log").read_text())
    assert [str(number) for number in range(1, 8)] == [number for number, _ in ready]
    assert {"redis", "campaign", "scorer-1", "curation"} < {name for _, name in ready}
    assert line == command.start()  # the same target


def test_a_second_start_says_that_it_runs(command: LocalProcess, tmp_path: Path) -> None:
    """A cluster that runs already is named in one line, without a traceback."""
    command.start()
    second = command.variant(
        [sys.executable, "-m", "deploy.local", f"--data-dir={tmp_path / 'data'}", "--scorers=2"], {}
    )
    second.launch()
    assert 1 == second.wait_until_ended(60)
    second.stop()
    log = (tmp_path / "log").read_text()
    assert "of redis is in use; is this cluster running already?" in log
    assert "Traceback" not in log


def test_a_process_that_ends_is_named(command: LocalProcess, tmp_path: Path) -> None:
    """When one process dies, its name and log are printed, and the others end too."""
    command.start()
    started = list_children(command.pid)
    os.kill(started[-1], signal.SIGKILL)
    assert 1 == command.wait_until_ended(60)
    assert (
        f"curation has ended; its log is {tmp_path / 'data' / 'curation.log'}"
        in (tmp_path / "log").read_text()
    )
    assert [] == [pid for pid in started if Path(f"/proc/{pid}").exists()]
