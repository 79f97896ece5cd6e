"""The `sluice` command against a real server: its examples, and what scripts rely on."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sluice.cli.app import app
from sluice.cli.exits import MEANINGS, Exit
from tests.e2e.cli import Cli
from tests.e2e.sluiced import Server

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"
DATASET = "projects/night-fleet/datasets/street"


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> Cli:
    """The command, in a folder with files."""
    return Cli(server, tmp_path)


@pytest.fixture(scope="module")
def standing_cli(standing_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command, for tests that change nothing on the server."""
    return Cli(standing_server, tmp_path_factory.mktemp("standing-cli"))


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words it is called by."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
    else:
        yield path, command


def example(path: tuple[str, ...], command: Any) -> list[str]:
    """The words of the example that a command's help gives, without the first."""
    found = re.search(r"Example: sluice (.*)", command.help or "")
    assert found, f"{path} has no example"
    words = shlex.split(found[1])
    assert list(path) == words[: len(path)]
    return words


EXAMPLES = {
    path: example(path, command)
    for path, command in commands(typer.main.get_command(app))
    if path != ("demo",)  # tests/e2e/test_demo.py runs it
}
LAST = {("issues", "delete"), ("projects", "keys", "delete")}


def test_every_example_works(cli: Cli) -> None:
    """What the help shows can be typed, from nothing on, once the placeholders are filled in."""
    filled: dict[str, str] = {"DATASET": DATASET}
    project = ("-p", "night-fleet")

    def run(*path: str) -> Any:
        return cli.json(*(filled.get(word, word) for word in pending.pop(path)))

    pending = dict(EXAMPLES)
    run("projects", "create")
    secret = run("projects", "keys", "create")["secret"]
    [key] = run("projects", "keys", "list")
    assert key["name"].rpartition("/")[2] in secret
    run("datasets", "create")
    filled["DATASET"] = DATASET
    filled["GOLDEN_SET"] = golden_set = run("golden", "create")["name"]
    missed = ("missed.json", "--round", "2", "--annotator", "acme")
    cli.run("golden", "check", golden_set, *missed, code=Exit.BLOCKED)
    [failed] = cli.json("golden", "history", golden_set)
    filled["CHECK"] = failed["name"]
    assert "the guideline changed" == run("golden", "override")["override"]["reason"]
    filled |= {"KEY": key["name"], "ISSUE": run("issues", "create")["name"]}
    run("issues", "add-elements")
    run("background")
    filled["CAMPAIGN"] = run("campaigns", "start")["name"]
    cli.scan()
    cli.funnel(filled["CAMPAIGN"])
    assert len(cli.truth) == run("datasets", "append")["added"]
    filled |= {"ROUND": run("datasets", "round")["name"]}
    filled |= {"VIEW": run("datasets", "save-view")["name"]}
    filled |= {"BATCH": run("batch", "create")["name"]}
    [best, *_] = run("samples", "list")
    filled |= {"SAMPLE": best["name"], "FRAME": best["frame"]["id"]}
    for path in [path for path in pending if path not in LAST]:
        run(*path)
    other = cli.json("issues", "create", *project, "x", "--dataset", "street")["name"]
    filled["ISSUE"] = other
    assert {"name": other} == run("issues", "delete")
    assert {"name": key["name"]} == run("projects", "keys", "delete")
    assert not pending
    assert [] == cli.json("projects", "keys", "list", *project)
    assert other not in [issue["name"] for issue in cli.json("issues", "list", *project)]


