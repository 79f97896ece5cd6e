"""Mistakes of the first hour: each has its exit code, and a message that says what to do next."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sluice
from sluice import Embeddings, Frame, LabeledFrame, errors
from sluice.cli.exit_codes import ExitCode
from tests.e2e.cli import MODEL, Cli
from tests.e2e.sluiced import Server
from tests.e2e.team import vector

UUID = "00000000-0000-4000-8000-000000000000"
PROJECT = "projects/night-fleet"
STREET = f"{PROJECT}/datasets/street"
NO_CAMPAIGN = f"{PROJECT}/campaigns/{UUID}"
NO_ISSUE = f"{PROJECT}/issues/{UUID}"
UNKNOWN_KEY = f"slc_{'0' * 16}_{'0' * 64}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A command, and the end of what it prints on stderr.

    `{names}` in the words, the environment and the message are those of the fixture `names`.
    """

    words: str
    code: ExitCode
    message: str
    env: dict[str, str] = field(default_factory=dict)


ADMIN_KEY = "sluiced keeps the admin's in its data folder, sluice-data/admin.key"
SET_KEY = f"use `sluice login`, or set SLUICE_API_KEY to a valid key; {ADMIN_KEY}"

COMMANDS = {
    # How the server is reached
    "no server": Mistake(
        "projects list",
        ExitCode.UNAVAILABLE,
        "cannot connect to 127.0.0.1:1: Connection refused; start the server there (`sluiced`, or "
        "`make up`), or set SLUICE_TARGET to the host:port of one that runs",
        {"SLUICE_TARGET": "127.0.0.1:1"},
    ),
    "a URL as target": Mistake(
        "projects list",
        ExitCode.REFUSED,
        "target: 'http://localhost:50050' is a URL; a target is host:port: write 'localhost:50050'",
        {"SLUICE_TARGET": "http://localhost:50050"},
    ),
    "a malformed port": Mistake(
        "projects list",
        ExitCode.REFUSED,
        "target: 'localhost:x' has the port 'x'; a target is host:port, as localhost:50050",
        {"SLUICE_TARGET": "localhost:x"},
    ),
    "a target without ingest": Mistake(
        "projects list",
        ExitCode.REFUSED,
        "target: ingest is missing: add ingest=host:port; expected host:port, or campaign=host:"
        "port,scorer=host:port,ingest=host:port,curation=host:port, each once or more; loggers do "
        "not need curation",
        {"SLUICE_TARGET": "campaign=127.0.0.1:1,scorer=127.0.0.1:1"},
    ),
    "a target without curation": Mistake(
        f"datasets counts {STREET}",
        ExitCode.REFUSED,
        "target: curation is missing: add curation=host:port; expected host:port, or campaign=host:"
        "port,scorer=host:port,ingest=host:port,curation=host:port, each once or more; loggers do "
        "not need curation",
        {"SLUICE_TARGET": "campaign=127.0.0.1:1,scorer=127.0.0.1:1,ingest=127.0.0.1:1"},
    ),
    # Keys
    "no key": Mistake(
        "projects list",
        ExitCode.DENIED,
        f"API key required; {SET_KEY}",
        {"SLUICE_API_KEY": ""},
    ),
    "a malformed key": Mistake(
        "projects list",
        ExitCode.DENIED,
        f"authorization: malformed API key; expected Bearer slc_<id>_<secret>; {SET_KEY}",
        {"SLUICE_API_KEY": "secret"},
    ),
    "an unknown key": Mistake(
        "projects list",
        ExitCode.DENIED,
        f"authorization: unknown or revoked API key; {SET_KEY}",
        {"SLUICE_API_KEY": UNKNOWN_KEY},
    ),
    "a key without the scope": Mistake(
        "issues list -p night-fleet",
        ExitCode.DENIED,
        "API key {log_key_id} lacks the required scope (one of review, admin); the admin's key can "
        "create one with that scope: `sluice projects keys create -p night-fleet --scope review`",
        {"SLUICE_API_KEY": "{log_key}"},
    ),
    "a key in place of the admin's": Mistake(
        "projects create car-fleet",
        ExitCode.DENIED,
        "only the admin's key may call this method; set SLUICE_API_KEY to that key; " + ADMIN_KEY,
        {"SLUICE_API_KEY": "{admin_key_of_project}"},
    ),
    "a key of another project": Mistake(
        "campaigns list -p projects/empty",
        ExitCode.DENIED,
        "parent: 'projects/empty' is not in project 'night-fleet'; API key {log_key_id} is limited "
        "to that project; set SLUICE_API_KEY to a key of that project, or to the admin's",
        {"SLUICE_API_KEY": "{log_key}"},
    ),
    # Unknown names
    "an unknown project": Mistake(
        "campaigns list -p nowhere",
        ExitCode.NOT_FOUND,
        "project: no project 'nowhere'; see `sluice projects list`",
    ),
    "an unknown dataset": Mistake(
        f"datasets counts {PROJECT}/datasets/none",
        ExitCode.NOT_FOUND,
        f"{PROJECT}/datasets/none does not exist; see `sluice datasets list -p night-fleet`",
    ),
    "an unknown issue": Mistake(
        f"issues show {NO_ISSUE}",
        ExitCode.NOT_FOUND,
        f"{NO_ISSUE} does not exist; see `sluice issues list -p night-fleet`",
    ),
    "an unknown campaign": Mistake(
        f"funnel {NO_CAMPAIGN}",
        ExitCode.NOT_FOUND,
        f"{NO_CAMPAIGN} does not exist; see `sluice campaigns list -p night-fleet`",
    ),
    "an unknown sample": Mistake(
        "samples accept {campaign} none",
        ExitCode.NOT_FOUND,
        "frame_ids: 'none' is not a sample of {campaign}; see `sluice samples list {campaign}`",
    ),
    "an unknown frame": Mistake(
        f"datasets tag {STREET} none --add night",
        ExitCode.NOT_FOUND,
        f"frame 'none' is not one of {STREET}; see `sluice datasets frames {STREET}`",
    ),
    "an unknown view": Mistake(
        f"datasets frames {STREET} --view none",
        ExitCode.NOT_FOUND,
        f"view: no view 'none' in {STREET}; see `sluice views list {STREET}`",
    ),
    "an unknown round": Mistake(
        f"rounds mine-failures {STREET}/rounds/none --split train",
        ExitCode.NOT_FOUND,
        f"{STREET}/rounds/none does not exist; see `sluice rounds list {STREET}`",
    ),
    "an unknown batch": Mistake(
        f"batches show {STREET}/batches/none",
        ExitCode.NOT_FOUND,
        f"{STREET}/batches/none does not exist; see `sluice batches list {STREET}`",
    ),
    "an unknown golden set": Mistake(
        f"golden-sets history {STREET}/goldenSets/none",
        ExitCode.NOT_FOUND,
        f"{STREET}/goldenSets/none does not exist; see `sluice golden-sets list {STREET}`",
    ),
    "an unknown API key": Mistake(
        f"projects keys delete {PROJECT}/apiKeys/none",
        ExitCode.NOT_FOUND,
        "project 'night-fleet' has no API key 'none'; see `sluice projects keys list -p "
        "night-fleet`",
    ),
    # Models and states
    "a model without a campaign": Mistake(
        "scan corpus.parquet -p night-fleet --model-id resnet18",
        ExitCode.REFUSED,
        f"{PROJECT}: no active campaign scores vectors of 'resnet18' with 64 dimensions; spaces of "
        f"the active campaigns: '{MODEL}' (64)",
    ),
    "a scan without a campaign": Mistake(
        f"scan corpus.parquet -p empty --model-id {MODEL}",
        ExitCode.REFUSED,
        f"projects/empty: no active campaign scores vectors of '{MODEL}' with 64 dimensions; no "
        "campaign is active; start one with `sluice campaigns start ISSUE`",
    ),
    "another model than the issue's": Mistake(
        "issues add-elements {issue} hard.npz --model-id resnet18",
        ExitCode.REFUSED,
        "its embedding is of model 'resnet18' and dimension 64, the issue's are of "
        f"'{MODEL}' and 64; use that model, or another issue",
    ),
    "a campaign without elements": Mistake(
        "campaigns start {empty_issue}",
        ExitCode.REFUSED,
        "{empty_issue} has no elements; add at least one first",
    ),
    "an issue with a campaign": Mistake(
        "issues delete {issue}",
        ExitCode.REFUSED,
        "{issue} has active campaigns: {campaign}; deactivate them first",
    ),
    "an active campaign": Mistake(
        "campaigns delete {campaign}",
        ExitCode.REFUSED,
        "{campaign} is active; deactivate it first",
    ),
    "an id that is taken": Mistake(
        "projects create night-fleet",
        ExitCode.REFUSED,
        f"project_id: {PROJECT} already exists; choose another id",
    ),
    "a word that is not a state": Mistake(
        "samples list {campaign} --state good",
        ExitCode.USAGE,
        "'good' is not one of 'unsorted', 'accepted', 'discarded'.",
    ),
    "a misspelt command": Mistake(
        "sample list",
        ExitCode.USAGE,
        "No such command 'sample'. Did you mean 'samples'?",
    ),
}


