"""Writes files with LanceDB and Lance: `python -m tests.writers.write_lancedb FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import lance
import lancedb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.writers.corpus import DIMENSION, make_corpus


def write(folder: Path) -> None:
    """Write all files."""
    corpus = make_corpus()
    rows = [
        {"frame_id": frame_id, "vector": vector, "weather": weather}
        for frame_id, vector, weather in zip(
            corpus.ids, corpus.vectors.tolist(), corpus.weather, strict=True
        )
    ]
    table = lancedb.connect(folder / "db").create_table("frames", rows)
    pq.write_table(table.to_arrow(), folder / "table.parquet")
    table.to_pandas().to_parquet(folder / "pandas.parquet")
    nearest = table.search(corpus.vectors[-1]).limit(len(rows)).to_arrow()
    pq.write_table(nearest, folder / "search.parquet")
    fixed = pa.array(corpus.vectors.tolist(), pa.list_(pa.float32(), DIMENSION))
    lance.write_dataset(
        pa.table({"frame_id": corpus.ids, "embedding": fixed}), folder / "frames.lance"
    )
    dataset = lance.dataset(folder / "frames.lance")
    with pa.ipc.new_file(str(folder / "lance.arrow"), dataset.schema) as file:
        file.write_table(dataset.to_table())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
