"""The limits and defaults of the API: what the client checks before it sends, and servers do."""

from __future__ import annotations

from typing import Final

DIMENSION_MIN: Final = 2
"""Columns that a vector has at least: one alone has no direction."""

DIMENSION_MAX: Final = 8_192
"""Columns that a vector has at most."""

BATCH_ROWS_MAX: Final = 4_096
"""Vectors, or frames seen, in one batch."""

BATCH_BYTES_MAX: Final = 8 * 2**20
"""Bytes of the vectors in one message, and of one submitted batch."""

BATCH_MATCHES_MAX: Final = 16_384
"""Scores of matches in one batch: a frame that matches two campaigns has two."""

MESSAGE_BYTES_MAX: Final = 16 * 2**20
"""Bytes of one gRPC message: a batch, and what stands beside it."""

FRAME_BYTES_MAX: Final = 64 * 2**10
"""Bytes of a frame as a message."""

METADATA_PAIRS_MAX: Final = 64
"""Pairs in a frame's metadata."""

ID_BYTES_MAX: Final = 256
"""Bytes of an id or a name, as UTF-8."""

THRESHOLD_DEFAULT: Final = 0.5
"""A frame at or over this score is a match, unless the call or the campaign says otherwise."""

URL_BYTES_MAX: Final = 4_096
"""Bytes of a URL, as UTF-8."""

NEAR_DUPLICATE_COSINE_MIN: Final = 0.97
"""Two frames of at least this cosine, in the basis space, are near duplicates of each other."""
