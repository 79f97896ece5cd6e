"""Datasets: their names and class maps."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.campaign import datasets as datasets_module
from services.campaign.datasets import create_dataset, get_dataset, list_datasets
from services.campaign.records import LabelClassRecord
from sluice.errors import AlreadyExists, InvalidArgument, NotFound
from sluice.labels import TaskType
from sluice.names import DatasetName, ProjectName
from tests.unit.campaign.campaign_service import (
    ALL,
    DATASET,
    ONCE,
    PROJECT,
    CampaignService,
)


async def test_a_dataset_keeps_its_class_map(service: CampaignService) -> None:
    """A dataset comes back with its task type and its classes in the order they were given."""
    classes = [
        LabelClassRecord(id=7, name="road", colour="#00fF7f"),
        LabelClassRecord(id=0, name="sky"),
    ]
    name = DatasetName("p", "masks")

    created = await create_dataset(service.stores, ONCE, name, "Masks", TaskType.SEMSEG_2D, classes)
    assert created == await get_dataset(service.stores, name)
    assert (TaskType.SEMSEG_2D, tuple(classes)) == (created.task_type, created.classes)


async def test_datasets_are_listed_by_name(service: CampaignService) -> None:
    """Pages list the datasets of a project by id, whatever the order of their creation."""
    for id in ("e-2", "a", "e"):
        name = DatasetName("p", id)
        await create_dataset(service.stores, ONCE, name, "", TaskType.BOX_2D, [])
    listed, _ = await list_datasets(service.stores, PROJECT, ALL)

    assert ["a", "d", "e", "e-2"] == [dataset.id for dataset in listed]


@pytest.mark.parametrize(
    ("classes", "message"),
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
    service: CampaignService, classes: Sequence[tuple[int, str, str]], message: str
) -> None:
    """A class map with a class that is wrong or not unique is refused; nothing is stored."""
    class_map = [LabelClassRecord(id=id, name=name, colour=colour) for id, name, colour in classes]
    name = DatasetName("p", "e")

    with pytest.raises(InvalidArgument, match=r"dataset\." + message):
        await create_dataset(service.stores, ONCE, name, "", TaskType.BOX_2D, class_map)
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


async def test_a_dataset_id_is_taken_once(service: CampaignService) -> None:
    """A second dataset of one id is refused, naming it."""
    with pytest.raises(AlreadyExists, match="projects/p/datasets/d already exists"):
        await create_dataset(service.stores, ONCE, DATASET, "", TaskType.BOX_2D, [])
