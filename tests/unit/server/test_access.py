"""The access rules: complete, and as strict as each scope says."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, MethodDescriptor

from services.server.access import ACCESS_RULES, CrossProjectAccess
from services.server.keys import Scope
from services.server.registry import list_services


def list_methods() -> dict[str, MethodDescriptor]:
    """Every method of the API by its full name."""
    return {
        f"/{service.full_name}/{method.name}": method
        for service in list_services().values()
        for method in service.methods
    }


def test_every_method_has_a_rule() -> None:
    """No method of the API is missing from the table, and the table names no other."""
    assert list_methods().keys() == ACCESS_RULES.keys()


def test_every_request_names_its_project() -> None:
    """The project field of a rule exists in the request, and is text."""
    for name, method in list_methods().items():
        path = ACCESS_RULES[name].project_field
        if isinstance(path, CrossProjectAccess):
            continue
        message: Descriptor | None = method.input_type
        *parents, last = path.split(".")
        for parent in parents:
            assert message is not None
            message = message.fields_by_name[parent].message_type
        assert message is not None
        field = message.fields_by_name[last]
        assert field.type == field.TYPE_STRING, name


def test_three_methods_need_no_project() -> None:
    """Projects are created, listed and deleted without a key of the project; two by the admin."""
    cross_project = {
        name: rule.project_field
        for name, rule in ACCESS_RULES.items()
        if isinstance(rule.project_field, CrossProjectAccess)
    }

    assert {
        "/sluice.v1.ProjectService/CreateProject": CrossProjectAccess.ADMIN_ONLY,
        "/sluice.v1.ProjectService/ListProjects": CrossProjectAccess.FILTERED,
        "/sluice.v1.ProjectService/DeleteProject": CrossProjectAccess.ADMIN_ONLY,
    } == cross_project


def test_the_scope_admin_allows_every_method() -> None:
    """Every rule accepts the scope admin."""
    assert all(Scope.ADMIN in rule.scopes for rule in ACCESS_RULES.values())


def test_the_scope_log_allows_no_more_than_logging() -> None:
    """The scope log allows to read campaigns and models, to score, and to submit."""
    log_methods = {
        name.split("/")[2] for name, rule in ACCESS_RULES.items() if Scope.LOG in rule.scopes
    }

    assert {
        "GetProject",
        "ListProjects",
        "GetCampaign",
        "ListCampaigns",
        "GetVersion",
        "ListVersions",
        "GetScoringModel",
        "WatchActiveVersions",
        "SetBackground",
        "ListSpaces",
        "ScoreFrames",
        "StreamScores",
        "Submit",
    } == log_methods


def test_the_scope_review_allows_all_reads() -> None:
    """The scope review allows every reading method except listing API keys."""
    reading = {
        name for name in ACCESS_RULES if name.split("/")[2].startswith(("Get", "List", "Watch"))
    }
    refused = {
        name.split("/")[2] for name in reading if Scope.REVIEW not in ACCESS_RULES[name].scopes
    }

    assert {"ListApiKeys"} == refused
