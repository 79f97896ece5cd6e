"""What a process of a cluster must be told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.platform.cluster_settings import (
    CampaignSettings,
    ClusterSettings,
    IngestSettings,
    ScorerSettings,
)


@pytest.mark.parametrize("kind", [CampaignSettings, ScorerSettings, IngestSettings])
def test_shared_secrets_must_be_set(
    kind: type[ClusterSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process makes up a pepper or an internal key of its own: all must have the same."""
    for name in ("PEPPER", "INTERNAL_KEY"):
        monkeypatch.delenv(f"SLUICE_{name}", raising=False)

    with pytest.raises(ValidationError) as refused:
        kind.load()

    assert {"pepper", "internal_key"} == {each["loc"][0] for each in refused.value.errors()}
