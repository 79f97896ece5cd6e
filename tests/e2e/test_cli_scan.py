"""`sluice scan` against a real server: what it counts, collects, and says when it is stopped."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.cli import HARD_CLASS, OF_CORPUS, Cli, write_parquet
from tests.e2e.sluiced import Server


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> Cli:
    """The command, in a folder with files."""
    return Cli(server, tmp_path)


@pytest.fixture
def campaign(cli: Cli) -> str:
    """A campaign that looks for eights."""
    return cli.start_campaign()


@pytest.fixture(scope="module")
def standing_cli(standing_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command, for tests that count nothing."""
    return Cli(standing_server, tmp_path_factory.mktemp("standing-cli"))


@pytest.fixture(scope="module")
def standing_campaign(standing_cli: Cli) -> str:
    """A campaign that looks for eights, of which nothing is counted."""
    return standing_cli.start_campaign()


def write_big(cli: Cli, rows: int = 60_000) -> None:
    """Write a file that takes a moment: noise, and all digits in its middle."""
    found = pq.read_table(cli.folder / "corpus.parquet")
    digits = np.stack(found["embedding"].to_pylist()).astype(np.float32)
    noise = np.random.default_rng(5).uniform(0, 16, (rows, 64)).astype(np.float32)
    noise[rows // 2 : rows // 2 + len(digits)] = digits
    write_parquet(cli.folder / "big.parquet", [f"f{index}" for index in range(rows)], noise)


def test_a_scan_collects_and_counts(cli: Cli, campaign: str) -> None:
    """A file is one command: all rows are counted, what matches is collected, once."""
    first = cli.scan()
    [verdicts] = first["verdicts"].values()
    assert {"pending": first["passing"]} == verdicts
    assert (len(cli.truth), first["passing"]) == (first["rows"], first["collected"])
    funnel = cli.funnel(campaign)
    assert len(cli.truth) == funnel["seen"]
    assert first["collected"] == funnel["matches"]
    assert first["collected"] == funnel["collected"] + funnel["near_duplicate"]
    assert not (cli.folder / "corpus.parquet.scan").exists()

    assert 0 == cli.scan()["collected"]
    again = cli.funnel(campaign)
    assert 2 * funnel["seen"] == again["seen"]
    assert first["collected"] == again["duplicate"]
    assert funnel["collected"] == again["collected"]


def test_what_is_collected_is_what_was_looked_for(cli: Cli, campaign: str) -> None:
    """Most of the samples are of the issue's class, which few of the frames are."""
    cli.scan()
    cli.funnel(campaign)
    samples = cli.json("samples", "list", campaign, "--limit", "1000")
    right = sum(cli.truth[sample["frame"]["id"]] == HARD_CLASS for sample in samples)
    assert right > len(samples) / 2
    metadata = samples[0]["frame"]["metadata"]
    assert {"split": {"text": "archive"}} == metadata


def test_a_dry_run_shows_and_sends_nothing(cli: Cli, campaign: str) -> None:
    """The scores are drawn, and nothing is counted."""
    tried = cli.scan("--dry-run")
    assert len(cli.truth) == sum(tried["histogram"])
    drawn = cli.run("scan", "corpus.parquet", *OF_CORPUS, "--dry-run")
    assert f"{len(cli.truth):,} rows, {tried['passing']} at or over a threshold" in drawn
    assert "█" in drawn
    assert 0 == cli.funnel(campaign)["seen"]
    assert not (cli.folder / "corpus.parquet.scan").exists()
    assert tried["passing"] == cli.scan()["passing"]


def test_a_threshold_goes_before_the_campaigns(cli: Cli, campaign: str) -> None:
    """With --threshold 0 everything matches, and nothing with 1."""
    assert len(cli.truth) == cli.scan("--dry-run", "--threshold", "0")["passing"]
    assert 0 == cli.scan("--threshold", "1")["passing"]
    assert 0 == cli.funnel(campaign)["matches"]


def test_a_background_is_drawn_where_there_is_none(cli: Cli) -> None:
    """The scan says so, and who must commit again; a dry run draws none."""
    project = ("-p", "night-fleet")
    cli.run("projects", "create", "night-fleet")
    cli.run("datasets", "create", *project, "street", "--task", "box_2d")
    issue = cli.json("issues", "create", *project, "Eights", "--dataset", "street")["name"]
    cli.run("issues", "add-elements", issue, "hard.npz", "--model-id", OF_CORPUS[-1])
    campaign = cli.json("campaigns", "start", issue)["name"]
    cli.scan("--dry-run")
    assert not cli.json("campaigns", "show", campaign)["commit_adds_background"]
    with cli.start("scan", "corpus.parquet", *OF_CORPUS) as process:
        _, said = process.communicate()
    assert f"sluice campaigns commit {campaign}" in said
    assert cli.json("campaigns", "show", campaign)["commit_adds_background"]
    assert cli.json("campaigns", "commit", campaign)["basis_digest"]
    with cli.start("scan", "corpus.parquet", *OF_CORPUS) as process:
        _, said = process.communicate()
    assert "background" not in said


SMALL = "--batch-rows=32"  # so many batches that no scan is over before it is interrupted


def interrupted(cli: Cli, *arguments: str) -> str:
    """Stop a scan by Ctrl-C once it has begun; what it says."""
    with cli.start("scan", "big.parquet", *OF_CORPUS, SMALL, *arguments) as process:
        while not (cli.folder / "big.parquet.scan").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert 130 == process.returncode
    return said


def test_an_interrupted_scan_goes_on(cli: Cli, campaign: str) -> None:
    """Ctrl-C says what was sent and how to go on; --resume counts what is left, once."""
    write_big(cli)
    said = interrupted(cli)
    assert "the server has counted" in said
    assert "Go on with --resume" in said
    again = cli.run("scan", "big.parquet", *OF_CORPUS, code=1)
    assert "--resume goes on with it" in again
    resumed = cli.scan("--resume", file="big.parquet")
    assert 60_000 == resumed["rows"]
    funnel = cli.funnel(campaign)
    assert (60_000, 0) == (funnel["seen"], funnel["duplicate"])
    assert "no scan to resume" in cli.run("scan", "big.parquet", *OF_CORPUS, "--resume", code=1)


def test_only_the_same_scan_goes_on(cli: Cli, campaign: str) -> None:
    """Another file, mapping or threshold would be counted wrong: refused, with its name."""
    write_big(cli)
    interrupted(cli, "--threshold", "0.6")
    resume = ("scan", "big.parquet", *OF_CORPUS, "--resume")
    assert "had threshold 0.6, not None" in cli.run(*resume, code=1)
    same = (*resume, "--threshold", "0.6")
    assert "had columns" in cli.run(*same, "--map", "device=split", code=1)
    content = (cli.folder / "big.parquet").read_bytes()
    write_big(cli, 60_001)
    assert "had file" in cli.run(*same, code=1)
    (cli.folder / "big.parquet").write_bytes(content)
    cli.run(*same)
    assert 60_000 == cli.funnel(campaign)["seen"]


def test_a_server_that_comes_back(cli: Cli, campaign: str, server: Server) -> None:
    """A scan outlives its server: what it had not counted is sent again."""
    write_big(cli)
    with cli.start("scan", "big.parquet", *OF_CORPUS, SMALL) as process:
        while cli.json("funnel", campaign)["seen"] == "0":
            assert process.poll() is None
        server.kill()
        server.start()
        _, said = process.communicate(timeout=60)
    assert 0 == process.returncode, said
    funnel = cli.funnel(campaign)
    assert (60_000, 0) == (funnel["seen"], funnel["duplicate"])


def damaged(cli: Cli, **columns: Any) -> str:
    """A corpus with other columns; its name."""
    found = pq.read_table(cli.folder / "corpus.parquet")
    for name, values in columns.items():
        changed = found.column(name).to_pylist()
        for row, value in values.items():
            changed[row] = value
        index = found.column_names.index(name)
        found = found.set_column(index, name, pa.array(changed))
    pq.write_table(found, cli.folder / "damaged.parquet")
    return "damaged.parquet"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"embedding": {7: None}}, "column 'embedding' is null in row 7"),
        ({"embedding": {7: [1.0]}}, "does not have the 64 numbers of row 0 in row 7"),
        ({"embedding": {7: [0.0] * 64, 9: [float("nan")] * 64}}, "in 2 rows: 7, 9"),
        ({"frame_id": {7: "digit-0"}}, "has duplicate 'digit-0' in 2 rows: 0, 7"),
        ({"date_captured": {7: "2026-01-01T00:00:00"}}, "has no time zone in row 7"),
    ],
)
def test_a_bad_file_costs_nothing(
    standing_cli: Cli, standing_campaign: str, columns: dict[str, dict[int, Any]], said: str
) -> None:
    """What is wrong is named by file, column and rows; no counter moves, nothing is left behind."""
    cli = standing_cli
    file = damaged(cli, **columns)
    answer = cli.run("scan", file, *OF_CORPUS, code=1)
    assert f"damaged.parquet: column '{next(iter(columns))}'" in answer
    assert said in answer
    assert 0 == cli.funnel(standing_campaign)["seen"]
    assert not (cli.folder / "damaged.parquet.scan").exists()


def test_a_truncated_file_is_named(standing_cli: Cli, standing_campaign: str) -> None:
    """Half a file is refused before anything is counted."""
    cli = standing_cli
    whole = (cli.folder / "corpus.parquet").read_bytes()
    (cli.folder / "half.parquet").write_bytes(whole[: len(whole) // 2])
    assert "half.parquet cannot be read" in cli.run("scan", "half.parquet", *OF_CORPUS, code=1)
    assert 0 == cli.funnel(standing_campaign)["seen"]


def test_a_space_without_campaign(cli: Cli, campaign: str) -> None:
    """Without an active campaign of its space a scan is refused, and leaves nothing behind."""
    model = ("-p", "night-fleet", "--model-id", "other")
    said = cli.run("scan", "corpus.parquet", *model, code=1)
    assert "no active campaign scores vectors of 'other' with 64 dimensions" in said
    cli.run("campaigns", "deactivate", campaign)
    assert "no active campaign" in cli.run("scan", "corpus.parquet", *OF_CORPUS, code=1)
    assert not (cli.folder / "corpus.parquet.scan").exists()
