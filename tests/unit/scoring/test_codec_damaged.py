"""Reading any damaged basis or model file raises DataLoss."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

from sluice.errors import DataLoss, InvalidArgument
from sluice.scoring import Basis, Scorer, ScoringModel, normalise
from tests.unit.scoring.files import BASIS, FILES, MODEL, READERS, ROWS, TENSORS, rewrite

kinds = st.sampled_from(sorted(FILES))


def zeros(*shape: int) -> NDArray[np.float32]:
    """A tensor of zeros."""
    return np.zeros(shape, np.float32)


def ids_tensor(value: object) -> NDArray[np.uint8]:
    """Element ids as a file has them."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


@given(kinds, st.binary(max_size=300))
def test_rubbish_is_data_loss(kind: str, data: bytes) -> None:
    """Arbitrary bytes raise DataLoss, and no other exception."""
    with pytest.raises(DataLoss):
        READERS[kind](data)


@given(kinds, st.text(max_size=80), st.text(max_size=80))
def test_rubbish_in_a_header_is_data_loss(kind: str, header: str, facts: str) -> None:
    """A header with other content or other facts raises DataLoss."""
    text = header.encode()
    with pytest.raises(DataLoss):
        READERS[kind](len(text).to_bytes(8, "little") + text)
    with pytest.raises(DataLoss):
        READERS[kind](save(load(FILES[kind]), {"sluice": facts}))
    with pytest.raises(DataLoss):
        READERS[kind](save(load(FILES[kind]), {"other": facts}))


@given(kinds, st.data())
def test_cut_files_are_data_loss(kind: str, data: st.DataObject) -> None:
    """A truncated file, and one with an extra byte, raise DataLoss."""
    whole = FILES[kind]
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DataLoss):
        READERS[kind](whole[:length])
    with pytest.raises(DataLoss):
        READERS[kind](whole + b"\0")


def assert_scores_or_is_refused(read: Basis | ScoringModel) -> None:
    """Check that scores are finite, or that the scorer rejects it as not of the space."""
    model = MODEL if isinstance(read, Basis) else read
    basis = read if isinstance(read, Basis) else BASIS
    bases = {model.basis_digest: basis} if model.basis_digest else {}
    try:
        scorer = Scorer([model, model], bases)
    except InvalidArgument:
        return
    scores = scorer.score(normalise(ROWS[:9]))
    assert np.isfinite(scores.scores).all()
    assert np.isfinite(scores.contrasts).all()
    scorer.matches(normalise(ROWS[:9]), 0.5)


@given(kinds, st.data())
def test_flipped_bits_never_break_scoring(kind: str, data: st.DataObject) -> None:
    """A file with flipped bits raises DataLoss or still scores; no other exception occurs."""
    damaged = bytearray(FILES[kind])
    for bit in data.draw(st.lists(st.integers(0, 8 * len(damaged) - 1), min_size=1, max_size=4)):
        damaged[bit // 8] ^= 1 << bit % 8
    try:
        read = READERS[kind](bytes(damaged))
    except DataLoss:
        return
    assert_scores_or_is_refused(read)


LARGE = 9.9e8


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in FILES for name, t in TENSORS[kind].items() if t.dtype == "f4"],
)
@pytest.mark.parametrize("value", [LARGE, -LARGE])
def test_values_of_a_file_leave_room_to_multiply(kind: str, name: str, value: float) -> None:
    """Scoring with the largest accepted values stays in the range of float32."""
    try:
        read = READERS[kind](
            rewrite(kind, None, **{name: np.full_like(TENSORS[kind][name], value)})
        )
    except DataLoss:
        return
    assert_scores_or_is_refused(read)


def damages(tensor: NDArray[Any]) -> dict[str, NDArray[Any] | None]:
    """Damaged versions of a tensor, by description."""
    versions: dict[str, NDArray[Any] | None] = {
        "gone": None,
        "of another type": tensor.astype(np.float64),
        "of one more axis": tensor[None],
        "without its last row": tensor[:-1],
        "with a row more": np.concatenate([tensor, tensor[-1:]]),
        "empty": tensor[:0],
    }
    if tensor.ndim == 2:
        versions["without its last column"] = tensor[:, :-1]
        versions["with a column more"] = np.concatenate([tensor, tensor[:, -1:]], axis=1)
    if tensor.dtype == np.float32:
        for value in (np.nan, np.inf, -np.inf, 1.1e9):
            broken = tensor.copy()
            broken.flat[-1:] = value
            versions[f"with {value}"] = broken
    return {what: damaged for what, damaged in versions.items() if not _equal(damaged, tensor)}


def _equal(damaged: NDArray[Any] | None, tensor: NDArray[Any]) -> bool:
    """Whether the damage changed nothing, as with a tensor that was already empty."""
    return damaged is not None and np.array_equal(damaged, tensor) and damaged.dtype == tensor.dtype


NEEDS_THE_BASIS = [
    ("model", "direction", "empty"),
]


@pytest.mark.parametrize(
    ("kind", "name", "what"),
    [
        (kind, name, what)
        for kind in FILES
        for name, tensor in TENSORS[kind].items()
        for what in damages(tensor)
    ],
)
def test_every_damaged_tensor_is_data_loss(kind: str, name: str, what: str) -> None:
    """A missing tensor, or one with a wrong type, shape or value, raises DataLoss.

    Damage that only the basis can reveal is rejected when the scorer is built.
    """
    damaged = rewrite(kind, None, **{name: damages(TENSORS[kind][name])[what]})
    if (kind, name, what) in NEEDS_THE_BASIS:
        with pytest.raises(InvalidArgument, match="not of the model's space"):
            Scorer([ScoringModel.from_bytes(damaged)], {BASIS.digest: BASIS})
        return
    with pytest.raises(DataLoss, match=r"sluice\."):
        READERS[kind](damaged)


