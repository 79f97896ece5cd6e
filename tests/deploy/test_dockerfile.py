"""The image is built from what the build is given, and runs as the manifests say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.deploy.rendered import ROOT, Service, pod

DOCKERFILE = ROOT / "deploy/docker/Dockerfile"


def instructions(name: str) -> list[str]:
    """What follows each instruction of that name, its lines joined."""
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} (.+)$", joined, re.MULTILINE)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """The folder in which the build stage stands: what is copied, if it is not ignored."""
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for copy in instructions("COPY"):
        *sources, target = copy.split()
        for source in let_in.intersection(sources):
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target)
            else:
                shutil.copy(ROOT / source, tmp_path / target)
    return tmp_path


def test_wheels_are_built_from_what_is_copied(given: Path) -> None:
    """Both distributions are built whole, and with the licence, from the copied files alone."""
    [command] = [
        part for run in instructions("RUN") for part in run.split("&&") if "./client" in part
    ]
    pip, *arguments = command.replace("/wheels", str(given / "wheels")).split()
    subprocess.run([sys.executable, "-m", pip, *arguments], cwd=given, check=True)

    for name, package in (("sluice_client", "client/sluice"), ("sluice_server", "services")):
        [wheel] = (given / "wheels").glob(f"{name}-*.whl")
        held = set(zipfile.ZipFile(wheel).namelist())
        root = (ROOT / package).parent
        modules = {str(path.relative_to(root)) for path in (ROOT / package).rglob("*.py")}
        assert set() == modules - held
    assert any(each.endswith("licenses/LICENSE") for each in held)
    assert (ROOT / "requirements.lock").read_text() == (given / "requirements.lock").read_text()


def test_hashes_are_held() -> None:
    """Every install from outside is held to the lock's hashes; the others see only its wheels."""
    commands = [part.strip() for run in instructions("RUN") for part in run.split("&&")]
    installs = [each for each in commands if re.search(r"pip (install|wheel)", each)]
    inside = ("--no-index", "--no-build-isolation")

    outside = [each for each in installs if not any(option in each for option in inside)]
    assert ["--require-hashes" in each for each in outside] == [True]
    assert outside[0].endswith("-r requirements.lock")


def test_the_image_names_no_index() -> None:
    """Where packages come from is the business of who builds."""
    assert not re.search(r"\w+://|index-url|INDEX_URL|trusted-host", DOCKERFILE.read_text())


def test_the_user_is_the_pods(service: Service) -> None:
    """The image runs as the user that the pods run as."""
    context = pod(service.workload)["securityContext"]

    assert [f"{context['runAsUser']}:{context['runAsGroup']}"] == instructions("USER")
