"""Rules of the house that no linter checks."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sluice

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60

# Options that name a package index, for pip and npm, and where npm's lock keeps addresses.
INDEX_OPTION = re.compile(
    r"""index-url|find-links|trusted-host|"resolved"|^\s*(@[\w-]+:)?registry\s*=""", re.MULTILINE
)
ADDRESS = re.compile(r"\w+://")

# Without grpc_health and grpc_reflection, which grpc itself imports where they are installed.
SERVER_PACKAGES = {"msgspec", "pydantic", "qdrant_edge", "services", "structlog"}


def tracked(*patterns: str) -> list[Path]:
    """The files of the repository that git tracks, or would on `git add`."""
    command = ["git", "ls-files", "-z", "-co", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in names.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def written_code() -> list[Path]:
    """The Python files that people write; generated stubs are left out."""
    return [path for path in tracked("*.py") if not path.stem.endswith(("_pb2", "_pb2_grpc"))]


def pyproject(path: str) -> dict[str, Any]:
    """The parsed pyproject.toml at that path."""
    return tomllib.loads((ROOT / path).read_text())


def test_no_package_index_is_named() -> None:
    """No tracked configuration names a package index: each machine has its own."""
    settings = tracked("*.lock", "*.toml", "*.json", "*.in", "*.cfg", ".npmrc", ".ci", "tools/*.sh")

    violations = [str(path) for path in settings if INDEX_OPTION.search(path.read_text())]

    assert ROOT / "requirements.lock" in settings
    assert [] == violations


def test_locks_hold_no_address() -> None:
    """Lock files hold versions and hashes, and not a single address."""
    locks = tracked("*.lock", "*-lock.json")

    assert {"requirements.lock", "package-lock.json"} <= {path.name for path in locks}
    assert [] == [path.name for path in locks if ADDRESS.search(path.read_text())]


def test_an_index_would_be_noticed() -> None:
    """The patterns of the two tests above match what pip and npm would write."""
    # Concatenated, so that this file does not contain what it forbids.
    option, address = "--extra-index" + "-url", "https" + "://packages.example"

    assert INDEX_OPTION.search(f"{option} {address}")
    assert INDEX_OPTION.search("\n@team:registry" + "=" + address)
    assert ADDRESS.search(json.dumps({"resolved": address}))


@pytest.fixture(scope="module")
def client_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as it would be published, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        f"--outdir={folder}",
        "client",
    ]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_the_client_needs_four_packages(client_wheel: Path) -> None:
    """The client depends on grpcio, numpy, protobuf and safetensors, and no other package."""
    [metadata] = client_wheel.glob("*.dist-info/METADATA")
    needs = map(Requirement, Parser().parsestr(metadata.read_text()).get_all("Requires-Dist", []))

    base = {
        need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})
    }
    assert {"grpcio", "numpy", "protobuf", "safetensors"} == base


def test_the_client_is_published_whole(client_wheel: Path) -> None:
    """The wheel contains every file of the package, with types and stubs, and the licence."""
    source = ROOT / "client"
    files = {path.relative_to(source) for path in tracked("client/sluice/")}

    assert Path("sluice/py.typed") in files
    assert set() == {path for path in files if not (client_wheel / path).is_file()}
    [licence] = client_wheel.glob("*.dist-info/licenses/LICENSE")
    assert (ROOT / "LICENSE").read_text() == licence.read_text()


def test_importing_the_client_loads_nothing_else() -> None:
    """No module of the client imports the services, or a package that only they need."""
    program = """
import importlib, pkgutil, sys
import sluice
for module in pkgutil.walk_packages(sluice.__path__, "sluice."):
    importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    loaded = set(output.split())

    assert {"sluice", "grpc"} <= loaded
    assert set() == loaded & SERVER_PACKAGES


def test_both_distributions_have_one_version() -> None:
    """The server needs exactly the client it was released with."""
    needs = pyproject("pyproject.toml")["project"]["dependencies"]

    assert f"sluice-client=={sluice.__version__}" in needs


def test_the_lock_pins_every_need() -> None:
    """Every need of both distributions is pinned, at a version that it allows."""
    client, server = pyproject("client/pyproject.toml"), pyproject("pyproject.toml")
    extras = server["project"]["optional-dependencies"]
    needs = [
        *client["project"]["dependencies"],
        *server["project"]["dependencies"],
        *extras["curation"],
        *extras["demo"],
        *extras["dev"],
        *client["build-system"]["requires"],
    ]
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = dict(line.split()[0].split("==") for line in lines if line[:1].isalpha())
    pins["sluice-client"] = sluice.__version__

    unmet = [
        need
        for need in map(Requirement, needs)
        if not need.specifier.contains(pins.get(canonicalize_name(need.name), "0"))
    ]

    assert [] == unmet


def test_files_are_short() -> None:
    """No file that people write is longer than 500 lines."""
    lengths = {path: path.read_text().count("\n") for path in written_code()}

    assert Path(__file__) in lengths
    assert {} == {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """The name and the number of lines of each function of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_are_short() -> None:
    """No function is longer than 60 lines."""
    lengths = [(path, *function) for path in written_code() for function in functions(path)]

    assert "test_functions_are_short" in {name for _, name, _ in lengths}
    assert [] == [function for function in lengths if function[2] > FUNCTION_LINES_MAX]


@pytest.mark.parametrize(
    "test_file",
    [
        "import pytest\ndef test_one(): pytest.skip('no db')",
        "import pytest\n@pytest.mark.skip(reason='no db')\ndef test_one(): ...",
        "import pytest\npytest.skip('no db', allow_module_level=True)",
        "import pytest\n@pytest.fixture\ndef db(): pytest.skip('no db')\ndef test_one(db): ...",
    ],
    ids=["in the test", "by mark", "of the file", "in a fixture"],
)
def test_ci_rejects_a_skip(
    test_file: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SLUICE_NO_SKIP set a skipped test fails, and says why it was skipped."""
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text())
    pytester.makepyfile(test_file)
    monkeypatch.delenv("CI", raising=False)

    assert 0 == pytester.runpytest_subprocess().parseoutcomes().get("failed", 0)

    monkeypatch.setenv("SLUICE_NO_SKIP", "1")
    result = pytester.runpytest_subprocess()

    assert result.ret in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    result.stdout.fnmatch_lines(["*a skipped test counts as failed*no db*"])
