"""The scoring kernel: pure numpy, shared by edge loggers, scorer and ingest.

```python
basis = build_basis(background)                    # once per space
model = build_model(elements, element_ids, basis)  # once per campaign version
scorer = Scorer([model], {basis.digest: basis})
scores = scorer.score(normalise(embeddings)).scores
```
"""

from sluice.scoring.basis import Basis, build_basis
from sluice.scoring.explain import Nearest, nearest
from sluice.scoring.kernel import Scorer, Scores
from sluice.scoring.matches import Matches
from sluice.scoring.model import ElementId, ScoringModel, build_model
from sluice.scoring.score_map import ScoreMap
from sluice.scoring.vectors import normalise

__all__ = [
    "Basis",
    "ElementId",
    "Matches",
    "Nearest",
    "ScoreMap",
    "Scorer",
    "Scores",
    "ScoringModel",
    "build_basis",
    "build_model",
    "nearest",
    "normalise",
]
