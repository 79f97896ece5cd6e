"""Settings of the processes: from the environment, secrets, a TOML file, or defaults.

Each process has a class of its own, composed from the settings of its parts.
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
"""Minimum length of a configured secret."""

Secret = Annotated[SecretStr, Field(min_length=SECRET_CHARS_MIN)]


class ServerSettings(BaseSettings):
    """Settings of every process: environment variables `SLUICE_<NAME>`, or keys of a TOML file."""

    model_config = SettingsConfigDict(env_prefix="SLUICE_", extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on, 0.0.0.0 for all."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 50_050
    """Port to listen on; 0: any free one."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """Format of log records on stderr; auto: console on a terminal, else JSON."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Minimum level of log records."""

    grace_s: Annotated[float, Field(ge=0)] = 10
    """Seconds that calls under way may take after the signal to stop."""

    blas_threads: Annotated[int, Field(ge=0)] = 1
    """Threads per matrix product; 0: chosen by the linear algebra library.

    Batches are scored in parallel and their products are small, so threads within one compete. On
    two busy cores, one thread scored 1.1 to 6 times as many frames as the library's own choice.
    """

    streams_per_key_max: Annotated[int, Field(ge=1)] = 64
    """Maximum number of open streams per API key."""

    pepper: Secret | None = None
    """The server's part of the hash of API keys; by default generated and kept in data_dir."""

    internal_key: Secret | None = None
    """The key that services send each other; by default generated at each start."""

    @classmethod
    def load(
        cls, file: Path | None = None, secrets_dir: Path | None = None, **overrides: Any
    ) -> Self:
        """Load from the overrides, environment, secrets, file and defaults, in this order.

        Raises FileNotFoundError when the file is missing, pydantic.ValidationError naming each
        setting that is unknown or has an invalid value.
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
        """Sources by precedence; no `.env` file is read."""
        file = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, file_secret_settings, file


class ModelSettings(ServerSettings):
    """Settings of processes that score: scorer, ingest, and curation for dataset searches."""

    models_bytes_max: Annotated[int, Field(ge=0)] = 512 * 2**20
    """Memory for cached scoring models and bases, bytes."""


class ScoringSettings(ModelSettings):
    """Settings of the scorer."""

    scoring_threads: Annotated[int, Field(ge=1)] = os.cpu_count() or 1
    """Batches, or groups of batches, scored in parallel."""

    group_rows_max: Annotated[int, Field(ge=0)] = 256
    """Maximum rows of waiting small batches scored together; 0: each batch by itself."""


class IntakeSettings(ModelSettings):
    """Settings of ingest."""

    outbox_entries_max: Annotated[int, Field(ge=1)] = 100_000
    """Matches per project that may wait for the vector store before loggers must wait."""

    in_flight_max: Annotated[int, Field(ge=1, le=8)] = 8
    """Batches that a logger may send before their answers; as many answers are kept."""


class Settings(ScoringSettings, IntakeSettings):
    """Settings of the embedded process, which runs all services."""

    data_dir: Path = Path("sluice-data")
    """Folder of all persistent data."""
