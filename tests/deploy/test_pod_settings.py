"""The manifests set exactly the settings that the processes have."""

from __future__ import annotations

import os
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest

from services.server.cluster_settings import ClusterSettings
from services.server.command import run_server
from services.server.settings import ModelSettings, ScoringSettings
from tests.deploy.manifests import K8S, SETTINGS, Service, find_object, make_secrets, parse_quantity

TARGETS = ("qdrant_url", "campaign_target", "ingest_target", "curation_target")


@pytest.fixture
def settings(
    service: Service, secret_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ClusterSettings:
    """The settings that the process of a pod loads with its command line."""
    secrets = tmp_path / "mounted"
    service.mount_secrets(secret_files, secrets)
    for name in [name for name in os.environ if name.startswith("SLUICE_")]:
        monkeypatch.delenv(name)
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    loaded: list[ClusterSettings] = []

    def serve(settings: ClusterSettings) -> int:
        loaded.append(settings)
        return 0

    kind = SETTINGS[service.name]
    assert 0 == run_server(service.name, "", kind, serve, service.arguments(secrets))
    return loaded[0]


def test_only_settings_are_set(service: Service) -> None:
    """Every variable and every file of a pod is a setting of its process."""
    fields = {f"sluice_{field}" for field in SETTINGS[service.name].model_fields}

    assert set() == {name.lower() for name in service.env} - fields
    assert set() == set(service.secrets) - fields


def test_all_values_are_accepted(settings: ClusterSettings, service: Service) -> None:
    """Every value is accepted, no required one is missing, and each overrides its default."""
    names = {name.removeprefix("SLUICE_").lower() for name in service.env}
    names |= {name.removeprefix("sluice_") for name in service.secrets}

    assert names == settings.model_fields_set


def test_a_pod_listens_on_the_port_of_its_service(
    settings: ClusterSettings, service: Service
) -> None:
    """The port of the process is that of its container, its probes and its Service."""
    assert ip_address(settings.host).is_unspecified
    [port] = service.container["ports"]
    [of_service] = find_object("Service", service.name)["spec"]["ports"]
    probes = [service.container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]

    assert [settings.port] * 3 == [probe["grpc"]["port"] for probe in probes]
    assert settings.port == port["containerPort"] == of_service["port"]
    assert port["name"] == of_service["targetPort"]


def test_addresses_name_services(settings: ClusterSettings) -> None:
    """Every address in the settings is that of a Service, at one of its ports."""
    urls = [settings.redis_url.get_secret_value()]
    urls += [getattr(settings, name, "") for name in TARGETS]

    for host, _, port in [url.rpartition("/")[2].rpartition("@")[2].partition(":") for url in urls]:
        if host:
            ports = find_object("Service", host)["spec"]["ports"]
            assert int(port) in [entry["port"] for entry in ports]


def test_a_stop_has_the_time_it_needs(settings: ClusterSettings, service: Service) -> None:
    """A pod is killed only after preStop, the grace period and some seconds to close stores."""
    pod = service.workload["spec"]["template"]["spec"]
    before = service.container["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod["terminationGracePeriodSeconds"] >= before + settings.grace_s + 10


def test_a_start_has_the_time_it_may_take(settings: ClusterSettings, service: Service) -> None:
    """A process that waits for its stores gives up by itself before it is restarted."""
    probe = service.container["startupProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] > settings.start_patience_s + 30


def test_memory_and_threads_fit(settings: ClusterSettings, service: Service) -> None:
    """Models take at most half of the memory, and there is one scoring thread per CPU."""
    resources = service.container["resources"]

    if isinstance(settings, ModelSettings):
        assert settings.models_bytes_max <= parse_quantity(resources["limits"]["memory"]) / 2
        assert settings.models_bytes_max < parse_quantity(resources["requests"]["memory"])
    if isinstance(settings, ScoringSettings):
        assert settings.scoring_threads == parse_quantity(resources["limits"]["cpu"])
        assert 1 == settings.blas_threads


def test_blobs_are_on_the_shared_volume(settings: ClusterSettings, service: Service) -> None:
    """Models are written where every pod of every service reads them."""
    mounts = {mount["mountPath"]: mount["name"] for mount in service.container["volumeMounts"]}
    volumes = {
        volume["name"]: volume for volume in service.workload["spec"]["template"]["spec"]["volumes"]
    }
    claim = volumes[mounts[settings.blobs]]["persistentVolumeClaim"]["claimName"]

    assert ["ReadWriteMany"] == find_object("PersistentVolumeClaim", claim)["spec"]["accessModes"]


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """A second run makes only missing files, and only the operator can read them."""
    make_secrets(tmp_path / "secrets")
    first = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    (tmp_path / "secrets/sluice_internal_key").unlink()
    make_secrets(tmp_path / "secrets")
    second = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    assert {"sluice_internal_key"} == {name for name in first if first[name] != second[name]}
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()}


def test_no_secret_is_in_the_repository() -> None:
    """The base renders no Secret, and git ignores the folder of secrets that the guide uses."""
    ignored = ["git", "check-ignore", "-q", str(K8S / "secrets/sluice_pepper")]

    assert 0 == subprocess.run(ignored, cwd=K8S, check=False).returncode
    assert not [path for path in K8S.rglob("*.yaml") if "kind: Secret\n" in path.read_text()]
