"""What can be set: defaults, a file, secrets, and the environment over all of them.

Each process has a class of its own, put together from what its parts need.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

SECRET_CHARS_MIN: Final = 32
"""How long a secret must be that somebody chose."""


Secret = Annotated[SecretStr, Field(min_length=SECRET_CHARS_MIN)]


class ServerSettings(BaseSettings):
    """What every process has: environment variables `SLUICE_<NAME>`, and keys of a TOML file."""

    model_config = SettingsConfigDict(env_prefix="SLUICE_", extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    """Where to listen: an address of this machine, 0.0.0.0 for all."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 50_050
    """The port to listen on; 0: any that is free."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """How records are written to stderr; auto: console on a terminal, else JSON."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level of records that are written."""

    grace_s: Annotated[float, Field(ge=0)] = 10
    """How long calls may go on once the server is told to stop, seconds."""

    blas_threads: Annotated[int, Field(ge=0)] = 1
    """Threads of one matrix product; 0: as many as the linear algebra library likes.

    Batches are scored side by side and their products are small: threads within one get in each
    other's way. On two busy cores, one thread scored 1.1 to 6 times as many frames as the
    library's own choice.
    """

    streams_per_key_max: Annotated[int, Field(ge=1)] = 64
    """Streams that one API key may have open."""

    pepper: Secret | None = None
    """The server's part of the hash of API keys; without one, it is made and kept in data_dir."""

    internal_key: Secret | None = None
    """What services send each other; without one, it is made at each start."""

    @classmethod
    def load(
        cls, file: Path | None = None, secrets_dir: Path | None = None, **overrides: Any
    ) -> Self:
        """The overrides, else the environment, the secrets, the file, the defaults.

        Raises FileNotFoundError when the file is not there, pydantic.ValidationError naming each
        setting with a value that is not accepted.
        """
        if file is not None and not file.is_file():
            raise FileNotFoundError(file)

        kind = type(cls.__name__, (cls,), {"model_config": SettingsConfigDict(toml_file=file)})
        loaded: Self = kind(_secrets_dir=secrets_dir, **overrides)
        return loaded

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, the first that has one; no `.env` file is read."""
        file = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, file_secret_settings, file


class ModelSettings(ServerSettings):
    """Where frames are scored: in scorer and ingest, and in curation when it searches a dataset."""

    models_bytes_max: Annotated[int, Field(ge=0)] = 512 * 2**20
    """Memory for scoring models and bases that were used last, bytes."""


class ScoringSettings(ModelSettings):
    """The scorer."""

    scoring_threads: Annotated[int, Field(ge=1)] = os.cpu_count() or 1
    """Batches, or groups of them, that are scored at a time."""

    group_rows_max: Annotated[int, Field(ge=0)] = 256
    """Rows of small batches that are scored together when they wait; 0: each by itself."""


class IntakeSettings(ModelSettings):
    """Ingest."""

    outbox_entries_max: Annotated[int, Field(ge=1)] = 100_000
    """Matches of a project that may wait for the vector store, before loggers are told to wait."""

    in_flight_max: Annotated[int, Field(ge=1, le=8)] = 8
    """Batches that a logger may send ahead of their answers, which are kept for as many."""


class Settings(ScoringSettings, IntakeSettings):
    """The embedded process, which has everything in it."""

    data_dir: Path = Path("sluice-data")
    """Where everything lies that must outlast a restart."""
