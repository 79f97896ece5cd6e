"""The state that lets an interrupted scan resume, in a small file beside its input."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from sluice.errors import FailedPrecondition
from sluice.formats import Columns
from sluice.state import SpaceState

_FINGERPRINT_BYTES: Final = 2**16
_RUN_FIELDS: Final = {"session_id", "batch_rows"}
"""Fields that may differ from a new scan; the other fields must be equal."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """The parameters of a scan, with its session and batch size.

    The position is not stored: only the server knows which batches it has counted.
    """

    session_id: str
    batch_rows: int
    file: str
    project: str
    model_id: str
    threshold: float | None
    columns: dict[str, Any]

    @classmethod
    def new(
        cls,
        path: Path,
        columns: Columns,
        space: SpaceState,
        *,
        threshold: float | None,
        batch_rows: int,
    ) -> Self:
        """The state of a new scan."""
        return cls(
            session_id=str(uuid4()),
            batch_rows=batch_rows,
            file=_fingerprint(path),
            project=space.project,
            model_id=space.model_id,
            threshold=threshold,
            columns=json.loads(json.dumps(asdict(columns))),
        )

    def resumed(self, state: Path) -> Self:
        """Read the saved state of this scan.

        Raises FailedPrecondition if there is none, or if a parameter differs: the batches would
        differ too, and would be counted wrong.
        """
        try:
            saved = type(self)(**json.loads(state.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise FailedPrecondition(f"{state}: no scan to resume: {error}") from error
        for field in fields(self):
            saved_value, value = getattr(saved, field.name), getattr(self, field.name)
            if field.name not in _RUN_FIELDS and saved_value != value:
                raise FailedPrecondition(
                    f"{state}: the interrupted scan had {field.name} {saved_value}, not {value}"
                )
        return saved

    def save(self, state: Path) -> None:
        """Write the state file; FailedPrecondition if that fails."""
        unfinished = state.with_name(state.name + ".tmp")
        try:
            unfinished.write_text(json.dumps(asdict(self)))
            unfinished.replace(state)
        except OSError as error:
            raise FailedPrecondition(
                f"{state}: cannot write the state for --resume: {error}; choose another --state"
            ) from error


def _fingerprint(path: Path) -> str:
    """Identifies a file by its size and a digest of its beginning and end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = sha256(file.read(_FINGERPRINT_BYTES))
        file.seek(max(0, size - _FINGERPRINT_BYTES))
        digest.update(file.read())
    return f"{size}-{digest.hexdigest()[:16]}"
