"""Files of bases and models: the same bytes for the same content, DataLoss for anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

from sluice.errors import DataLoss
from sluice.scoring import (
    Basis,
    ElementId,
    ScoreMap,
    Scorer,
    ScoringModel,
    build_basis,
    build_model,
    normalise,
)
from sluice.scoring.codec import decode, encode

ROWS = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
BASIS = build_basis(ROWS)
IDS = [ElementId("frame", ""), ElementId("frame", "label"), ElementId("ünï\n\0☃", '"\\')]
MODEL = build_model(ROWS[:3], IDS, BASIS)
FILES = {"basis": BASIS.to_bytes(), "model": MODEL.to_bytes()}
READERS: dict[str, Callable[[bytes], Basis | ScoringModel]] = {
    "basis": Basis.from_bytes,
    "model": ScoringModel.from_bytes,
}
kinds = st.sampled_from(sorted(FILES))


def facts_of(data: bytes) -> dict[str, Any]:
    """The facts of a file, read without the codec."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert ["sluice"] == list(header["__metadata__"])
    facts: dict[str, Any] = json.loads(header["__metadata__"]["sluice"])
    return facts


def rewritten(
    data: bytes, facts: dict[str, Any] | None = None, **tensors: NDArray[Any] | None
) -> bytes:
    """The file with some facts and tensors replaced; None drops one."""
    kept = {name: t for name, t in {**load(data), **tensors}.items() if t is not None}
    merged = {name: f for name, f in {**facts_of(data), **(facts or {})}.items() if f is not None}
    return save(kept, {"sluice": json.dumps(merged)})


