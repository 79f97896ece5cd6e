"""`sluice scan` against a real server: counts, samples, interrupts and file errors."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.cli import CORPUS_SPACE, HARD_CLASS, Cli, write_parquet
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
    """A campaign that looks for eights, and has scored nothing."""
    return standing_cli.start_campaign()


def write_big(cli: Cli, rows: int = 60_000) -> None:
    """Write a file that takes a moment: noise, and all digits in its middle."""
    table = pq.read_table(cli.folder / "corpus.parquet")
    digits = np.stack(table["embedding"].to_pylist()).astype(np.float32)
    noise = np.random.default_rng(5).uniform(0, 16, (rows, 64)).astype(np.float32)
    noise[rows // 2 : rows // 2 + len(digits)] = digits
    write_parquet(cli.folder / "big.parquet", [f"f{index}" for index in range(rows)], noise)


def test_a_scan_collects_and_counts(cli: Cli, campaign: str) -> None:
    """One command counts all rows of a file and collects its matches, once."""
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


def test_most_samples_are_of_the_class(cli: Cli, campaign: str) -> None:
    """Most samples are of the issue's class, and most frames are not."""
    cli.scan()
    cli.funnel(campaign)
    samples = cli.json("samples", "list", campaign, "--limit", "1000")
    of_class = sum(cli.truth[sample["frame"]["id"]] == HARD_CLASS for sample in samples)
    assert of_class > len(samples) / 2
    metadata = samples[0]["frame"]["metadata"]
    assert {"split": "archive"} == metadata


def test_a_dry_run_shows_and_sends_nothing(cli: Cli, campaign: str) -> None:
    """The scores are drawn, and nothing is counted."""
    report = cli.scan("--dry-run")
    assert len(cli.truth) == sum(report["histogram"])
    output = cli.run("scan", "corpus.parquet", *CORPUS_SPACE, "--dry-run")
    assert f"{len(cli.truth):,} rows, {report['passing']} at or over a threshold" in output
    assert "█" in output
    assert 0 == cli.funnel(campaign)["seen"]
    assert not (cli.folder / "corpus.parquet.scan").exists()
    assert report["passing"] == cli.scan()["passing"]


def test_a_threshold_overrides_the_campaigns(cli: Cli, campaign: str) -> None:
    """With --threshold 0 every frame matches, with 1 none."""
    assert len(cli.truth) == cli.scan("--dry-run", "--threshold", "0")["passing"]
    assert 0 == cli.scan("--threshold", "1")["passing"]
    assert 0 == cli.funnel(campaign)["matches"]


SMALL = "--batch-rows=32"  # so many batches that no scan is over before it is interrupted


def interrupt_scan(cli: Cli, *arguments: str) -> str:
    """Stop a scan by Ctrl-C once it has started; returns its stderr."""
    with cli.start("scan", "big.parquet", *CORPUS_SPACE, SMALL, *arguments) as process:
        while not (cli.folder / "big.parquet.scan").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert 130 == process.returncode
    return stderr


def test_an_interrupted_scan_is_resumed(cli: Cli, campaign: str) -> None:
    """Ctrl-C prints what was sent and how to resume; --resume counts the remaining rows once."""
    write_big(cli)
    stderr = interrupt_scan(cli)
    assert "the server has counted" in stderr
    assert "Continue with --resume" in stderr
    again = cli.run("scan", "big.parquet", *CORPUS_SPACE, code=1)
    assert "--resume continues it" in again
    resumed = cli.scan("--resume", file="big.parquet")
    assert 60_000 == resumed["rows"]
    funnel = cli.funnel(campaign)
    assert (60_000, 0) == (funnel["seen"], funnel["duplicate"])
    assert "no scan to resume" in cli.run("scan", "big.parquet", *CORPUS_SPACE, "--resume", code=1)


def test_only_the_same_scan_is_resumed(cli: Cli, campaign: str) -> None:
    """Another file, mapping or threshold is rejected by name: counts would be wrong."""
    write_big(cli)
    interrupt_scan(cli, "--threshold", "0.6")
    resume = ("scan", "big.parquet", *CORPUS_SPACE, "--resume")
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
    """A scan survives a restart of its server: batches that were not counted are sent again."""
    write_big(cli)
    with cli.start("scan", "big.parquet", *CORPUS_SPACE, SMALL) as process:
        while cli.json("funnel", campaign)["seen"] == "0":
            assert process.poll() is None
        server.kill()
        server.start()
        _, stderr = process.communicate(timeout=60)
    assert 0 == process.returncode, stderr
    funnel = cli.funnel(campaign)
    assert (60_000, 0) == (funnel["seen"], funnel["duplicate"])


