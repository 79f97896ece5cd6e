"""Lists fit a terminal of 80 columns, and are never cut in a pipe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from rich.cells import cell_len

from sluice.cli.app import app
from sluice.cli.exit_codes import ExitCode
from sluice.names import CampaignName
from tests.e2e import sluiced
from tests.e2e.cli import MODEL, Cli

WIDTH = 80
LONG = "Delivery vans in dense fog at night, " * 5 + "seen from behind"
STREET = "projects/night-fleet/datasets/street"
LISTS = {
    ("projects", "list"): "projects/night-fleet",
    ("projects", "keys", "list"): "projects/night-fleet/apiKeys/",
    ("datasets", "list"): STREET,
    ("datasets", "frames", "street"): "digit-0",
    ("datasets", "similar", "street", "digit-1"): "digit-",
    ("views", "list", "street"): f"{STREET}/views/night",
    ("rounds", "list", "street"): f"{STREET}/rounds/r1",
    ("batches", "list", "street"): f"{STREET}/batches/next",
    ("batches", "picks", "next"): "digit-",
    ("issues", "list"): "projects/night-fleet/issues/",
    ("issues", "elements", "Eights"): "hard-8",
    ("campaigns", "list"): LONG,
    ("campaigns", "versions", LONG): "1",
    ("samples", "list", LONG): "hard-",
    ("golden-sets", "list", "street"): f"{STREET}/goldenSets/vans",
    ("golden-sets", "history", "vans"): f"{STREET}/goldenSets/vans/checks/2-",
    ("progress", "list", "street"): "fog",
}


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The command, on a project that has one resource of each kind, with long display names."""
    folder = tmp_path_factory.mktemp("tables")
    with sluiced.running(folder / "server") as server:
        cli = Cli(server, folder)
        cli.create_resources()
        cli.run("batches", "create", "street", "next", "--count", "3")
        results = ("results.jsonl", "--round", "1", "--groups", "200")
        cli.run("progress", "record", "street", *results)
        cli.run("issues", "create", LONG, "--dataset", "street")
        cli.run("issues", "add-elements", LONG, "hard.npz", "--model-id", MODEL)
        cli.run("campaigns", "start", LONG)
        cli.run("scan", "corpus.parquet", "--model-id", MODEL)
        cli.funnel(LONG)
        yield cli


def list_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The commands with --columns, by the words that call them."""
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from list_commands(child, (*path, name))
    if "columns" in {parameter.name for parameter in getattr(command, "params", ())}:
        yield path


def test_every_list_is_tested() -> None:
    """Each command with --columns is in the table of this test, and no list lacks the option."""
    words = {path[: 3 if path[1] == "keys" else 2] for path in LISTS}
    assert words == {*list_commands(typer.main.get_command(app))}


@pytest.mark.parametrize(
    ("command", "text"), LISTS.items(), ids=[" ".join(command)[:40] for command in LISTS]
)
def test_a_list_fits_a_terminal_and_is_whole_in_a_pipe(
    cli: Cli, command: tuple[str, ...], text: str
) -> None:
    """At 80 columns no line is longer; in a pipe each row is one line, with resource names."""
    shown = cli.run_in_terminal(*command)
    assert [] == [line for line in shown.splitlines() if cell_len(line) > WIDTH]
    assert not re.search("projects/night-fleet/", shown)
    piped = cli.run(*command, COLUMNS=str(WIDTH)).splitlines()
    assert len(cli.json(*command)) + 1 == len(piped)
    assert "…" not in shown + "\n".join(piped)
    assert any(text in line for line in piped)
    titles = re.split(" {2,}", piped[0])
    assert all(word in shown for title in titles for word in title.split())


def test_ids_are_short_at_a_terminal(cli: Cli) -> None:
    """The eight characters of an id that a list shows find the resource."""
    names = [campaign["name"] for campaign in cli.json("campaigns", "list")]
    shown = cli.run_in_terminal("campaigns", "list")
    for name in names:
        short = CampaignName.parse(name).campaign[:8]
        assert short in shown
        assert name not in shown
        assert name == cli.json("campaigns", "show", short)["name"]
    folded = "".join(re.findall(r"(?<= )[A-Za-z, ]+", shown)).replace(" ", "")
    assert "Deliveryvansindensefog" in folded.replace("\n", "")


def test_samples_show_more_on_request(cli: Cli) -> None:
    """URL, time and metadata are columns of --columns, alone or beside the others."""
    limit = ("--limit", "1")
    [best] = cli.json("samples", "list", LONG, *limit)
    url, id = best["frame"]["sensors"][0]["url"], best["frame"]["id"]
    header, row = cli.run(
        "samples", "list", LONG, *limit, "--columns", "frame,url,time,metadata"
    ).splitlines()
    assert ["frame", "url", "time", "metadata"] == header.split()
    assert [id, url, "2026-01-01T00:00:00Z", "split=archive"] == row.split()
    added = cli.run("samples", "list", LONG, *limit, "--columns", "+url")
    assert ["nearest", "elements", "url"] == added.splitlines()[0].split()[-3:]
    everything = cli.run("samples", "list", LONG, *limit, "--columns", "all")
    assert best["name"] in everything
    error = cli.run("samples", "list", LONG, "--columns", "speed", code=ExitCode.USAGE)
    assert "'speed'" in error
    assert "nearest-elements" in error


def test_details_are_whole_in_a_pipe(cli: Cli) -> None:
    """A value of a resource is on one line, however long."""
    piped = cli.run("campaigns", "show", LONG, COLUMNS=str(WIDTH))
    assert f"  {LONG}\n" in piped
    shown = cli.run_in_terminal("campaigns", "show", LONG)
    assert [] == [line for line in shown.splitlines() if cell_len(line) > WIDTH]


def test_an_empty_list_says_so(cli: Cli) -> None:
    """A list without rows is one word at a terminal, without titles, and nothing in a pipe."""
    cli.run("datasets", "create", "empty", "--task", "box_2d", "--class", "van")
    assert ["none"] == cli.run_in_terminal("rounds", "list", "empty").split()
    assert "" == cli.run("rounds", "list", "empty")
