"""Projects and datasets: what they may be called, and what a class map may hold."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import pytest

from services.campaign import datasets as datasets_module
from services.campaign.datasets import create_dataset, get_dataset, list_datasets
from services.campaign.projects import create_project, get_project, list_projects
from services.campaign.records import LabelClass
from services.records.idempotency import IdempotentRequest
from services.server.keys import Caller, Scope
from sluice.errors import AlreadyExists, InvalidArgument, NotFound
from sluice.labels import TaskType
from sluice.names import DatasetName, ProjectName
from tests.unit.campaign.world import ALL, DATASET, ONCE, PROJECT, World, page

ADMIN = Caller("k", "", frozenset(Scope))


async def test_a_project_is_called_by_its_id(here: World) -> None:
    """A project's display name defaults to its id."""
    named = await create_project(here.stores, ONCE, "q", "Quarry")
    bare = await create_project(here.stores, ONCE, "r", "")

    assert ("Quarry", "r") == (named.display_name, bare.display_name)
    assert named == await get_project(here.stores, ProjectName("q"))


@pytest.mark.parametrize("id", ["", "P", "1p", "_system", "p" * 64, "p/q"])
async def test_a_project_id_is_plain(here: World, id: str) -> None:
    """An id that cannot stand in every resource name is refused, and named."""
    with pytest.raises(InvalidArgument, match="project_id: "):
        await create_project(here.stores, ONCE, id, "")


async def test_a_display_name_is_short(here: World) -> None:
    """A display name over 256 bytes of UTF-8 is refused."""
    await create_project(here.stores, ONCE, "q", "é" * 128)

    with pytest.raises(InvalidArgument, match=r"project\.display_name: .* 258 bytes; at most 256"):
        await create_project(here.stores, ONCE, "r", "é" * 129)


async def test_an_id_is_taken_once(here: World) -> None:
    """A second project or dataset of one id is refused, naming it."""
    with pytest.raises(AlreadyExists, match="projects/p exists"):
        await create_project(here.stores, ONCE, PROJECT.project, "")
    with pytest.raises(AlreadyExists, match="projects/p/datasets/d exists"):
        await create_dataset(here.stores, ONCE, DATASET, "", TaskType.BOX_2D, [])


async def test_a_request_sent_again_gets_the_first_response(here: World) -> None:
    """A creation under one request id happens once; the id is not for anything else."""
    once = IdempotentRequest.of("CreateProject", str(uuid4()), b"q")

    first = await create_project(here.stores, once, "q", "")
    again = await create_project(here.stores, once, "q", "")

    assert first == again
    with pytest.raises(InvalidArgument, match="request_id: "):
        await create_project(here.stores, IdempotentRequest.of(once.method, once.id, b"r"), "r", "")


async def test_a_caller_sees_its_projects(here: World) -> None:
    """The admin's key sees all projects by name, another key its own."""
    for id in ("b", "a"):
        await create_project(here.stores, ONCE, id, "")

    first, token = await list_projects(here.stores, ADMIN, page(2))
    rest, end = await list_projects(here.stores, ADMIN, page(2, token))
    own, _ = await list_projects(here.stores, Caller("k", "b", frozenset()), ALL)
    none, _ = await list_projects(here.stores, Caller("k", "gone", frozenset()), ALL)

    assert (["a", "b"], ["p"], "") == ([p.id for p in first], [p.id for p in rest], end)
    assert (["b"], []) == ([p.id for p in own], none)


async def test_a_dataset_keeps_its_class_map(here: World) -> None:
    """A dataset comes back with its task type and its classes in the order they were given."""
    classes = [LabelClass(id=7, name="road", colour="#00fF7f"), LabelClass(id=0, name="sky")]
    name = DatasetName("p", "masks")

    made = await create_dataset(here.stores, ONCE, name, "Masks", TaskType.SEMSEG_2D, classes)
    listed, _ = await list_datasets(here.stores, PROJECT, ALL)

    assert made == await get_dataset(here.stores, name)
    assert (TaskType.SEMSEG_2D, tuple(classes)) == (made.task_type, made.classes)
    assert ["d", "masks"] == [dataset.id for dataset in listed]


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ([(0, "car", ""), (0, "tram", "")], r"classes\[1\]\.id: 0 is the id of classes\[0\]"),
        (
            [(0, "car", ""), (1, "car", "")],
            r"classes\[1\]\.name: 'car' is the name of classes\[0\]",
        ),
        ([(65_536, "car", "")], r"classes\[0\]\.id: 65536 is not in 0…65535"),
        ([(0, "", "")], r"classes\[0\]\.name: is empty; 1 to 256 bytes"),
        ([(0, "c" * 257, "")], r"classes\[0\]\.name: .* has 257 bytes; at most 256"),
        ([(0, "car", "red")], r"classes\[0\]\.colour: 'red' is not #rrggbb"),
        ([(0, "car", "#00ff7")], r"classes\[0\]\.colour: '#00ff7' is not #rrggbb"),
    ],
)
async def test_a_wrong_class_is_named(
    here: World, classes: Sequence[tuple[int, str, str]], told: str
) -> None:
    """A class map with a class that is wrong or not unique is refused; nothing is stored."""
    given = [LabelClass(id=id, name=name, colour=colour) for id, name, colour in classes]
    name = DatasetName("p", "e")

    with pytest.raises(InvalidArgument, match=r"dataset\." + told):
        await create_dataset(here.stores, ONCE, name, "", TaskType.BOX_2D, given)
    with pytest.raises(NotFound, match=str(name)):
        await get_dataset(here.stores, name)


async def test_a_class_map_is_bounded(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class map over the limit is refused with both numbers."""
    monkeypatch.setattr(datasets_module, "CLASSES_MAX", 1)
    classes = [LabelClass(id=0, name="car"), LabelClass(id=1, name="tram")]

    with pytest.raises(InvalidArgument, match=r"dataset\.classes: 2; at most 1") as raised:
        await create_dataset(here.stores, ONCE, DatasetName("p", "e"), "", TaskType.BOX_2D, classes)

    assert "TOO_LARGE" == raised.value.reason


async def test_a_dataset_needs_its_project(here: World) -> None:
    """A dataset of a project that does not exist is refused, naming the project."""
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await create_dataset(here.stores, ONCE, DatasetName("q", "d"), "", TaskType.BOX_2D, [])
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await list_datasets(here.stores, ProjectName("q"), ALL)
