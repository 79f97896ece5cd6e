from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest

from sluice import errors
from sluice.fiftyone import append_dataset, write_back
from sluice.resources.filters import frame_filter
from tests.e2e.team import Team
from tests.peers.samples import LABELS, LABELS_AND_EMBEDDINGS, add_scene, embedded, image, van, vans


@pytest.fixture
def name(team: Team) -> str:
    """The dataset of boxes."""
    return f"{team.project}/datasets/d"


def contents(dataset: Any) -> list[dict[str, Any]]:
    """All that FiftyOne stores of the samples, and the names of the saved views."""
    samples = [sample.to_mongo_dict(include_id=True) for sample in dataset.iter_samples()]
    return [*samples, {"views": dataset.list_saved_views()}]


def test_changes_are_written_back(team: Team, flat: Any, name: str) -> None:
    """Tags, fields, status and views go back, and are not new samples when read again."""
    a, b = embedded("a", vans(van()), weather="fog", tags=["night"]), embedded("b", weather="sun")
    flat.add_samples([a, b])
    append_dataset(team.datasets, name, flat, LABELS_AND_EMBEDDINGS)
    team.datasets.set_status(name, [b.id], "selected")
    team.datasets.tag(name, [a.id, b.id], add=["batch:1"], remove=["night"])
    team.datasets.set_fields(name, {b.id: {"zcore": 0.5}})
    team.datasets.save_view(name, "next", frame_filter(statuses=["selected"]))

    assert 2 == write_back(team.datasets, name, flat)

    assert [["batch:1"], ["batch:1"]] == flat.values("tags")
    fields = ["sluice_status", "sluice_split", "sluice_failures", "zcore", "weather"]
    assert ["selected", "", [], 0.5, "sun"] == [flat[b.id][field] for field in fields]
    assert [b.id] == flat.load_saved_view("next").values("id")
    before = contents(flat)
    assert 2 == write_back(team.datasets, name, flat)
    assert before == contents(flat)
    assert 2 == append_dataset(team.datasets, name, flat, LABELS_AND_EMBEDDINGS).unchanged


def test_groups_are_written_as_a_whole(team: Team, grouped: Any, name: str) -> None:
    """All slices are written, also without the active slice; a view has whole groups."""
    groups = [add_scene(grouped, left=image(f"l{n}"), right=image(f"r{n}")) for n in range(2)]
    groups.append(add_scene(grouped, right=image("r2")))
    append_dataset(team.datasets, name, grouped, LABELS)
    team.datasets.set_status(name, groups[1:], "selected")
    team.datasets.save_view(name, "next", frame_filter(statuses=["selected"]), "Next")

    assert 5 == write_back(team.datasets, name, grouped)

    samples = grouped.select_group_slices(_allow_mixed=True)
    statuses = zip(*samples.values(["scene.id", "sluice_status"]), strict=True)
    assert {groups[0]: "unlabelled", groups[1]: "selected", groups[2]: "selected"} == dict(statuses)
    saved = grouped.load_saved_view("Next")
    saved.group_slice = "right"  # FiftyOne shows the groups that have the active slice
    assert groups[1:] == saved.values("scene.id")


def test_views_have_the_groups_of_fiftyone(team: Team, grouped: Any, name: str) -> None:
    """A view of frames without groups in Sluice still has the groups that FiftyOne knows."""
    group = add_scene(grouped, left=image("l"))
    sample_id = grouped.first().id
    flat_view = grouped.select_group_slices("left").clone()
    flat_view.delete_sample_field("scene")
    append_dataset(team.datasets, name, flat_view, LABELS)
    flat_view.delete()
    team.datasets.save_view(name, "all", frame_filter())

    write_back(team.datasets, name, grouped)

    assert sample_id == next(team.datasets.frames(name)).group
    assert [group] == grouped.load_saved_view("all").values("scene.id")


def test_whole_numbers_stay_whole(team: Team, flat: Any, name: str) -> None:
    """FiftyOne would store 0.5 as 0 in a field of whole numbers: refused, nothing is written."""
    flat.add_samples([image("a", level=1, tags=["old"]), image("b", level=2)])
    append_dataset(team.datasets, name, flat, LABELS)
    second = flat.last().id
    team.datasets.set_fields(name, {second: {"level": 0.5}})
    team.datasets.tag(name, flat.values("id"), add=["new"])
    before = contents(flat)

    with pytest.raises(
        errors.InvalidArgument, match=f"level: sample {second}: 0.5 does not fit.*IntField"
    ):
        write_back(team.datasets, name, flat)

    assert before == contents(flat)


MISFITS: dict[str, int | str] = {
    "level": "high",
    "speed": "fast",
    "city": 3,
    "wet": 1,
    "day": "2026-01-01",
}
"""A value that does not fit, by field."""


@pytest.mark.parametrize("field", MISFITS)
def test_values_of_another_type_are_refused(team: Team, flat: Any, name: str, field: str) -> None:
    """A value of another type than FiftyOne's field names the field and the sample."""
    flat.add_sample(image("a"))
    types = [fo.IntField, fo.FloatField, fo.StringField, fo.BooleanField, fo.DateField]
    for added, kind in zip(MISFITS, types, strict=True):
        flat.add_sample_field(added, kind)
    append_dataset(team.datasets, name, flat, LABELS)
    team.datasets.set_fields(name, {flat.first().id: {field: MISFITS[field]}})

    with pytest.raises(errors.InvalidArgument, match=f"{field}: sample {flat.first().id}: "):
        write_back(team.datasets, name, flat)


