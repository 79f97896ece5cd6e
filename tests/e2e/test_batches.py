"""Batches through the client and the command, in both forms of the services."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sluice import Frame, errors
from sluice.resources.batches import BatchSettings
from sluice.v1 import batch_pb2
from tests.e2e.cli import Cli
from tests.e2e.sluiced import Server
from tests.e2e.team import MODEL, Team, vector


@pytest.fixture
def dataset(team: Team) -> str:
    """The dataset of the team, with thirty frames."""
    name = f"{team.project}/datasets/d"
    ids = [f"{kind}{number}" for kind in "xv" for number in range(15)]
    rows = np.stack(list(map(vector, ids)))
    team.datasets.append(name, [Frame(id=id) for id in ids], rows, model_id=MODEL)
    return name


def test_a_batch_through_the_client(team: Team, dataset: str) -> None:
    """A batch is chosen by settings, read and listed; its view and picks have the same frames."""
    made = team.batches.create(dataset, "first", BatchSettings(count=6, seed=3))
    chosen = list(team.batches.picks(made.name))

    assert (batch_pb2.Batch.STATE_READY, 6, 30) == (made.state, made.size, made.remaining_count)
    assert made == team.batches.get(made.name) == next(team.batches.list(dataset))
    shown = {frame.frame.id for frame in team.datasets.frames(dataset, view="first")}
    assert {id for pick in chosen for id in pick.frame_ids} == shown
    assert list(range(1, 7)) == [pick.rank for pick in chosen]
    assert 6 == team.datasets.counts(dataset).selected
    # By default a fifth of what remains, and at least ten.
    assert 10 == team.batches.create(dataset, "second").size
    with pytest.raises(errors.AlreadyExists, match="with other settings"):
        team.batches.create(dataset, "first", BatchSettings(count=7, seed=3))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (BatchSettings(count=1, fraction=0.5), "fraction: 0.5, and count 1; expected one of them"),
        (BatchSettings(coverage="best"), "coverage: 'best' is none of facility, k_center, zcore"),
        (BatchSettings(targeted="best"), "targeted: 'best' is none of joint, neighbours"),
    ],
    ids=["budget", "coverage", "targeted"],
)
def test_settings_are_checked_at_once(settings: BatchSettings, said: str) -> None:
    """What cannot be said to a server is refused before it is asked."""
    with pytest.raises(errors.InvalidArgument) as refused:
        settings.to_proto()
    assert said == refused.value.message


def test_a_batch_by_the_command(team: Team, dataset: str, server: Server, tmp_path: Path) -> None:
    """Tables say how a batch came to be and why each group was picked, JSON has the API's keys."""
    cli = Cli(server, tmp_path)
    options = ("--count", "5", "--coverage", "k_center", "--seed", "1")
    made = cli.json("batch", "create", dataset, "next", *options)

    assert made == cli.json("batch", "show", made["name"])
    assert ("COVERAGE_K_CENTER", 5) == (made["coverage"], made["coverage_count"])
    shown = cli.run("batch", "show", made["name"])
    assert "5 of 5" in shown
    assert "There are no failures: the whole batch is for coverage." in shown
    first, *_ = cli.json("batch", "picks", made["name"])
    assert (1, "SOURCE_COVERAGE") == (first["rank"], first["source"])
    assert first["group"] in cli.run("batch", "picks", made["name"])
    assert made["name"] in cli.run("batch", "list", dataset)
    refused = cli.run("batch", "create", dataset, "x", "--failures", "r1=much", code=2)
    assert "'r1=much' is no round" in refused
