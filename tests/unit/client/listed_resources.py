"""A channel that answers listings from a dictionary, and counts the calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import grpc

from sluice.errors import PermissionDenied
from sluice.rpc_errors import DETAILS_KEY, to_status
from sluice.v1 import (
    campaign_pb2,
    dataset_pb2,
    golden_set_pb2,
    issue_pb2,
    project_pb2,
    round_pb2,
)

_RESPONSES: dict[str, tuple[Any, str, Any]] = {
    "ListProjects": (project_pb2.ListProjectsResponse, "projects", project_pb2.Project),
    "ListApiKeys": (project_pb2.ListApiKeysResponse, "api_keys", project_pb2.ApiKey),
    "ListDatasets": (dataset_pb2.ListDatasetsResponse, "datasets", dataset_pb2.Dataset),
    "ListIssues": (issue_pb2.ListIssuesResponse, "issues", issue_pb2.Issue),
    "ListCampaigns": (campaign_pb2.ListCampaignsResponse, "campaigns", campaign_pb2.Campaign),
    "ListRounds": (round_pb2.ListRoundsResponse, "rounds", round_pb2.Round),
    "ListGoldenSets": (
        golden_set_pb2.ListGoldenSetsResponse,
        "golden_sets",
        golden_set_pb2.GoldenSet,
    ),
    "ListChecks": (golden_set_pb2.ListChecksResponse, "checks", golden_set_pb2.GoldenCheck),
}


class DeniedError(grpc.RpcError):
    """The error of a call whose key lacks the scope."""

    def code(self) -> grpc.StatusCode:
        """See grpc.Call."""
        return grpc.StatusCode.PERMISSION_DENIED

    def details(self) -> str:
        """See grpc.Call."""
        return "lacks the scope"

    def trailing_metadata(self) -> Any:
        """The details that the server sends."""
        return [(DETAILS_KEY, to_status(PermissionDenied("lacks the scope")).SerializeToString())]


class ListedResources:
    """A channel; `resources` has display names by resource name, `denied` methods that fail."""

    def __init__(self, resources: Mapping[str, str], denied: str = "") -> None:
        self.resources = resources
        self.calls: Counter[str] = Counter()
        self._denied = denied

    def unary_unary(self, method: str, *_: object, **__: object) -> Any:
        """See grpc.Channel."""
        name = method.rpartition("/")[2]
        return lambda request: self._answer(name, request)

    def stream_unary(self, method: str, *_: object, **__: object) -> Any:
        """See grpc.Channel."""
        return self.unary_unary(method)

    unary_stream = stream_stream = stream_unary

    def _answer(self, method: str, request: Any) -> Any:
        self.calls[method] += 1
        if method == self._denied:
            raise DeniedError
        response, field, message = _RESPONSES[method]
        collection = "".join(
            word.capitalize() if index else word for index, word in enumerate(field.split("_"))
        )
        parent = getattr(request, "parent", "")
        prefix = f"{parent}/{collection}/" if parent else f"{collection}/"
        items = [
            message(name=name, **({"display_name": called} if called else {}))
            for name, called in self.resources.items()
            if name.startswith(prefix) and "/" not in name.removeprefix(prefix)
        ]
        return response(**{field: items})
