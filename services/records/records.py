"""Encoding of records (msgspec structs as MessagePack) and of their ledger keys."""

from __future__ import annotations

import re
import time
from typing import TypeVar
from urllib.parse import quote, unquote

import msgspec

from services.ledger.interface import Entry

RecordT = TypeVar("RecordT", bound="Record")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all stored records; immutable. Fields may be added with a default, never removed."""


_encoder = msgspec.msgpack.Encoder()


def encode(record: Record) -> bytes:
    """The record as MessagePack."""
    return _encoder.encode(record)


def decode(kind: type[RecordT], entry: Entry) -> RecordT:
    """The record in an entry of the ledger."""
    return msgspec.msgpack.decode(entry.value, type=kind)


def now_us() -> int:
    """The current time, in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


_UNSAFE = re.compile(r"[^\w.~:@+,/-]", re.ASCII)


def key(*segments: str) -> str:
    """A ledger key: the segments, percent-encoded so that ids cannot collide, joined by `/`."""
    joined = "/".join(segments)
    # A fast path: most ids need no encoding, and keys are built by the thousand.
    if joined.count("/") == len(segments) - 1 and not _UNSAFE.search(joined):
        return joined
    return "/".join(quote(segment, safe=":@+,") for segment in segments)


def prefix(*segments: str) -> str:
    """The prefix of all keys below those segments."""
    return key(*segments) + "/"


def segments(stored: str) -> list[str]:
    """The segments of a key from `key`."""
    return [unquote(segment) for segment in stored.split("/")]
