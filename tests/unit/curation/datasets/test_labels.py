"""Label ids belong to one frame of a dataset."""

from __future__ import annotations

import pytest

from sluice.errors import InvalidArgument
from sluice.labels import Box2D, Label
from tests.unit.curation.datasets.harness import DatasetHarness, frame

LABEL = Label(id="l", class_name="car", shape=Box2D(0, 0, 1, 1))


async def test_a_label_id_keeps_its_frame(harness: DatasetHarness) -> None:
    """The frame that owns a label id may use it again; another one is refused, naming the owner."""
    await harness.append(frame("a", LABEL))
    await harness.append(frame("a", LABEL), seed=1)
    with pytest.raises(InvalidArgument) as raised:
        await harness.append(frame("b", LABEL))

    assert "frames[0].frame.labels[0].id" == raised.value.fields[0].field
    assert "'l' is a label of frame 'a' in projects/p/datasets/d" in raised.value.message


async def test_a_label_id_is_owned_within_one_call_too(harness: DatasetHarness) -> None:
    """Two new frames cannot share a label id."""
    with pytest.raises(InvalidArgument, match="'l' is a label of frame 'a'"):
        await harness.append(frame("a", LABEL), frame("b", LABEL))
