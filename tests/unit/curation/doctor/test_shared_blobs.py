"""The campaign doctor deletes no file of curation: all services share one blob store."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.campaign.doctor.diagnose import diagnose
from services.campaign.doctor.files import kind_of
from services.campaign.projects import create_project
from services.curation.golden.annotations import AnnotatedImage, Annotations
from services.curation.golden.golden_checks import get_check
from services.curation.golden.golden_sets import get_golden_set, read_reference
from services.curation.golden.records import check_name
from services.curation.golden.round_check import check_round
from services.curation.progress.recorded_rounds import read_samples
from services.curation.progress.records import RoundSamples
from services.doctor.findings import Finding
from services.records.records import now_us
from sluice.labels import Box2D, Label
from tests.unit.campaign.fake_reviews import FakeResourcePurges
from tests.unit.curation.datasets.harness import NAME, ONCE
from tests.unit.curation.doctor.scene import HOUR_US, PROJECT, Scene
from tests.unit.curation.doctor.tampering import GOLDEN

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
shares = st.floats(0, 1)


async def test_files_of_curation_are_not_the_campaign_services(scene: Scene) -> None:
    """The doctor that deletes files without a version keeps those of golden sets and rounds."""
    await create_project(scene.stores, ONCE, NAME.project, "")
    unbound = await scene.stores.blobs.put(Annotations(()).to_bytes())
    at = now_us() + 2 * HOUR_US
    purges = FakeResourcePurges()
    events = diagnose(scene.stores, PROJECT, repair=True, purges=purges, started_us=at)
    assert [] == [event async for event in events if isinstance(event, Finding)]
    reference = await read_reference(scene.stores, await get_golden_set(scene.stores, GOLDEN))
    assert 40 == len(reference.images)
    record, _ = await get_check(scene.stores, check_name(GOLDEN, scene.check.key))
    assert await scene.stores.blobs.get(record.annotations)
    assert 2 == len((await read_samples(scene.stores, scene.recorded)).sample_ids)
    assert await scene.stores.blobs.get(unbound)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=20, unique_by=lambda p: p[0]))
def test_golden_files_look_like_no_other(images: Sequence[tuple[str, str]]) -> None:
    """Whatever a golden set and a check hold, their bytes differ from any file of a version."""
    box = Box2D(1, 2, 3, 4)
    annotations = Annotations.of(
        AnnotatedImage(id=image, labels=(Label(id="l", class_name=name, shape=box),))
        for image, name in images
    )
    check = check_round(annotations, annotations, sorted({name for _, name in images}))
    assert "" == kind_of(annotations.to_bytes())
    assert "" == kind_of(msgspec.msgpack.encode(check))


@given(st.integers(0, 2**31), st.lists(st.tuples(texts, shares), min_size=1, max_size=40))
def test_recorded_rounds_look_like_no_other(
    number: int, samples: Sequence[tuple[str, float]]
) -> None:
    """Whatever a recorded round holds, its bytes differ from any file of a version."""
    ids, values = zip(*samples, strict=True)
    record = RoundSamples(round=number, labelled_groups=1, sample_ids=ids, values=values)
    assert "" == kind_of(record.to_bytes())
