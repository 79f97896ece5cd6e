"""`sluice doctor` against a real server whose stores were written to while it was down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.curation.records import Status, status_counter
from services.ingest.counters import Count
from services.ingest.points import collection_of, sample_point, tenant_of
from services.ledger.interface import Add, Transaction
from services.ledger.sqlite.ledger import SqliteLedger
from services.vectors.edge.vectors import EdgeVectors
from sluice.names import CampaignName
from tests.e2e.cli import MODEL, Cli
from tests.e2e.sluiced import Sluiced, running

PROJECT, DIMENSION = "night-fleet", 64


@pytest.fixture
def sluiced(tmp_path: Path) -> Iterator[Sluiced]:
    """An embedded server: its stores are files that can be written to while it is down."""
    with running(tmp_path / "server") as server:
        yield server


@pytest.fixture
def cli(sluiced: Sluiced, tmp_path: Path) -> Cli:
    """The command, in a folder with files."""
    return Cli(sluiced, tmp_path)


async def miscount(data: Path, campaign: str) -> None:
    """Count three collected samples too many."""
    ledger = await SqliteLedger.open(data / "ledger.sqlite")
    adds = {Count.COLLECTED.of(campaign): Add(3)}
    await ledger.commit(Transaction(PROJECT, adds=adds))
    await ledger.close()


async def misgroup(data: Path, dataset: str) -> None:
    """Count two reviewed groups that there are not."""
    ledger = await SqliteLedger.open(data / "ledger.sqlite")
    adds = {status_counter(dataset, Status.REVIEWED): Add(2)}
    await ledger.commit(Transaction(PROJECT, adds=adds))
    await ledger.close()


async def lose(data: Path, campaign: str, frame_id: str) -> None:
    """Delete a sample's vector."""
    vectors = await EdgeVectors.open(data / "vectors")
    point = sample_point(PROJECT, campaign, frame_id)
    collection = collection_of(PROJECT, MODEL, DIMENSION)
    await vectors.delete(collection, tenant_of(PROJECT, campaign), [point])
    await vectors.close()


def test_differences_are_named_mended_and_gone(cli: Cli, sluiced: Sluiced) -> None:
    """Healthy is 0; a difference is named and 6; mended is 0, and the funnel as it was."""
    name = cli.start_campaign()
    cli.scan()
    before = cli.funnel(name)
    assert f"nothing differs in projects/{PROJECT}" in cli.run("doctor", PROJECT)
    assert [] == cli.json("doctor")
    campaign = CampaignName.parse(name).campaign
    sluiced.stop()
    asyncio.run(miscount(sluiced.data, campaign))
    sluiced.start()
    cli.run("doctor", code=6)
    [found] = cli.json("doctor", "--repair")
    assert {
        "project": f"projects/{PROJECT}",
        "kind": "FINDING_KIND_COUNTER",
        "subject": f"{name} collected",
        "expected": str(before["collected"]),
        "found": str(before["collected"] + 3),
        "outcome": "FINDING_OUTCOME_REPAIRED",
    } == found
    assert [] == cli.json("doctor", PROJECT)
    assert before == cli.funnel(name)


def test_what_is_lost_stays_a_difference(cli: Cli, sluiced: Sluiced) -> None:
    """A vector that is gone is said to be lost, by a repair too, and the exit code is 6."""
    name = cli.start_campaign()
    cli.scan()
    cli.funnel(name)
    [best] = cli.json("samples", "list", name, "--limit", "1")
    sluiced.stop()
    frame_id = best["frame"]["id"]
    asyncio.run(lose(sluiced.data, CampaignName.parse(name).campaign, frame_id))
    sluiced.start()
    for options in ((), ("--repair",)):
        with cli.start("doctor", PROJECT, *options) as process:
            said, _ = process.communicate(timeout=60)
        assert 6 == process.returncode
        assert f"{name}/samples/{frame_id}\n" in said
        assert said.endswith("1 difference: 1 lost for good\n")


def test_datasets_are_examined_with_the_rest(cli: Cli, sluiced: Sluiced) -> None:
    """What differs in the frames of a dataset is in the same report, and mended with the rest."""
    cli.start_campaign()
    dataset = f"projects/{PROJECT}/datasets/street"
    cli.run("datasets", "append", dataset, "hard.npz", "--model-id", MODEL)
    assert [] == cli.json("doctor")
    sluiced.stop()
    asyncio.run(misgroup(sluiced.data, "street"))
    sluiced.start()
    [found] = cli.json("doctor", "--repair")
    assert f"{dataset} reviewed groups" == found["subject"]
    assert ("0", "2") == (found["expected"], found["found"])
    assert [] == cli.json("doctor", PROJECT)


def test_an_unknown_project(cli: Cli) -> None:
    """A project that does not exist is told by the exit code."""
    assert "projects/none does not exist" in cli.run("doctor", "none", code=3)
