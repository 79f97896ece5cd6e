"""Models and bases of format 2, which Sluice wrote before fits had a summary and a prototype."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from sluice.scoring import Basis, Scorer, ScoringModel, normalise
from tests.format_2 import read_earlier_version
from tests.score_comparison import ROUNDING

EARLIER = read_earlier_version()
BASIS = Basis.from_bytes(EARLIER.basis)


def score(model: ScoringModel) -> NDArray[np.float64]:
    """The scores of the stored frames, `(frames,)`."""
    return Scorer([model], {BASIS.digest: BASIS}).score(normalise(EARLIER.frames)).scores[:, 0]


def test_it_scores_as_it_did() -> None:
    """An earlier model gives the scores it gave; today's formula gives different ones."""
    model = ScoringModel.from_bytes(EARLIER.model)

    np.testing.assert_allclose(EARLIER.scores, score(model), rtol=0, atol=ROUNDING)
    assert np.abs(EARLIER.scores - score(EARLIER.build_again())).max() > 0.05


def test_it_keeps_its_bytes() -> None:
    """An earlier model has no summary, and is written again as the same bytes."""
    model = ScoringModel.from_bytes(EARLIER.model)

    assert model.summary is None
    assert EARLIER.model == model.to_bytes()
    assert EARLIER.model_digest == model.digest == sha256(EARLIER.model).hexdigest()
    assert EARLIER.basis == BASIS.to_bytes()
    summary = EARLIER.build_again().summary
    assert summary is not None
    # Its basis has no lengths of background rows.
    assert (None, 0.0) == (BASIS.space.widths, summary.prototype_share)
