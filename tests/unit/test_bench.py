"""The runner of the benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import _tables
from bench.__main__ import figures, main, names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of benchmarks, empty but for a helper."""
    folder = tmp_path / "gauges"
    folder.mkdir()
    (folder / "_data.py").write_text("raise SystemExit('a helper was run')")
    return folder


def benchmark(folder: Path, name: str, *lines: str) -> None:
    """Write a benchmark that prints those lines."""
    (folder / f"{name}.py").write_text("\n".join(f"print({line!r})" for line in lines))


def results(folder: Path) -> dict[str, float]:
    """The figures that the runner has written."""
    figures: dict[str, float] = json.loads((folder / "results.json").read_text())
    return figures


def test_figures_of_all_modules_are_merged(folder: Path) -> None:
    """One flat object has the last line of every module, and nothing of an earlier run."""
    (folder / "results.json").write_text('{"gone": 1}')
    benchmark(folder, "speed", "warming up", '{"speedup": 3.5}')
    benchmark(folder, "quality", '{"precision": 1, "recall": 0.5}')

    assert 0 == main([], folder)
    assert {"speedup": 3.5, "precision": 1, "recall": 0.5} == results(folder)


def test_a_failing_module_fails_the_run_alone(folder: Path) -> None:
    """The figures of the others are merged, and its own stay as they were."""
    (folder / "results.json").write_text('{"speedup": 3.5, "recall": 0.4}')
    (folder / "speed.py").write_text("raise SystemExit(1)")
    benchmark(folder, "quality", '{"recall": 0.5}')

    assert 0 != main([], folder)
    assert {"speedup": 3.5, "recall": 0.5} == results(folder)


def test_one_module_can_be_run(folder: Path) -> None:
    """The figures of the modules that were not named stay as they were."""
    (folder / "results.json").write_text('{"speedup": 3.5, "recall": 0.4}')
    (folder / "speed.py").write_text("raise SystemExit(1)")
    benchmark(folder, "quality", '{"recall": 0.5}')

    assert 0 == main(["quality"], folder)
    assert {"speedup": 3.5, "recall": 0.5} == results(folder)


def test_two_modules_cannot_share_a_figure(folder: Path) -> None:
    """A figure's name says which module measured it."""
    benchmark(folder, "speed", '{"speedup": 3.5}')
    benchmark(folder, "quality", '{"speedup": 0.5}')

    assert 0 != main([], folder)


def test_helpers_are_not_benchmarks(folder: Path) -> None:
    """A module with a leading underscore in its name is not run."""
    benchmark(folder, "speed", '{"speedup": 3.5}')

    assert ["speed"] == names(folder)


@pytest.mark.parametrize(
    "output",
    ["", "done", "[1]", "{}", '{"a": "1"}', '{"a": true}', '{"a": NaN}', '{"a": {"b": 1}}'],
)
def test_only_an_object_of_numbers_is_accepted(output: str) -> None:
    """Anything but an object of finite numbers is rejected."""
    with pytest.raises(ValueError, match=r"expected|Expecting"):
        figures(output)


@pytest.mark.parametrize("document", _tables.DOCUMENTS, ids=lambda path: path.name)
def test_tables_of_documents_match_the_figures(document: Path) -> None:
    """The tables of README and docs contain the figures of results.json, and nothing else."""
    text = document.read_text()
    assert "<!-- table: " in text
    assert _tables.fill(text, json.loads(_tables.RESULTS.read_text())) == text


def test_tables_are_generated_between_their_marks() -> None:
    """Everything between the marks is replaced, the text around them is kept."""
    figures = {f"scoring.kernel_over_products.{n}": 1.5 for n in (1, 10, 100, 1_000)}
    figures |= {
        f"scoring.kernel_over_products.{key}.{n}": 2.25
        for key in ("512d.2threads", "768d.1threads", "768d.2threads")
        for n in (1, 10, 100, 1_000)
    }
    text = "before\n<!-- table: kernel -->\nold\n<!-- end of table -->\nafter\n"
    lines = _tables.fill(text, figures).splitlines()
    assert ["before", "<!-- table: kernel -->"] == lines[:2]
    assert "| 512-d, 1 thread | 1.50 | 1.50 | 1.50 | 1.50 |" == lines[4]
    assert "| 768-d, 2 threads | 2.25 | 2.25 | 2.25 | 2.25 |" == lines[7]
    assert ["<!-- end of table -->", "after"] == lines[8:]
