"""Projects and datasets: what they may be called, and what a class map may hold."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import pytest

from services.campaign import datasets as datasets_module
from services.campaign.datasets import create_dataset, get_dataset, list_datasets
from services.campaign.projects import create_project, get_project, list_projects
from services.campaign.records import LabelClassRecord
from services.records.idempotency import IdempotentRequest
from services.server.keys import Caller, Scope
from sluice.errors import AlreadyExists, InvalidArgument, NotFound
from sluice.labels import TaskType
from sluice.names import DatasetName, ProjectName
from tests.unit.campaign.campaign_service import (
    ALL,
    DATASET,
    ONCE,
    PROJECT,
    CampaignService,
    make_page,
)

ADMIN = Caller("k", "", frozenset(Scope))


async def test_a_project_is_called_by_its_id(service: CampaignService) -> None:
    """A project's display name defaults to its id."""
    named = await create_project(service.stores, ONCE, "q", "Quarry")
    bare = await create_project(service.stores, ONCE, "r", "")

    assert ("Quarry", "r") == (named.display_name, bare.display_name)
    assert named == await get_project(service.stores, ProjectName("q"))


@pytest.mark.parametrize("id", ["", "P", "1p", "_system", "p" * 64, "p/q"])
async def test_a_project_id_is_plain(service: CampaignService, id: str) -> None:
    """An id that cannot stand in every resource name is refused, and named."""
    with pytest.raises(InvalidArgument, match="project_id: "):
        await create_project(service.stores, ONCE, id, "")


async def test_a_display_name_is_short(service: CampaignService) -> None:
    """A display name over 256 bytes of UTF-8 is refused."""
    await create_project(service.stores, ONCE, "q", "é" * 128)

    with pytest.raises(InvalidArgument, match=r"project\.display_name: .* 258 bytes; at most 256"):
        await create_project(service.stores, ONCE, "r", "é" * 129)


async def test_an_id_is_taken_once(service: CampaignService) -> None:
    """A second project or dataset of one id is refused, naming it."""
    with pytest.raises(AlreadyExists, match="projects/p already exists"):
        await create_project(service.stores, ONCE, PROJECT.project, "")
    with pytest.raises(AlreadyExists, match="projects/p/datasets/d already exists"):
        await create_dataset(service.stores, ONCE, DATASET, "", TaskType.BOX_2D, [])


async def test_a_request_sent_again_gets_the_first_response(service: CampaignService) -> None:
    """A creation under one request id happens once; the id is not for anything else."""
    once = IdempotentRequest.of("CreateProject", str(uuid4()), b"q")

    first = await create_project(service.stores, once, "q", "")
    again = await create_project(service.stores, once, "q", "")

    assert first == again
    with pytest.raises(InvalidArgument, match="request_id: "):
        await create_project(
            service.stores, IdempotentRequest.of(once.method, once.id, b"r"), "r", ""
        )


async def test_a_caller_sees_its_projects(service: CampaignService) -> None:
    """The admin's key sees all projects by name, another key its own."""
    for id in ("b", "a"):
        await create_project(service.stores, ONCE, id, "")

    first, token = await list_projects(service.stores, ADMIN, make_page(2))
    rest, end = await list_projects(service.stores, ADMIN, make_page(2, token))
    own, _ = await list_projects(service.stores, Caller("k", "b", frozenset()), ALL)
    none, _ = await list_projects(service.stores, Caller("k", "gone", frozenset()), ALL)

    assert (["a", "b"], ["p"], "") == ([p.id for p in first], [p.id for p in rest], end)
    assert (["b"], []) == ([p.id for p in own], none)


async def test_a_dataset_keeps_its_class_map(service: CampaignService) -> None:
    """A dataset comes back with its task type and its classes in the order they were given."""
    classes = [
        LabelClassRecord(id=7, name="road", colour="#00fF7f"),
        LabelClassRecord(id=0, name="sky"),
    ]
    name = DatasetName("p", "masks")

    made = await create_dataset(service.stores, ONCE, name, "Masks", TaskType.SEMSEG_2D, classes)
    listed, _ = await list_datasets(service.stores, PROJECT, ALL)

    assert made == await get_dataset(service.stores, name)
    assert (TaskType.SEMSEG_2D, tuple(classes)) == (made.task_type, made.classes)
    assert ["d", "masks"] == [dataset.id for dataset in listed]


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (
            [(0, "car", ""), (0, "tram", "")],
            r"classes\[1\]\.id: 0 is a duplicate of the id of classes\[0\]",
        ),
        (
            [(0, "car", ""), (1, "car", "")],
            r"classes\[1\]\.name: 'car' is a duplicate of the name of classes\[0\]",
        ),
        ([(65_536, "car", "")], r"classes\[0\]\.id: 65536 is not in 0…65535"),
        ([(0, "", "")], r"classes\[0\]\.name: is empty; 1 to 256 bytes"),
        ([(0, "c" * 257, "")], r"classes\[0\]\.name: .* has 257 bytes; at most 256"),
        ([(0, "car", "red")], r"classes\[0\]\.colour: 'red' is not #rrggbb"),
        ([(0, "car", "#00ff7")], r"classes\[0\]\.colour: '#00ff7' is not #rrggbb"),
    ],
)
async def test_a_wrong_class_is_named(
    service: CampaignService, classes: Sequence[tuple[int, str, str]], told: str
) -> None:
    """A class map with a class that is wrong or not unique is refused; nothing is stored."""
    given = [LabelClassRecord(id=id, name=name, colour=colour) for id, name, colour in classes]
    name = DatasetName("p", "e")

    with pytest.raises(InvalidArgument, match=r"dataset\." + told):
        await create_dataset(service.stores, ONCE, name, "", TaskType.BOX_2D, given)
    with pytest.raises(NotFound, match=str(name)):
        await get_dataset(service.stores, name)


async def test_a_class_map_is_bounded(
    service: CampaignService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class map over the limit is refused with both numbers."""
    monkeypatch.setattr(datasets_module, "CLASSES_MAX", 1)
    classes = [LabelClassRecord(id=0, name="car"), LabelClassRecord(id=1, name="tram")]

    with pytest.raises(InvalidArgument, match=r"dataset\.classes: 2; at most 1") as raised:
        await create_dataset(
            service.stores, ONCE, DatasetName("p", "e"), "", TaskType.BOX_2D, classes
        )

    assert "TOO_LARGE" == raised.value.reason


async def test_a_dataset_needs_its_project(service: CampaignService) -> None:
    """A dataset of a project that does not exist is refused, naming the project."""
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await create_dataset(service.stores, ONCE, DatasetName("q", "d"), "", TaskType.BOX_2D, [])
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await list_datasets(service.stores, ProjectName("q"), ALL)
