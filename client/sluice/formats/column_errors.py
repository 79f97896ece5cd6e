"""Errors of a file of frames: they name the file, the column and the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sluice.errors import FieldViolation, InvalidArgument
from sluice.limits import METADATA_PAIRS_MAX

_ROWS_NAMED_MAX: Final = 10
_COLUMNS_NAMED_MAX: Final = 20


def column_error(
    file: str,
    column: str,
    problem: str,
    rows: Sequence[int] = (),
    *,
    hint: str = "",
    reason: str | None = None,
) -> InvalidArgument:
    """The error for a column of a file: the problem, the rows that have it, and the next step."""
    ellipsis = ", …" if len(rows) > _ROWS_NAMED_MAX else ""
    row_list = ", ".join(map(str, rows[:_ROWS_NAMED_MAX])) + ellipsis
    rows_text = f" in {len(rows)} rows: {row_list}" if len(rows) > 1 else f" in row {row_list}"
    description = problem + (rows_text if rows else "") + (f"; {hint}" if hint else "")
    return InvalidArgument(
        f"{file}: column {column!r} {description}",
        reason=reason,
        fields=[FieldViolation(column, description)],
        metadata={"file": file, "column": column, "rows": row_list},
    )


def missing_column(
    file: str, column: str, field: str, names: Sequence[str], suitable: Sequence[str] = ()
) -> InvalidArgument:
    """The error for a column that a file lacks.

    `field` is the field that it should hold, "" for metadata; `names` are the file's columns, and
    `suitable` those with the right type.
    """
    others = len(names) - _COLUMNS_NAMED_MAX
    listed = ", ".join(names[:_COLUMNS_NAMED_MAX]) + (
        f" and {others:,} others" if others > 0 else ""
    )
    problem = f"is missing; the file has {listed or 'no columns'}"
    if not field:
        return column_error(file, column, problem)
    other = suitable[0] if len(suitable) == 1 else "COLUMN"
    return column_error(file, column, problem, hint=f"use --map {field}={other}")


def check_metadata(file: str, names: Sequence[str]) -> None:
    """Raise InvalidArgument for more metadata columns than a frame may have."""
    if len(names) > METADATA_PAIRS_MAX:
        problem = f"is over the limit of {METADATA_PAIRS_MAX} metadata columns (got {len(names)})"
        raise column_error(file, names[-1], problem, hint="choose columns by --metadata")
