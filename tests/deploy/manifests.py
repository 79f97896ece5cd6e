"""The objects that `kubectl apply -k deploy/k8s/base` applies, and how a pod sees them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from services.server.cluster_settings import (
    CampaignSettings,
    ClusterSettings,
    CurationSettings,
    IngestSettings,
    ScorerSettings,
)

ROOT: Final = Path(__file__).resolve().parents[2]
K8S: Final = ROOT / "deploy/k8s"
TOOLS: Final = ROOT / ".venv-deploy/bin"

SETTINGS: Final[dict[str, type[ClusterSettings]]] = {
    "campaign": CampaignSettings,
    "scorer": ScorerSettings,
    "ingest": IngestSettings,
    "curation": CurationSettings,
}
"""The settings class of each process."""

_FACTORS: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "m": 0.001}

Object = dict[str, Any]
"""A rendered object of Kubernetes."""


def render(folder: str) -> str:
    """The YAML that kubectl renders from a folder of deploy/k8s."""
    command = [str(TOOLS / "kubectl"), "kustomize", str(K8S / folder)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == completed.returncode, completed.stderr
    return completed.stdout


@cache
def _parse(folder: str) -> list[Object]:
    return list(yaml.safe_load_all(render(folder)))


def list_objects(folder: str = "base", kind: str = "") -> list[Object]:
    """The rendered objects, all or of one kind."""
    return [entry for entry in _parse(folder) if kind in ("", entry["kind"])]


def find_object(kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    [match] = [entry for entry in list_objects(kind=kind) if entry["metadata"]["name"] == name]
    return match


def list_workloads() -> list[Object]:
    """The objects with pods."""
    return [*list_objects(kind="Deployment"), *list_objects(kind="StatefulSet")]


def pod_spec(workload: Object) -> Object:
    """The specification of its pods."""
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


def only_container(workload: Object) -> Object:
    """The only container of its pods."""
    containers: list[Object] = pod_spec(workload)["containers"]
    [only] = containers
    return only


def parse_quantity(value: str) -> float:
    """A quantity of Kubernetes as a number: `512Mi`, `500m`, `2`."""
    for suffix, factor in _FACTORS.items():
        if value.endswith(suffix):
            return float(value.removesuffix(suffix)) * factor
    return float(value)


def make_secrets(folder: Path) -> None:
    """Make the files of the secret with the operator's script."""
    subprocess.run([K8S / "make-secrets.sh", folder], check=True)


@dataclass(frozen=True)
class Service:
    """One of the four services as it is deployed."""

    name: str

    @property
    def workload(self) -> Object:
        """Its Deployment."""
        return find_object("Deployment", self.name)

    @property
    def container(self) -> Object:
        """Its container."""
        return only_container(self.workload)

    @property
    def env(self) -> dict[str, str]:
        """The environment of its process."""
        return dict(self._env())

    def _env(self) -> Iterator[tuple[str, str]]:
        for source in self.container["envFrom"]:
            yield from find_object("ConfigMap", source["configMapRef"]["name"])["data"].items()
        for variable in self.container.get("env", ()):
            kind, _, resource = variable["valueFrom"]["resourceFieldRef"]["resource"].partition(".")
            yield variable["name"], self.container["resources"][kind][resource]

    @property
    def secrets(self) -> dict[str, str]:
        """The key of the secret for each mounted file."""
        [volume] = [v for v in pod_spec(self.workload)["volumes"] if "secret" in v]
        return {item["path"]: item["key"] for item in volume["secret"]["items"]}

    def mount_secrets(self, source: Path, folder: Path) -> None:
        """Copy its mounted files from the operator's folder into another one."""
        folder.mkdir()
        for path, key in self.secrets.items():
            (folder / path).write_text((source / key).read_text())

    def arguments(self, secrets: Path) -> list[str]:
        """Its arguments, with that folder in place of the mount path of the secrets."""
        [mount] = [m for m in self.container["volumeMounts"] if m["name"] == "secrets"]
        return [part.replace(mount["mountPath"], str(secrets)) for part in self.container["args"]]
