"""Commands read the files of other tools alike, and say what to do about those they cannot read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e import sluiced
from tests.e2e.cli import CORPUS_SPACE, MODEL, Cli, write_coco

ROWS = 400
Command = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The command, in a folder with files; clients read files alike whatever serves them."""
    folder = tmp_path_factory.mktemp("cli")
    with sluiced.running(folder / "server") as server:
        yield Cli(server, folder)


@pytest.fixture(scope="module")
def campaign(cli: Cli) -> str:
    """A campaign that looks for eights."""
    return cli.start_campaign()


@pytest.fixture(params=["scan", "background", "add-elements", "append"])
def command(request: pytest.FixtureRequest, cli: Cli, campaign: str) -> Command:
    """A command that reads a file of frames; the scan sends nothing."""
    project = ("-p", "night-fleet")
    [issue] = cli.json("issues", "list", *project)
    commands = {
        "scan": lambda file: ["scan", file, *CORPUS_SPACE, "--dry-run"],
        "background": lambda file: ["background", file, *CORPUS_SPACE],
        "add-elements": lambda file: [
            "issues",
            "add-elements",
            issue["name"],
            file,
            "--model-id",
            MODEL,
        ],
        "append": lambda file: [
            "datasets",
            "append",
            "projects/night-fleet/datasets/street",
            file,
            "--model-id",
            MODEL,
        ],
    }
    return commands[request.param]


def write(path: Path, **columns: Any) -> str:
    """Write a Parquet file of digits; returns its name."""
    table = pq.read_table(path.parent / "corpus.parquet").slice(0, ROWS)
    columns = {name: table[name] for name in ("frame_id", "embedding")} | columns
    pq.write_table(pa.table(columns), path)
    return path.name


def test_ids_of_other_types(cli: Cli, command: Command) -> None:
    """Each command names --ids-as-text, and reads the file with it."""
    file = write(cli.folder / "ids.parquet", frame_id=range(ROWS))
    assert "is int64, not strings; --ids-as-text reads" in cli.run(*command(file), code=1)
    cli.run(*command(file), "--ids-as-text")


def test_times_without_a_zone(cli: Cli, command: Command) -> None:
    """Each command names --timezone, reads the file with it, and refuses an unknown zone."""
    times = pa.array([0] * ROWS, pa.timestamp("us"))
    ids = [f"time-{index}" for index in range(ROWS)]
    file = write(cli.folder / "times.parquet", frame_id=ids, date_captured=times)
    error = cli.run(*command(file), code=1)
    assert "is timestamp[us], without a time zone; name it by --timezone" in error
    cli.run(*command(file), "--timezone", "Asia/Tokyo")
    assert "Mars" in cli.run(*command(file), "--timezone", "Mars", code=2)


def test_missing_columns(cli: Cli, command: Command) -> None:
    """Each command names --map with the column that it may be, and reads the file with it."""
    table = pq.read_table(cli.folder / "corpus.parquet").slice(0, ROWS)
    ids = [f"map-{index}" for index in range(ROWS)]
    columns = {"frame_id": ids, "vec": table["embedding"]}
    pq.write_table(pa.table(columns), cli.folder / "map.parquet")
    assert "use --map embedding=vec" in cli.run(*command("map.parquet"), code=1)
    cli.run(*command("map.parquet"), "--map", "embedding=vec")


def test_bad_rows(cli: Cli, command: Command) -> None:
    """Each command names the rows and the option, and lists the rows that it then leaves out."""
    vectors = pq.read_table(cli.folder / "corpus.parquet")["embedding"].slice(0, ROWS).to_pylist()
    vectors[3], vectors[390], vectors[395] = None, [float("nan")] * 64, [0.0] * 64
    ids = [f"bad-{index}" for index in range(ROWS)]
    vectors = pa.array(vectors, pa.list_(pa.float32()))
    file = write(cli.folder / "bad.parquet", frame_id=ids, embedding=vectors)
    error = cli.run(*command(file), code=1)
    assert "rows: 3, 390, 395; --skip-bad-rows leaves such rows out" in error
    with cli.start(*command(file), "--skip-bad-rows") as process:
        _, errors = process.communicate(timeout=60)
    assert "skipped rows: 3, listed in bad.parquet.skipped.jsonl" in errors
    listed = (cli.folder / "bad.parquet.skipped.jsonl").read_text().splitlines()
    assert [3, 390, 395] == [json.loads(line)["row"] for line in listed]
    usage = cli.run(*command(file), "--skipped-file", "x.jsonl", code=2)
    assert "requires --skip-bad-rows" in usage


def test_columns_left_out(cli: Cli, command: Command) -> None:
    """Each command reads a file with structs and bytes, and names them in one note."""
    others = {"thumbnail": [b"x"] * ROWS, "pose": [{"x": 1.0}] * ROWS}
    ids = [f"other-{index}" for index in range(ROWS)]
    file = write(cli.folder / "others.parquet", frame_id=ids, **others)
    with cli.start(*command(file)) as process:
        _, errors = process.communicate(timeout=60)
    assert 0 == process.returncode
    assert 1 == errors.count("columns left out")
    assert "'thumbnail' (binary), 'pose' (struct<x: double>)" in errors


