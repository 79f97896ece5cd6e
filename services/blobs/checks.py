"""Checks that every blob store makes."""

from __future__ import annotations

import re
from hashlib import sha256

from sluice.errors import DataLoss, InvalidArgument

_DIGEST = re.compile("[0-9a-f]{64}")


def check_digest(digest: str) -> None:
    """Raise InvalidArgument for a malformed digest, which could otherwise be used as a path."""
    if not _DIGEST.fullmatch(digest):
        raise InvalidArgument.of("digest", f"{digest!r}, expected 64 hexadecimal digits (0-9, a-f)")


def verify_content(digest: str, content: bytes) -> bytes:
    """The content; raises DataLoss if it does not match the digest."""
    actual = sha256(content).hexdigest()
    if actual != digest:
        raise DataLoss(
            f"blob {digest}: damaged, its content has digest {actual}", metadata={"digest": digest}
        )
    return content
