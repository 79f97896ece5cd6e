"""Label ids from files: unique in one file or image there, and in the whole dataset here."""

from __future__ import annotations

from hashlib import sha256

from sluice.limits import ID_BYTES_MAX

_DIGEST_CHARACTERS = 32


def scope_label_id(frame_id: str, label_id: str) -> str:
    """The id of a frame's label, `frame_id#label_id`: no other frame has it.

    A digest stands for a frame id that is too long for that.
    """
    scoped = f"{frame_id}#{label_id}"
    if len(scoped.encode()) <= ID_BYTES_MAX:
        return scoped
    return f"{sha256(frame_id.encode()).hexdigest()[:_DIGEST_CHARACTERS]}#{label_id}"
