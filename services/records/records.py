"""How domain records are stored in the ledger: msgspec structs as MessagePack."""

from __future__ import annotations

import re
import time
from typing import TypeVar
from urllib.parse import quote, unquote

import msgspec

from services.ledger.interface import Entry

RecordT = TypeVar("RecordT", bound="Record")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all that is stored: immutable; fields may be added with a default, not removed."""


_encoder = msgspec.msgpack.Encoder()


def encode(record: Record) -> bytes:
    """The record's bytes."""
    return _encoder.encode(record)


def decode(kind: type[RecordT], entry: Entry) -> RecordT:
    """The record that an entry of the ledger holds."""
    return msgspec.msgpack.decode(entry.value, type=kind)


def now_us() -> int:
    """The time: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


_UNSAFE = re.compile(r"[^\w.~:@+,/-]", re.ASCII)


def key(*segments: str) -> str:
    """A ledger key: its segments, percent-encoded, joined by `/`, so that ids cannot collide."""
    joined = "/".join(segments)
    # Most ids are safe as they are, and keys are made by the thousand.
    if joined.count("/") == len(segments) - 1 and not _UNSAFE.search(joined):
        return joined
    return "/".join(quote(segment, safe=":@+,") for segment in segments)


def prefix(*segments: str) -> str:
    """What every key below those segments starts with."""
    return key(*segments) + "/"


def segments(stored: str) -> list[str]:
    """The segments that `key` was given."""
    return [unquote(segment) for segment in stored.split("/")]
