"""Assigning splits to groups, also when a call is interrupted."""

from __future__ import annotations

import pytest

from services.curation.datasets.counts import count_frames
from services.curation.datasets.frames import (
    read_summaries,
)
from services.curation.datasets.split import split_groups
from services.curation.datasets.stratification import Shares
from services.curation.records import Split
from sluice.errors import Unavailable
from tests.unit.campaign.faults import failing
from tests.unit.curation.datasets.harness import NAME, DatasetHarness


async def test_splits_survive_being_cut_off(
    harness: DatasetHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An assignment that failed half way is finished by the next call, to the same splits."""
    monkeypatch.setattr("services.curation.datasets.split.GROUPS_PER_COMMIT", 5)
    ids = [f"a{number}" for number in range(20)]
    await harness.append(*ids)
    shares: Shares = {Split.TRAIN: 0.75, Split.TEST: 0.25}
    broken = harness.with_stores(ledger=failing(harness.curation.stores.ledger, "commit", at=3))
    with pytest.raises(Unavailable):
        await split_groups(broken.curation, NAME, shares, seed=1)
    half = (await count_frames(harness.curation, NAME)).by_split
    await split_groups(harness.curation, NAME, shares, seed=1)
    whole = (await count_frames(harness.curation, NAME)).by_split
    known = await read_summaries(harness.curation.stores.ledger, NAME, ids)

    assert 10 == sum(half.values())
    assert (15, 5) == (whole[Split.TRAIN], whole[Split.TEST])
    assert 15 == sum(each.group.split is Split.TRAIN for each in known.values())
