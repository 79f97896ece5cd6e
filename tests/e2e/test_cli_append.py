"""`sluice datasets append` of files that state parts of the same frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import MODEL, Cli, write_coco
from tests.e2e.sluiced import Server


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> Cli:
    """The command, in a folder with files."""
    return Cli(server, tmp_path)


@pytest.fixture
def dataset(cli: Cli) -> str:
    """A dataset of boxes around vans, with two frames of the archive."""
    cli.run("projects", "create", "p")
    cli.run("datasets", "create", "-p", "p", "d", "--task", "box_2d", "--class", "van")
    dataset = "projects/p/datasets/d"
    (cli.folder / "archive.jsonl").write_text(
        """{"frame_id": "000.png", "embedding": [1, 2], "image_url": "s3://0", "device": "truck-7"}
{"frame_id": "001.png", "embedding": [2, 1], "image_url": "s3://1", "device": "truck-7"}"""
    )
    cli.run("datasets", "append", dataset, "archive.jsonl", "--model-id", MODEL)
    write_coco(cli.folder / "labels.json", 1, images=2)
    return dataset


def counts(added: int, changed: int, unchanged: int, kept_status: int = 0) -> dict[str, int]:
    """The JSON of an append that skips nothing."""
    return {
        "added": added,
        "changed": changed,
        "unchanged": unchanged,
        "kept_status": kept_status,
        "deleted": 0,
        "skipped_labels": 0,
        "clipped_labels": 0,
        "skipped_rows": 0,
    }


def test_labels_and_archive_stay_together(cli: Cli, dataset: str) -> None:
    """Labels keep URL and device of their frames, and the archive again keeps the labels."""
    labels = cli.json("datasets", "append", dataset, "labels.json", "--status", "annotated")
    archive = cli.json("datasets", "append", dataset, "archive.jsonl", "--model-id", MODEL)
    first, _ = cli.json("datasets", "frames", dataset)

    assert [counts(0, 2, 0), counts(0, 0, 2)] == [labels, archive]
    assert ("truck-7", "s3://0", 640) == summary(first)
    assert (["000.png#0"], True) == ([x["id"] for x in first["frame"]["labels"]], first["labelled"])
    assert "annotated" == first["status"]


def summary(frame: dict[str, Any]) -> tuple[str, str, int]:
    """Device, URL and width of a frame."""
    [sensor] = frame["frame"]["sensors"]
    return frame["frame"]["device"], sensor["url"], sensor["width"]


def test_replace_is_explicit(cli: Cli, dataset: str) -> None:
    """With --replace a frame is as its file states it."""
    cli.run("datasets", "append", dataset, "labels.json", "--replace")
    first, _ = cli.json("datasets", "frames", dataset)

    assert ("", "000.png", 640) == summary(first)


def test_a_status_of_existing_frames_is_never_ignored(cli: Cli, dataset: str) -> None:
    """Groups move on to the status; those that are further are counted, and the way back named."""
    append = ("datasets", "append", dataset, "labels.json")
    cli.run("datasets", "status", dataset, "reviewed", "000.png")
    assert counts(0, 2, 0, 1) == cli.json(*append, "--status", "annotated")
    with cli.start(*append, "--status", "annotated") as process:
        _, stderr = process.communicate(timeout=60)

    assert "groups that keep a status later than annotated: 1;" in stderr
    assert "--allow-backward" in stderr
    cli.run(*append, "--split", "train")
    error = cli.run(*append, "--split", "test", code=1)
    assert "split: 'test', but group '000.png' of projects/p/datasets/d is in split" in error


def test_a_skipped_label_is_named(cli: Cli, dataset: str) -> None:
    """A box without area is counted and named on stderr; the rest is appended."""
    file = cli.folder / "labels.json"
    file.write_text(file.read_text().replace("[10, 10, 50, 40]", "[10, 10, 50, 0]"))
    with cli.start("datasets", "append", dataset, "labels.json") as process:
        stdout, stderr = process.communicate(timeout=60)

    assert "0 added, 2 changed, 0 unchanged" in stdout
    assert "skipped labels: 1" in stderr
    assert "annotation 0 of image '000.png': box 10, 10, 50, 0 has no area" in stderr
