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
    """A batch is created, read and listed; its view and its picks have the same frames."""
    batch = team.batches.create(dataset, "first", BatchSettings(count=6, seed=3))
    picks = list(team.batches.picks(batch.name))

    assert (batch_pb2.Batch.STATE_READY, 6, 30) == (batch.state, batch.size, batch.remaining_count)
    assert batch == team.batches.get(batch.name) == next(team.batches.list(dataset))
    shown = {frame.frame.id for frame in team.datasets.frames(dataset, view="first")}
    assert {id for pick in picks for id in pick.frame_ids} == shown
    assert list(range(1, 7)) == [pick.rank for pick in picks]
    assert 6 == team.datasets.counts(dataset).selected
    # By default a fifth of what remains, and at least ten.
    assert 10 == team.batches.create(dataset, "second").size
    with pytest.raises(errors.AlreadyExists, match="with other settings"):
        team.batches.create(dataset, "first", BatchSettings(count=7, seed=3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (BatchSettings(count=1, fraction=0.5), "fraction: 0.5, and count 1; expected one of them"),
        (BatchSettings(coverage="best"), "coverage: 'best' is none of facility, k_center, zcore"),
        (BatchSettings(targeted="best"), "targeted: 'best' is none of joint, neighbours"),
    ],
    ids=["budget", "coverage", "targeted"],
)
def test_settings_are_checked_at_once(settings: BatchSettings, message: str) -> None:
    """Invalid settings are rejected before a request is sent."""
    with pytest.raises(errors.InvalidArgument) as raised:
        settings.to_proto()
    assert message == raised.value.message


def test_a_batch_by_the_command(team: Team, dataset: str, server: Server, tmp_path: Path) -> None:
    """Tables show how a batch was selected and why each group was picked; JSON has all fields."""
    cli = Cli(server, tmp_path)
    options = ("--count", "5", "--coverage", "k_center", "--seed", "1")
    batch = cli.json("batches", "create", dataset, "next", *options)

    assert batch == cli.json("batches", "show", batch["name"])
    assert ("k_center", 5) == (batch["coverage"], batch["coverage_count"])
    shown = cli.run("batches", "show", batch["name"])
    assert "5 of 5" in shown
    assert "Without failures, the whole batch is for coverage." in shown
    first, *_ = cli.json("batches", "picks", batch["name"])
    assert (1, "coverage") == (first["rank"], first["source"])
    assert first["group"] in cli.run("batches", "picks", batch["name"])
    assert batch["name"] in cli.run("batches", "list", dataset)
    refused = cli.run("batches", "create", dataset, "x", "--failures", "r1=much", code=2)
    assert "'r1=much': expected ROUND" in refused
