"""Files of bases and models: the same bytes for the same content, DataLoss for anything else."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sluice.errors import DataLoss
from sluice.scoring import ElementId, ScoreMap, Scorer, ScoringModel, build_model, normalise
from sluice.scoring.codec import decode, encode
from tests.unit.scoring.files import BASIS, IDS, MODEL, ROWS


def test_bytes_keep_the_model() -> None:
    """A model read from its bytes is the same model, with ids of any characters."""
    read = ScoringModel.from_bytes(MODEL.to_bytes())
    assert MODEL.digest == read.digest
    assert IDS == list(read.element_ids)
    assert (MODEL.score_map, MODEL.diverse) == (read.score_map, read.diverse)
    assert (MODEL.dimension, BASIS.digest) == (read.dimension, read.basis_digest)
    arrays = [name for name, value in vars(MODEL).items() if isinstance(value, np.ndarray)]
    assert 12 == len(arrays)
    for name in arrays:
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
    assert rb"{\"a\":\"\\u00e9\",\"b\":1.5,\"format\":2,\"kind\":\"k\"}" in first


def test_many_long_ids_do_not_fill_the_header() -> None:
    """The header, which safetensors bounds, does not grow with the number of elements."""
    ids = [ElementId(f"{index:0256}", "\x01" * 256) for index in range(500)]
    model = build_model(np.ones((500, 2), np.float32), ids, None)
    assert int.from_bytes(model.to_bytes()[:8], "little") < 2_000
    assert ids == list(ScoringModel.from_bytes(model.to_bytes()).element_ids)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_a_curve_that_is_none_is_not_written(threshold: float) -> None:
    """A value that could not be read again is refused when it is written."""
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
    """A digest does not depend on a process's order of hashing: what is said is sorted.

    Linear algebra has one thread, as in servers: several may round differently.
    """
    program = "from tests.unit.scoring.files import BASIS, MODEL; print(BASIS.digest, MODEL.digest)"
    path = os.pathsep.join(sys.path)
    given = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program],
            env={**given, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second