def test_folders_and_patterns(cli: Cli, command: Command) -> None:
    """Each command reads a folder and a pattern of files; a missing one is wrong usage."""
    folder = cli.folder / "parts"
    if not folder.exists():
        folder.mkdir()
        table = pq.read_table(cli.folder / "corpus.parquet").slice(0, ROWS)
        for part in range(4):
            part_table = table.slice(part * 100, 100)
            pq.write_table(part_table, folder / f"part-{part}.parquet")
        (folder / "_SUCCESS").touch()
    cli.run(*command("parts"))
    cli.run(*command("parts/part-*.parquet"))
    assert "does not exist; expected a file, a" in " ".join(
        cli.run(*command("none"), code=2).replace("│", " ").split()
    )


def test_a_folder_is_scanned_once(cli: Cli, campaign: str) -> None:
    """All rows of a folder's files are counted once, and the scan leaves no state behind."""
    folder = cli.folder / "archive"
    folder.mkdir()
    table = pq.read_table(cli.folder / "corpus.parquet")
    for part, start in enumerate(range(0, len(table), 500)):
        pq.write_table(table.slice(start, 500), folder / f"{part}.parquet")
    seen = cli.funnel(campaign)["seen"]
    report = cli.scan(file="archive")
    assert len(table) == report["rows"] == cli.funnel(campaign)["seen"] - seen
    assert not (cli.folder / "archive.scan").exists()


def test_a_stopped_scan_goes_on_without_bad_rows(cli: Cli, campaign: str) -> None:
    """A scan that a bad row has stopped goes on with the option, and counts every row once."""
    table = pq.read_table(cli.folder / "corpus.parquet")
    vectors = np.stack(table["embedding"].to_pylist()).astype(np.float32)
    vectors[1_500] = 0
    columns = {"frame_id": table["frame_id"], "embedding": list(vectors)}
    pq.write_table(pa.table(columns), cli.folder / "stop.parquet")
    seen = cli.funnel(campaign)["seen"]
    stop = ("scan", "stop.parquet", *CORPUS_SPACE, "--batch-rows", "64")
    error = cli.run(*stop, code=1)
    assert "in row 1500; --skip-bad-rows leaves" in error
    report = cli.json(*stop, "--resume", "--skip-bad-rows", "--skipped-file", "left-out.jsonl")
    assert (len(table) - 1, 1) == (report["rows"], report["skipped_rows"])
    assert len(table) - 1 == cli.funnel(campaign)["seen"] - seen
    assert 1 == len((cli.folder / "left-out.jsonl").read_text().splitlines())


def test_classes_are_renamed(cli: Cli, campaign: str) -> None:
    """A COCO file with other class names is appended with --class-map, which its error names."""
    dataset = "projects/night-fleet/datasets/street"
    write_coco(cli.folder / "other.json", 1, images=3)
    file = cli.folder / "other.json"
    file.write_text(file.read_text().replace('"van"', '"VAN"'))
    append = ("datasets", "append", dataset, "other.json")
    error = cli.run(*append, code=1)
    assert "did you mean 'van'?; rename classes by --class-map OLD=NEW" in error
    assert "other.json: frames[0]" in error
    assert 3 == cli.json(*append, "--class-map", "VAN=van")["added"]
    write(cli.folder / "table.parquet")
    table = ("datasets", "append", dataset, "table.parquet", "--model-id", MODEL)
    assert "table.parquet has no labels" in cli.run(*table, "--class-map", "VAN=van", code=1)


def test_coco_files_need_a_dataset_of_boxes(cli: Cli, campaign: str) -> None:
    """A COCO file for a dataset of another task says what is accepted."""
    create = ("datasets", "create", "-p", "night-fleet", "classes", "--class", "van")
    cli.run(*create, "--task", "classification_2d")
    append = ("datasets", "append", "projects/night-fleet/datasets/classes", "golden.json")
    error = cli.run(*append, code=1)
    accepted = "COCO files have 2D boxes, for datasets of --task box_2d, not classification_2d"
    assert accepted in error


def test_an_append_shows_its_progress(cli: Cli, campaign: str) -> None:
    """The bar ends with the frames of the file; with --json there is none."""
    dataset = "projects/night-fleet/datasets/street"
    ids = [f"bar-{index}" for index in range(ROWS)]
    file = write(cli.folder / "bar.parquet", frame_id=ids)
    for options, count in (((), 1), (("--json",), 0)):
        append = ("datasets", "append", dataset, file, "--model-id", MODEL, *options)
        with cli.start(*append) as process:
            _, errors = process.communicate(timeout=60)
        assert count == errors.count(f"{ROWS}/{ROWS}")
