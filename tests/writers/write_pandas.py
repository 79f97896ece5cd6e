"""Writes files with pandas and fastparquet: `python -m tests.writers.write_pandas FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tests.writers.corpus import DIMENSION, make_corpus


def write(folder: Path) -> None:
    """Write all files."""
    corpus = make_corpus()
    frame = pd.DataFrame(
        {
            "frame_id": corpus.ids,
            "embedding": list(corpus.vectors),
            "device": corpus.devices,
            "date_captured": pd.to_datetime(corpus.times),
            "weather": corpus.weather,
        }
    )
    frame.to_parquet(folder / "arrays.parquet")
    frame.to_feather(folder / "feather.feather")
    frame.set_index("frame_id").to_parquet(folder / "index.parquet")
    frame[frame.index != 300].to_parquet(folder / "filtered.parquet")
    half = [row.astype(np.float16) for row in corpus.vectors]
    frame.assign(embedding=half).to_parquet(folder / "float16.parquet")
    frame.astype({"frame_id": "category", "device": "category", "weather": "category"}).to_parquet(
        folder / "category.parquet"
    )
    frame.assign(frame_id=range(len(frame))).to_parquet(folder / "integers.parquet")
    naive = frame.assign(date_captured=pd.to_datetime(corpus.naive_times))
    naive.to_parquet(folder / "naive.parquet")
    lists = frame.assign(embedding=corpus.vectors.tolist())
    lists.to_json(folder / "lines.jsonl", orient="records", lines=True, date_format="iso")
    lists.to_json(folder / "epoch.jsonl", orient="records", lines=True, date_format="epoch")
    wide = pd.DataFrame(corpus.vectors, columns=[str(number) for number in range(DIMENSION)])
    wide.assign(frame_id=corpus.ids).to_parquet(folder / "wide.parquet")
    lists[["frame_id", "embedding"]].to_parquet(
        folder / "fastparquet.parquet", engine="fastparquet"
    )
    vectors = np.stack(frame["embedding"].to_list())
    ids = frame["frame_id"].to_numpy(dtype=object)
    np.savez(folder / "objects.npz", frame_id=ids, embedding=vectors)
    np.savez(folder / "texts.npz", frame_id=ids.astype(str), embedding=vectors, model="resnet")
    times = naive["date_captured"].to_numpy()
    np.savez(
        folder / "naive.npz", frame_id=range(len(frame)), embedding=vectors, date_captured=times
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
