"""Hashes of frame ids, used to count distinct frames."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

_HASH_BYTES = 8


def frame_hashes(frame_ids: Iterable[str]) -> NDArray[np.uint64]:
    """`(frames,) uint64`: the first eight bytes of each id's SHA-256, read little-endian."""
    packed = b"".join(sha256(frame_id.encode()).digest()[:_HASH_BYTES] for frame_id in frame_ids)
    return np.frombuffer(packed, "<u8")