@pytest.fixture(scope="module")
def cli(standing_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command, on a server with a campaign; no test here changes anything."""
    return Cli(standing_server, tmp_path_factory.mktemp("mistakes"))


@pytest.fixture(scope="module")
def names(cli: Cli) -> dict[str, str]:
    """The names and keys that commands and messages have in them."""
    campaign = cli.start_campaign()
    issue = cli.json("campaigns", "show", campaign)["issue"]
    project = ("-p", "night-fleet")
    cli.run("projects", "create", "empty")
    empty_issue = cli.json("issues", "create", *project, "Empty", "--dataset", "street")["name"]
    log_key, admin_key = (
        cli.json("projects", "keys", "create", *project, "--scope", scope)["secret"]
        for scope in ("log", "admin")
    )
    return {
        "campaign": campaign,
        "issue": issue,
        "empty_issue": empty_issue,
        "log_key": log_key,
        "log_key_id": log_key.split("_")[1],
        "admin_key_of_project": admin_key,
    }


def read_message(stderr: str) -> str:
    """What a command printed, without the frame and the line breaks of usage errors."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", stderr).strip()


@pytest.mark.parametrize("mistake", COMMANDS.values(), ids=COMMANDS)
def test_a_command_says_what_to_do(cli: Cli, names: dict[str, str], mistake: Mistake) -> None:
    """A mistake on the command line ends with its exit code and with the next step."""
    words = mistake.words.format(**names).split()
    env = {name: value.format(**names) for name, value in mistake.env.items()}
    stderr = read_message(cli.run(*words, code=mistake.code, **env))
    assert stderr.endswith(mistake.message.format(**names)), stderr
    assert "Traceback" not in stderr


