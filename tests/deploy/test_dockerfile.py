"""The image is built from the copied files alone, and runs as the manifests say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.deploy.manifests import ROOT, Service, pod_spec

DOCKERFILE = ROOT / "deploy/docker/Dockerfile"


def instructions(name: str) -> list[str]:
    """The arguments of each instruction of that name, with its lines joined."""
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} (.+)$", joined, re.MULTILINE)


@pytest.fixture
def build_folder(tmp_path: Path) -> Path:
    """The working folder of the build: copied files, without those of .dockerignore."""
    included = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for copy in instructions("COPY"):
        *sources, target = copy.split()
        for source in included.intersection(sources):
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target)
            else:
                shutil.copy(ROOT / source, tmp_path / target)
    return tmp_path


def test_wheels_are_built_from_what_is_copied(build_folder: Path) -> None:
    """Both distributions are built whole, and with the licence, from the copied files alone."""
    [command] = [
        part for run in instructions("RUN") for part in run.split("&&") if "./client" in part
    ]
    pip, *arguments = command.replace("/wheels", str(build_folder / "wheels")).split()
    subprocess.run([sys.executable, "-m", pip, *arguments], cwd=build_folder, check=True)

    for name, package in (("sluice_client", "client/sluice"), ("sluice_server", "services")):
        [wheel] = (build_folder / "wheels").glob(f"{name}-*.whl")
        packed = set(zipfile.ZipFile(wheel).namelist())
        root = (ROOT / package).parent
        modules = {str(path.relative_to(root)) for path in (ROOT / package).rglob("*.py")}
        assert set() == modules - packed
    assert any(name.endswith("licenses/LICENSE") for name in packed)
    assert (ROOT / "requirements.lock").read_text() == (
        build_folder / "requirements.lock"
    ).read_text()


def test_hashes_are_required() -> None:
    """Every install from an index requires the lock's hashes; the others use its wheels only."""
    commands = [part.strip() for run in instructions("RUN") for part in run.split("&&")]
    installs = [command for command in commands if re.search(r"pip (install|wheel)", command)]
    offline = ("--no-index", "--no-build-isolation")

    online = [command for command in installs if not any(o in command for o in offline)]
    assert ["--require-hashes" in command for command in online] == [True]
    assert online[0].endswith("-r requirements.lock")


def test_the_image_names_no_index() -> None:
    """The image's builder chooses the index; the Dockerfile names none."""
    assert not re.search(r"\w+://|index-url|INDEX_URL|trusted-host", DOCKERFILE.read_text())


def test_the_user_is_the_pods(service: Service) -> None:
    """The image runs as the user that the pods run as."""
    context = pod_spec(service.workload)["securityContext"]

    assert [f"{context['runAsUser']}:{context['runAsGroup']}"] == instructions("USER")
