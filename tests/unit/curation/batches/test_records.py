"""How batches are stored."""

from __future__ import annotations

import msgspec

from services.curation.batches.records import Batch, CreateBatchSpec, pick_key, plan_key
from services.records.records import encode
from sluice.names import BatchName

NAME = BatchName("p", "d", "b")


def test_the_spec_keeps_its_stored_name() -> None:
    """Batches of earlier releases store their spec as `wanted`; so do those of this one."""
    batch = Batch(
        id="b",
        spec=CreateBatchSpec(count=3),
        model_id="m",
        remaining=9,
        size=3,
        targeted_size=2,
        part="x",
        created_us=1,
    )
    stored = msgspec.msgpack.decode(encode(batch))

    assert {"count": 3} == stored["wanted"]
    assert batch == msgspec.msgpack.decode(encode(batch), type=Batch)


def test_keys_sort_by_rank_and_number() -> None:
    """Scans list picks in the order of their ranks, and plans in that of their numbers."""
    for keys in (
        [pick_key(NAME, rank) for rank in (1, 2, 10, 100, 1_000_000)],
        [plan_key(NAME, "x", number) for number in (0, 9, 10, 99_999)],
    ):
        assert sorted(keys) == keys
