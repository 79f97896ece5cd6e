"""Writes files with Ray: `python -m tests.writers.write_ray FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import ray
import ray.data

from tests.writers.corpus import make_corpus


def write(folder: Path) -> None:
    """Write all folders."""
    corpus = make_corpus()
    rows = [
        {"frame_id": frame_id, "embedding": vector.tolist(), "device": device}
        for frame_id, vector, device in zip(corpus.ids, corpus.vectors, corpus.devices, strict=True)
    ]
    ray.data.from_items(rows).write_parquet(str(folder / "items"))
    frame = pd.DataFrame({"frame_id": corpus.ids, "embedding": list(corpus.vectors)})
    tensors = ray.data.from_pandas(frame).repartition(4)
    tensors.map_batches(lambda batch: batch, batch_format="numpy").write_parquet(
        str(folder / "tensors")
    )
    vectors = pa.array(corpus.vectors.tolist(), pa.list_(pa.float32(), 8))
    table = pa.table({"frame_id": corpus.ids, "embedding": vectors})
    ray.data.from_arrow(table).write_parquet(str(folder / "fixed"))
    ray.data.from_arrow(table).write_json(str(folder / "json"))


if __name__ == "__main__":
    # Sockets of Ray need a short path.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as home:
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=home)
        write(Path(sys.argv[1]))
        ray.shutdown()
