"""The `sluice` command against a real server: its examples, and what scripts rely on."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main

from sluice.cli.app import app
from tests.e2e.sluiced import Sluiced
from tests.e2e.team import MODEL, Team, vector

COMMAND = [sys.executable, "-c", "from sluice.cli.app import main; main()"]
VANS = [f"v{index}" for index in range(6)]
CORPUS = [*VANS, *(f"x{index}" for index in range(300))]


class Cli:
    """The command, with its connection in the environment."""

    def __init__(self, server: Sluiced, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "SLUICE_TARGET": server.target,
            "SLUICE_API_KEY": server.admin_key,
            "SLUICE_CACHE_DIR": str(folder / "models"),
            "COLUMNS": "200",
        }

    def run(self, *arguments: str, code: int = 0, **env: str) -> str:
        """What a command prints; it must end with that code."""
        found = subprocess.run(
            [*COMMAND, *arguments],
            env=self.env | env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert code == found.returncode, found.stdout + found.stderr
        return found.stdout if code == 0 else found.stderr

    def json(self, *arguments: str) -> Any:
        """What a command prints for scripts."""
        return json.loads(self.run(*arguments, "--json"))


@pytest.fixture
def cli(sluiced: Sluiced, tmp_path: Path) -> Cli:
    """The command, in a folder with a corpus and some hard frames."""
    write(tmp_path / "corpus.npz", CORPUS)
    write(tmp_path / "hard.npz", [f"v-hard-{index}" for index in range(5)])
    return Cli(sluiced, tmp_path)


def write(path: Path, frame_ids: list[str]) -> None:
    """Write frames as an npz file."""
    rows = np.stack([vector(frame_id) for frame_id in frame_ids])
    times = ["2026-01-01T00:00:00+00:00"] * len(frame_ids)
    np.savez(path, frame_id=np.array(frame_ids), embedding=rows, date_captured=np.array(times))


@pytest.fixture
def campaign(cli: Cli) -> str:
    """A campaign that looks for vans, started by commands alone."""
    cli.run("projects", "create", "night-fleet")
    create = ("projects", "create-dataset", "night-fleet", "street", "--task", "box_2d")
    cli.run(*create, "--class", "van")
    of_project = ("-p", "night-fleet")
    issue = cli.json("issues", "create", *of_project, "Vans in fog", "--dataset", "street")["name"]
    cli.run("issues", "add", issue, "hard.npz", "--model-id", MODEL)
    cli.run("background", "corpus.npz", *of_project, "--model-id", MODEL)
    return str(cli.json("campaigns", "start", issue)["name"])


def scan(cli: Cli, *options: str) -> Any:
    """Scan the corpus."""
    return cli.json("scan", "corpus.npz", "-p", "night-fleet", "--model-id", MODEL, *options)


def settled(cli: Cli, campaign: str) -> Any:
    """The funnel, once nothing in it is pending."""
    while int((found := cli.json("funnel", campaign)).get("pending", 0)):
        pass
    return found


def test_a_scan_collects_and_counts(cli: Cli, campaign: str) -> None:
    """A file is one command: all rows are counted, what matches is collected, once."""
    first = scan(cli)
    assert (306, 6) == (first["rows"], first["passing"])
    funnel = settled(cli, campaign)
    assert ("306", "6") == (funnel["seen"], funnel["collected"])
    scan(cli)
    again = settled(cli, campaign)
    assert ("612", "6", "6") == (again["seen"], again["collected"], again["duplicate"])
    samples = cli.json("samples", "list", campaign)
    assert set(VANS) == {sample["frame"]["id"] for sample in samples}
    assert not (cli.folder / "corpus.npz.scan").exists()


def test_a_dry_run_shows_and_sends_nothing(cli: Cli, campaign: str) -> None:
    """The scores are drawn, and nothing is counted."""
    assert 306 == sum(scan(cli, "--dry-run")["histogram"])
    drawn = cli.run("scan", "corpus.npz", "-p", "night-fleet", "--model-id", MODEL, "--dry-run")
    assert "306 rows, 6 at or over a threshold" in drawn
    assert "█" in drawn
    assert "seen" not in cli.json("funnel", campaign)


def test_an_interrupted_scan_goes_on(cli: Cli, campaign: str) -> None:
    """Ctrl-C says how to go on; --resume counts what is left, and nothing twice."""
    big = [*VANS, *(f"x{index}" for index in range(20_000))]
    write(cli.folder / "big.npz", big)
    arguments = ["scan", "big.npz", "-p", "night-fleet", "--model-id", MODEL, "--batch-rows=32"]
    running = subprocess.Popen(
        [*COMMAND, *arguments], env=cli.env, cwd=cli.folder, stderr=subprocess.PIPE, text=True
    )
    while not (cli.folder / "big.npz.scan").exists():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    # Python drops an interrupt that meets a finaliser; then the scan just goes on to its end.
    if running.returncode:
        assert 130 == running.returncode
        assert "Go on with --resume" in said
        cli.run(*arguments, "--resume")
    assert str(len(big)) == settled(cli, campaign)["seen"]
    assert set(VANS) == {s["frame"]["id"] for s in cli.json("samples", "list", campaign)}


def examples(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The example that each command's help gives."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from examples(child, (*path, name))
    else:
        found = re.search(r"Example: (sluice .*)", command.help or "")
        assert found, f"{path} has no example"
        assert found[1].split()[1 : len(path) + 1] == list(path)
        yield found[1]


def test_every_example_works(cli: Cli, campaign: str) -> None:
    """What the help shows can be typed, once the placeholders are filled in."""
    issue = cli.json("campaigns", "show", campaign)["issue"]
    scan(cli)
    settled(cli, campaign)
    other = cli.json("issues", "create", "-p", "night-fleet", "x", "--dataset", "street")["name"]
    filled = {
        "CAMPAIGN": campaign,
        "ISSUE": issue,
        "SAMPLE": f"{campaign}/samples/v1",
        "FRAME": "v1",
        "night-fleet": "night-fleet",
    }
    for example in examples(typer.main.get_command(app)):
        if example == "sluice demo":
            continue  # tests/e2e/test_demo.py runs it
        words = shlex.split(example)[1:]
        if words[1] in {"create", "create-dataset"} and words[0] == "projects":
            words[2] = "another" if words[1] == "create" else words[2]
            words[3:4] = ["second"] if words[1] == "create-dataset" else words[3:4]
        if words[:2] == ["issues", "delete"]:
            filled["ISSUE"] = other
        cli.run(*(filled.get(word, word) for word in words))
        filled["ISSUE"] = issue


def test_tables_are_for_people(cli: Cli, campaign: str) -> None:
    """Without --json there is a table, with the reason why a sample was taken."""
    scan(cli)
    settled(cli, campaign)
    listed = cli.run("samples", "list", campaign)
    assert "nearest elements" in listed
    assert "v-hard-" in listed
    assert "radius" in cli.run("samples", "show", f"{campaign}/samples/v1")
    assert "collection rate" in cli.run("funnel", campaign)
    assert "0 added, 0 removed" in cli.run("campaigns", "show", campaign)


@pytest.mark.parametrize(
    ("arguments", "env", "code", "said"),
    [
        (["campaigns", "show", "projects/p/campaigns/c"], {}, 3, "projects/p"),
        (["campaigns", "show", "nonsense"], {}, 1, "nonsense"),
        (["projects", "list"], {"SLUICE_API_KEY": "slc_a_b"}, 4, "UNAUTHENTICATED"),
        (["projects", "list"], {"SLUICE_API_KEY": ""}, 4, "SLUICE_API_KEY"),
        (["projects", "list"], {"SLUICE_TARGET": "127.0.0.1:1"}, 5, "UNAVAILABLE"),
        (["nothing"], {}, 2, "No such command"),
        (["scan", "x.csv", "-p", "p", "--model-id", "m"], {}, 1, ".parquet"),
        (["scan", "x.npz", "-p", "p", "--model-id", "m"], {}, 1, "does not exist"),
        (["projects", "create-key", "p", "--scope", "root"], {}, 1, "'root'"),
    ],
)
def test_exit_codes_can_be_trusted(
    cli: Cli, arguments: list[str], env: dict[str, str], code: int, said: str
) -> None:
    """What went wrong is told by the code, and said on stderr."""
    assert said in cli.run(*arguments, code=code, **env)


def test_import_of_the_client_needs_no_extra(team: Team) -> None:
    """`import sluice` loads neither typer nor rich nor pyarrow."""
    assert team.project
    program = "import sys, sluice; print({'typer', 'rich', 'pyarrow'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "set()" == found.stdout.strip()


def test_the_page_can_be_typed(cli: Cli) -> None:
    """The commands of docs/cli.md lead from nothing to samples."""
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    listed = {"ISSUE": "issues", "CAMPAIGN": "campaigns"}
    filled: dict[str, str] = {}
    for line in re.findall(r"^\$ sluice (.*)", page.read_text(), re.MULTILINE):
        words = shlex.split(line)
        for placeholder in {*words} & {*listed} - {*filled}:
            [found] = cli.json(listed[placeholder], "list", "-p", "night-fleet")
            filled[placeholder] = found["name"]
        cli.run(*(filled.get(word, word) for word in words))
    assert {*listed} == {*filled}
    assert "6" == settled(cli, filled["CAMPAIGN"])["collected"]