@pytest.mark.parametrize(
    "page", [PAGE, ROOT / "README.md", ROOT / "docs" / "golden.md"], ids=lambda page: page.name
)
def test_the_page_can_be_typed(cli: Cli, page: Path) -> None:
    """The commands of the page lead from nothing to samples, listed as a page shows them."""
    listed = {
        "ISSUE": ("issues", "list", "-p", "night-fleet"),
        "CAMPAIGN": ("campaigns", "list", "-p", "night-fleet"),
        "GOLDEN_SET": ("golden", "list", DATASET),
    }
    known = {
        "DATASET": DATASET,
        "ROUND": f"{DATASET}/rounds/r1",
        "BATCH": f"{DATASET}/batches/next",
    }

    def name_of(word: str) -> str:
        if word in ("FRAME", "OTHER_FRAME"):
            samples = cli.json("samples", "list", name_of("CAMPAIGN"), "--limit", "2")
            return str(samples[word == "OTHER_FRAME"]["frame"]["id"])
        if word not in listed:
            return known.get(word, word)
        [found] = cli.json(*listed[word])
        return str(found["name"])

    text = page.read_text()
    for line in re.findall(r"^\$ sluice (.*)", text, re.MULTILINE):
        words = shlex.split(line)
        printed = cli.run(*map(name_of, words))
        if words[0] == "scan":
            funnel = cli.funnel(name_of("CAMPAIGN"))
            assert 0 < funnel["collected"] < funnel["seen"] == len(cli.truth)
        shown = text.partition(f"$ sluice {line}\n")[2].partition("```")[0]
        if words[:2] == ["samples", "list"] and not shown.startswith("$"):
            assert shown.split() == printed.split()


def test_the_page_has_the_exit_codes() -> None:
    """The table of docs/cli.md is the command's own."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert {code.value: said for code, said in MEANINGS.items()} == {int(c): s for c, s in rows}


def test_the_page_names_every_command() -> None:
    """No command is missing in docs/cli.md."""
    page = PAGE.read_text()
    assert [] == [path for path in EXAMPLES if f"`{' '.join(path)}`" not in page]


def test_tables_are_for_people(cli: Cli) -> None:
    """Without --json there is a table, with the reason why a sample was taken."""
    campaign = cli.start_campaign()
    cli.scan()
    cli.funnel(campaign)
    listed = cli.run("samples", "list", campaign, "--limit", "3")
    assert "nearest elements" in listed
    assert "hard-" in listed
    [best] = cli.json("samples", "list", campaign, "--limit", "1")
    shown = cli.run("samples", "show", best["name"])
    why = best["explanation"]
    assert f"{why['distance']:.2f} (radius {why['radius']:.2f})" in shown
    assert f"{why['margin_to_threshold']:+.3f}" in shown
    assert 3 == len(why["neighbours"])
    assert all(near["frame_id"] in shown for near in why["neighbours"])
    assert "collection rate" in cli.run("funnel", campaign)
    assert "0 added, 0 removed" in cli.run("campaigns", "show", campaign)


def test_names_are_shown_as_they_are(cli: Cli) -> None:
    """What somebody has typed is neither markup nor moves the cursor of who lists it."""
    cli.run("projects", "create", "p", "--called", "[red]fleet[/red] \x1b[2J")
    shown = cli.run("projects", "list")
    assert "[red]fleet[/red] \N{REPLACEMENT CHARACTER}[2J" in shown


def test_keys_of_json_are_there_at_zero(cli: Cli) -> None:
    """A script finds a funnel's counts before anything was seen."""
    funnel = cli.json("funnel", cli.start_campaign())
    assert ("0", "0", "0", 0) == tuple(
        funnel[key] for key in ("seen", "pending", "collected", "collection_rate")
    )


def test_reviews_can_be_taken_back(cli: Cli) -> None:
    """Accepting, discarding and restoring count what has changed, and show in the funnel."""
    campaign = cli.start_campaign()
    cli.scan()
    cli.funnel(campaign)
    samples = cli.json("samples", "list", campaign, "--limit", "3")
    first, second, third = (sample["frame"]["id"] for sample in samples)
    assert {"changed_count": 2} == cli.json("samples", "accept", campaign, first, second)
    assert {"changed_count": 1} == cli.json("samples", "discard", campaign, third)
    assert {"changed_count": 1} == cli.json("samples", "restore", campaign, second)
    funnel = cli.funnel(campaign)
    assert (1, 1) == (funnel["accepted"], funnel["discarded"])
    accepted = cli.json("samples", "list", campaign, "--state", "accepted")
    assert [first] == [sample["frame"]["id"] for sample in accepted]


