"""Files of real tools, written by the tools themselves, are read with exact counts.

Each tool writes the same 600 frames, and 30 of them are near the hard ones.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from sluice.cli.app import app
from tests.e2e import sluiced
from tests.e2e.sluiced import Server
from tests.writers.corpus import HARD, ROWS, make_corpus, make_hard, round_values

ROOT = Path(__file__).resolve().parents[2]
MODEL = "resnet50-v2"
NAIVE = ("--timezone", "UTC")
AS_TEXT = ("--ids-as-text",)
LANCE = ("--map", "embedding=vector")


@dataclass(frozen=True)
class Written:
    """A file or folder of a tool, the options to read it, and how many rows are left out."""

    tool: str
    name: str
    options: tuple[str, ...] = ()
    skipped: int = 0
    passed_over: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    device: str = "truck-0"

    def __str__(self) -> str:
        return f"{self.tool}-{self.name}"


@dataclass(frozen=True)
class Refused:
    """A file or folder of a tool that is refused, and what the error says."""

    tool: str
    name: str
    message: str
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.tool}-{self.name}"


FOG = {"weather": "fog"}
READ = [
    *(
        Written("polars", name, metadata=FOG)
        for name in (
            "array.parquet",
            "groups.parquet",
            "file.arrow",
            "zstd.feather",
            "stream.ipc",
            "oldest.arrow",
            "lines.jsonl",
            "list.parquet",
            "list.arrow",
            "float64.parquet",
            "float64.arrow",
            "float16.parquet",
            "float16.arrow",
            "categories.parquet",
            "categories.arrow",
            "parts",
            "parts/part-?.parquet",
        )
    ),
    Written("polars", "naive.parquet", NAIVE),
    Written("polars", "naive.arrow", NAIVE),
    Written("polars", "integers.parquet", AS_TEXT),
    Written("polars", "renamed.arrow", ("--map", "embedding=vec")),
    Written(
        "polars",
        "others.parquet",
        passed_over=("second", "exposure", "pose", "raw"),
        metadata={**FOG, "price": 0.5},
    ),
    Written("polars", "bad.arrow", ("--skip-bad-rows",), skipped=3),
    *(
        Written("duckdb", name)
        for name in (
            "array.parquet",
            "list.parquet",
            "double.parquet",
            "lines.jsonl",
            "enum.parquet",
            "table.arrow",
        )
    ),
    Written("duckdb", "naive.parquet", NAIVE),
    Written("duckdb", "uuid.parquet", AS_TEXT),
    Written("duckdb", "integers.parquet", AS_TEXT),
    Written("duckdb", "blob.parquet", AS_TEXT),
    Written(
        "duckdb",
        "others.parquet",
        passed_over=("raw", "pose", "tags", "lag"),
        metadata={"price": 0.5, "notes": "{}", "at": "12:00:00"},
        device="",
    ),
    *(
        Written("pandas", name, metadata=FOG)
        for name in (
            "arrays.parquet",
            "feather.feather",
            "index.parquet",
            "float16.parquet",
            "category.parquet",
            "lines.jsonl",
        )
    ),
    Written("pandas", "filtered.parquet", metadata=FOG, skipped=1),
    Written("pandas", "integers.parquet", AS_TEXT),
    Written("pandas", "naive.parquet", NAIVE),
    Written("pandas", "epoch.jsonl", ("--map", "date_captured=none")),
    Written("pandas", "texts.npz", passed_over=("model",)),
    Written("pandas", "naive.npz", (*NAIVE, *AS_TEXT)),
    *(
        Written("datasets", name)
        for name in ("saved", "inferred.parquet", "lines.jsonl", "fixed.parquet", "list.parquet")
    ),
    Written("ray", "items"),
    Written("ray", "items/*.parquet"),
    Written("ray", "tensors"),
    Written("ray", "fixed"),
    Written("lancedb", "table.parquet", LANCE, metadata=FOG, device=""),
    Written("lancedb", "pandas.parquet", LANCE, metadata=FOG, device=""),
    Written("lancedb", "search.parquet", LANCE),
    Written("lancedb", "lance.arrow"),
]
REFUSED = [
    Refused("polars", "naive.arrow", "without a time zone; name it by --timezone"),
    Refused("polars", "integers.parquet", "is int64, not strings; --ids-as-text reads"),
    Refused("polars", "renamed.arrow", "use --map embedding=vec"),
    Refused("polars", "bad.arrow", "in 3 rows: 1, 4, 7; --skip-bad-rows leaves such rows out"),
    Refused("duckdb", "naive.parquet", "without a time zone; name it by --timezone"),
    Refused("duckdb", "uuid.parquet", "is extension<arrow.uuid>, not strings; --ids-as-text"),
    Refused("duckdb", "blob.parquet", "is binary, not strings; --ids-as-text reads"),
    Refused("pandas", "wide.parquet", "the file has 8 columns of floats; if each is a dimension"),
    Refused("pandas", "fastparquet.parquet", "is extension<arrow.json>, not lists of floats"),
    Refused("pandas", "epoch.jsonl", "1767225600000 is not an ISO 8601 time in row 0; write"),
    Refused("pandas", "objects.npz", "'frame_id' holds Python objects; save it as strings"),
    Refused("datasets", "array2d.parquet", "holds arrays of shape (1, 8) in each row"),
    Refused("datasets", "array2d", "holds arrays of shape (1, 8) in each row"),
    Refused("ray", "json", "has no files of frames; supported: .parquet"),
    Refused("lancedb", "table.parquet", "use --map embedding=vector"),
    Refused("lancedb", "frames.lance", "is a Lance dataset; write it as Parquet"),
]
TOOLS = sorted({case.tool for case in READ})
FRESH = [next(case for case in READ if case.tool == tool) for tool in TOOLS]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for each tool, written by it in an environment of its own."""
    root = tmp_path_factory.mktemp("written")
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(root / "hf"), "RAY_USAGE_STATS_ENABLED": "0"}
    python = ROOT / ".venv-writers" / "bin" / "python"
    for tool in TOOLS:
        (root / tool).mkdir()
        subprocess.run(
            [python, "-m", f"tests.writers.write_{tool}", root / tool],
            cwd=ROOT,
            env={**os.environ, **offline, "PYTHONPATH": str(ROOT)},
            check=True,
        )
    return root


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """All services in one process."""
    with sluiced.running(tmp_path_factory.mktemp("server") / "server") as started:
        yield started