def test_values_that_fit_are_stored_as_they_are(team: Team, flat: Any, name: str) -> None:
    """Values of the field's type are written to fields that exist."""
    flat.add_sample(image("a", level=1, speed=1.5, city="Kiel", wet=False))
    append_dataset(team.datasets, name, flat, LABELS)
    values: dict[str, int | float | str | None] = {
        "level": 2,
        "speed": 2,
        "city": "Bonn",
        "wet": True,
    }
    team.datasets.set_fields(name, {flat.first().id: values})

    write_back(team.datasets, name, flat)

    sample = flat.first()
    assert values == {field: sample[field] for field in values}


def test_a_new_field_has_one_type(team: Team, flat: Any, name: str) -> None:
    """Whole and other numbers of a new field are all kept; texts among numbers are refused."""
    flat.add_samples([image("a"), image("b")])
    append_dataset(team.datasets, name, flat, LABELS)
    first, second = flat.values("id")
    team.datasets.set_fields(name, {first: {"zcore": 1}, second: {"zcore": 0.5}})

    write_back(team.datasets, name, flat)

    assert [1.0, 0.5] == flat.values("zcore")
    team.datasets.set_fields(name, {first: {"note": 1}, second: {"note": "x"}})
    with pytest.raises(errors.InvalidArgument, match=f"note: int in sample {first}, str in sample"):
        write_back(team.datasets, name, flat)


def test_read_only_fields_may_stay(team: Team, flat: Any, name: str) -> None:
    """A read-only field goes back unchanged; a change is refused."""
    flat.add_sample(image("a", city="Kiel"))
    field = flat.get_field("city")
    field.read_only = True
    field.save()
    append_dataset(team.datasets, name, flat, LABELS)

    assert 1 == write_back(team.datasets, name, flat)
    team.datasets.set_fields(name, {flat.first().id: {"city": "Bonn"}})
    with pytest.raises(errors.InvalidArgument, match=r"city: sample .*is read-only"):
        write_back(team.datasets, name, flat)


REFUSED_NAMES = ["a.b", "_a", "a$b", "id", "tags", "scene", "pk", "dataset_id", "sluice_status"]


@pytest.mark.parametrize("field", REFUSED_NAMES)
def test_reserved_names_are_refused(team: Team, grouped: Any, name: str, field: str) -> None:
    """A name that FiftyOne reserves, or with a dot, is refused before anything is written."""
    add_scene(grouped, left=image("l"))
    append_dataset(team.datasets, name, grouped, LABELS)
    sample_id = grouped.first().id
    team.datasets.tag(name, [sample_id], add=["new"])
    team.datasets.set_fields(name, {sample_id: {field: 1}})
    before = contents(grouped)

    with pytest.raises(errors.InvalidArgument, match=r"fields: .*(for a field|reserved|rename)"):
        write_back(team.datasets, name, grouped)

    assert before == contents(grouped)


def test_views_of_one_slug_are_refused(team: Team, flat: Any, name: str) -> None:
    """Two views with one slug are refused: FiftyOne would delete the first of them."""
    flat.add_sample(image("a"))
    append_dataset(team.datasets, name, flat, LABELS)
    team.datasets.save_view(name, "one", frame_filter(), "My view")
    team.datasets.save_view(name, "two", frame_filter(), "my-view!")
    before = contents(flat)

    with pytest.raises(errors.FailedPrecondition, match=r"'My view' and 'my-view!' .*'my-view'"):
        write_back(team.datasets, name, flat)

    assert before == contents(flat)


def test_a_view_of_the_user_stays(team: Team, flat: Any, name: str) -> None:
    """A view that FiftyOne has under another name with the same slug is not replaced."""
    flat.add_sample(image("a"))
    append_dataset(team.datasets, name, flat, LABELS)
    team.datasets.save_view(name, "pool", frame_filter())
    flat.save_view("Pool", flat.limit(1))

    with pytest.raises(errors.FailedPrecondition, match="views 'Pool' and 'pool'"):
        write_back(team.datasets, name, flat)

    assert ["Pool"] == flat.list_saved_views()


class _DatabaseError(Exception):
    """What FiftyOne raises when its database is away."""


def test_a_failed_call_is_completed(
    team: Team, flat: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that fails between two samples or before the views is completed by the next one."""
    flat.add_samples([image(f"i{n}") for n in range(5)])
    append_dataset(team.datasets, name, flat, LABELS)
    ids = flat.values("id")
    team.datasets.tag(name, ids, add=["new"])
    team.datasets.save_view(name, "all", frame_filter())
    set_values = fo.Dataset.set_values

    def set_three(dataset: Any, field: str, values: dict[str, Any], **options: Any) -> None:
        set_values(dataset, field, dict(list(values.items())[:3]), **options)
        raise _DatabaseError

    def save_view(*_: Any, **__: Any) -> None:
        raise _DatabaseError

    for method, replacement in (("set_values", set_three), ("save_view", save_view)):
        with monkeypatch.context() as patch:
            patch.setattr(fo.Dataset, method, replacement)
            with pytest.raises(_DatabaseError):
                write_back(team.datasets, name, flat)
    assert 5 == write_back(team.datasets, name, flat)

    assert [["new"]] * 5 == flat.values("tags")
    assert ids == flat.load_saved_view("all").values("id")


def test_a_view_is_no_target(team: Team, flat: Any, name: str) -> None:
    """Saved views belong to the dataset, so a view as target is refused."""
    with pytest.raises(errors.InvalidArgument, match="target: DatasetView; expected the Dataset"):
        write_back(team.datasets, name, flat.view())