CAMPAIGN = "projects/p/campaigns/c"
SCAN = ["-p", "p", "--model-id", "m"]


@pytest.mark.parametrize(
    ("arguments", "env", "code", "said"),
    [
        (["campaigns", "show", CAMPAIGN], {}, 3, "projects/p"),
        (["campaigns", "show", "nonsense"], {}, 1, "nonsense"),
        (["campaigns", "threshold", CAMPAIGN, "7"], {}, 1, "7"),
        (["campaigns", "threshold", CAMPAIGN, "x"], {}, 2, "'x'"),
        (["projects", "list"], {"SLUICE_API_KEY": "slc_a_b"}, 4, "UNAUTHENTICATED"),
        (["projects", "list"], {"SLUICE_API_KEY": ""}, 4, "SLUICE_API_KEY"),
        (["projects", "list"], {"SLUICE_TARGET": "127.0.0.1:1"}, 5, "UNAVAILABLE"),
        (["nothing"], {}, 2, "No such command"),
        (["--api-key-file", "none", "projects", "list"], {}, 2, "does not exist"),
        (["scan", "none.npz", *SCAN], {}, 2, "does not exist"),
        (["scan", "hard.npz", *SCAN, "--map", "x"], {}, 2, "FIELD=COLUMN"),
        (["scan", "hard.npz", *SCAN, "--resume", "--dry-run"], {}, 2, "exclude"),
        (["projects", "keys", "create", "-p", "p", "--scope", "root"], {}, 2, "'root'"),
    ],
)
def test_exit_codes_can_be_trusted(
    standing_cli: Cli, arguments: list[str], env: dict[str, str], code: int, said: str
) -> None:
    """What went wrong is told by the code, and said on stderr."""
    assert said in standing_cli.run(*arguments, code=code, **env)


def test_a_key_can_be_in_a_file(cli: Cli) -> None:
    """The key of a file opens what the same key in the environment does."""
    cli.run("projects", "create", "p")
    (cli.folder / "key").write_text(cli.env.pop("SLUICE_API_KEY") + "\n")
    assert "projects/p" in cli.run("--api-key-file", "key", "projects", "list")


def run_python(program: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program of a line or two, without what is set of BLAS threads."""
    kept = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=kept | env, capture_output=True, text=True, check=False)


def test_the_library_needs_no_extra() -> None:
    """`import sluice` loads neither typer nor rich nor pyarrow."""
    program = "import sys, sluice; print({'typer', 'rich', 'pyarrow'} & set(sys.modules))"
    done = run_python(program)
    assert ("set()\n", 0) == (done.stdout, done.returncode)


def test_the_command_says_what_it_needs() -> None:
    """Without typer the command names the extra that has it, and nothing else."""
    program = "import sys; sys.modules['typer'] = None; from sluice.cli import main; main()"
    done = run_python(program)
    assert ("the command sluice needs typer: pip install 'sluice-client[cli]'\n", 1) == (
        done.stderr,
        done.returncode,
    )


@pytest.mark.parametrize(
    ("env", "arguments", "threads"),
    [
        ({}, ["scan", "--help"], "1"),
        ({"OMP_NUM_THREADS": "3"}, ["scan", "--help"], "3"),
        ({}, ["funnel", "--help"], "None"),
    ],
)
def test_a_scan_has_one_blas_thread(
    env: dict[str, str], arguments: list[str], threads: str
) -> None:
    """A scan leaves the other cores to reading and submitting, unless its user says otherwise."""
    program = "import os; print('threads:', os.environ.get('OMP_NUM_THREADS'), flush=True); "
    done = run_python(program + "from sluice.cli import main; main()", *arguments, **env)
    assert (0, threads) == (done.returncode, re.findall(r"threads: (\w+)", done.stdout)[-1])
