"""Columns that show a frame: its media, time, device, and metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sluice.cli.json_output import as_json
from sluice.cli.output import Column


def frame_columns(frame_of: Callable[[Any], Any]) -> list[Column]:
    """Columns of lists whose messages hold a frame."""
    return [
        ("url", lambda message: media_urls(frame_of(message))),
        ("time", lambda message: capture_time(frame_of(message))),
        ("device", lambda message: frame_of(message).device),
        ("metadata", lambda message: metadata_words(frame_of(message).metadata)),
    ]


def media_urls(frame: Any) -> str:
    """The URLs of a frame's sensors."""
    return ", ".join(sensor.url for sensor in frame.sensors if sensor.url)


def capture_time(frame: Any) -> str:
    """The time of a frame, in UTC; "" if it has none."""
    return str(frame.capture_time.ToJsonString()) if frame.HasField("capture_time") else ""


def metadata_words(metadata: Mapping[str, Any]) -> str:
    """Metadata or fields as `name=value`, by name."""
    return ", ".join(f"{name}={as_json(metadata[name])}" for name in sorted(metadata))
