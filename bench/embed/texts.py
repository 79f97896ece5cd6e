"""Embeddings of texts by small transformers that packages carry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

TOKENS_MAX = 128
BATCH = 32


def embed_texts(
    texts: Sequence[str], model: Path, tokenizer: Path, pool: str
) -> NDArray[np.float32]:
    """Embed texts, `(texts, 384)`, by the mean of all tokens or the first (`pool` "cls")."""
    tokens = Tokenizer.from_file(str(tokenizer))
    tokens.enable_truncation(TOKENS_MAX)
    tokens.enable_padding()
    session = InferenceSession(model)
    names = {node.name for node in session.get_inputs()}
    # By length, so that little of a batch is padding.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    embeddings = np.empty((len(texts), 384), np.float32)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        encoded = tokens.encode_batch([texts[row] for row in rows])
        mask = np.array([text.attention_mask for text in encoded], np.int64)
        ids = np.array([text.ids for text in encoded], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, {name: inputs[name] for name in names})[0]
        weights = mask[..., None].astype(np.float32)
        mean = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        embeddings[rows] = hidden[:, 0] if pool == "cls" else mean
    return embeddings
