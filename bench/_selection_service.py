"""A large dataset in an embedded server, and a batch created from it through the API."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench._scoring_server import process
from deploy.local.process import free_port
from sluice import CollectionClient, Frame
from sluice.append_file import Placement, append_file
from sluice.formats import Columns
from sluice.labels import Classification2D, Label
from sluice.resources.batches import BatchSettings
from sluice.resources.rounds import PredictedFrame, Prediction
from sluice.scoring import normalise
from sluice.v1 import dataset_pb2, frame_pb2

GROUPS, LABELLED, FAILURES, BUDGET = 100_000, 2_000, 300, 5_000
DIMENSION: Final = 512
PROJECT, DATASET, MODEL = "bench", "projects/bench/datasets/d", "bench"
PREDICTED_PER_CALL: Final = 1_000


@dataclass(frozen=True, slots=True)
class Taken:
    """Frames appended per second, seconds for the batch, and the server's peak memory in MiB.

    The peak is measured during the batch, and includes memory that was resident before.
    """

    frames_per_s: float
    batch_s: float
    batch_mb: float


def create_batch() -> Taken:
    """Append all frames, mine the failures, and choose the batch."""
    with tempfile.TemporaryDirectory() as made:
        folder, port = Path(made), free_port()
        command = ["-m", "services.embedded", f"--port={port}", f"--data-dir={folder / 'data'}"]
        with process("sluiced", command, "listens on", folder / "log") as server:
            key = (folder / "data" / "admin.key").read_text().strip()
            client = CollectionClient(f"127.0.0.1:{port}", logger="bench")
            client.set_credentials(api_key=key)
            frames_per_s = (GROUPS - LABELLED) / _append(client, folder)
            _fail(client)
            _forget_peak(server.pid)
            start = time.perf_counter()
            settings = BatchSettings(count=BUDGET, failures={"r": 1})
            batch = client.batches.create(DATASET, "b", settings)
            batch_s = time.perf_counter() - start
            taken = Taken(frames_per_s, batch_s, _peak_mb(server.pid))
            client.close()
    assert BUDGET == batch.coverage_count + batch.targeted_count
    assert not batch.notes
    return taken


def _append(client: CollectionClient, folder: Path) -> float:
    """Append all frames; returns the seconds that appending the unlabelled ones from a file takes.

    They are appended as `sluice datasets append` does; reading the file is included.
    """
    client.projects.create(PROJECT)
    classes = [dataset_pb2.LabelClass(id=0, name="car")]
    wanted = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D, classes=classes)
    client.projects.create_dataset(f"projects/{PROJECT}", "d", wanted)
    rows, ids = clustered(GROUPS), [_id(number) for number in range(GROUPS)]
    client.datasets.append(
        DATASET,
        [Frame(id=ids[number], labels=(_car(number),)) for number in range(LABELLED)],
        rows[:LABELLED],
        model_id=MODEL,
        status="annotated",
        split="train",
    )
    file = folder / "frames.npz"
    np.savez(file, frame_id=ids[LABELLED:], embedding=rows[LABELLED:])
    start = time.perf_counter()
    append_file(client.datasets, DATASET, file, Columns(), model_id=MODEL, placement=Placement())
    return time.perf_counter() - start


def _fail(client: CollectionClient) -> None:
    """Import a round whose model misses the labels of the first frames, and mine its failures."""
    name = client.rounds.create(DATASET, "r", metric_split="validation").name
    predicted = [
        PredictedFrame(_id(number), (Prediction(_car(number), 1),) if number >= FAILURES else ())
        for number in range(LABELLED)
    ]
    for start in range(0, LABELLED, PREDICTED_PER_CALL):
        client.rounds.import_predictions(name, predicted[start : start + PREDICTED_PER_CALL])
    client.rounds.mine_failures(name, "train")


def clustered(rows: int) -> NDArray[np.float32]:
    """Embeddings in 500 clusters of their own sizes, which vary in 64 directions most."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((500, 64))
    shares = random.dirichlet(np.ones(len(centres)))
    owners = random.choice(len(centres), rows, p=shares)
    within = centres[owners] + 0.8 * random.standard_normal((rows, 64))
    noise = random.standard_normal((rows, DIMENSION), dtype=np.float32)
    return normalise(within @ random.standard_normal((64, DIMENSION)) + noise)


def _id(number: int) -> str:
    return f"frame-{number:06}"


def _car(number: int) -> Label:
    return Label(id=f"label-{number}", class_name="car", shape=Classification2D())


def _forget_peak(pid: int) -> None:
    """Reset the peak memory of a process to its current memory."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_mb(pid: int) -> float:
    """The peak resident memory of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak] = [line for line in lines if line.startswith("VmHWM")]
    return int(peak.split()[1]) / 1024
