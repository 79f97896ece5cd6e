"""The rendered objects are consistent, and every pod is restricted and limited."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest

import sluice
from services.ledger.redis.checks import VERSION_MIN
from services.server.access import ACCESS_RULES
from sluice.targets import process_of
from tests.deploy.manifests import (
    TOOLS,
    Object,
    Service,
    find_object,
    list_objects,
    list_workloads,
    only_container,
    parse_quantity,
    pod_spec,
    render,
)

WORKLOADS = {"campaign", "scorer", "ingest", "curation", "redis", "qdrant"}
KUBERNETES = ["1.30", "1.37"]
"""The oldest version that docs/deploy.md supports, which has sleep in preStop, and the newest."""


@pytest.fixture(params=sorted(WORKLOADS))
def workload(request: pytest.FixtureRequest) -> Object:
    """Each Deployment and StatefulSet."""
    [workload] = [w for w in list_workloads() if w["metadata"]["name"] == request.param]
    return workload


def test_everything_is_rendered() -> None:
    """The base has the four services and their two stores."""
    assert WORKLOADS == {workload["metadata"]["name"] for workload in list_workloads()}


@pytest.mark.parametrize("version", KUBERNETES)
def test_objects_are_valid(version: str, tmp_path: Path) -> None:
    """Every object fits the schema of its kind, in the oldest and the newest Kubernetes."""
    file = tmp_path / "base.yaml"
    file.write_text(render("base"))
    tool = str(TOOLS / "kubernetes-validate")
    command = [tool, "--strict", "-k", version, "--quiet", str(file)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, "") == (completed.returncode, completed.stdout + completed.stderr)


def test_services_find_their_pods(workload: Object) -> None:
    """Service, workload, and disruption budget select the labels of the pods, and name a port."""
    name, labels = workload["metadata"]["name"], workload["spec"]["template"]["metadata"]["labels"]
    budgets = [
        budget["spec"]["selector"]["matchLabels"]
        for budget in list_objects(kind="PodDisruptionBudget")
        if budget["metadata"]["name"] == name
    ]
    selectors = [
        workload["spec"]["selector"]["matchLabels"],
        find_object("Service", name)["spec"]["selector"],
        *budgets,
    ]

    assert [labels] * len(selectors) == selectors
    assert ("Deployment" == workload["kind"]) == bool(budgets)
    ports = {port["name"]: port["containerPort"] for port in only_container(workload)["ports"]}
    assert ports == {
        port["targetPort"]: port["port"] for port in find_object("Service", name)["spec"]["ports"]
    }


def test_mounts_have_volumes(workload: Object) -> None:
    """Every mount has a volume, every volume is mounted, and its source is rendered."""
    claims = workload["spec"].get("volumeClaimTemplates", [])
    volumes = pod_spec(workload).get("volumes", [])
    names = [volume["name"] for volume in volumes]
    names += [claim["metadata"]["name"] for claim in claims]

    assert sorted(names) == sorted(m["name"] for m in only_container(workload)["volumeMounts"])
    for volume in volumes:
        if "configMap" in volume:
            find_object("ConfigMap", volume["configMap"]["name"])
        if "persistentVolumeClaim" in volume:
            find_object("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])


def test_secret_keys_exist(secret_files: Path, workload: Object) -> None:
    """Every key of the secret that a pod uses is a file that the operator's script makes."""
    volumes = [v["secret"] for v in pod_spec(workload).get("volumes", []) if "secret" in v]
    variables = [v.get("valueFrom", {}) for v in only_container(workload).get("env", [])]
    references = [v["secretKeyRef"] for v in variables if "secretKeyRef" in v]
    keys = [item["key"] for volume in volumes for item in volume["items"]]
    keys += [reference["key"] for reference in references]

    assert keys
    assert set() == set(keys) - {path.name for path in secret_files.iterdir()}
    assert {"sluice"} == {volume["secretName"] for volume in volumes} | {
        reference["name"] for reference in references
    }


def test_pods_are_restricted(workload: Object) -> None:
    """No pod runs as root, gains a privilege, writes to its image or talks to Kubernetes."""
    of_pod = pod_spec(workload)["securityContext"]
    of_container = only_container(workload)["securityContext"]

    assert of_pod["runAsNonRoot"]
    assert of_pod["runAsUser"] > 0
    assert of_pod["runAsUser"] == of_pod["fsGroup"]
    assert {"type": "RuntimeDefault"} == of_pod["seccompProfile"]
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == of_container
    assert not pod_spec(workload)["automountServiceAccountToken"]
    assert not pod_spec(workload)["enableServiceLinks"]


def test_pods_have_requests_and_limits(workload: Object) -> None:
    """Every pod has requests and limits, and no request is over its limit."""
    resources = only_container(workload)["resources"]

    for resource in ("cpu", "memory"):
        request, limit = (
            parse_quantity(resources[kind][resource]) for kind in ("requests", "limits")
        )
        assert 0 < request <= limit


def test_commands_exist(service: Service) -> None:
    """A container runs a module that exists, in the image of this version."""
    python, option, module = service.container["command"]

    assert ("python", "-m") == (python, option)
    assert importlib.util.find_spec(f"{module}.__main__")
    assert f"services.{service.name}" == module
    assert f"sluice-server:{sluice.__version__}" == service.container["image"]


def test_liveness_does_not_depend_on_stores(service: Service) -> None:
    """A pod is restarted when it hangs, never because a store is down."""
    probes = {kind: service.container[f"{kind}Probe"] for kind in ("startup", "liveness")}

    assert {"grpc.health.v1.Health"} == {probe["grpc"]["service"] for probe in probes.values()}
    assert "" == service.container["readinessProbe"]["grpc"]["service"]


def test_redis_is_new_enough() -> None:
    """The image has a version of Redis that the ledger supports."""
    version = only_container(find_object("StatefulSet", "redis"))["image"].partition(":")[2]

    assert tuple(map(int, version.split("."))) >= VERSION_MIN


def test_qdrant_is_new_enough() -> None:
    """The image has a version of Qdrant that the vector store supports."""
    version = only_container(find_object("StatefulSet", "qdrant"))["image"].partition(":v")[2]

    assert tuple(map(int, version.split("."))) >= (1, 19)


def find_backend(route: Object, service: str) -> Any:
    """The backend to which a route sends the calls of a gRPC service."""
    for rule in route["spec"]["rules"]:
        names = [match["method"]["service"] for match in rule.get("matches", [])]
        if not names or service in names:
            [backend] = rule["backendRefs"]
            return backend
    return None


def test_the_gateway_routes_calls_as_clients_do() -> None:
    """Behind one address, every method reaches the process that a client would address."""
    [route] = list_objects("gateway", "GRPCRoute")

    for method in ACCESS_RULES:
        backend = find_backend(route, method.split("/")[1])
        [port] = find_object("Service", backend["name"])["spec"]["ports"]
        assert (process_of(method), port["port"]) == (backend["name"], backend["port"])