@pytest.mark.parametrize(
    "data",
    [
        FILES["basis"],
        save(load(FILES["model"]), {"sluice": "[" * 100_000}),
        rewrite("model", {"kind": "sluice.other"}),
        rewrite("model", {"format": 1}),
        rewrite("model", {"format": 4}),
        rewrite("model", {"format": None}),
        rewrite("model", {"dimension": 63}),
        rewrite("model", {"dimension": 64}),  # has no remainder
        rewrite("model", {"dimension": 66.0}),
        rewrite("model", {"dimension": True}),
        rewrite("plain", {"dimension": 65}),
        rewrite(
            "plain",
            {"dimension": 0},
            elements=zeros(3, 0),
            negatives=zeros(2, 0),
            centroids=zeros(1, 0),
            bound_centres=zeros(1, 0),
        ),
        rewrite("model", {"basis": ""}),
        rewrite("plain", {"basis": "some"}),
        rewrite("plain", background_weights=zeros(9), background_gains=zeros(9)),
        rewrite("plain", direction=zeros(66)),
        rewrite("model", background_weights=zeros(1_001), background_gains=zeros(1_001)),
        rewrite("model", {"threshold": float("nan")}),
        rewrite("model", {"threshold": float("-inf")}),
        rewrite("model", {"threshold": 1e300}),
        rewrite("model", {"threshold": None}),
        rewrite("model", {"below": 0.0}),
        rewrite("model", {"below": 0.049}),
        rewrite("model", {"below": float("nan")}),
        rewrite("model", {"above": float("nan")}),
        rewrite("model", {"above": -1.0}),
        rewrite("model", {"above": 1e300}),
        rewrite("model", {"diverse": 0}),
        rewrite("model", elements=np.full((3, 64), 0.2, np.float32)),
        rewrite("model", negatives=np.full((2, 64), 0.2, np.float32)),
        rewrite("model", centroids=np.full((1, 64), 0.2, np.float32)),
        rewrite("model", bound_centres=np.full((1, 64), 0.2, np.float32)),
        rewrite("model", bound_centres=zeros(2, 64), bound_weights=zeros(2)),
        rewrite("model", bound_centres=zeros(0, 64), bound_weights=zeros(0)),
        rewrite("model", elements=zeros(0, 64), weights=zeros(2)),
        rewrite("model", unique_of=np.array([0, 1, 3], np.int32)),
        rewrite("model", unique_of=np.array([0, 1, 1], np.int32)),
        rewrite("model", unique_of=np.array([0, 1, -1], np.int32)),
        rewrite("model", cluster_of=np.array([0, 0, 9], np.int32)),
        rewrite("model", radii=zeros(1)),
        rewrite("model", element_ids=ids_tensor([["a", ""], ["b", ""]])),
        rewrite("model", element_ids=ids_tensor([["b", ""], ["a", ""], ["c", ""]])),
        rewrite("model", element_ids=ids_tensor([["a", ""], ["a", ""], ["c", ""]])),
        rewrite("model", element_ids=ids_tensor([["a", 1], ["b", ""], ["c", ""]])),
        rewrite("model", element_ids=ids_tensor([["a"], ["b"], ["c"]])),
        rewrite("model", element_ids=ids_tensor(3)),
        rewrite("model", element_ids=np.array([0xFF], np.uint8)),
        rewrite("model", element_ids=np.frombuffer(b"[" * 100_000, np.uint8)),
    ],
)
def test_inconsistent_models_are_data_loss(data: bytes) -> None:
    """A well-formed file with an inconsistent model is rejected."""
    with pytest.raises(DataLoss, match=r"sluice\.scoring-model"):
        ScoringModel.from_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        FILES["model"],
        rewrite("basis", {"format": 1}),
        rewrite("basis", mean=np.full(66, 0.2, np.float32)),
        rewrite("basis", projection=zeros(66, 63), background=zeros(264, 63)),
        rewrite("basis", remainder=zeros(66, 3), background_remainder=zeros(264, 3)),
        rewrite("basis", background=np.full((264, 64), 0.2, np.float32)),
        rewrite("basis", background=zeros(0, 64), background_remainder=zeros(0, 2)),
        rewrite("basis", background=zeros(1_001, 64), background_remainder=zeros(1_001, 2)),
        rewrite(
            "basis",
            mean=zeros(0),
            projection=zeros(0, 0),
            remainder=zeros(0, 0),
            background=zeros(9, 0),
            background_remainder=zeros(9, 0),
        ),
        rewrite(
            "basis",
            mean=zeros(600),
            projection=zeros(600, 64),
            remainder=zeros(600, 449),
            background_remainder=zeros(264, 449),
        ),
    ],
)
def test_inconsistent_bases_are_data_loss(data: bytes) -> None:
    """A well-formed file with an inconsistent basis is rejected."""
    with pytest.raises(DataLoss, match=r"sluice\.basis"):
        Basis.from_bytes(data)


def test_a_model_and_a_basis_agree_on_remainders() -> None:
    """A model and a basis must both have a remainder, or neither."""
    without = ScoringModel.from_bytes(rewrite("model", direction=zeros(0)))
    with pytest.raises(InvalidArgument, match="not of the model's space"):
        Scorer([without], {BASIS.digest: BASIS})
    plain = Basis.from_bytes(
        rewrite("basis", remainder=zeros(66, 0), background_remainder=zeros(264, 0))
    )
    assert (9, 1) == Scorer([without], {BASIS.digest: plain}).score(normalise(ROWS[:9])).rows.shape
    with pytest.raises(InvalidArgument, match="not of the model's space"):
        Scorer([MODEL], {BASIS.digest: plain})
