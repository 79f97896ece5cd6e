"""The issues that a client selects by name."""

from __future__ import annotations

from typing import Any

import pytest

from sluice import errors
from sluice.resources.resolver import Resolver
from sluice.state import choose_issues
from sluice.v1 import campaign_pb2
from tests.unit.client.listed_resources import ListedResources

ONE, TWO, IDLE = "11111111-aaaa", "22222222-bbbb", "33333333-cccc"
PROJECTS = ["projects/a", "projects/b"]
ACTIVE = [
    campaign_pb2.ActiveVersion(campaign=f"{project}/campaigns/c", issue=f"{project}/issues/{id}")
    for project, id in zip(PROJECTS, (ONE, TWO), strict=True)
]
LISTED = {
    f"projects/a/issues/{ONE}": "Vans",
    f"projects/a/issues/{IDLE}": "Idle",
    f"projects/b/issues/{TWO}": "Trams",
}


def choose(*references: str) -> list[campaign_pb2.ActiveVersion]:
    """The active versions of these issues."""
    channel: Any = ListedResources(LISTED)
    return choose_issues(Resolver(channel), PROJECTS, ACTIVE, references)


@pytest.mark.parametrize("reference", [TWO, "2222", f"projects/b/issues/{TWO}", "Trams"])
def test_issues_are_given_as_everywhere(reference: str) -> None:
    """An issue is found by UUID, start of it, resource name or display name, in any project."""
    assert ACTIVE[1:] == choose(reference)
    assert ACTIVE == choose("Vans", reference)


def test_all_issues_are_the_default() -> None:
    """Without a selection all active versions are used, and nothing is listed."""
    channel: Any = ListedResources(LISTED)
    assert ACTIVE == choose_issues(Resolver(channel), PROJECTS, ACTIVE, None)
    choose_issues(Resolver(channel), PROJECTS, ACTIVE, [ONE, "2222"])
    assert {} == channel.calls


@pytest.mark.parametrize("reference", ["Idle", "Lorries", f"projects/b/issues/{ONE}"])
def test_an_issue_without_a_campaign_is_named(reference: str) -> None:
    """An issue that does not exist, or has no active campaign, is an error that names it."""
    with pytest.raises(errors.NotFound, match=reference):
        choose("Vans", reference)