def ids_tensor(value: object) -> NDArray[np.uint8]:
    """Element ids as a file has them."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def test_bytes_keep_the_model() -> None:
    """A model read from its bytes is the same model, with ids of any characters."""
    read = ScoringModel.from_bytes(MODEL.to_bytes())
    assert MODEL.digest == read.digest
    assert IDS == list(read.element_ids)
    assert (MODEL.score_map, MODEL.diverse) == (read.score_map, read.diverse)
    assert (MODEL.dimension, BASIS.digest) == (read.dimension, read.basis_digest)
    for name in ("elements", "unique_of", "cluster_of", "centroids", "radii"):
        np.testing.assert_array_equal(getattr(MODEL, name), getattr(read, name))


def test_a_read_model_scores_as_the_built_one() -> None:
    """Scores do not change by way of the blob store."""
    unit, bases = normalise(ROWS), {BASIS.digest: BASIS}
    read = ScoringModel.from_bytes(MODEL.to_bytes())
    built, stored = (Scorer([each], bases).score(unit).scores for each in (MODEL, read))
    np.testing.assert_array_equal(built, stored)


def test_facts_are_one_line_in_one_order() -> None:
    """Equal content gives equal bytes: one metadata key, sorted, without spaces."""
    first = encode("k", {"b": 1.5, "a": "é"}, {"y": ROWS, "x": ROWS[0]})
    second = encode("k", {"a": "é", "b": 1.5}, {"x": ROWS[0], "y": ROWS})
    assert first == second
    assert rb"{\"a\":\"\\u00e9\",\"b\":1.5,\"format\":1,\"kind\":\"k\"}" in first


def test_many_long_ids_do_not_fill_the_header() -> None:
    """The header, which safetensors bounds, does not grow with the number of elements."""
    ids = [ElementId(f"{index:0256}", "\x01" * 256) for index in range(500)]
    model = build_model(np.ones((500, 2), np.float32), ids, None)
    assert int.from_bytes(model.to_bytes()[:8], "little") < 2_000
    assert ids == list(ScoringModel.from_bytes(model.to_bytes()).element_ids)


@given(kinds, st.binary(max_size=300))
def test_rubbish_is_data_loss(kind: str, data: bytes) -> None:
    """Bytes that were never a file are DataLoss, and no other exception."""
    with pytest.raises(DataLoss):
        READERS[kind](data)


@given(kinds, st.text(max_size=80), st.text(max_size=80))
def test_rubbish_in_a_header_is_data_loss(kind: str, header: str, facts: str) -> None:
    """So is a header of the right length that holds something else, or other facts."""
    text = header.encode()
    with pytest.raises(DataLoss):
        READERS[kind](len(text).to_bytes(8, "little") + text)
    with pytest.raises(DataLoss):
        READERS[kind](save(load(FILES[kind]), {"sluice": facts}))
    with pytest.raises(DataLoss):
        READERS[kind](save(load(FILES[kind]), {"other": facts}))


@given(kinds, st.data())
def test_cut_files_are_data_loss(kind: str, data: st.DataObject) -> None:
    """A file that lost its end, or has one too many, is not read."""
    whole = FILES[kind]
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DataLoss):
        READERS[kind](whole[:length])
    with pytest.raises(DataLoss):
        READERS[kind](whole + b"\0")


@given(kinds, st.data())
def test_flipped_bits_never_break_scoring(kind: str, data: st.DataObject) -> None:
    """A damaged file is DataLoss or still a file that scores: no other exception, ever."""
    damaged = bytearray(FILES[kind])
    for bit in data.draw(st.lists(st.integers(0, 8 * len(damaged) - 1), min_size=1, max_size=4)):
        damaged[bit // 8] ^= 1 << bit % 8
    try:
        read = READERS[kind](bytes(damaged))
    except DataLoss:
        return
    if isinstance(read, Basis):
        assert BASIS.projection.shape == read.projection.shape
    else:
        bases = {read.basis_digest: BASIS} if read.basis_digest else {}
        scores = Scorer([read], bases).score(normalise(ROWS)).scores
        assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    "data",
    [
        FILES["basis"],
        save(load(FILES["model"]), {"sluice": "[" * 100_000}),
        rewritten(FILES["model"], {"kind": "sluice.other"}),
        rewritten(FILES["model"], {"format": 2}),
        rewritten(FILES["model"], {"format": None}),
        rewritten(FILES["model"], {"dimension": 6}),
        rewritten(FILES["model"], {"dimension": 5.0}),
        rewritten(FILES["model"], {"dimension": True}),
        rewritten(FILES["model"], {"basis": ""}, elements=np.zeros((3, 4), np.float32)),
        rewritten(FILES["model"], {"threshold": float("nan")}),
        rewritten(FILES["model"], {"threshold": None}),
        rewritten(FILES["model"], {"below": 0.0}),
        rewritten(FILES["model"], {"above": -1.0}),
        rewritten(FILES["model"], {"diverse": 0}),
        rewritten(FILES["model"], elements=None),
        rewritten(FILES["model"], elements=np.zeros((3, 5))),
        rewritten(FILES["model"], elements=np.zeros(5, np.float32)),
        rewritten(FILES["model"], elements=np.zeros((0, 5), np.float32)),
        rewritten(FILES["model"], elements=np.full((3, 5), np.nan, np.float32)),
        rewritten(FILES["model"], elements=np.full((3, 5), 1e30, np.float32)),
        rewritten(FILES["model"], unique_of=np.array([0, 1, 3], np.int32)),
        rewritten(FILES["model"], unique_of=np.array([0, 1, 1], np.int32)),
        rewritten(FILES["model"], unique_of=np.array([0, 1, -1], np.int32)),
        rewritten(FILES["model"], unique_of=np.array([0, 1, 2, 2], np.int32)),
        rewritten(FILES["model"], cluster_of=np.array([0, 0, 9], np.int32)),
        rewritten(FILES["model"], cluster_of=np.array([0], np.int32)),
        rewritten(FILES["model"], centroids=np.zeros((1, 4), np.float32)),
        rewritten(FILES["model"], centroids=np.full((1, 5), 1e30, np.float32)),
        rewritten(FILES["model"], radii=np.array([0], np.float32)),
        rewritten(FILES["model"], radii=np.array([1, 1], np.float32)),
        rewritten(FILES["model"], element_ids=ids_tensor([["a", ""], ["b", ""]])),
        rewritten(FILES["model"], element_ids=ids_tensor([["b", ""], ["a", ""], ["c", ""]])),
        rewritten(FILES["model"], element_ids=ids_tensor([["a", ""], ["a", ""], ["c", ""]])),
        rewritten(FILES["model"], element_ids=ids_tensor([["a", 1], ["b", ""], ["c", ""]])),
        rewritten(FILES["model"], element_ids=ids_tensor([["a"], ["b"], ["c"]])),
        rewritten(FILES["model"], element_ids=ids_tensor(3)),
        rewritten(FILES["model"], element_ids=np.array([0xFF], np.uint8)),
        rewritten(FILES["model"], element_ids=np.frombuffer(b"[" * 100_000, np.uint8)),
    ],
)
def test_what_is_no_model_is_data_loss(data: bytes) -> None:
    """A well-formed file that does not hold a consistent model is refused."""
    with pytest.raises(DataLoss, match=r"sluice\.scoring-model"):
        ScoringModel.from_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        FILES["model"],
        rewritten(FILES["basis"], mean=np.zeros(4, np.float32)),
        rewritten(FILES["basis"], mean=np.zeros(0, np.float32)),
        rewritten(FILES["basis"], mean=None),
        rewritten(FILES["basis"], mean=np.full(5, np.inf, np.float32)),
        rewritten(FILES["basis"], projection=np.zeros((5, 4), np.float32)),
        rewritten(FILES["basis"], projection=np.zeros((4, 5), np.float32)),
        rewritten(FILES["basis"], background=np.zeros((9, 4), np.float32)),
        rewritten(FILES["basis"], background=np.zeros((0, 5), np.float32)),
        rewritten(FILES["basis"], background=np.zeros((1_001, 5), np.float32)),
    ],
)
def test_what_is_no_basis_is_data_loss(data: bytes) -> None:
    """A well-formed file that does not hold a consistent basis is refused."""
    with pytest.raises(DataLoss, match=r"sluice\.basis"):
        Basis.from_bytes(data)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_a_curve_that_is_none_is_not_written(threshold: float) -> None:
    """What could not be read again is refused while it is still known whose it is."""
    with pytest.raises(ValueError, match="JSON compliant"):
        replace(MODEL, score_map=ScoreMap(threshold, 1, 1)).to_bytes()


def test_a_file_is_of_the_kind_asked_for() -> None:
    """Facts and tensors come back as they were given, to the reader of their kind alone."""
    file = decode("k", encode("k", {"n": 3}, {"x": ROWS}))
    assert 3 == file.fact("n", int)
    np.testing.assert_array_equal(ROWS, file.tensor("x", np.float32, 2))
    with pytest.raises(DataLoss, match="'x'"):
        file.tensor("x", np.int32, 2)
    with pytest.raises(DataLoss, match="'n'"):
        file.fact("n", str)


def test_bytes_are_the_same_in_every_process() -> None:
    """A digest does not depend on a process's order of hashing: what is said is sorted."""
    program = (
        "from tests.unit.scoring.test_codec import BASIS, MODEL; print(BASIS.digest, MODEL.digest)"
    )
    for seed in ("1", "2"):
        made = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert [BASIS.digest, MODEL.digest] == made.stdout.split()
