"""What `kubectl apply -k deploy/k8s/base` would send, and how a pod sees it."""

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


def text(folder: str) -> str:
    """What kubectl renders from a folder of deploy/k8s."""
    command = [str(TOOLS / "kubectl"), "kustomize", str(K8S / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


@cache
def _parsed(folder: str) -> list[Object]:
    return list(yaml.safe_load_all(text(folder)))


def objects(folder: str = "base", kind: str = "") -> list[Object]:
    """The rendered objects, all or of one kind."""
    return [each for each in _parsed(folder) if kind in ("", each["kind"])]


def named(kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    [found] = [each for each in objects(kind=kind) if each["metadata"]["name"] == name]
    return found


def workloads() -> list[Object]:
    """Everything that has pods."""
    return [*objects(kind="Deployment"), *objects(kind="StatefulSet")]


def pod(workload: Object) -> Object:
    """The specification of its pods."""
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


def container(workload: Object) -> Object:
    """The only container of its pods."""
    [only] = pod(workload)["containers"]
    found: Object = only
    return found


def quantity(value: str) -> float:
    """A quantity of Kubernetes as a number: `512Mi`, `500m`, `2`."""
    for suffix, factor in _FACTORS.items():
        if value.endswith(suffix):
            return float(value.removesuffix(suffix)) * factor
    return float(value)


def make_secrets(folder: Path) -> None:
    """Make the files of the secret as an operator would."""
    subprocess.run([K8S / "make-secrets.sh", folder], check=True)


@dataclass(frozen=True)
class Service:
    """One of our services as it is deployed."""

    name: str

    @property
    def workload(self) -> Object:
        """Its Deployment."""
        return named("Deployment", self.name)

    @property
    def container(self) -> Object:
        """Its container."""
        return container(self.workload)

    @property
    def env(self) -> dict[str, str]:
        """The environment that its process sees."""
        return dict(self._env())

    def _env(self) -> Iterator[tuple[str, str]]:
        for source in self.container["envFrom"]:
            yield from named("ConfigMap", source["configMapRef"]["name"])["data"].items()
        for variable in self.container.get("env", ()):
            kind, _, resource = variable["valueFrom"]["resourceFieldRef"]["resource"].partition(".")
            yield variable["name"], self.container["resources"][kind][resource]

    @property
    def secrets(self) -> dict[str, str]:
        """The key of the secret for each file that it sees."""
        [volume] = [each for each in pod(self.workload)["volumes"] if "secret" in each]
        return {item["path"]: item["key"] for item in volume["secret"]["items"]}

    def write_secrets(self, made: Path, folder: Path) -> None:
        """Lay the files that it sees into a folder."""
        folder.mkdir()
        for path, key in self.secrets.items():
            (folder / path).write_text((made / key).read_text())

    def arguments(self, secrets: Path) -> list[str]:
        """Its arguments, with the secrets in this folder and not where they are mounted."""
        [mount] = [each for each in self.container["volumeMounts"] if each["name"] == "secrets"]
        return [part.replace(mount["mountPath"], str(secrets)) for part in self.container["args"]]