@dataclass(frozen=True)
class Project:
    """The command in this process, for a project with a dataset, an issue and a campaign."""

    name: str
    campaign: str
    issue: str
    env: dict[str, str]

    def run(self, *arguments: str) -> Result:
        """Run a command."""
        return CliRunner().invoke(app, arguments, env=self.env, catch_exceptions=False)

    def json(self, *arguments: str) -> Any:
        """Run a command that must succeed; returns its JSON."""
        result = self.run(*arguments, "--json")
        assert 0 == result.exit_code, result.stderr
        return json.loads(result.stdout)

    def scan(self, path: Path, *options: str) -> Result:
        """Scan a file."""
        space = ("-p", self.name, "--model-id", MODEL)
        return self.run("scan", str(path), *space, *options, "--json")


def make_project(server: Server, name: str, folder: Path) -> Project:
    """A project whose campaign looks for the hard frames."""
    random = np.random.default_rng(2)
    corpus = make_corpus()
    for file, vectors in (
        ("hard", round_values(make_hard(random))),
        ("background", corpus.vectors[:-HARD]),
    ):
        ids = np.array([f"{file}-{index}" for index in range(len(vectors))])
        np.savez(folder / f"{file}.npz", frame_id=ids, embedding=vectors)
    env = {
        "SLUICE_TARGET": server.target,
        "SLUICE_API_KEY": server.admin_key,
        "SLUICE_CACHE_DIR": str(folder / "models"),
        "COLUMNS": "200",
    }
    space = ("--model-id", MODEL)
    project = Project(name, "", "", env)
    project.json("projects", "create", name)
    project.json("datasets", "create", "-p", name, "d", "--task", "box_2d", "--class", "van")
    issue = project.json("issues", "create", "-p", name, "Hard", "--dataset", "d")["name"]
    project.json("issues", "add-elements", issue, str(folder / "hard.npz"), *space)
    project.json("background", str(folder / "background.npz"), "-p", name, *space)
    campaign = project.json("campaigns", "start", issue)["name"]
    return Project(name, campaign, issue, env)


