"""Writes files with duckdb: `python -m tests.writers.write_duckdb FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pyarrow as pa

from tests.writers.corpus import DIMENSION, make_corpus

ALIASES = {
    "array": f"embedding::FLOAT[{DIMENSION}] AS embedding, device, taken AS date_captured",
    "list": "embedding::FLOAT[] AS embedding, weather",
    "double": "embedding::DOUBLE[] AS embedding",
    "naive": "embedding, taken::TIMESTAMP AS date_captured",
    "enum": "embedding, device::devices AS device",
    "others": "embedding, 0.5 AS price, '{}'::JSON AS notes, weather::BLOB AS raw, "
    "{'x': 1.0} AS pose, MAP {'a': 1} AS tags, INTERVAL 1 DAY AS lag, TIME '12:00' AS at",
}
"""The columns of Parquet files beside `frame_id`, by the file's name."""

IDS = {
    "uuid": "md5(frame_id)::UUID",
    "integers": "substr(frame_id, 2)::BIGINT",
    "blob": "frame_id::BLOB",
}
"""The ids of files with ids of other types, by the file's name."""


def write(folder: Path) -> None:
    """Write all files."""
    corpus = make_corpus()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    table = pa.table(
        {
            "frame_id": corpus.ids,
            "embedding": pa.array(corpus.vectors.tolist(), pa.list_(pa.float32())),
            "device": corpus.devices,
            "weather": corpus.weather,
            "taken": pa.array(corpus.times, pa.timestamp("us", "UTC")),
        }
    )
    connection.register("corpus", table)
    connection.execute("CREATE TYPE devices AS ENUM ('truck-0', 'truck-1', 'truck-2')")
    for name, columns in ALIASES.items():
        rows = connection.sql(f"SELECT frame_id, {columns} FROM corpus")  # noqa: S608 - our own
        rows.write_parquet(str(folder / f"{name}.parquet"))
    for name, frame_id in IDS.items():
        rows = connection.sql(f"SELECT {frame_id} AS frame_id, embedding FROM corpus")  # noqa: S608
        rows.write_parquet(str(folder / f"{name}.parquet"))
    lines = "SELECT frame_id, embedding, device, taken AS date_captured FROM corpus"
    connection.execute(f"COPY ({lines}) TO '{folder / 'lines.jsonl'}' (FORMAT json)")
    result = connection.sql("SELECT * FROM corpus").to_arrow_table()
    with pa.ipc.new_file(str(folder / "table.arrow"), result.schema) as file:
        file.write_table(result)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
