"""PickElements over gRPC."""

from __future__ import annotations

from sluice.v1 import issue_pb2
from tests.rpc.curation.api import CARS, TRAMS, Api


async def test_what_is_found_is_picked_into_an_issue(api: Api) -> None:
    """Elements have the frames and vectors of the dataset, each once."""
    await api.append(*CARS, *TRAMS)
    issue = await api.issue()
    first = await api.pick(issue, "c0", "c1")
    again = await api.pick(issue, "c1", "c2")
    listed = await api.issues.ListElements(issue_pb2.ListElementsRequest(parent=issue))

    assert (2, 2) == (first.added_count, first.element_count)
    assert (1, 1, 3) == (again.added_count, again.unchanged_count, again.element_count)
    assert ["c0", "c1", "c2"] == [element.frame.id for element in listed.elements]