@pytest.fixture(scope="session")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One project for all files."""
    return make_project(server, "files", tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("case", READ, ids=str)
def test_rows_and_matches(project: Project, written: Path, case: Written) -> None:
    """All rows are scored and counted, the hard ones match, and the rest is named."""
    seen = int(project.json("funnel", project.campaign)["seen"])
    result = project.scan(written / case.tool / case.name, *case.options)
    assert 0 == result.exit_code, result.stderr
    report = json.loads(result.stdout)
    assert (ROWS - case.skipped, HARD) == (report["rows"], report["passing"])
    [verdicts] = report["verdicts"].values()
    assert HARD == sum(verdicts.values())
    assert ROWS - case.skipped == int(project.json("funnel", project.campaign)["seen"]) - seen
    if "--skip-bad-rows" in case.options:
        assert case.skipped == report["skipped_rows"]
    assert bool(case.passed_over) == ("columns left out" in result.stderr)
    assert all(f"'{name}' (" in result.stderr for name in case.passed_over)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_files_say_what_to_do(project: Project, written: Path, case: Refused) -> None:
    """A file that cannot be read so is refused with the next step, before anything is counted."""
    seen = project.json("funnel", project.campaign)["seen"]
    result = project.scan(written / case.tool / case.name, *case.options)
    assert 1 == result.exit_code
    assert case.message in result.stderr
    assert seen == project.json("funnel", project.campaign)["seen"]


@pytest.mark.parametrize("case", FRESH, ids=str)
def test_every_command_reads_the_file(
    server: Server, written: Path, tmp_path: Path, case: Written
) -> None:
    """A background, elements and frames of a dataset are read as a scan reads them."""
    project = make_project(server, case.tool, tmp_path)
    file = (str(written / case.tool / case.name), *case.options, "--model-id", MODEL)
    space = project.json("background", *file, "-p", case.tool)
    assert ROWS == space["background_count"]
    issue = project.json("issues", "add-elements", project.issue, *file)
    assert HARD + ROWS == int(issue["element_count"])
    dataset = f"projects/{case.tool}/datasets/d"
    counts = project.json("datasets", "append", dataset, *file)
    assert (ROWS, 0) == (counts["added"], counts["skipped_rows"])
    assert ROWS == project.json("datasets", "append", dataset, *file)["unchanged"]


WITH_METADATA = [case for case in READ if case.metadata]


@pytest.mark.parametrize("case", WITH_METADATA, ids=str)
def test_metadata_of_samples(server: Server, written: Path, tmp_path: Path, case: Written) -> None:
    """The first frame has exactly the expected fields and the device in a dataset."""
    env = {"SLUICE_TARGET": server.target, "SLUICE_API_KEY": server.admin_key}
    project = Project(f"metadata-{WITH_METADATA.index(case)}", "", "", env)
    project.json("projects", "create", project.name)
    project.json("datasets", "create", "-p", project.name, "d", "--task", "box_2d")
    dataset = f"projects/{project.name}/datasets/d"
    file = str(written / case.tool / case.name)
    project.json("datasets", "append", dataset, file, *case.options, "--model-id", MODEL)
    [frame] = project.json("datasets", "frames", dataset, "--limit", "1")
    assert case.metadata == frame["fields"]
    assert case.device == frame["frame"]["device"]
