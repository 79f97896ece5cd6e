"""Resource names hold any id, and malformed names are rejected with the expected form."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice import names
from sluice.errors import InvalidArgument
from tests.unit.client.strategies import ids

KINDS = [
    names.ProjectName,
    names.ApiKeyName,
    names.DatasetName,
    names.IssueName,
    names.CampaignName,
    names.VersionName,
    names.SampleName,
]


@given(st.sampled_from(KINDS), st.data())
def test_names_hold_every_id(kind: type[names.ProjectName], data: st.DataObject) -> None:
    """A formatted name parses to itself, and has as many segments as its form."""
    name = kind(*(data.draw(ids) for _ in fields(kind)))
    assert name == kind.parse(str(name))
    assert 2 * len(fields(kind)) == len(str(name).split("/"))


@pytest.mark.parametrize(
    "text",
    ["", "p", "projects/", "projects/p/issues", "projects/p/campaigns/c", "issues/i/projects/p"],
)
def test_malformed_names_are_rejected(text: str) -> None:
    """The error for a malformed name shows the expected form."""
    with pytest.raises(InvalidArgument, match=r"projects/\{project\}/issues/\{issue\}") as refused:
        names.IssueName.parse(text, "parent")
    assert "parent" == refused.value.fields[0].field


@pytest.mark.parametrize("invalid_id", ["", "9p", "-p", "P", "p_q", "p" * 64, "ü", "p\n"])
def test_resource_ids_that_people_choose_are_plain(invalid_id: str) -> None:
    """An id chosen by a person is lower case and begins with a letter."""
    with pytest.raises(InvalidArgument, match="project_id"):
        names.check_resource_id(invalid_id, "project_id")
    assert "a" * 63 == names.check_resource_id("a" * 63, "project_id")
