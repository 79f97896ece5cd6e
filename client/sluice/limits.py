"""The limits and defaults of the API, which both the client and the servers check."""

from __future__ import annotations

from typing import Final

DIMENSION_MIN: Final = 2
"""Minimum dimension of a vector: a single number has no direction."""

DIMENSION_MAX: Final = 8_192
"""Maximum dimension of a vector."""

BATCH_ROWS_MAX: Final = 4_096
"""Maximum vectors, and maximum frames seen, in one batch."""

BATCH_BYTES_MAX: Final = 8 * 2**20
"""Maximum bytes of the vectors in one message, and of one submitted batch."""

BATCH_MATCHES_MAX: Final = 16_384
"""Maximum match scores in one batch: a frame that matches two campaigns has two."""

MESSAGE_BYTES_MAX: Final = 16 * 2**20
"""Maximum bytes of one gRPC message: a batch and the fields around it."""

FRAME_BYTES_MAX: Final = 64 * 2**10
"""Maximum bytes of a frame as a message."""

METADATA_PAIRS_MAX: Final = 64
"""Maximum pairs in a frame's metadata."""

ID_BYTES_MAX: Final = 256
"""Maximum bytes of an id or a name, as UTF-8."""

THRESHOLD_DEFAULT: Final = 0.5
"""Minimum score of a match, unless the call or the campaign sets a threshold."""

RESOURCE_ID_CHARACTERS_MAX: Final = 63
"""Maximum characters of an id that a caller chooses for a resource, such as a dataset."""

URL_BYTES_MAX: Final = 4_096
"""Maximum bytes of a URL, as UTF-8."""

NEAR_DUPLICATE_COSINE_MIN: Final = 0.97
"""Minimum cosine, in the basis space, of two frames that are near duplicates."""
