"""Gives a scan its background: draws one from the file, and commits the campaigns again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from sluice import errors
from sluice.background import draw_background, find_space, rows_needed
from sluice.cli.missing_background import (
    background_command,
    commit_command,
    confirm,
    has_feedback,
    print_warning,
)
from sluice.cli.output import stderr_console
from sluice.formats import Source
from sluice.missing_background import CONSEQUENCE, describe_space
from sluice.resources import Campaigns
from sluice.state import read_active
from sluice.v1 import campaign_pb2


@dataclass(frozen=True, slots=True)
class ScanBackground:
    """The space of a scan, and the calls that give its campaigns a background."""

    channel: grpc.Channel
    project: str
    model_id: str
    dimension: int

    def ensure(self, source: Source, *, accepted: bool, changes_nothing: bool) -> None:
        """Draw a missing background, and commit active campaigns whose version lacks it.

        Asks if that is not possible. A scan that was `accepted` without a background, or that
        `changes_nothing`, is only warned about.
        """
        lacking = self._versions_without_background()
        if not lacking:
            return
        if accepted or changes_nothing:
            print_warning(f"{self._problem(lacking)}. {self._next_step(lacking)}")
            return
        try:
            reason = self._draw(source) or self._commit(lacking)
        except errors.PermissionDenied as error:
            reason = error.message
        if lacking := self._versions_without_background():
            problem = f"{self._problem(lacking)}. {reason}" if reason else self._problem(lacking)
            confirm(problem, self._next_step(lacking), accepted=False)

    def _versions_without_background(self) -> list[campaign_pb2.ActiveVersion]:
        return [
            active
            for active in read_active(self.channel, self.project)
            if (active.version.model_id, active.version.dimension)
            == (self.model_id, self.dimension)
            and not active.version.basis_digest
        ]

    def _is_set(self) -> bool:
        space = find_space(self.channel, self.project, self.model_id, self.dimension)
        return space is not None and bool(space.basis_digest)

    def _draw(self, source: Source) -> str:
        """Set a random sample of the file as the background; returns why that is impossible."""
        if self._is_set():
            return ""
        stderr_console.print("the space has no background: drawing a random sample of the file")
        sample = draw_background(source, self.dimension)
        if len(sample) < (needed := rows_needed(self.dimension)):
            return f"The {len(sample)} rows of the file are too few: a background needs {needed}"
        try:
            Campaigns(self.channel).set_background(self.project, self.model_id, sample)
        except errors.PermissionDenied:
            if not self._is_set():
                raise
            stderr_console.print("another scan has set a background meanwhile; that one is kept")
        return ""

    def _commit(self, lacking: Sequence[campaign_pb2.ActiveVersion]) -> str:
        """Commit campaigns from their issues as they are now; returns why some cannot be.

        With feedback if their versions had any.
        """
        reasons: dict[str, None] = {}
        for active in lacking:
            try:
                version = Campaigns(self.channel).commit(
                    active.campaign, with_feedback=has_feedback(active.version)
                )
            except errors.Aborted:  # another change was faster, such as the same commit
                continue
            except (errors.FailedPrecondition, errors.NotFound, errors.PermissionDenied) as error:
                reasons[error.message] = None
                continue
            stderr_console.print(
                f"{active.campaign}: committed version {version.number} with the background",
                soft_wrap=True,
                highlight=False,
            )
        return "; ".join(reasons)

    def _problem(self, lacking: Sequence[campaign_pb2.ActiveVersion]) -> str:
        if not self._is_set():
            return describe_space(self.model_id, self.dimension)
        names = ", ".join(active.campaign for active in lacking)
        return f"committed without a background: {names}; {CONSEQUENCE}"

    def _next_step(self, lacking: Sequence[campaign_pb2.ActiveVersion]) -> str:
        commands = [commit_command(active.campaign, active.version) for active in lacking]
        if not self._is_set():
            commands.insert(0, background_command(self.project, self.model_id))
        return f"Run `{'`, then `'.join(commands)}`"
