"""The rendered objects fit together, and the rules for pods hold for each."""

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
from tests.deploy.rendered import (
    TOOLS,
    Object,
    Service,
    container,
    named,
    objects,
    pod,
    quantity,
    text,
    workloads,
)

WORKLOADS = {"campaign", "scorer", "ingest", "curation", "redis", "qdrant"}
KUBERNETES = ["1.30", "1.37"]
"""The oldest that docs/deploy.md names, since preStop sleeps, and the newest that was there."""


@pytest.fixture(params=sorted(WORKLOADS))
def workload(request: pytest.FixtureRequest) -> Object:
    """Each Deployment and StatefulSet."""
    [found] = [each for each in workloads() if each["metadata"]["name"] == request.param]
    return found


def test_everything_is_rendered() -> None:
    """The base has the four services and their two stores."""
    assert WORKLOADS == {each["metadata"]["name"] for each in workloads()}


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(version: str, tmp_path: Path) -> None:
    """Every object has the fields that its kind has, and no others."""
    file = tmp_path / "base.yaml"
    file.write_text(text("base"))
    tool = str(TOOLS / "kubernetes-validate")
    command = [tool, "--strict", "-k", version, "--quiet", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def test_services_find_their_pods(workload: Object) -> None:
    """Service, workload, and disruption budget select the labels of the pods, and name a port."""
    name, labels = workload["metadata"]["name"], workload["spec"]["template"]["metadata"]["labels"]
    budgets = [
        each["spec"]["selector"]["matchLabels"]
        for each in objects(kind="PodDisruptionBudget")
        if each["metadata"]["name"] == name
    ]
    selectors = [
        workload["spec"]["selector"]["matchLabels"],
        named("Service", name)["spec"]["selector"],
        *budgets,
    ]

    assert [labels] * len(selectors) == selectors
    assert ("Deployment" == workload["kind"]) == bool(budgets)
    ports = {port["name"]: port["containerPort"] for port in container(workload)["ports"]}
    assert ports == {
        port["targetPort"]: port["port"] for port in named("Service", name)["spec"]["ports"]
    }


def test_what_is_mounted_is_there(workload: Object) -> None:
    """Every mount names a volume, every volume is mounted, and what it names is rendered."""
    claims = workload["spec"].get("volumeClaimTemplates", [])
    volumes = pod(workload).get("volumes", [])
    there = [each["name"] for each in volumes] + [each["metadata"]["name"] for each in claims]

    assert sorted(there) == sorted(each["name"] for each in container(workload)["volumeMounts"])
    for volume in volumes:
        if "configMap" in volume:
            named("ConfigMap", volume["configMap"]["name"])
        if "persistentVolumeClaim" in volume:
            named("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])


def test_secrets_are_there(made_secrets: Path, workload: Object) -> None:
    """Every key of the secret that a pod names is a file that the operator has made."""
    volumes = [each["secret"] for each in pod(workload).get("volumes", []) if "secret" in each]
    variables = [each.get("valueFrom", {}) for each in container(workload).get("env", [])]
    references = [each["secretKeyRef"] for each in variables if "secretKeyRef" in each]
    keys = [item["key"] for volume in volumes for item in volume["items"]]
    keys += [each["key"] for each in references]

    assert keys
    assert set() == set(keys) - {path.name for path in made_secrets.iterdir()}
    assert {"sluice"} == {each["secretName"] for each in volumes} | {
        each["name"] for each in references
    }


def test_pods_may_do_nothing_else(workload: Object) -> None:
    """No pod runs as root, gains a privilege, writes to its image or talks to Kubernetes."""
    of_pod, of_container = pod(workload)["securityContext"], container(workload)["securityContext"]

    assert of_pod["runAsNonRoot"]
    assert of_pod["runAsUser"] > 0
    assert of_pod["runAsUser"] == of_pod["fsGroup"]
    assert {"type": "RuntimeDefault"} == of_pod["seccompProfile"]
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == of_container
    assert not pod(workload)["automountServiceAccountToken"]
    assert not pod(workload)["enableServiceLinks"]


def test_pods_say_what_they_take(workload: Object) -> None:
    """Every pod has requests and limits, and asks for no more than it may have."""
    resources = container(workload)["resources"]

    for resource in ("cpu", "memory"):
        asked, limit = (quantity(resources[kind][resource]) for kind in ("requests", "limits"))
        assert 0 < asked <= limit


def test_commands_are_ours(service: Service) -> None:
    """A container runs a module that exists, in the image of this version."""
    python, option, module = service.container["command"]

    assert ("python", "-m") == (python, option)
    assert importlib.util.find_spec(f"{module}.__main__")
    assert f"services.{service.name}" == module
    assert f"sluice-server:{sluice.__version__}" == service.container["image"]


def test_liveness_does_not_depend_on_stores(service: Service) -> None:
    """A pod is started anew when it hangs, never because a store is away."""
    probes = {kind: service.container[f"{kind}Probe"] for kind in ("startup", "liveness")}

    assert {"grpc.health.v1.Health"} == {each["grpc"]["service"] for each in probes.values()}
    assert "" == service.container["readinessProbe"]["grpc"]["service"]


def test_redis_is_new_enough() -> None:
    """The image is of a Redis that the ledger knows."""
    version = container(named("StatefulSet", "redis"))["image"].partition(":")[2]

    assert tuple(map(int, version.split("."))) >= VERSION_MIN


def test_qdrant_is_new_enough() -> None:
    """The image is of a Qdrant that the vector store knows."""
    version = container(named("StatefulSet", "qdrant"))["image"].partition(":v")[2]

    assert tuple(map(int, version.split("."))) >= (1, 19)


def backend(route: Object, service: str) -> Any:
    """Where a route sends a service of gRPC."""
    for rule in route["spec"]["rules"]:
        names = [match["method"]["service"] for match in rule.get("matches", [])]
        if not names or service in names:
            [found] = rule["backendRefs"]
            return found
    return None


def test_a_gateway_sends_calls_where_clients_would() -> None:
    """With one address for all, every method gets to the process that a client would name."""
    [route] = objects("gateway", "GRPCRoute")

    for method in ACCESS_RULES:
        found = backend(route, method.split("/")[1])
        [port] = named("Service", found["name"])["spec"]["ports"]
        assert (process_of(method), port["port"]) == (found["name"], found["port"])
