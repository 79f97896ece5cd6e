"""`sluice doctor` against a real server after its stores were changed while it was down."""

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
    """An embedded server: its stores are files that can be changed while it is down."""
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


async def miscount_groups(data: Path, dataset: str) -> None:
    """Count two reviewed groups too many."""
    ledger = await SqliteLedger.open(data / "ledger.sqlite")
    adds = {status_counter(dataset, Status.REVIEWED): Add(2)}
    await ledger.commit(Transaction(PROJECT, adds=adds))
    await ledger.close()


async def delete_vector(data: Path, campaign: str, frame_id: str) -> None:
    """Delete a sample's vector."""
    vectors = await EdgeVectors.open(data / "vectors")
    point = sample_point(PROJECT, campaign, frame_id)
    collection = collection_of(PROJECT, MODEL, DIMENSION)
    await vectors.delete(collection, tenant_of(PROJECT, campaign), [point])
    await vectors.close()


def test_differences_are_listed_and_repaired(cli: Cli, sluiced: Sluiced) -> None:
    """Exit code 0 without differences, 6 with one, 0 after a repair, which restores the funnel."""
    name = cli.start_campaign()
    cli.scan()
    before = cli.funnel(name)
    assert f"no differences in projects/{PROJECT}" in cli.run("doctor", PROJECT)
    assert [] == cli.json("doctor")
    campaign = CampaignName.parse(name).campaign
    sluiced.stop()
    asyncio.run(miscount(sluiced.data, campaign))
    sluiced.start()
    cli.run("doctor", code=6)
    [finding] = cli.json("doctor", "--repair")
    assert {
        "project": f"projects/{PROJECT}",
        "kind": "counter",
        "subject": f"{name} collected",
        "expected": str(before["collected"]),
        "found": str(before["collected"] + 3),
        "outcome": "repaired",
    } == finding
    assert [] == cli.json("doctor", PROJECT)
    assert before == cli.funnel(name)


def test_what_is_lost_stays_a_difference(cli: Cli, sluiced: Sluiced) -> None:
    """A deleted vector is reported as lost, also by a repair, and the exit code is 6."""
    name = cli.start_campaign()
    cli.scan()
    cli.funnel(name)
    [best] = cli.json("samples", "list", name, "--limit", "1")
    sluiced.stop()
    frame_id = best["frame"]["id"]
    asyncio.run(delete_vector(sluiced.data, CampaignName.parse(name).campaign, frame_id))
    sluiced.start()
    for options in ((), ("--repair",)):
        with cli.start("doctor", PROJECT, *options) as process:
            output, _ = process.communicate(timeout=60)
        assert 6 == process.returncode
        assert f"{name}/samples/{frame_id}\n" in output
        assert output.endswith("1 difference: 1 lost for good\n")


def test_datasets_are_examined_with_the_rest(cli: Cli, sluiced: Sluiced) -> None:
    """Differences in the frames of a dataset are in the same report, and are repaired."""
    cli.start_campaign()
    dataset = f"projects/{PROJECT}/datasets/street"
    cli.run("datasets", "append", dataset, "hard.npz", "--model-id", MODEL)
    assert [] == cli.json("doctor")
    sluiced.stop()
    asyncio.run(miscount_groups(sluiced.data, "street"))
    sluiced.start()
    [finding] = cli.json("doctor", "--repair")
    assert f"{dataset} reviewed groups" == finding["subject"]
    assert ("0", "2") == (finding["expected"], finding["found"])
    assert [] == cli.json("doctor", PROJECT)


def test_an_unknown_project(cli: Cli) -> None:
    """A project that does not exist has exit code 3."""
    assert "no project 'none'; see `sluice projects list`" in cli.run("doctor", "none", code=3)
