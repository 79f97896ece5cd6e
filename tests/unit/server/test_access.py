"""Who may call what."""

from __future__ import annotations

from importlib.resources import files

from google.protobuf.descriptor import Descriptor, MethodDescriptor

from services.server.access import ACCESS_RULES, CrossProjectAccess
from services.server.keys import Scope
from services.server.registry import PROTO_FILES, list_services
from sluice import v1


def methods() -> dict[str, MethodDescriptor]:
    """Every method of the API by its full name."""
    return {
        f"/{service.full_name}/{method.name}": method
        for service in list_services().values()
        for method in service.methods
    }


def test_every_method_has_a_rule() -> None:
    """No method of the API is missing from the table, and the table names no other."""
    assert methods().keys() == ACCESS_RULES.keys()


def test_every_service_is_known() -> None:
    """Every proto file that declares a service is looked at by the test above."""
    names = [entry.name for entry in files(v1).iterdir()]
    stubs = {name.removesuffix("_grpc.py") for name in names if name.endswith("_pb2_grpc.py")}
    known = {file.__name__.rpartition(".")[2] for file in PROTO_FILES}

    assert stubs == known


def test_every_request_says_its_project() -> None:
    """The field that a rule takes the project from exists in the request, and is text."""
    for name, method in methods().items():
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


def test_two_methods_only_are_about_no_project() -> None:
    """Only creating and listing projects do without a project; creating is the admin's alone."""
    reaching = {
        name: rule.project_field
        for name, rule in ACCESS_RULES.items()
        if isinstance(rule.project_field, CrossProjectAccess)
    }

    assert {
        "/sluice.v1.ProjectService/CreateProject": CrossProjectAccess.ADMIN_ONLY,
        "/sluice.v1.ProjectService/ListProjects": CrossProjectAccess.FILTERED,
    } == reaching


def test_an_admin_may_do_all() -> None:
    """Every method is open to the scope admin."""
    assert all(Scope.ADMIN in rule.scopes for rule in ACCESS_RULES.values())


def test_loggers_can_do_their_work_and_no_more() -> None:
    """The scope log is what scopes of the API say: read campaigns and models, score, submit."""
    open_to_log = {
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
    } == open_to_log


def test_reviewers_read_everything() -> None:
    """The scope review opens every reading method but the listing of keys."""
    reading = {
        name for name in ACCESS_RULES if name.split("/")[2].startswith(("Get", "List", "Watch"))
    }
    refused = {
        name.split("/")[2] for name in reading if Scope.REVIEW not in ACCESS_RULES[name].scopes
    }

    assert {"ListApiKeys"} == refused
