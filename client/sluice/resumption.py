"""The state that lets an interrupted scan resume, in a small file beside its input."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from sluice.errors import FailedPrecondition
from sluice.formats import Columns, Source, find_files
from sluice.state import SpaceState

_FINGERPRINT_BYTES: Final = 2**16
_RUN_FIELDS: Final = {"session_id", "batch_rows", "file", "counted_batches", "counted_digest"}
"""Fields that may differ from a new scan; the other fields must be equal. The file may differ if
its rows that are counted do not."""

_READING_OPTIONS: Final = {"ids_as_text", "timezone"}
"""A scan that a row has stopped may be resumed with the option that its error names."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """The parameters of a scan, with its session and batch size.

    The position is not stored: only the server knows which batches it has counted. An invalid row
    has ended a scan with a `counted_digest`: the digest of the rows in its `counted_batches`.
    """

    session_id: str
    batch_rows: int
    file: str
    project: str
    model_id: str
    threshold: float | None
    columns: dict[str, Any]
    counted_batches: int = 0
    counted_digest: str = ""

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
            columns=_describe_columns(columns),
        )

    def ended_by_row(self, source: Source, batches: int) -> Self:
        """The state of a scan that an invalid row has ended after so many counted batches."""
        digest = _digest_rows(source, self.batch_rows, batches)
        return replace(self, counted_batches=batches, counted_digest=digest)

    def resumed(self, state: Path, source: Source) -> Self:
        """Read the saved state of this scan.

        The file may have been corrected after the rows that are counted. Raises FailedPrecondition
        if there is no state, or if a parameter or a counted row differs: the batches would differ
        too, and would be counted wrong.
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
        if saved.file != self.file:
            self._check_counted(state, saved, source)
        return saved

    def _check_counted(self, state: Path, saved: Self, source: Source) -> None:
        """Refuse another file than the saved one, unless the counted rows are the same."""
        if not saved.counted_digest:
            raise FailedPrecondition(
                f"{state}: the interrupted scan had file {saved.file}, not {self.file}"
            )
        digest = _digest_rows(source, saved.batch_rows, saved.counted_batches)
        if digest != saved.counted_digest:
            raise FailedPrecondition(
                f"{state}: the first {saved.counted_batches * saved.batch_rows:,} rows of the file "
                "are counted, and have changed since; undo that, or count all rows again by "
                "--restart"
            )

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


def _describe_columns(columns: Columns) -> dict[str, Any]:
    """The columns, without the options that change no row which was read without them."""
    described: dict[str, Any] = json.loads(json.dumps(asdict(columns)))
    return {name: described[name] for name in described.keys() - _READING_OPTIONS}


def _fingerprint(path: Path) -> str:
    """Identifies a file by its size and a digest of its beginning and end; several by all names."""
    files = find_files(path)
    if len(files) == 1:
        return _fingerprint_file(files[0])
    parts = [f"{file.name}\0{_fingerprint_file(file)}" for file in files]
    return f"{len(files)} files-{sha256(chr(10).join(parts).encode()).hexdigest()[:16]}"


def _fingerprint_file(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = sha256(file.read(_FINGERPRINT_BYTES))
        file.seek(max(0, size - _FINGERPRINT_BYTES))
        digest.update(file.read())
    return f"{size}-{digest.hexdigest()[:16]}"


def _digest_rows(source: Source, batch_rows: int, batches: int) -> str:
    """Digest of the ids and embeddings in the first batches of a file."""
    digest = sha256()
    for rows in islice(source.batches(batch_rows), batches):
        digest.update("\0".join(rows.ids).encode())
        digest.update(rows.embeddings.tobytes())
    return digest.hexdigest()
