"""The projects and issues that a client selects by name."""

from __future__ import annotations

import pytest

from sluice import errors
from sluice.state import choose_issues, choose_projects
from sluice.v1 import campaign_pb2, project_pb2

# The display name of b is the id of a; c and d have the same display name.
PROJECTS = [
    project_pb2.Project(name=f"projects/{project_id}", display_name=title)
    for project_id, title in (("a", "Trucks"), ("b", "a"), ("c", "Trains"), ("d", "Trains"))
]
ACTIVE = [
    campaign_pb2.ActiveVersion(campaign=f"projects/a/campaigns/{i}", issue=f"projects/a/issues/{i}")
    for i in ("one", "two")
]


def test_all_projects_when_none_is_named() -> None:
    """A display name that equals another project's id hides no project."""
    assert [f"projects/{i}" for i in "abcd"] == choose_projects(PROJECTS, None)


def test_projects_are_named_by_id_or_title() -> None:
    """An id takes precedence over a display name, and duplicate projects are used once."""
    assert ["projects/a"] == choose_projects(PROJECTS, ["a", "Trucks"])
    assert [] == choose_projects(PROJECTS, [])
    with pytest.raises(errors.NotFound, match=r"'q'; there are: a, b, c, d$"):
        choose_projects(PROJECTS, ["a", "q"])
    with pytest.raises(errors.InvalidArgument, match=r"'Trains' .* projects/c, projects/d"):
        choose_projects(PROJECTS, ["Trains"])


def test_issues_are_named_by_uuid() -> None:
    """All campaigns, or those of the issues named."""
    assert ACTIVE == choose_issues(ACTIVE, None)
    assert ACTIVE[1:] == choose_issues(ACTIVE, ["two"])
    with pytest.raises(errors.NotFound, match="'three'"):
        choose_issues(ACTIVE, ["two", "three"])