Call = Callable[[sluice.CollectionClient, dict[str, str]], Any]


def _raise_mine() -> Iterator[Embeddings]:
    yield from ()
    raise LookupError("my own")


CALLS: dict[str, tuple[Call, type[Exception], str]] = {
    "an unknown issue": (
        lambda client, names: client.issues.get(NO_ISSUE),
        errors.NotFound,
        f"{NO_ISSUE} does not exist; see client.issues.list('{PROJECT}')",
    ),
    "an unknown project": (
        lambda client, names: client.sync_state(["nowhere"]),
        errors.NotFound,
        "project: no project 'nowhere'; see `sluice projects list`",
    ),
    "one id in place of a list": (
        lambda client, names: client.samples.accept(names["campaign"], "abc"),
        errors.InvalidArgument,
        "frame_ids: 'abc' is one text; expected a list: ['abc']",
    ),
    "an id that is a number": (
        lambda client, names: client.samples.accept(names["campaign"], [7]),  # type: ignore[list-item]
        errors.InvalidArgument,
        "frame_ids[0]: 7 is of type int; expected a text, such as '7'",
    ),
    "a frame without an embedding": (
        lambda client, names: client.issues.add_elements(
            names["issue"], [Frame(id="a")], model_id=MODEL
        ),
        errors.InvalidArgument,
        (
            "embeddings: required: an array (frames, dimension), or frames that are LabeledFrame "
            "with embeddings"
        ),
    ),
    "fewer embeddings than frames": (
        lambda client, names: client.issues.add_elements(
            names["issue"], [Frame(id="a"), Frame(id="b")], [[1.0, 2.0]], model_id=MODEL
        ),
        errors.InvalidArgument,
        "embeddings: 1 rows for 2 frames; expected one row per frame",
    ),
    "metadata of another type": (
        lambda client, names: Frame(id="a", metadata={"weather": None}).to_proto(),  # type: ignore[dict-item]
        errors.InvalidArgument,
        (
            "frame.metadata['weather']: None is of type NoneType; str, int, float and bool are "
            "accepted, as Python values or numpy scalars"
        ),
    ),
    "an unknown task type": (
        lambda client, names: client.projects.create_dataset(PROJECT, "d", "boxes", ["van"]),
        errors.InvalidArgument,
        (
            "task_type: 'boxes' is none of classification_2d, classification_3d, box_2d, "
            "cuboid_3d, "
            "semseg_2d, polygons_2d"
        ),
    ),
    "sampling before sync_state": (
        lambda client, names: client.sample_probabilities([LabeledFrame("a", embedding=[1, 2])]),
        errors.FailedPrecondition,
        "call sync_state before sample_probabilities",
    ),
    "a stream of an unknown space": (
        lambda client, names: list(
            client.score_stream(PROJECT, [Embeddings.of_frames("resnet18", np.ones((1, 64)))])
        ),
        errors.InvalidArgument,
        f"batches[0].model_id: {PROJECT} has no space 'resnet18' (64); its spaces: '{MODEL}' (64)",
    ),
    "an error of one's own": (
        lambda client, names: list(client.score_stream(PROJECT, _raise_mine())),
        LookupError,
        "my own",
    ),
}


