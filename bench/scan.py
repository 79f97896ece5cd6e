"""Measures the speed and memory of a file scan, relative to reading and scoring alone.

Figures: `scan.rows`, `scan.rss_mb` (the client's peak), `scan.frames_per_s`, `scan.over_limit`
(frames a second over 1 / (1/read + 1/kernel), all of this run), `client.import_extra_s`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from bench._turns import by_turns
from demo.sluiced import running_sluiced
from sluice import CollectionClient, Frame
from sluice.formats import Columns, Source, open_source
from sluice.model_store import ModelStore
from sluice.scan import batch_rows
from sluice.scoring import Scorer, normalise
from sluice.state import load_state, read_active
from sluice.v1 import dataset_pb2, frame_pb2

ROWS = int(os.environ.get("SLUICE_BENCH_SCAN_ROWS", "1000000"))
DIMENSION, ELEMENTS, MODEL = 256, 300, "bench"
ROW_GROUP = 10_000
MEMBERS_SHARE = 0.01

_SCAN = """
import resource, sys
from sluice.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
"""
_IMPORT = """
import time, grpc
start = time.perf_counter()
from sluice import CollectionClient
print(time.perf_counter() - start)
"""


def log(line: str) -> None:
    """Print a line of progress to stderr."""
    print(line, file=sys.stderr, flush=True)


def write_corpus(path: Path) -> None:
    """Write the file; one frame in a hundred resembles the issue."""
    random = np.random.default_rng(0)
    schema = pa.schema(
        [("frame_id", pa.string()), ("embedding", pa.list_(pa.float32(), DIMENSION))]
    )
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, ROWS, ROW_GROUP):
            count = min(ROW_GROUP, ROWS - start)
            rows = random.standard_normal((count, DIMENSION), dtype=np.float32)
            rows[random.random(count) < MEMBERS_SHARE, 0] += 40
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), DIMENSION)
            ids = pa.array([f"f{index}" for index in range(start, start + count)])
            writer.write_table(pa.table([ids, vectors], schema=schema))


def start_campaign(client: CollectionClient, source: Source) -> str:
    """Create a project with a background from the file, and a campaign with 300 elements."""
    project = client.projects.create("bench").name
    spec = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D)
    dataset = client.projects.create_dataset(project, "d", spec).name
    client.campaigns.set_background(project, MODEL, next(source.batches(2_000)).embeddings)
    issue = client.issues.create(project, "hard", dataset).name
    elements = np.random.default_rng(1).standard_normal((ELEMENTS, DIMENSION), dtype=np.float32)
    elements[:, 0] += 40
    frames = [Frame(id=f"hard{index}") for index in range(ELEMENTS)]
    client.issues.add_elements(issue, frames, elements, model_id=MODEL)
    client.campaigns.start(issue)
    return project


def compute_rate(rows: int, start: float) -> float:
    """Rows per second."""
    return rows / (time.perf_counter() - start)


def measure_reading(source: Source) -> float:
    """Rows per second when the file is only read into arrays."""
    start = time.perf_counter()
    rows = sum(len(batch) for batch in source.batches(batch_rows(DIMENSION)))
    return compute_rate(rows, start)


def measure_kernel(scorer: Scorer) -> float:
    """Rows per second when rows in memory are scored."""
    rows = np.random.default_rng(2).standard_normal((batch_rows(DIMENSION), DIMENSION))
    batch = rows.astype(np.float32)
    # One thread: on a busy machine, several threads would wait for each other.
    with threadpool_limits(1):
        taken_s = by_turns({"kernel": lambda: scorer.score(normalise(batch))}, turn_s=1)
    return len(batch) / taken_s["kernel"]


def scan(target: str, key: str, corpus: Path, cache: Path) -> tuple[float, float]:
    """Run `sluice scan`; returns frames per second and the peak memory in MB."""
    arguments = ["scan", str(corpus), "-p", "bench", "--model-id", MODEL, "--json"]
    environment = {"SLUICE_TARGET": target, "SLUICE_API_KEY": key, "SLUICE_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    completed = subprocess.run(
        [sys.executable, "-c", _SCAN, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    speed = compute_rate(ROWS, start)
    assert ROWS == json.loads(completed.stdout)["rows"]
    return speed, float(completed.stderr.split()[-1])


def main() -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, cache = Path(folder) / "corpus.parquet", Path(folder) / "models"
        log(f"writing {ROWS:,} rows of {DIMENSION} dimensions")
        write_corpus(corpus)
        source = open_source(corpus, Columns())
        with running_sluiced(Path(folder) / "data", Path(folder) / "log") as server:
            with CollectionClient(server.address, cache_dir=cache) as client:
                client.set_credentials(api_key=server.admin_key)
                project = start_campaign(client, source)
                active = read_active(client.channel, project)
                [space] = load_state(client.channel, ModelStore(cache), active, None)
                log("reading, scoring, scanning")
                read, kernel = measure_reading(source), measure_kernel(space.scorer)
            speed, rss_mb = scan(server.address, server.admin_key, corpus, cache)
    imported = subprocess.run(
        [sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True
    )
    figures = {
        "scan.rows": ROWS,
        "scan.rss_mb": rss_mb,
        "scan.frames_per_s": speed,
        "scan.over_limit": speed / (1 / (1 / read + 1 / kernel)),
        "client.import_extra_s": float(imported.stdout),
    }
    log(f"read {read:,.0f}, kernel {kernel:,.0f}, scan {speed:,.0f} frames/s")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
