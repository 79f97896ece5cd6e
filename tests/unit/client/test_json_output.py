"""Messages as JSON: numbers are numbers, enums are words, nothing is left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sluice.cli.json_output import as_json, enum_word, print_json
from sluice.v1 import (
    campaign_pb2,
    dataset_frame_pb2,
    finding_pb2,
    frame_pb2,
    ingest_pb2,
)

BIG = 2**63 - 1


def test_numbers_are_numbers() -> None:
    """64-bit counts and shares are numbers."""
    funnel = as_json(ingest_pb2.Funnel(seen=BIG, collection_rate=0.1))
    assert (BIG, 0, 0.1) == (funnel["seen"], funnel["pending"], funnel["collection_rate"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_null(value: float, capsys: pytest.CaptureFixture[str]) -> None:
    """A number that is not finite is null, so that every parser reads the output."""
    print_json(as_json(ingest_pb2.Funnel(collection_rate=value)))
    assert json.loads(capsys.readouterr().out)["collection_rate"] is None


@pytest.mark.parametrize(
    ("enum", "words"),
    [
        (ingest_pb2.Sample.State, ["", "unsorted", "accepted", "discarded"]),
        (dataset_frame_pb2.Split, ["none", "train", "validation", "test", "golden"]),
        (frame_pb2.MediaType, ["", "image", "point_cloud"]),
        (finding_pb2.FindingOutcome, ["", "repairable", "repaired", "lost", "99"]),
    ],
)
def test_enums_are_the_words_of_options(enum: Any, words: list[str]) -> None:
    """A value is its word; one that this client does not know is its number."""
    numbers = [int(word) if word.isdigit() else index for index, word in enumerate(words)]
    assert words == [enum_word(enum.DESCRIPTOR, number) for number in numbers]


def test_nothing_is_left_out() -> None:
    """Unset optional fields and messages are null, lists and maps empty."""
    campaign = as_json(campaign_pb2.Campaign())
    assert {*campaign} == {f.name for f in campaign_pb2.Campaign.DESCRIPTOR.fields}
    assert [None, None, ""] == [campaign[name] for name in ("threshold", "version", "state")]
    frame = as_json(frame_pb2.Frame())
    assert [[], {}, None] == [frame[name] for name in ("labels", "metadata", "capture_time")]


def test_a_frame_is_easy_to_read() -> None:
    """Metadata are plain values, times are text, and a label has one shape."""
    time = Timestamp()
    time.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
    frame = frame_pb2.Frame(id="a", capture_time=time)
    frame.metadata["text"].text = "fog"
    frame.metadata["integer"].integer = BIG
    frame.metadata["number"].number = 0.5
    frame.metadata["flag"].flag = True
    frame.metadata["none"].SetInParent()
    frame.labels.add(id="l", box_2d=frame_pb2.Box2D(left=1))
    document = as_json(frame)
    assert "2026-01-01T00:00:00Z" == document["capture_time"]
    expected = {"text": "fog", "integer": BIG, "number": 0.5, "flag": True, "none": None}
    assert expected == document["metadata"]
    [label] = document["labels"]
    assert 1 == label["box_2d"]["left"]
    assert "cuboid_3d" not in label
