"""Writes files with polars: `python -m tests.writers.write_polars FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

import polars as pl

from tests.writers.corpus import DIMENSION, make_corpus


def write(folder: Path) -> None:
    """Write all files."""
    corpus = make_corpus()
    vectors = corpus.vectors.tolist()
    frame = pl.DataFrame(
        {
            "frame_id": corpus.ids,
            "embedding": pl.Series(vectors, dtype=pl.Array(pl.Float32, DIMENSION)),
            "device": corpus.devices,
            "date_captured": corpus.times,
            "weather": corpus.weather,
        }
    )
    frame.write_parquet(folder / "array.parquet")
    frame.write_parquet(folder / "groups.parquet", row_group_size=7)
    frame.write_ipc(folder / "file.arrow")
    frame.write_ipc(folder / "zstd.feather", compression="zstd")
    frame.write_ipc_stream(folder / "stream.ipc")
    frame.write_ipc(folder / "oldest.arrow", compat_level=pl.CompatLevel.oldest())
    frame.with_columns(pl.col("date_captured").dt.to_string("iso:strict")).write_ndjson(
        folder / "lines.jsonl"
    )
    for name, kind in (
        ("list", pl.List(pl.Float32)),
        ("float64", pl.Array(pl.Float64, DIMENSION)),
        ("float16", pl.List(pl.Float16)),
    ):
        frame.with_columns(embedding=pl.Series(vectors, dtype=kind)).write_ipc(
            folder / f"{name}.arrow"
        )
        frame.with_columns(embedding=pl.Series(vectors, dtype=kind)).write_parquet(
            folder / f"{name}.parquet"
        )
    categories = frame.with_columns(
        pl.col("frame_id", "weather").cast(pl.Categorical),
        device=pl.col("device").cast(pl.Enum(sorted(set(corpus.devices)))),
    )
    categories.write_parquet(folder / "categories.parquet")
    categories.write_ipc(folder / "categories.arrow")
    naive = frame.with_columns(date_captured=pl.Series(corpus.naive_times))
    naive.write_parquet(folder / "naive.parquet")
    naive.write_ipc(folder / "naive.arrow")
    frame.with_columns(frame_id=pl.int_range(pl.len())).write_parquet(folder / "integers.parquet")
    frame.with_columns(
        second=pl.Series(vectors, dtype=pl.Array(pl.Float32, DIMENSION)),
        exposure=pl.duration(milliseconds=5),
        price=pl.lit("0.5").str.to_decimal(scale=2),
        pose=pl.struct(pl.lit(1.0).alias("x")),
        raw=pl.lit(UUID(int=1).bytes),
    ).write_parquet(folder / "others.parquet")
    frame.rename({"embedding": "vec"}).write_ipc(folder / "renamed.arrow")
    bad: list[list[float] | None] = list(vectors)
    bad[1], bad[4], bad[7] = None, [float("nan")] * DIMENSION, [0.0] * DIMENSION
    frame.with_columns(embedding=pl.Series(bad, dtype=pl.Array(pl.Float32, DIMENSION))).write_ipc(
        folder / "bad.arrow"
    )
    parts = folder / "parts"
    parts.mkdir()
    for part in range(3):
        frame.slice(part * 200, 200).write_parquet(parts / f"part-{part}.parquet")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
