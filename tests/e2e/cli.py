"""The `sluice` command as a person or a script uses it, and handwritten digits for it to scan."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
OF_CORPUS = ("-p", "night-fleet", "--model-id", MODEL)
HARD_CLASS, HARD_ROWS = 8, 40


class Cli:
    """The command, with its connection in the environment, in a folder with files to scan.

    `hard.npz` are some eights, `corpus.parquet` all other digits, `predictions.jsonl` what a model
    saw in some of these; `truth` is the class of each of them by frame id.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "SLUICE_TARGET": server.target,
            "SLUICE_API_KEY": server.admin_key,
            "SLUICE_CACHE_DIR": str(folder / "models"),
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
        """What a command prints: on stdout if it is done, on stderr if it must end otherwise."""
        with self.start(*arguments, **env) as process:
            said, complaint = process.communicate(timeout=60)
        assert code == process.returncode, said + complaint
        return said if code == 0 else complaint

    def json(self, *arguments: str) -> Any:
        """What a command prints for scripts."""
        return json.loads(self.run(*arguments, "--json"))

    def scan(self, *options: str, file: str = "corpus.parquet") -> Any:
        """Scan a file."""
        return self.json("scan", file, *OF_CORPUS, *options)

    def start_campaign(self) -> str:
        """Start a campaign that looks for eights, by commands alone."""
        project = ("-p", "night-fleet")
        self.run("projects", "create", "night-fleet")
        self.run("datasets", "create", *project, "street", "--task", "box_2d", "--class", "van")
        issue = self.json("issues", "create", *project, "Eights", "--dataset", "street")["name"]
        self.run("issues", "add-elements", issue, "hard.npz", "--model-id", MODEL)
        self.run("background", "corpus.parquet", *OF_CORPUS)
        return str(self.json("campaigns", "start", issue)["name"])

    def funnel(self, campaign: str) -> dict[str, Any]:
        """The funnel, once nothing in it is pending, its counts as numbers."""
        while int((found := self.json("funnel", campaign))["pending"]):
            pass
        return {k: int(v) if isinstance(v, str) and v.isdigit() else v for k, v in found.items()}


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
