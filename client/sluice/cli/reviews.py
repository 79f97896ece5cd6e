"""`sluice samples accept`, `discard` and `restore`: review by id, from a file, or by score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sluice.cli.arguments import Campaign, Json, Project
from sluice.cli.connection import connection
from sluice.cli.output import show_text, stderr_console
from sluice.client import CollectionClient
from sluice.errors import NotFound, SluiceError
from sluice.formats.frame_ids import read_frame_ids
from sluice.resources import Samples
from sluice.resources.enums import word_of
from sluice.v1 import ingest_pb2

SAMPLES_PER_CALL: Final = 1_000

FrameIds = Annotated[list[str] | None, typer.Argument(help="Frame ids.")]
FrameIdsFile = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Frame ids, one a line, or a file of frames; `-` reads stdin.",
    ),
]
ScoreMin = Annotated[
    float | None,
    typer.Option("--min-score", min=0, max=1, help="All samples with at least this score."),
]
ScoreMax = Annotated[
    float | None,
    typer.Option("--max-score", min=0, max=1, help="All samples with at most this score."),
]
Preview = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


class SampleStateOption(StrEnum):
    """The review state of a sample."""

    UNSORTED = "unsorted"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"


States = Annotated[
    list[SampleStateOption] | None,
    typer.Option("--state", help="By score: samples in this state; default unsorted."),
]


@dataclass(frozen=True, slots=True)
class SampleSelection:
    """The samples that one command line selects: by id, from a file, or by score."""

    frame_ids: Sequence[str] = ()
    file: Path | None = None
    score_min: float | None = None
    score_max: float | None = None
    states: Sequence[str] = ()

    def check(self) -> None:
        """Reject a command line without a selection, or with several, as wrong usage."""
        by_score = self.score_min is not None or self.score_max is not None
        if bool(self.frame_ids) + (self.file is not None) + by_score != 1:
            problem = "exactly one is required: frame ids, --from, or --min-score and --max-score"
            raise typer.BadParameter(problem)
        if self.states and not by_score:
            raise typer.BadParameter("--state requires --min-score or --max-score")

    @property
    def is_by_score(self) -> bool:
        """Whether samples are selected by their scores."""
        return not self.frame_ids and self.file is None

    def ids(self) -> list[str]:
        """The given frame ids, each once."""
        return read_frame_ids(self.file) if self.file else list(dict.fromkeys(self.frame_ids))

    def samples(self, samples: Samples, campaign: str) -> list[ingest_pb2.Sample]:
        """The selected samples, best first; raises NotFound naming an id without a sample."""
        if self.is_by_score:
            states = self.states or (SampleStateOption.UNSORTED,)
            return [s for s in samples.list(campaign, states=states) if self._has_score(s)]
        ids = {*self.ids()}
        selected = [s for s in samples.list(campaign) if s.frame.id in ids]
        if missing := sorted(ids - {sample.frame.id for sample in selected}):
            raise NotFound(f"frame_ids: {missing[0]!r} is not a sample of {campaign}")
        return selected

    def _has_score(self, sample: ingest_pb2.Sample) -> bool:
        low = 0 if self.score_min is None else self.score_min
        high = 1 if self.score_max is None else self.score_max
        return low <= sample.score <= high


def accept(
    context: typer.Context,
    campaign: Campaign,
    frame_ids: FrameIds = None,
    file: FrameIdsFile = None,
    score_min: ScoreMin = None,
    score_max: ScoreMax = None,
    states: States = None,
    dry_run: Preview = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Accept samples: they are what the campaign looks for.

    By score only unsorted samples are accepted, unless --state says otherwise.

    Example: sluice samples accept CAMPAIGN --min-score 0.7 --dry-run
    """
    selection = SampleSelection(frame_ids or (), file, score_min, score_max, states or ())
    selection.check()
    with connection(context).client(project) as client:
        _review(client, client.samples.accept, campaign, selection, "accepted", dry_run, json)


def discard(
    context: typer.Context,
    campaign: Campaign,
    frame_ids: FrameIds = None,
    file: FrameIdsFile = None,
    score_min: ScoreMin = None,
    score_max: ScoreMax = None,
    states: States = None,
    dry_run: Preview = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Discard samples: they are not what the campaign looks for.

    By score only unsorted samples are discarded, unless --state says otherwise.

    Example: sluice samples discard CAMPAIGN --max-score 0.55 --dry-run
    """
    selection = SampleSelection(frame_ids or (), file, score_min, score_max, states or ())
    selection.check()
    with connection(context).client(project) as client:
        _review(client, client.samples.discard, campaign, selection, "discarded", dry_run, json)


def restore(
    context: typer.Context,
    campaign: Campaign,
    frame_ids: FrameIds = None,
    file: FrameIdsFile = None,
    dry_run: Preview = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Undo the review of samples.

    Example: sluice samples restore CAMPAIGN FRAME
    """
    selection = SampleSelection(frame_ids or (), file)
    selection.check()
    with connection(context).client(project) as client:
        _review(client, client.samples.restore, campaign, selection, "unsorted", dry_run, json)


def _review(
    client: CollectionClient,
    call: Callable[[str, Sequence[str]], int],
    campaign: str,
    selection: SampleSelection,
    state: str,
    dry_run: bool,
    to_json: bool,
) -> None:
    name = client.names.campaign(campaign)
    if dry_run or selection.is_by_score:
        samples = selection.samples(client.samples, name)
    if dry_run:
        _show_preview(samples, state, to_json=to_json)
        return
    if selection.is_by_score:
        # Not those that are reviewed already: a colleague's review may have come first.
        ids = [s.frame.id for s in samples if _state(s) != state]
    else:
        ids = selection.ids()
    changed = sum(_call_in_parts(call, name, ids))
    show_text(f"{changed:,} changed", {"changed_count": changed, "dry_run": False}, to_json=to_json)


def _call_in_parts(
    call: Callable[[str, Sequence[str]], int], campaign: str, ids: Sequence[str]
) -> Iterator[int]:
    changed = 0
    for start in range(0, len(ids), SAMPLES_PER_CALL):
        try:
            count = call(campaign, ids[start : start + SAMPLES_PER_CALL])
        except SluiceError:
            if start:
                stderr_console.print(f"{changed:,} changed before the error", highlight=False)
            raise
        changed += count
        yield count


def _show_preview(samples: Sequence[ingest_pb2.Sample], state: str, *, to_json: bool) -> None:
    changing = [sample for sample in samples if _state(sample) != state]
    text = f"{len(changing):,} of {len(samples):,} samples would become {state}"
    if changing:
        counts = sorted(Counter(map(_state, changing)).items())
        scores = [sample.score for sample in changing]
        text += (
            f": {', '.join(f'{count:,} {word}' for word, count in counts)}; "
            f"scores {min(scores):.3f} to {max(scores):.3f}"
        )
    show_text(text, {"changed_count": len(changing), "dry_run": True}, to_json=to_json)


def _state(sample: Any) -> str:
    return word_of(ingest_pb2.Sample.State, "STATE_", sample.state)
