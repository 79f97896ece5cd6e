"""Campaigns without a background: every command warns, asks, or mends it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sluice.cli.exit_codes import ExitCode
from tests.e2e.cli import CORPUS_SPACE, MODEL, Cli
from tests.e2e.sluiced import Server

BACKGROUND_COMMAND = f"sluice background FILE -p night-fleet --model-id {MODEL}"


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> Cli:
    """The command, in a folder with files."""
    return Cli(server, tmp_path)


@pytest.fixture
def campaign(cli: Cli) -> str:
    """A campaign that was started without a background."""
    return str(cli.json("campaigns", "start", cli.create_issue(), "--without-background")["name"])


def run(cli: Cli, *arguments: str, code: int = 0, **env: str) -> str:
    """Run a command; returns its stderr."""
    with cli.start(*arguments, **env) as process:
        output, errors = process.communicate(timeout=60)
    assert code == process.returncode, output + errors
    return errors


def newest_version(cli: Cli, campaign: str) -> Any:
    """The newest version of a campaign."""
    return cli.json("campaigns", "versions", campaign)[0]


def test_a_start_without_a_background_is_asked_for(cli: Cli) -> None:
    """Nothing is started before the answer; a script needs the option, which the error names."""
    issue = cli.create_issue()
    stderr = run(cli, "campaigns", "start", issue, code=ExitCode.USAGE)
    assert "--without-background" in stderr
    assert BACKGROUND_COMMAND in stderr
    shown = cli.run_in_terminal("campaigns", "start", issue, typed="n\n", code=1, columns=300)
    assert BACKGROUND_COMMAND in shown
    assert [] == cli.json("campaigns", "list")

    assert "active" in cli.run_in_terminal("campaigns", "start", issue, typed="y\n")
    stderr = run(cli, "campaigns", "start", issue, "--without-background")
    assert BACKGROUND_COMMAND in stderr
    assert 2 == len(cli.json("campaigns", "list"))


def test_the_warning_is_repeated_until_it_is_mended(cli: Cli, campaign: str) -> None:
    """Show, scan, background and commit name the next command while the version lacks one."""
    commit = f"sluice campaigns commit {campaign}"
    for command in (
        ("campaigns", "show", campaign),
        ("scan", "corpus.parquet", *CORPUS_SPACE, "--dry-run"),
        ("scan", "hard.npz", *CORPUS_SPACE, "--without-background"),
    ):
        stderr = run(cli, *command)
        assert f"{BACKGROUND_COMMAND}`, then `{commit}`" in stderr, command
    assert "none: collects far too many" in cli.run("campaigns", "show", campaign)
    assert BACKGROUND_COMMAND in run(cli, "campaigns", "commit", campaign)
    stderr = run(cli, "background", "corpus.parquet", *CORPUS_SPACE)
    assert commit in stderr
    assert "sluice background" not in stderr

    cli.run("campaigns", "commit", campaign)
    assert 3 == newest_version(cli, campaign)["number"]
    assert "warning" not in run(cli, "campaigns", "show", campaign)
    assert "background" not in run(cli, "scan", "corpus.parquet", *CORPUS_SPACE)


@pytest.mark.parametrize("is_set", [False, True])
def test_a_scan_mends_it_before_it_counts(cli: Cli, campaign: str, is_set: bool) -> None:
    """A missing background is drawn, and the campaign committed; all rows are scored with that."""
    loose = cli.scan("--dry-run")["passing"]
    if is_set:
        cli.run("background", "corpus.parquet", *CORPUS_SPACE)
    report = cli.scan()

    version = newest_version(cli, campaign)
    assert 2 == version["number"]
    assert version["basis_digest"]
    assert cli.scan("--dry-run")["passing"] == report["passing"] < loose
    assert report["passing"] == cli.funnel(campaign)["matches"]
    assert "background" not in run(cli, "scan", "corpus.parquet", *CORPUS_SPACE)


def test_a_scan_that_cannot_mend_it_is_asked_for(cli: Cli, campaign: str) -> None:
    """Too few rows, or a key that may not commit, stop a script before anything is counted."""
    scan = ("scan", "hard.npz", *CORPUS_SPACE)
    stderr = run(cli, *scan, code=ExitCode.USAGE)
    assert "rows of the file are too few: a background needs 256" in stderr
    key = cli.json("projects", "keys", "create", "-p", "night-fleet", "--scope", "log")["secret"]
    scan = ("scan", "corpus.parquet", *CORPUS_SPACE)
    stderr = run(cli, *scan, code=ExitCode.USAGE, SLUICE_API_KEY=key)
    assert f"sluice campaigns commit {campaign}" in stderr
    assert "--without-background" in stderr
    assert 0 == cli.funnel(campaign)["seen"]

    assert campaign in run(cli, *scan, "--without-background", SLUICE_API_KEY=key)
    assert len(cli.truth) == cli.funnel(campaign)["seen"]
    assert 1 == newest_version(cli, campaign)["number"]


def test_a_scan_keeps_the_feedback_of_a_version(cli: Cli, campaign: str) -> None:
    """The version that a scan commits includes the reviews again that the former one has."""
    cli.scan("--without-background")
    cli.funnel(campaign)
    best = cli.json("samples", "list", campaign, "--limit", "2")
    cli.run("samples", "accept", campaign, *(sample["frame"]["id"] for sample in best))
    cli.run("campaigns", "commit", campaign, "--with-feedback")
    advice = f"sluice campaigns commit {campaign} --with-feedback"
    assert advice in run(cli, "campaigns", "show", campaign)
    cli.scan()
    version = newest_version(cli, campaign)
    assert (3, 2) == (version["number"], version["accepted_count"])
    assert version["basis_digest"]


def test_a_pipe_cannot_be_scanned(cli: Cli, campaign: str) -> None:
    """A file that cannot be read twice is rejected, with what to do instead."""
    os.mkfifo(cli.folder / "pipe.jsonl")
    for file in ("pipe.jsonl", "-"):
        stderr = run(cli, "scan", file, *CORPUS_SPACE, code=ExitCode.USAGE)
        assert "write it to a .parquet file first" in stderr
    assert 0 == cli.funnel(campaign)["seen"]


def test_a_search_warns(cli: Cli, campaign: str) -> None:
    """A search of a dataset warns of each campaign that it searches with."""
    cli.run("datasets", "append", "street", "hard.npz", "--model-id", MODEL)
    assert campaign in run(cli, "datasets", "search", "street")
    assert campaign in run(cli, "datasets", "search", "street", "--campaign", campaign)
