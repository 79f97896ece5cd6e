"""ZCore scores as its description reads, however the work is cut up."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.curation import selection
from services.curation.selection import zcore
from services.curation.selection.zcore import (
    draw,
    initial_scores,
    scale_scores,
    sum_changes,
    varying_columns,
    zcore_scores,
)
from sluice.errors import FailedPrecondition, InvalidArgument
from tests.unit.curation.selection.plain_zcore import plain_changes

SEED = 7

pools = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(2, 90),  # rows
    st.integers(1, 6),  # dimensions
    st.sampled_from(["normal", "lattice", "line", "repeated"]),
)


def pool(seed: int, rows: int, dimension: int, kind: str) -> NDArray[np.float32]:
    """Embeddings: distinct, with many ties, with constant dimensions, or each twice."""
    random = np.random.default_rng(seed)
    embeddings = random.standard_normal((rows, dimension)).astype(np.float32)
    if kind == "lattice":
        embeddings = np.round(embeddings)
    if kind == "line":
        embeddings[:, 1:] = 3
    if kind == "repeated":
        embeddings = embeddings[random.integers(0, (rows + 1) // 2, rows)]
    return embeddings


def plain_scores(
    embeddings: NDArray[np.float32], draws: int, neighbours: int
) -> NDArray[np.float64]:
    """The scores by the plain rendering."""
    scores = initial_scores(SEED, len(embeddings))
    columns = varying_columns(embeddings)
    if len(columns):
        scores += plain_changes(columns.T, draw(columns, SEED, 0, draws), neighbours)
    return scale_scores(scores)


@given(pools, st.integers(1, 100))
@example((0, 3, 2, "normal"), 1)
@example((0, 12, 1, "lattice"), 1)
def test_scores_are_those_of_the_description(
    given_pool: tuple[int, int, int, str], neighbours: int
) -> None:
    """Scores equal the plain rendering's on the same numbers."""
    embeddings = pool(*given_pool)

    scores = zcore_scores(embeddings, seed=SEED, draws=200, neighbours=neighbours)

    assert pytest.approx(plain_scores(embeddings, 200, neighbours), abs=1e-4) == scores


@pytest.mark.parametrize("rows", [1_500, 6_000])
@pytest.mark.parametrize("kind", ["normal", "lattice"])
def test_scores_of_large_pools_are_too(rows: int, kind: str) -> None:
    """So they do where most rows are too far from a row to lose for it."""
    embeddings = pool(1, rows, 8, kind)

    scores = zcore_scores(embeddings, seed=SEED, draws=600)

    assert pytest.approx(plain_scores(embeddings, 600, zcore.NEIGHBOURS), abs=1e-4) == scores


def test_draws_are_even_over_planes() -> None:
    """Each pair of different dimensions is drawn as often, and points lie within their ranges."""
    columns = pool(4, 50, 3, "normal").T
    drawn = draw(columns, SEED, 0, 30_000)

    pairs, counts = np.unique(drawn.first * 3 + drawn.second, return_counts=True)
    assert [0 * 3 + 1, 0 * 3 + 2, 1 * 3 + 2] == pairs.tolist()
    assert pytest.approx(np.full(3, 10_000), abs=500) == counts
    for dimensions, points in zip((drawn.first, drawn.second), drawn.points.T):
        assert (columns.min(axis=1)[dimensions] <= points).all()
        assert (points <= columns.max(axis=1)[dimensions]).all()


def test_the_number_of_workers_changes_nothing() -> None:
    """Scores are the same to the last bit."""
    embeddings = pool(2, 300, 6, "normal")

    one, three = (zcore_scores(embeddings, seed=1, draws=2_000, workers=w) for w in (1, 3))

    assert one.tolist() == three.tolist()


def test_the_number_of_shards_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores are the same for shards of another size."""
    embeddings = pool(3, 300, 6, "normal")
    expected = zcore_scores(embeddings, seed=1, draws=2_000)

    monkeypatch.setattr(zcore, "_SHARDS", 5)

    assert pytest.approx(expected, abs=1e-6) == zcore_scores(embeddings, seed=1, draws=2_000)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_scores_fill_the_unit_range(seed: int, rows: int) -> None:
    """The lowest score is 0 and the highest is 1."""
    scores = zcore_scores(pool(seed, rows, 3, "normal"), seed=seed, draws=50)

    assert (0, 1) == (scores.min(), scores.max())


def test_rows_in_one_place_gain_nothing() -> None:
    """Of two equal rows and one that is alone in its place, only the last one is worth more."""
    embeddings = np.array([[0, 0], [0, 0], [1, 1]], np.float32)
    columns = varying_columns(embeddings)

    change = sum_changes(columns, draw(columns, SEED, 0, 400), near=2)

    assert change[2] > 0
    assert pytest.approx(-change[2] / 2) == change[0] == change[1]


def test_without_spread_scores_are_random() -> None:
    """A pool of equal rows keeps the scores it began with."""
    embeddings = np.ones((9, 4), np.float32)

    assert scale_scores(initial_scores(3, 9)).tolist() == zcore_scores(embeddings, seed=3).tolist()


@pytest.mark.parametrize("rows", [0, 1])
def test_tiny_pools_have_scores(rows: int) -> None:
    """No row and one row are pools too."""
    assert [0.0] * rows == zcore_scores(np.ones((rows, 2), np.float32), seed=0).tolist()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("embeddings", {"embeddings": np.full((2, 2), np.nan, np.float32)}),
        ("embeddings", {"embeddings": np.ones((2, 2))}),
        ("draws", {"draws": -1}),
        ("neighbours", {"neighbours": 0}),
        ("workers", {"workers": 0}),
    ],
)
def test_wrong_arguments_are_named(field: str, wrong: dict[str, object]) -> None:
    """What is out of range is refused by its name."""
    arguments: dict[str, object] = {"embeddings": np.eye(2, dtype=np.float32), "seed": 0}

    with pytest.raises(InvalidArgument) as refusal:
        zcore_scores(**(arguments | wrong))  # type: ignore[arg-type]

    assert [field] == [violation.field for violation in refusal.value.fields]


def test_who_computes_no_scores_loads_no_compiler() -> None:
    """Neither selecting by scores nor drawing needs what compiles them."""
    program = """
import sys
import services.curation.selection.plan, services.curation.selection.zcore
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert {"services"} == loaded & {"services", "numba", "llvmlite"}


def test_without_the_compiler_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numba is not installed, the refusal says how it is."""
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "services.curation.selection.planes", raising=False)
    monkeypatch.delattr(selection, "planes", raising=False)

    with pytest.raises(FailedPrecondition, match=r"sluice-server\[curation\]"):
        zcore_scores(np.eye(2, dtype=np.float32), seed=0, draws=1)
