"""Conversions that several message modules of curation share."""

from __future__ import annotations

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.curation.intervals import Interval, Share
from sluice.v1 import golden_set_pb2 as pb


def serialise(request: Message) -> bytes:
    """A request's bytes, by which a repeated request is recognised."""
    return request.SerializeToString(deterministic=True)


def timestamp(time_us: int) -> Timestamp:
    """A time given in microseconds since 1970, UTC."""
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message


def interval(record: Interval | None) -> pb.Interval | None:
    """An interval, if there is one."""
    return None if record is None else pb.Interval(low=record.low, high=record.high)


def share(record: Share) -> pb.Share:
    """A share."""
    return pb.Share(count=record.count, total=record.total, interval=interval(record.interval))
