"""Writes files with Hugging Face datasets: `python -m tests.writers.write_datasets FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from datasets import Array2D, ClassLabel, Dataset, Features, List, Value

from tests.writers.corpus import DIMENSION, make_corpus


def write(folder: Path) -> None:
    """Write all files."""
    corpus = make_corpus()
    columns = {
        "frame_id": corpus.ids,
        "embedding": corpus.vectors.tolist(),
        "weather": corpus.weather,
        "at": corpus.times,
    }
    inferred = Dataset.from_dict(columns)
    inferred.save_to_disk(folder / "saved", num_shards=3)
    inferred.to_parquet(folder / "inferred.parquet")
    inferred.remove_columns("at").to_json(folder / "lines.jsonl")
    others = {"frame_id": Value("string"), "at": Value("timestamp[us, tz=UTC]")}
    weather = ClassLabel(names=sorted(set(corpus.weather)))
    for name, vector in (
        ("fixed", List(Value("float32"), length=DIMENSION)),
        ("list", List(Value("float64"))),
    ):
        features = Features({**others, "embedding": vector, "weather": weather})
        Dataset.from_dict(columns, features=features).to_parquet(folder / f"{name}.parquet")
    arrays = Features(
        {
            **others,
            "embedding": Array2D((1, DIMENSION), "float32"),
            "weather": Value("large_string"),
        }
    )
    rows = columns | {"embedding": corpus.vectors[:, None].tolist()}
    two_dimensional = Dataset.from_dict(rows, features=arrays)
    two_dimensional.to_parquet(folder / "array2d.parquet")
    two_dimensional.save_to_disk(folder / "array2d")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