@pytest.mark.parametrize("mistake", CALLS.values(), ids=CALLS)
def test_a_call_says_what_to_do(
    cli: Cli, names: dict[str, str], tmp_path: Path, mistake: tuple[Call, type[Exception], str]
) -> None:
    """A mistake in Python raises its class, with the next step in one line."""
    call, kind, message = mistake
    with sluice.CollectionClient(cli.env["SLUICE_TARGET"], cache_dir=tmp_path) as client:
        client.set_credentials(cli.env["SLUICE_API_KEY"])
        with pytest.raises(kind) as raised:
            call(client, names)
    assert (kind, message) == (type(raised.value), str(raised.value))


def test_another_model_than_the_campaigns(cli: Cli, names: dict[str, str], tmp_path: Path) -> None:
    """Sampling vectors of another model lists the spaces that are scored."""
    assert names
    with sluice.CollectionClient(cli.env["SLUICE_TARGET"], cache_dir=tmp_path) as client:
        client.set_credentials(cli.env["SLUICE_API_KEY"])
        client.sync_state()
        with pytest.raises(errors.InvalidArgument) as raised:
            client.sample_probabilities([LabeledFrame("a", embedding=vector("v1"))], "resnet18")
    assert (
        "embedding_model_id: no active campaign scores vectors of 'resnet18' with 64 dimensions; "
        f"spaces of the active campaigns at the last sync_state: '{MODEL}' (64)"
        == str(raised.value)
    )


SCRIPT = f"""
import sluice
client = sluice.CollectionClient()
client.set_credentials()
client.issues.get("{NO_ISSUE}")
"""


def test_a_traceback_shows_the_error_in_one_line(cli: Cli, names: dict[str, str]) -> None:
    """A script that ends with an error prints none of gRPC's block of details."""
    assert names
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=cli.env, capture_output=True, text=True, check=False
    )
    *_, last = done.stderr.splitlines()
    step = f"see client.issues.list('{PROJECT}')"
    assert f"sluice.errors.NotFound: {NO_ISSUE} does not exist; {step}" == last
    assert "debug_error_string" not in done.stderr
    assert "grpc._channel" not in done.stderr
