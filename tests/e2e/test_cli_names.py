"""Resources are given by resource name, id, start of an id or display name, everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sluice import CollectionClient
from sluice.cli.app import app
from sluice.cli.exit_codes import ExitCode
from sluice.resources.batches import BatchSettings
from sluice.resources.filters import frame_filter
from tests.e2e.cli import Cli
from tests.e2e.sluiced import Server

STREET = "projects/night-fleet/datasets/street"
UNKNOWN = "Lorries"


@pytest.fixture(scope="module")
def cli(standing_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command, on a project that has one resource of each kind."""
    cli = Cli(standing_server, tmp_path_factory.mktemp("names"))
    cli.create_resources()
    return cli


def listed(cli: Cli, *command: str) -> Any:
    """The only resource of a listing."""
    [resource] = cli.json(*command)
    return resource


def test_the_first_hour_needs_no_resource_name(cli: Cli) -> None:
    """One campaign is found by name, id, start of its id, and display name."""
    name = listed(cli, "campaigns", "list")["name"]
    id = name.rpartition("/")[2]
    expected = cli.json("campaigns", "show", name)
    assert expected["display_name"] == "Eights"
    for reference in (id, id[:8], "Eights"):
        assert expected == cli.json("campaigns", "show", reference)
    cli.funnel("Eights")
    [best] = cli.json("samples", "list", "Eights", "--limit", "1")
    shown = cli.json("samples", "show", id[:8], best["frame"]["id"])
    assert best == shown == cli.json("samples", "show", best["name"])
    assert 1 == cli.json("samples", "accept", "Eights", best["frame"]["id"])["changed_count"]
    assert 1 == cli.json("samples", "restore", id, best["frame"]["id"])["changed_count"]


@pytest.mark.parametrize(
    ("listing", "show", "references"),
    [
        (("issues", "list"), ("issues", "show"), ("Eights",)),
        (("golden-sets", "list", "street"), ("golden-sets", "history"), ("vans", "street/vans")),
        (("datasets", "list"), ("datasets", "counts"), ("street",)),
    ],
)
def test_resources_are_found(
    cli: Cli, listing: tuple[str, ...], show: tuple[str, ...], references: tuple[str, ...]
) -> None:
    """A short reference means the same as the resource name."""
    expected = cli.json(*show, listed(cli, *listing)["name"])
    assert [expected] * len(references) == [cli.json(*show, text) for text in references]


def test_references_in_options(cli: Cli) -> None:
    """Rounds, views and datasets in options are given as those in arguments."""
    by_view = cli.json("datasets", "frames", "street", "--view", "By night")
    assert by_view == cli.json("datasets", "frames", STREET, "--view", "night") == []
    assert [] == cli.json("datasets", "frames", "street", "--round", "First", "--failure", "missed")
    hits = cli.json("datasets", "similar", "street", "digit-1", "--of", "street", "--limit", "1")
    assert 1 == len(hits)
    search = ("datasets", "search", "street")
    by_campaign = cli.json(*search, "--campaign", "Eights")["passing"]
    assert by_campaign == cli.json(*search)["passing"]
    check = listed(cli, "golden-sets", "history", "vans")
    shown = cli.json("golden-sets", "show", check["name"].rpartition("/")[2][:8])
    assert check["name"] == shown["name"]


@pytest.mark.parametrize(
    ("command", "listing"),
    [
        (("funnel", UNKNOWN), "sluice campaigns list -p night-fleet"),
        (("issues", "show", UNKNOWN), "sluice issues list -p night-fleet"),
        (("datasets", "counts", UNKNOWN), "sluice datasets list -p night-fleet"),
        (("datasets", "delete", UNKNOWN), "sluice datasets list -p night-fleet"),
        (("rounds", "delete", UNKNOWN), "sluice rounds list DATASET"),
        (("views", "delete", f"street/{UNKNOWN}"), f"sluice views list {STREET}"),
        (("batches", "show", UNKNOWN), "sluice batches list DATASET"),
        (("golden-sets", "history", UNKNOWN), "sluice golden-sets list DATASET"),
        (("golden-sets", "show", f"vans/{UNKNOWN}"), "sluice golden-sets history projects/"),
        (("projects", "keys", "delete", UNKNOWN), "sluice projects keys list -p night-fleet"),
        (("campaigns", "list", "-p", UNKNOWN), "sluice projects list"),
        (("doctor", UNKNOWN), "sluice projects list"),
        (("datasets", "frames", "street", "--view", UNKNOWN), f"sluice views list {STREET}"),
        (("datasets", "frames", "street", "--round", UNKNOWN), f"sluice rounds list {STREET}"),
        (
            ("batches", "create", "street", "b", "--failures", UNKNOWN),
            f"sluice rounds list {STREET}",
        ),
        (
            ("progress", "record", "street", "--round", "1", "--from", UNKNOWN),
            f"sluice rounds list {STREET}",
        ),
        (
            ("datasets", "search", "street", "--campaign", UNKNOWN),
            "sluice campaigns list -p night-fleet",
        ),
        (
            ("campaigns", "show", "projects/night-fleet/campaigns/gone"),
            "sluice campaigns list -p night-fleet",
        ),
        (("rounds", "mine-failures", f"{STREET}/rounds/gone", "--split", "train"), STREET),
    ],
)
def test_an_unknown_name_shows_the_next_step(
    cli: Cli, command: tuple[str, ...], listing: str
) -> None:
    """Whatever is unknown, the error names the command that lists what exists."""
    error = cli.run(*command, code=ExitCode.NOT_FOUND)
    assert "NOT_FOUND: " in error
    assert f"see `{listing}" in error or f"see `sluice rounds list {listing}`" in error


