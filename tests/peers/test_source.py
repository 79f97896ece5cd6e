from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest
from fiftyone import ViewField as F

from sluice import errors
from sluice.fiftyone import append_dataset, write_back
from sluice.resources.filters import frame_filter
from tests.e2e.team import Team
from tests.peers.samples import LABELS, add_scene, cloud, image, van, vans


def test_groups_without_the_active_slice_are_read(team: Team, grouped: Any) -> None:
    """All slices of all groups are read, also of a group without the active slice."""
    name = f"{team.project}/datasets/d"
    for n in range(6):
        add_scene(grouped, left=image(f"l{n}"), right=image(f"r{n}"))
    only_right = add_scene(grouped, right=image("r6"))

    counts = append_dataset(team.datasets, name, grouped, LABELS)

    frames = list(team.datasets.frames(name))
    assert (13, 13) == (counts.added, len(frames))
    assert (13, 7) == (team.datasets.counts(name).frames, team.datasets.counts(name).groups)
    assert [(only_right, "right")] == [(f.group, f.slice) for f in frames if f.group == only_right]


def test_views_have_all_their_groups(team: Team, grouped: Any) -> None:
    """The groups of a view are read, also those without the active slice, and no others."""
    name = f"{team.project}/datasets/d"
    whole = add_scene(grouped, left=image("l0", fog=True), right=image("r0", fog=True))
    right = add_scene(grouped, right=image("r1", fog=True))
    add_scene(grouped, left=image("l2", fog=False), right=image("r2", fog=True))

    for view in (grouped.select_groups([whole, right]), grouped.match(F("fog"))):
        append_dataset(team.datasets, name, view, LABELS)
        frames = {(frame.group, frame.slice) for frame in team.datasets.frames(name)}
        assert {(whole, "left"), (whole, "right"), (right, "right")} == frames


def test_views_of_one_slice_keep_their_groups(team: Team, grouped: Any) -> None:
    """Slices appended one after the other are the slices of one group."""
    name = f"{team.project}/datasets/d"
    groups = [add_scene(grouped, left=image(f"l{n}"), right=image(f"r{n}")) for n in range(3)]

    for slice_ in ("left", "right"):
        view = grouped.select_group_slices([slice_])
        assert 3 == append_dataset(team.datasets, name, view, LABELS).added
    team.datasets.set_status(name, groups[:1], "selected")
    team.datasets.save_view(name, "next", frame_filter(statuses=["selected"]))
    written = write_back(team.datasets, name, grouped)

    frames = list(team.datasets.frames(name))
    assert {(group, side) for group in groups for side in ("left", "right")} == {
        (frame.group, frame.slice) for frame in frames
    }
    saved = grouped.load_saved_view("next")
    assert (6, groups[:1]) == (written, saved.values("scene.id"))


def test_slices_can_be_read_with_fields_of_their_own(team: Team, grouped: Any) -> None:
    """Point clouds without labels join the groups of labelled images."""
    name = f"{team.project}/datasets/d"
    add_scene(grouped, left=image("l", vans(van())), lidar=cloud("c"))

    append_dataset(team.datasets, name, grouped.select_group_slices("left"), LABELS)
    append_dataset(
        team.datasets, name, grouped.select_group_slices("lidar"), type(LABELS)(label_field="")
    )

    assert (2, 1) == (team.datasets.counts(name).frames, team.datasets.counts(name).groups)


def test_a_view_without_its_group_field_is_refused(team: Team, grouped: Any) -> None:
    """A view that leaves out the groups is refused, naming their field."""
    add_scene(grouped, left=image("l", vans()))
    view = grouped.select_group_slices(["left"]).select_fields("ground_truth")

    with pytest.raises(errors.InvalidArgument, match=r"scene: sample .*select 'scene' too"):
        append_dataset(team.datasets, f"{team.project}/datasets/d", view, LABELS)


def test_views_of_other_samples_are_refused(team: Team, flat: Any) -> None:
    """Patches, and groups made by `group_by`, are refused with what to pass instead."""
    flat.add_samples([image(f"i{n}", vans(van()), drive=n // 2) for n in range(4)])
    name = f"{team.project}/datasets/d"

    with pytest.raises(errors.InvalidArgument, match=r"source: PatchesView .*pass the dataset"):
        append_dataset(team.datasets, name, flat.to_patches("ground_truth"), LABELS)
    with pytest.raises(errors.InvalidArgument, match=r"source: .*before group_by"):
        append_dataset(team.datasets, name, flat.group_by("drive"), LABELS)
    assert 0 == team.datasets.counts(name).frames


def test_unknown_fields_are_refused(team: Team, flat: Any) -> None:
    """A label or embedding field that does not exist is refused, naming the others."""
    flat.add_sample(image("a", weather="fog"))
    name = f"{team.project}/datasets/d"

    with pytest.raises(errors.InvalidArgument, match=r"label_field: no field 'labels'.*weather"):
        append_dataset(team.datasets, name, flat, type(LABELS)("labels"))
    with pytest.raises(errors.InvalidArgument, match="embedding_field: no field 'clip'"):
        append_dataset(team.datasets, name, flat, type(LABELS)("ground_truth", "clip", "m"))


def test_an_empty_dataset_has_no_frames(team: Team, flat: Any) -> None:
    """A dataset without samples appends nothing."""
    flat.add_sample_field("ground_truth", fo.EmbeddedDocumentField, fo.Detections)
    assert 0 == append_dataset(team.datasets, f"{team.project}/datasets/d", flat, LABELS).added
