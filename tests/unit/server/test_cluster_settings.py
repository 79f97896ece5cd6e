"""What processes of a cluster can be told, and that none starts on half of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from services.server.cluster_settings import (
    CampaignSettings,
    ClusterSettings,
    CurationSettings,
    FollowerSettings,
    IngestSettings,
    ScorerSettings,
    VectorSettings,
)
from services.server.settings import IntakeSettings, ScoringSettings

KINDS: list[type[ClusterSettings]] = [
    CampaignSettings,
    ScorerSettings,
    IngestSettings,
    CurationSettings,
]
SECRETS = {"pepper": "p" * 32, "internal_key": "i" * 32}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens to be set where tests run is no matter."""
    for name in {name for kind in KINDS for name in kind.model_fields}:
        monkeypatch.delenv(f"SLUICE_{name.upper()}", raising=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", SECRETS)
def test_shared_secrets_must_be_given(kind: type[ClusterSettings], missing: str) -> None:
    """A process of a cluster makes no secret of its own: the others would not know it."""
    given = {name: value for name, value in SECRETS.items() if name != missing}
    with pytest.raises(ValidationError, match=missing):
        kind.load(None, None, **given)


@pytest.mark.parametrize(
    ("kind", "parts", "port"),
    [
        (CampaignSettings, [VectorSettings], 50_051),
        (ScorerSettings, [FollowerSettings, ScoringSettings], 50_052),
        (IngestSettings, [FollowerSettings, VectorSettings, IntakeSettings], 50_053),
    ],
)
def test_each_process_has_the_settings_of_its_parts(
    kind: type[ClusterSettings], parts: list[type[ClusterSettings]], port: int
) -> None:
    """Every setting of a part is there with the part's default; each process has its own port."""
    settings = kind.load(None, None, **SECRETS)
    for part in parts:
        for name, field in part.model_fields.items():
            if name not in {"port", *SECRETS}:
                assert field.default == getattr(settings, name), name
    assert port == settings.port
    assert "redis://127.0.0.1:6379" == settings.redis_url.get_secret_value()


@pytest.mark.parametrize("kind", KINDS)
def test_files_hold_settings_and_secrets(
    kind: type[ClusterSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets come from a folder, the rest from TOML, and the environment goes before both."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, value in {**SECRETS, "redis_url": "rediss://u:hush@ledger"}.items():
        (secrets / f"sluice_{name}").write_text(value + "\n")
    file = tmp_path / "sluice.toml"
    file.write_text("blobs = 's3://models'\nstart_patience_s = 5\nport = 7\n")
    monkeypatch.setenv("SLUICE_PORT", "8")
    settings = kind.load(file, secrets)
    assert ("s3://models", 5, 8) == (settings.blobs, settings.start_patience_s, settings.port)
    assert SecretStr("rediss://u:hush@ledger") == settings.redis_url
    assert SecretStr("p" * 32) == settings.pepper
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (CampaignSettings, "start_patience_s", -1),
        (CampaignSettings, "campaign_target", "elsewhere:1"),
        (CampaignSettings, "qdrant_replicas", 0),
        (ScorerSettings, "qdrant_url", "http://elsewhere"),
        (ScorerSettings, "admin_key", "mine"),
        (IngestSettings, "outbox_entries_max", 0),
        (IngestSettings, "qdrant_timeout_s", 0),
    ],
)
def test_what_a_process_does_not_take_is_named(
    kind: type[ClusterSettings], name: str, value: object
) -> None:
    """A value out of bounds is refused by name, and so is a setting that another process has."""
    with pytest.raises(ValidationError, match=name):
        kind.load(None, None, **SECRETS, **{name: value})
