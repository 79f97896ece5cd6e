"""Runs the `sluice` command in a process of its own, with files of handwritten digits to scan."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from tests.e2e.sluiced import Server

COMMAND = [sys.executable, "-c", "from sluice.cli import main; main()"]
MODEL = "resnet50-v2"
CORPUS_SPACE = ("-p", "night-fleet", "--model-id", MODEL)
HARD_CLASS, HARD_ROWS = 8, 40


class Cli:
    """The command, with its connection in the environment, in a folder with files to scan.

    `hard.npz` has some eights, `corpus.parquet` all other digits, `predictions.jsonl` predictions
    for some of these; `truth` is the class of each of them by frame id. `golden.json` has a van in
    each of 40 images, `round-1.json` the same vans, `missed.json` none. In `results.jsonl` three of
    four samples are right.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "SLUICE_TARGET": server.target,
            "SLUICE_API_KEY": server.admin_key,
            "SLUICE_CACHE_DIR": str(folder / "models"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "COLUMNS": "200",
        }
        digits = load_digits()
        hard = np.flatnonzero(digits.target == HARD_CLASS)[:HARD_ROWS]
        rest = np.setdiff1d(np.arange(len(digits.target)), hard)
        vectors = np.asarray(digits.data, np.float32)
        hard_ids = [f"hard-{number}" for number in hard]
        np.savez(folder / "hard.npz", frame_id=np.array(hard_ids), embedding=vectors[hard])
        self.truth = {f"digit-{number}": int(digits.target[number]) for number in rest}
        write_parquet(folder / "corpus.parquet", list(self.truth), vectors[rest])
        write_predictions(folder / "predictions.jsonl", list(self.truth)[:20])
        for name, vans in (("golden", 1), ("round-1", 1), ("missed", 0)):
            write_coco(folder / f"{name}.json", vans)
        write_results(folder / "results.jsonl")

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.env | env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, **env: str) -> str:
        """Run a command; returns its stdout, or its stderr if another exit code is expected."""
        with self.start(*arguments, **env) as process:
            output, errors = process.communicate(timeout=60)
        assert code == process.returncode, output + errors
        return output if code == 0 else errors

    def run_in_terminal(self, *arguments: str, columns: int = 80) -> str:
        """Run a command on a terminal of that width; returns what it shows."""
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        env = {name: value for name, value in self.env.items() if name != "COLUMNS"}
        with subprocess.Popen(
            [*COMMAND, *arguments],
            env=env | {"TERM": "xterm"},
            cwd=self.folder,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        ) as process:
            os.close(terminal)
            output = b""
            with contextlib.suppress(OSError):  # the end of a terminal is an error
                while part := os.read(controller, 2**16):
                    output += part
        os.close(controller)
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.decode().replace("\r\n", "\n"))
        assert 0 == process.returncode, text
        return text

    def json(self, *arguments: str) -> Any:
        """Run a command with --json; returns the parsed JSON."""
        return json.loads(self.run(*arguments, "--json"))

    def scan(self, *options: str, file: str = "corpus.parquet") -> Any:
        """Scan a file; returns the report."""
        return self.json("scan", file, *CORPUS_SPACE, *options)

    def start_campaign(self) -> str:
        """Start a campaign that looks for eights."""
        project = ("-p", "night-fleet")
        self.run("projects", "create", "night-fleet")
        self.run("datasets", "create", *project, "street", "--task", "box_2d", "--class", "van")
        issue = self.json("issues", "create", *project, "Eights", "--dataset", "street")["name"]
        self.run("issues", "add-elements", issue, "hard.npz", "--model-id", MODEL)
        self.run("background", "corpus.parquet", *CORPUS_SPACE)
        return str(self.json("campaigns", "start", issue)["name"])

    def create_resources(self) -> None:
        """Create one resource of each kind in a project, called by display names."""
        self.start_campaign()
        self.run("scan", "corpus.parquet", "--model-id", MODEL)
        self.run("datasets", "append", "street", "corpus.parquet", "--model-id", MODEL)
        first = ("r1", "--metric-split", "validation", "--called", "First")
        self.run("rounds", "create", "street", *first)
        self.run("views", "save", "street", "night", "--tag", "night", "--called", "By night")
        golden = ("vans", "golden.json", "--called", "Golden vans")
        self.run("golden-sets", "create", "street", *golden)
        check = ("--round", "2", "--annotator", "acme")
        self.run("golden-sets", "check", "Golden vans", "round-1.json", *check)
        self.run("projects", "keys", "create", "--scope", "log", "--called", "car 7")

    def funnel(self, campaign: str) -> dict[str, Any]:
        """Read the funnel once nothing is pending."""
        while (counts := self.json("funnel", campaign))["pending"]:
            pass
        return dict(counts)


def write_predictions(path: Path, frame_ids: list[str]) -> None:
    """Write predictions: a van in each frame."""
    van = {"class_name": "van", "score": 0.9, "box": [0, 0, 4, 4]}
    lines = [json.dumps({"frame_id": id, "predictions": [van]}) for id in frame_ids]
    path.write_text("\n".join(lines) + "\n")


def write_parquet(path: Path, frame_ids: list[str], vectors: NDArray[np.float32]) -> None:
    """Write frames, each with an image and a time."""
    columns = {
        "frame_id": frame_ids,
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        "image_url": [f"https://example.org/{frame_id}.png" for frame_id in frame_ids],
        "date_captured": ["2026-01-01T00:00:00Z"] * len(frame_ids),
        "split": ["archive"] * len(frame_ids),
    }
    pq.write_table(pa.table(columns), path, row_group_size=500)


def write_coco(path: Path, vans: int, images: int = 40) -> None:
    """Write a COCO file with this many vans in each image."""
    document = {
        "images": [
            {"id": i, "file_name": f"{i:03}.png", "width": 640, "height": 480}
            for i in range(images)
        ],
        "categories": [{"id": 1, "name": "van"}],
        "annotations": [
            {"id": i, "image_id": i % images, "category_id": 1, "bbox": [10 + i, 10, 50, 40]}
            for i in range(images * vans)
        ],
    }
    path.write_text(json.dumps(document))


def write_results(path: Path, samples: int = 400) -> None:
    """Write the results of a round: every fourth sample is wrong, half of them are in fog."""
    lines = [
        {
            "sample": f"s{i}",
            "value": int(i % 4 > 0),
            "prediction": "van",
            "slices": ["fog"][i % 2 :],
        }
        for i in range(samples)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
