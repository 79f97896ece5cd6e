"""The `sluice` command against a real server: its examples, tables, JSON and exit codes."""

from __future__ import annotations

import json
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
from sluice.cli.exit_codes import MEANINGS, ExitCode
from tests.e2e.cli import Cli
from tests.e2e.json_schema import FORMS, check_document
from tests.e2e.sluiced import Server

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"
DATASET = "projects/night-fleet/datasets/street"
MAIN = "from sluice.cli import main; main()"


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> Cli:
    """The command, in a folder with files."""
    return Cli(server, tmp_path)


@pytest.fixture(scope="module")
def standing_cli(standing_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command, for tests that change nothing on the server."""
    return Cli(standing_server, tmp_path_factory.mktemp("standing-cli"))


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that the help shows, with the words that call it."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            if not child.hidden:
                yield from commands(child, (*path, name))
    else:
        yield path, command


def example(path: tuple[str, ...], command: Any) -> list[str]:
    """The words of the example in a command's help, without `sluice`."""
    match = re.search(r"Example: sluice (.*)", command.help or "")
    assert match, f"{path} lacks an example"
    words = shlex.split(match[1])
    assert list(path) == words[: len(path)]
    return words


EXAMPLES = {
    path: example(path, command)
    for path, command in commands(typer.main.get_command(app))
    if path != ("demo",)  # tests/e2e/test_demo.py runs it
}
LAST = {("issues", "delete"), ("datasets", "delete"), ("projects", "keys", "delete")}


def test_every_example_works(cli: Cli) -> None:
    """Each example of the help runs on a new server, and prints JSON of the documented schema."""
    filled: dict[str, str] = {"DATASET": DATASET}

    def run(*path: str) -> Any:
        document = cli.json(*(filled.get(word, word) for word in pending.pop(path)))
        check_document(" ".join(path), document)
        return document

    pending = dict(EXAMPLES)
    run("projects", "create")
    secret = run("projects", "keys", "create")["secret"]
    [key] = run("projects", "keys", "list")
    assert key["name"].rpartition("/")[2] in secret
    run("datasets", "create")
    filled["DATASET"] = DATASET
    filled["GOLDEN_SET"] = golden_set = run("golden-sets", "create")["name"]
    missed = ("missed.json", "--round", "2", "--annotator", "acme")
    cli.run("golden-sets", "check", golden_set, *missed, code=ExitCode.BLOCKED)
    [failed] = cli.json("golden-sets", "history", golden_set)
    filled["CHECK"] = failed["name"]
    assert "the guideline changed" == run("golden-sets", "override")["override"]["reason"]
    filled |= {"KEY": key["name"], "ISSUE": run("issues", "create")["name"]}
    run("issues", "add-elements")
    run("background")
    filled["CAMPAIGN"] = run("campaigns", "start")["name"]
    cli.scan()
    cli.funnel(filled["CAMPAIGN"])
    assert len(cli.truth) == run("datasets", "append")["added"]
    filled |= {"ROUND": run("rounds", "create")["name"]}
    filled |= {"VIEW": run("views", "save")["name"]}
    filled |= {"BATCH": run("batches", "create")["name"]}
    [best, *_] = run("samples", "list")
    filled |= {"SAMPLE": best["name"], "FRAME": best["frame"]["id"]}
    for path in [path for path in pending if path not in LAST]:
        run(*path)
    other = cli.json("issues", "create", "x", "--dataset", "street")["name"]
    first, filled["ISSUE"] = filled["ISSUE"], other
    assert run("issues", "delete")["validate_only"]
    for issue in (other, first):
        cli.json("issues", "delete", issue)
    assert len(cli.truth) == run("datasets", "delete")["frame_count"]
    assert {"name": key["name"]} == run("projects", "keys", "delete")
    assert not pending
    assert [] == cli.json("projects", "keys", "list")
    assert other not in [issue["name"] for issue in cli.json("issues", "list")]


def test_a_project_is_deleted_only_with_yes(cli: Cli) -> None:
    """Without it, or with --dry-run, the project stays; the deletion prints the same counts."""
    cli.run("projects", "create", "night-fleet")
    cli.run("datasets", "create", "-p", "night-fleet", "street", "--task", "box_2d")
    delete = ("projects", "delete", "night-fleet")
    assert "--dry-run" in cli.run(*delete, code=ExitCode.USAGE)
    preview = cli.json(*delete, "--dry-run")
    assert ["projects/night-fleet"] == [project["name"] for project in cli.json("projects", "list")]

    deleted = cli.json(*delete, "--yes")

    assert {**preview, "validate_only": False} == deleted == cli.json(*delete, "--yes")
    assert 1 == int(deleted["dataset_count"])
    assert [] == cli.json("projects", "list")


@pytest.mark.parametrize(
    "page", [PAGE, ROOT / "README.md", ROOT / "docs" / "golden.md"], ids=lambda page: page.name
)
def test_the_page_can_be_typed(cli: Cli, page: Path) -> None:
    """The commands of a page run in order, and samples are listed as the page shows them."""
    listed = {
        "ISSUE": ("issues", "list", "-p", "night-fleet"),
        "CAMPAIGN": ("campaigns", "list", "-p", "night-fleet"),
        "GOLDEN_SET": ("golden-sets", "list", DATASET),
    }
    names = {
        "DATASET": DATASET,
        "ROUND": f"{DATASET}/rounds/r1",
        "BATCH": f"{DATASET}/batches/next",
    }

    def name_of(word: str) -> str:
        if word in ("FRAME", "OTHER_FRAME"):
            samples = cli.json("samples", "list", name_of("CAMPAIGN"), "--limit", "2")
            return str(samples[word == "OTHER_FRAME"]["frame"]["id"])
        if word not in listed:
            return names.get(word, word)
        [resource] = cli.json(*listed[word])
        return str(resource["name"])

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
    """The table of docs/cli.md has the exit codes of the command."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert {code.value: text for code, text in MEANINGS.items()} == {int(c): s for c, s in rows}


def test_the_page_names_every_command() -> None:
    """docs/cli.md lists every command."""
    page = PAGE.read_text()
    assert [] == [path for path in EXAMPLES if f"`{' '.join(path)}`" not in page]


def test_the_page_has_the_json_of_every_command() -> None:
    """docs/cli.md says what each command prints with --json, and names no other command."""
    assert {" ".join(path) for path in EXAMPLES} == {*FORMS}


def help_of(*group: str) -> str:
    """The help of the command or of a group."""
    process = run_python(MAIN, *group, "--help", COLUMNS="200")
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("golden", "list", DATASET), ("golden-sets", "list", DATASET)),
        (("batch", "list", DATASET), ("batches", "list", DATASET)),
        (("datasets", "rounds", DATASET), ("rounds", "list", DATASET)),
        (("datasets", "views", DATASET), ("views", "list", DATASET)),
    ],
)
def test_old_names_work_with_a_notice(
    standing_cli: Cli, old: tuple[str, ...], new: tuple[str, ...]
) -> None:
    """An old name runs the new command; one line on stderr names it, and stdout is clean JSON."""
    if not standing_cli.json("projects", "list"):
        standing_cli.run("projects", "create", "night-fleet")
        street = ("-p", "night-fleet", "street", "--task", "box_2d", "--class", "van")
        standing_cli.run("datasets", "create", *street)
    expected = standing_cli.json(*new)
    with standing_cli.start(*old, "--json") as process:
        output, errors = process.communicate(timeout=60)

    assert (0, expected) == (process.returncode, json.loads(output))
    assert errors == (
        f"`sluice {' '.join(old[:2])} …` is now `sluice {' '.join(new[:2])} …`; "
        "the old name goes away in the next release\n"
    )
    with standing_cli.start(*new, "--json") as process:
        assert process.communicate(timeout=60)[1] == ""


def test_old_names_are_not_in_the_help() -> None:
    """The help lists the new names alone."""
    groups = re.findall(r"^│ ([\w-]+) ", help_of(), re.MULTILINE)
    datasets = re.findall(r"^│ ([\w-]+) ", help_of("datasets"), re.MULTILINE)

    assert {"golden-sets", "batches", "rounds", "views"} <= {*groups}
    assert {"golden", "batch"}.isdisjoint(groups)
    moved = {"round", "rounds", "predictions", "failures", "save-view", "views", "delete-view"}
    assert moved.isdisjoint(datasets)
    assert "append" in datasets


def test_the_old_names_cover_whole_groups() -> None:
    """Each command of a renamed group can be called by the group's old name."""
    groups = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for new, old in (("golden-sets", "golden"), ("batches", "batch")):
        assert groups[old].hidden
        assert [*groups[new].commands] == [*groups[old].commands]


@pytest.mark.parametrize("module", ["zcore", "rounds", "golden_sets", "scan"])
def test_the_help_has_one_order(module: str) -> None:
    """The order of the help depends on no order of imports."""
    program = f"import sluice.cli.{module}; {MAIN}"
    for group in ((), ("datasets",)):
        process = run_python(program, *group, "--help", COLUMNS="200")
        assert (help_of(*group), 0) == (process.stdout, process.returncode)


def test_tables_are_for_people(cli: Cli) -> None:
    """Without --json, tables show the samples and why each was collected."""
    campaign = cli.start_campaign()
    cli.scan()
    cli.funnel(campaign)
    listed = cli.run("samples", "list", campaign, "--limit", "3")
    assert "nearest elements" in listed
    assert "hard-" in listed
    [best] = cli.json("samples", "list", campaign, "--limit", "1")
    shown = cli.run("samples", "show", best["name"])
    explanation = best["explanation"]
    assert f"{explanation['distance']:.2f} (radius {explanation['radius']:.2f})" in shown
    assert f"{explanation['margin_to_threshold']:+.3f}" in shown
    assert 3 == len(explanation["neighbours"])
    assert all(near["frame_id"] in shown for near in explanation["neighbours"])
    assert "collection rate" in cli.run("funnel", campaign)
    assert "0 added, 0 removed" in cli.run("campaigns", "show", campaign)


def test_the_share_of_the_corpus_is_shown(cli: Cli) -> None:
    """A campaign and its versions show how much of the corpus looks like the issue."""
    campaign = cli.start_campaign()
    fit = cli.json("campaigns", "show", campaign)["version"]["fit"]
    percent = f"{fit['member_share']['estimate']:.1%}"
    shown = cli.run("campaigns", "show", campaign)
    assert f"about {percent} of the corpus looks like this issue (" in shown
    rows = fit["background_set_aside"]
    prototype = f"{fit['prototype_share']:.0%} prototype"
    expected = (
        f"{prototype}; average remainder weight 0.00; {rows} rows of the background set aside"
    )
    assert expected in shown
    assert f"{percent} (" in cli.run("campaigns", "versions", campaign)
    assert fit == cli.json("campaigns", "commit", campaign)["fit"]


def test_names_are_shown_as_they_are(cli: Cli) -> None:
    """A display name is printed as plain text: no markup, no control characters."""
    cli.run("projects", "create", "p", "--called", "[red]fleet[/red] \x1b[2J")
    shown = cli.run("projects", "list")
    assert "[red]fleet[/red] \N{REPLACEMENT CHARACTER}[2J" in shown


def test_keys_of_json_are_there_at_zero(cli: Cli) -> None:
    """JSON includes counts that are zero."""
    funnel = cli.json("funnel", cli.start_campaign())
    assert (0, 0, 0, 0) == tuple(
        funnel[key] for key in ("seen", "pending", "collected", "collection_rate")
    )


def test_reviews_can_be_taken_back(cli: Cli) -> None:
    """Accepting, discarding and restoring report the changed samples, and update the funnel."""
    campaign = cli.start_campaign()
    cli.scan()
    cli.funnel(campaign)
    samples = cli.json("samples", "list", campaign, "--limit", "3")
    first, second, third = (sample["frame"]["id"] for sample in samples)
    for command, frames in (
        ("accept", [first, second]),
        ("discard", [third]),
        ("restore", [second]),
    ):
        expected = {"changed_count": len(frames), "dry_run": False}
        assert expected == cli.json("samples", command, campaign, *frames)
    funnel = cli.funnel(campaign)
    assert (1, 1) == (funnel["accepted"], funnel["discarded"])
    accepted = cli.json("samples", "list", campaign, "--state", "accepted")
    assert [first] == [sample["frame"]["id"] for sample in accepted]


CAMPAIGN = "projects/p/campaigns/c"
SCAN = ["-p", "p", "--model-id", "m"]


@pytest.mark.parametrize(
    ("arguments", "env", "code", "message"),
    [
        (["campaigns", "show", CAMPAIGN], {}, 3, "projects/p"),
        (["campaigns", "show", "nonsense", "-p", "q"], {}, 3, "sluice projects list"),
        (["campaigns", "show", "projects/p/issues/i"], {}, 1, "projects/p/issues/i"),
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
    standing_cli: Cli, arguments: list[str], env: dict[str, str], code: int, message: str
) -> None:
    """An error has its exit code, and its message on stderr."""
    assert message in standing_cli.run(*arguments, code=code, **env)


def test_a_key_can_be_in_a_file(cli: Cli) -> None:
    """--api-key-file works as SLUICE_API_KEY does."""
    cli.run("projects", "create", "p")
    (cli.folder / "key").write_text(cli.env.pop("SLUICE_API_KEY") + "\n")
    assert "projects/p" in cli.run("--api-key-file", "key", "projects", "list")


def run_python(program: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a short program, without the settings of BLAS threads."""
    kept = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=kept | env, capture_output=True, text=True, check=False)


def test_the_library_needs_no_extra() -> None:
    """`import sluice` loads neither typer nor rich nor pyarrow."""
    program = "import sys, sluice; print({'typer', 'rich', 'pyarrow'} & set(sys.modules))"
    process = run_python(program)
    assert ("set()\n", 0) == (process.stdout, process.returncode)


def test_the_command_names_the_missing_extra() -> None:
    """Without typer the command prints only the extra to install."""
    program = "import sys; sys.modules['typer'] = None; " + MAIN
    process = run_python(program)
    assert ("the command sluice needs typer: pip install 'sluice-client[cli]'\n", 1) == (
        process.stderr,
        process.returncode,
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
    """A scan uses one BLAS thread, unless the environment sets another number."""
    program = "import os; print('threads:', os.environ.get('OMP_NUM_THREADS'), flush=True); "
    process = run_python(program + MAIN, *arguments, **env)
    assert (0, threads) == (process.returncode, re.findall(r"threads: (\w+)", process.stdout)[-1])
