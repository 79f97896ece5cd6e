"""Payloads come back as written, or are rejected."""

from __future__ import annotations

from typing import Any

import pytest

from services.vectors.interface import Payload, Points, Vectors
from sluice.errors import InvalidArgument
from tests.conformance.vectors.points import FRAMES, bits, random_points


def nested(levels: int) -> list[Any]:
    """An empty list in a list in a list, and so on: that many in all."""
    outermost: list[Any] = []
    for _ in range(levels - 1):
        outermost = [outermost]
    return outermost


WRONG_PAYLOADS: dict[str, Any] = {
    "NaN": {"a": float("nan")},
    "infinity": {"a": [float("-inf")]},
    "bytes": {"a": b"x"},
    "tuple": {"a": (1, 2)},
    "set": {"a": {1}},
    "key": {"a": {1: 2}},
    "surrogate": {"a": "\ud800"},
    "surrogate key": {"\ud800": 1},
    "depth": {"a": nested(100_000)},
    "object": {"a": object()},
}


@pytest.mark.parametrize("wrong", WRONG_PAYLOADS.values(), ids=WRONG_PAYLOADS)
async def test_payloads_that_would_change_are_rejected(vectors: Vectors, wrong: Payload) -> None:
    """A payload that would be read back differently is InvalidArgument naming its row."""
    good = random_points(3, name="a")
    with pytest.raises(InvalidArgument, match=r"points\.payloads\[1\]"):
        await vectors.write(FRAMES, "t", Points(good.ids, good.vectors, [{}, wrong, {}]))

    assert 0 == await vectors.count(FRAMES, "t")


async def test_a_deep_payload_comes_back(vectors: Vectors) -> None:
    """A payload deeper than the engine could read is kept all the same."""
    good = random_points(1, name="a")
    points = Points(good.ids, good.vectors, [{"a": nested(300)}])
    await vectors.write(FRAMES, "t", points)

    assert bits(points) == bits(await vectors.read(FRAMES, "t"))
