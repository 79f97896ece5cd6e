"""Files of bases and models: equal content gives equal bytes, and malformed bytes are DataLoss."""

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
    """A model read from its bytes is the same model, with any characters in its ids."""
    decoded = ScoringModel.from_bytes(MODEL.to_bytes())
    assert MODEL.digest == decoded.digest
    assert IDS == list(decoded.element_ids)
    assert (MODEL.score_map, MODEL.diverse) == (decoded.score_map, decoded.diverse)
    assert MODEL.summary == decoded.summary is not None
    assert (MODEL.dimension, BASIS.digest) == (decoded.dimension, decoded.basis_digest)
    arrays = [name for name, value in vars(MODEL).items() if isinstance(value, np.ndarray)]
    assert 13 == len(arrays)
    for name in arrays:
        np.testing.assert_array_equal(getattr(MODEL, name), getattr(decoded, name))


def test_a_read_model_scores_as_the_built_one() -> None:
    """A model read from its bytes gives the same scores as before."""
    unit, bases = normalise(ROWS), {BASIS.digest: BASIS}
    decoded = ScoringModel.from_bytes(MODEL.to_bytes())
    expected, actual = (Scorer([model], bases).score(unit).scores for model in (MODEL, decoded))
    np.testing.assert_array_equal(expected, actual)


def test_facts_are_one_line_in_one_order() -> None:
    """Equal content gives equal bytes: one metadata key of sorted JSON without spaces."""
    first = encode("k", 2, {"b": 1.5, "a": "é"}, {"y": ROWS, "x": ROWS[0]})
    second = encode("k", 2, {"a": "é", "b": 1.5}, {"x": ROWS[0], "y": ROWS})
    assert first == second
    assert rb"{\"a\":\"\\u00e9\",\"b\":1.5,\"format\":2,\"kind\":\"k\"}" in first


def test_many_long_ids_do_not_fill_the_header() -> None:
    """The header, limited by safetensors, does not grow with the number of elements."""
    ids = [ElementId(f"{index:0256}", "\x01" * 256) for index in range(500)]
    model = build_model(np.ones((500, 2), np.float32), ids, None)
    assert int.from_bytes(model.to_bytes()[:8], "little") < 2_000
    assert ids == list(ScoringModel.from_bytes(model.to_bytes()).element_ids)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_a_score_map_that_is_not_finite_is_not_written(threshold: float) -> None:
    """A score map with NaN or infinity is refused when it is written."""
    with pytest.raises(ValueError, match="JSON compliant"):
        replace(MODEL, score_map=ScoreMap(threshold, 1, 1)).to_bytes()


def test_a_file_is_of_the_kind_asked_for() -> None:
    """Facts and tensors are read back unchanged; reading them as another type is DataLoss."""
    file = decode("k", {1, 2}, encode("k", 2, {"n": 3}, {"x": ROWS}))
    assert 3 == file.fact("n", int)
    np.testing.assert_array_equal(ROWS, file.tensor("x", np.float32, 2))
    with pytest.raises(DataLoss, match="'x'"):
        file.tensor("x", np.int32, 2)
    with pytest.raises(DataLoss, match="'n'"):
        file.fact("n", str)


def test_bytes_are_the_same_in_every_process() -> None:
    """Digests do not depend on the hash seed of a process.

    Linear algebra has one thread, as in servers: several may round differently.
    """
    program = "from tests.unit.scoring.files import BASIS, MODEL; print(BASIS.digest, MODEL.digest)"
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second
