"""What every blob store checks alike."""

from __future__ import annotations

import re
from hashlib import sha256

from sluice.errors import DataLoss, InvalidArgument

_DIGEST = re.compile("[0-9a-f]{64}")


def check_digest(digest: str) -> None:
    """Refuse what is no digest, and could be a path."""
    if not _DIGEST.fullmatch(digest):
        raise InvalidArgument.of("digest", f"{digest!r}; it must be 64 hexadecimal digits, a-f")


def verified(digest: str, content: bytes) -> bytes:
    """The content, if it is that of the digest; DataLoss otherwise."""
    actual = sha256(content).hexdigest()
    if actual != digest:
        raise DataLoss(
            f"blob {digest}: its content has the digest {actual}", metadata={"digest": digest}
        )
    return content
