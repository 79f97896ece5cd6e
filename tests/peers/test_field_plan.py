from __future__ import annotations

import warnings
from typing import Any

import fiftyone as fo

from sluice.fiftyone.field_plan import RESERVED_NAMES
from tests.peers.samples import image


def test_reserved_names_are_those_of_fiftyone() -> None:
    """FiftyOne fails, or loses the value, with no name of its own attributes but reserved ones."""
    sample = image("a")
    attributes = {*dir(sample), *dir(sample._doc)}  # noqa: SLF001 - their names are in the way
    names = {name for name in attributes if not name.startswith("_")}

    failing = {name for name in names if not stores(name)}
    assert {"dataset_id", "id"} <= failing <= RESERVED_NAMES


def stores(name: str) -> bool:
    """Whether FiftyOne stores a text in a field of that name."""
    dataset = fo.Dataset()
    dataset.add_group_field("scene", default="left")
    sample = image("a")
    sample["scene"] = fo.Group().element("left")
    dataset.add_sample(sample)
    del sample  # FiftyOne breaks on deleting a dataset while a sample has such a field
    try:
        with warnings.catch_warnings(action="ignore"):
            return read_back(dataset, name)
    except Exception:  # noqa: BLE001 - each name fails in its own way
        return False


def read_back(dataset: Any, name: str) -> bool:
    """Write a text and another field, and compare what is stored."""
    samples = dataset.select_group_slices(_allow_mixed=True)
    for sample in samples.iter_samples(autosave=True):
        sample[name] = "text"
        sample["other"] = "word"
    values: tuple[Any, Any] = samples.values(name), samples.values("other")
    return values == (["text"], ["word"]) and samples.first()[name] == "text"