def test_an_ambiguous_name_lists_the_candidates(cli: Cli) -> None:
    """Two issues of one display name are listed with their ids."""
    for _ in range(2):
        cli.run("issues", "create", "Twins", "--dataset", "street")
    ids = [i["name"].rpartition("/")[2] for i in cli.json("issues", "list")]
    error = cli.run("issues", "show", "Twins", code=ExitCode.REFUSED)
    assert error.startswith("INVALID_ARGUMENT: issue: 'Twins' is ambiguous")
    assert 2 == sum(f"{id} (Twins)" in error for id in ids)


def test_a_project_is_required_only_if_there_are_several(cli: Cli) -> None:
    """With several projects one is chosen by -p or SLUICE_PROJECT, by id or display name."""
    log_key = cli.json("projects", "keys", "create", "--scope", "review")["secret"]
    cli.run("projects", "create", "day-fleet", "--called", "Day fleet")
    error = cli.run("issues", "list", code=ExitCode.USAGE)
    assert "project: required" in error
    assert "day-fleet (Day fleet), night-fleet" in error
    assert [] == cli.json("issues", "list", "-p", "Day fleet")
    assert [] == cli.json("issues", "list", "-p", "projects/day-fleet")
    issues = cli.run("issues", "list", "--json", SLUICE_PROJECT="night-fleet")
    assert issues == cli.run("issues", "list", "--json", SLUICE_API_KEY=log_key)
    frame = ("digit-1", "--add", "night")
    assert {"changed_count": 1} == cli.json("datasets", "tag", STREET, *frame)
    cli.env["SLUICE_PROJECT"] = "night-fleet"


def test_python_takes_the_same_names(cli: Cli, tmp_path: Path) -> None:
    """The Python client finds what the command finds."""
    env = cli.env
    with CollectionClient(
        env["SLUICE_TARGET"], project="night-fleet", cache_dir=tmp_path
    ) as client:
        client.set_credentials(api_key=env["SLUICE_API_KEY"])
        [campaign] = client.campaigns.list()
        id = campaign.name.rpartition("/")[2]
        for reference in (id[:8], "Eights"):
            assert campaign.name == client.names.campaign(reference)
            assert campaign.name == client.campaigns.get(reference).name
            client.sync_state(
                ["night-fleet"], [reference if reference == "Eights" else campaign.issue]
            )
            assert client.samples.funnel(reference).campaign == campaign.name
        [sample, *_] = client.samples.list("Eights")
        assert sample == client.samples.get("Eights", sample.frame.id)
        assert campaign.version == client.campaigns.version("Eights", 1)
        frame = client.datasets.get("street", "digit-1")
        assert frame == client.datasets.get(frame.name)
        failing = frame_filter(round_id="First", failures=["missed"])
        assert [] == list(client.datasets.frames("street", failing))
        batch = client.batches.create("street", "b1", BatchSettings(count=3, failures={"First": 1}))
        assert [("r1", 1)] == [(f.round, f.weight) for f in batch.failures]
        assert batch == client.batches.get("b1") == client.batches.get("street/b1")


def commands_with_names() -> Iterator[tuple[str, Any]]:
    """The commands with an argument that is a resource, by the words that call them."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*path, name))
        if not hasattr(command, "commands") and not command.hidden:
            yield " ".join(path), command

    named = {
        "dataset",
        "campaign",
        "issue",
        "round_",
        "batch",
        "golden_set",
        "check",
        "view",
        "key",
    }
    for path, command in walk(typer.main.get_command(app), ()):
        if named & {parameter.name for parameter in command.params}:
            yield path, command


def test_each_command_takes_a_project() -> None:
    """Each command with a resource as its argument has --project."""
    commands = dict(commands_with_names())
    assert 40 < len(commands)
    lacking = [p for p, c in commands.items() if "project" not in {q.name for q in c.params}]
    assert [] == lacking