def write_damaged(cli: Cli, **columns: Any) -> str:
    """Write a corpus with damaged values by column and row; returns its name."""
    table = pq.read_table(cli.folder / "corpus.parquet")
    for name, values in columns.items():
        changed = table.column(name).to_pylist()
        for row, value in values.items():
            changed[row] = value
        index = table.column_names.index(name)
        table = table.set_column(index, name, pa.array(changed))
    pq.write_table(table, cli.folder / "damaged.parquet")
    return "damaged.parquet"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"embedding": {7: None}}, "column 'embedding' is null, empty or all NaN in row 7"),
        ({"embedding": {7: [1.0]}}, "has a length other than 64 (as in row 0) in row 7"),
        ({"embedding": {7: [0.0] * 64, 9: [float("nan")] * 64}}, "in 2 rows: 7, 9"),
        ({"frame_id": {7: "digit-0"}}, "has duplicate 'digit-0' in 2 rows: 0, 7"),
        ({"date_captured": {7: "2026-01-01T00:00:00"}}, "has no time zone in row 7"),
    ],
)
def test_a_bad_file_costs_nothing(
    standing_cli: Cli, standing_campaign: str, columns: dict[str, dict[int, Any]], message: str
) -> None:
    """Errors name file, column and rows; nothing is counted, and no state file is left."""
    cli = standing_cli
    file = write_damaged(cli, **columns)
    stderr = cli.run("scan", file, *CORPUS_SPACE, code=1)
    assert f"damaged.parquet: column '{next(iter(columns))}'" in stderr
    assert message in stderr
    assert 0 == cli.funnel(standing_campaign)["seen"]
    assert not (cli.folder / "damaged.parquet.scan").exists()


def test_a_bad_row_is_corrected_and_the_scan_resumed(cli: Cli, campaign: str) -> None:
    """The message says what is counted; the corrected file counts the remaining rows once."""
    write_big(cli)
    table = pq.read_table(cli.folder / "big.parquet")
    good = table["embedding"].to_pylist()
    write_damaged_rows(cli, table, [*good[:59_000], [float("nan")] * 64, *good[59_001:]])
    stderr = cli.run("scan", "big.parquet", *CORPUS_SPACE, SMALL, code=1)
    counted = cli.funnel(campaign)["seen"]

    assert "'embedding' is null, empty or all NaN in row 59000; --skip-bad-rows" in stderr
    assert counted > 58_000
    assert f"the server has counted {counted:,}" in stderr
    assert "Correct the file, then use --resume" in stderr
    resume = ("scan", "big.parquet", *CORPUS_SPACE, "--resume")
    write_damaged_rows(cli, table, [good[1], *good[1:]])
    assert f"the first {counted:,} rows of the file are counted" in cli.run(*resume, code=1)
    pq.write_table(table, cli.folder / "big.parquet")
    assert 60_000 == cli.scan("--resume", file="big.parquet")["rows"]
    funnel = cli.funnel(campaign)
    assert (60_000, 0) == (funnel["seen"], funnel["duplicate"])


def write_damaged_rows(cli: Cli, table: pa.Table, embeddings: list[list[float]]) -> None:
    """Write a file of frames with other embeddings."""
    index = table.column_names.index("embedding")
    changed = table.set_column(index, "embedding", pa.array(embeddings, pa.list_(pa.float32())))
    pq.write_table(changed, cli.folder / "big.parquet")


def test_a_truncated_file_is_named(standing_cli: Cli, standing_campaign: str) -> None:
    """Half a file is rejected before anything is counted."""
    cli = standing_cli
    whole = (cli.folder / "corpus.parquet").read_bytes()
    (cli.folder / "half.parquet").write_bytes(whole[: len(whole) // 2])
    assert "half.parquet cannot be read" in cli.run("scan", "half.parquet", *CORPUS_SPACE, code=1)
    assert 0 == cli.funnel(standing_campaign)["seen"]


def test_a_space_without_campaign(cli: Cli, campaign: str) -> None:
    """Without an active campaign of its space a scan is rejected, and leaves no state file."""
    model = ("-p", "night-fleet", "--model-id", "other")
    stderr = cli.run("scan", "corpus.parquet", *model, code=1)
    assert "no active campaign scores vectors of 'other' with 64 dimensions" in stderr
    cli.run("campaigns", "deactivate", campaign)
    assert "no active campaign" in cli.run("scan", "corpus.parquet", *CORPUS_SPACE, code=1)
    assert not (cli.folder / "corpus.parquet.scan").exists()
