"""The collection client: scores frames against the active campaigns and submits matches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self
from uuid import uuid4

import grpc

from sluice import errors
from sluice.channel import connect_sync
from sluice.checks import read_texts
from sluice.collection import CollectionReport, make_batches, make_report, select_frames
from sluice.frame_inputs import read_items, stack_embeddings
from sluice.frames import Frame
from sluice.labeled_frame import LabeledFrame
from sluice.model_store import ModelStore
from sluice.next_steps import method_step
from sluice.outbox import Outbox
from sluice.probabilities import Probabilities, SampledFrames
from sluice.progress import OnProgress, TextProgress
from sluice.resources import (
    Batches,
    Campaigns,
    Datasets,
    Doctor,
    GoldenSets,
    Issues,
    Progress,
    Projects,
    Rounds,
    Samples,
)
from sluice.resources.resolver import Resolver
from sluice.score_stream import score_stream
from sluice.spaces import describe_spaces
from sluice.state import (
    SpaceState,
    choose_issues,
    load_state,
    read_active,
)
from sluice.tensors import Embeddings
from sluice.v1 import scorer_pb2

DEFAULT_TARGET = "localhost:50050"


class CollectionClient:
    """Samples frames against the active campaigns and submits those that match.

    The target is the server's `host:port`, by default that of the variable `SLUICE_TARGET`, else
    localhost:50050; for other forms see `connect`. A context manager. To resume an interrupted run
    within 90 days, pass its `session_id`, and sample and save the same frames in the same order:
    batches that the server has counted already are skipped.

    Resources are found by resource name, id, start of an id, or display name, in `project` or else
    in the only project that the key can read; `names` finds their resource names.

    Long calls report their progress to `on_progress`, by default on the terminal.
    """

    def __init__(
        self,
        target: str = "",
        *,
        project: str = "",
        session_id: str | None = None,
        logger: str = "",
        cache_dir: Path | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.session_id = session_id or str(uuid4())
        self._target = target or os.environ.get("SLUICE_TARGET") or DEFAULT_TARGET
        self._store = ModelStore(cache_dir)
        self._on_progress = on_progress or TextProgress()
        self._channel: grpc.Channel | None = None
        self._project = project
        self._names: Resolver | None = None
        self._projects_by_names: dict[tuple[str, ...] | None, list[str]] = {}
        self._spaces: list[SpaceState] | None = None
        self._sampled: list[SampledFrames] = []
        self._outbox = Outbox(self.session_id, logger, self._on_progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; unsent batches are kept, and `set_credentials` opens another."""
        self._outbox.close()
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def set_credentials(
        self, api_key: str | None = None, *, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        """Connect with an API key, by default that of the variable `SLUICE_API_KEY`.

        With `credentials`, the connection uses TLS. Raises Unauthenticated if there is no key.
        """
        key = api_key or os.environ.get("SLUICE_API_KEY", "")
        if not key:
            error = errors.Unauthenticated("api_key: required, because SLUICE_API_KEY is not set")
            error.next_step = method_step(error)
            raise error
        self.close()
        self._projects_by_names.clear()
        self._channel = connect_sync(self._target, key, credentials=credentials)
        self._names = Resolver(self._channel, self._project)
        self._outbox.use(self._channel)

    @property
    def channel(self) -> grpc.Channel:
        """The connection, for calls that this class has no method for."""
        if self._channel is None:
            raise errors.Unauthenticated("call set_credentials first")
        return self._channel

    @property
    def names(self) -> Resolver:
        """Finds the resource names of what is given by id or display name."""
        if self._names is None:
            raise errors.Unauthenticated("call set_credentials first")
        return self._names

    @property
    def projects(self) -> Projects:
        """Projects and their keys."""
        return Projects(self.channel, self.names)

    @property
    def datasets(self) -> Datasets:
        """Frames of datasets: status, tags, fields, splits, views and searches."""
        return Datasets(self.channel, self.names)

    @property
    def rounds(self) -> Rounds:
        """Rounds of predictions, and their failures."""
        return Rounds(self.channel, self.names)

    @property
    def batches(self) -> Batches:
        """Batches of datasets: the groups to label next, with the reasons."""
        return Batches(self.channel, self.names)

    @property
    def issues(self) -> Issues:
        """Issues and their elements."""
        return Issues(self.channel, self.names)

    @property
    def campaigns(self) -> Campaigns:
        """Campaigns and their versions."""
        return Campaigns(self.channel, self.names)

    @property
    def samples(self) -> Samples:
        """Samples, their review, and the funnel."""
        return Samples(self.channel, self.names)

    @property
    def golden_sets(self) -> GoldenSets:
        """Golden sets and their checks."""
        return GoldenSets(self.channel, self.names)

    @property
    def progress(self) -> Progress:
        """The metric of each labelling round, and the learning curve."""
        return Progress(self.channel, self.names)

    @property
    def doctor(self) -> Doctor:
        """Diagnosis and repair of projects."""
        return Doctor(self.channel, self.names)

    def sync_state(
        self,
        target_project_names: Iterable[str] | None = None,
        target_issue_uuids: Iterable[str] | None = None,
    ) -> None:
        """Read the active campaigns, and download models that are missing from the disk.

        By default, of all issues in all projects that the key may see. Projects and issues are
        given as everywhere: by resource name, id or display name. Projects are looked up once per
        key, so a second call takes one round trip per project. Raises NotFound naming an unknown
        target, and ResourceExhausted if the disk has too little space for the models.
        """
        targets, issues = (
            None if values is None else read_texts(field, values)
            for field, values in (
                ("target_project_names", target_project_names),
                ("target_issue_uuids", target_issue_uuids),
            )
        )
        projects = self._find_projects(targets)
        active = [v for project in projects for v in read_active(self.channel, project)]
        versions = choose_issues(self.names, projects, active, issues)
        self._spaces = load_state(
            self.channel,
            self._store,
            versions,
            lambda done, total: self._on_progress("models", done, total),
        )

    def _find_projects(self, names: Sequence[str] | None) -> list[str]:
        key = None if names is None else tuple(names)
        if key not in self._projects_by_names:
            self._projects_by_names[key] = self.names.projects(names)
        return self._projects_by_names[key]

    def sample_probabilities(
        self, frames: Iterable[LabeledFrame], embedding_model_id: str | None = None
    ) -> Probabilities:
        """Score frames against every active campaign of their space; uploads nothing.

        The model id is optional if all campaigns have the same one. Sampled frames are kept for the
        next `save_for_collection`. Raises InvalidArgument naming an invalid frame; no frame of the
        call is kept then.
        """
        labeled_frames = read_items("frames", frames, LabeledFrame)
        checked = [_checked(frame.frame()) for frame in labeled_frames]
        if not labeled_frames:
            return Probabilities(0, [])
        embeddings = stack_embeddings(labeled_frames, embedding_model_id or "")
        spaces = self._spaces_of(embedding_model_id, embeddings.vectors.shape[1])
        embeddings = replace(embeddings, model_id=spaces[0].model_id)
        sampled = [
            SampledFrames.of(space, checked, embeddings, self._on_progress) for space in spaces
        ]
        self._sampled += sampled
        return Probabilities(len(labeled_frames), sampled)

    def _spaces_of(self, model_id: str | None, dimension: int) -> list[SpaceState]:
        if self._spaces is None:
            raise errors.FailedPrecondition("call sync_state before sample_probabilities")
        model_ids = {space.model_id for space in self._spaces}
        if model_id is None and len(model_ids) == 1:
            [model_id] = model_ids
        spaces = [s for s in self._spaces if (s.model_id, s.dimension) == (model_id, dimension)]
        if not spaces:
            known = describe_spaces((s.model_id, s.dimension) for s in self._spaces)
            raise errors.InvalidArgument.of(
                "embedding_model_id",
                f"no active campaign scores vectors of {model_id!r} with {dimension} dimensions; "
                f"spaces of the active campaigns at the last sync_state: {known}",
                reason="SPACE_MISMATCH",
            )
        return spaces

    def save_for_collection(
        self,
        override_sampling_threshold: float | None = None,
        target_sample_count: int | None = None,
        *,
        dry_run: bool = False,
    ) -> CollectionReport:
        """Submit the frames sampled since the last save whose score reaches the threshold.

        The threshold is the override, else the campaign's, else 0.5. With a target count, only that
        many of the best frames are submitted, each for its best campaign. A dry run uploads nothing
        and keeps the sampled frames. Raises the error of a rejected batch, naming its number, and
        Unavailable if the server does not respond; unsent batches are kept, so call again.
        """
        if override_sampling_threshold is not None and not 0 <= override_sampling_threshold <= 1:
            raise errors.InvalidArgument.of(
                "override_sampling_threshold", f"{override_sampling_threshold} is not in 0…1"
            )
        if target_sample_count is not None and target_sample_count < 0:
            raise errors.InvalidArgument.of(
                "target_sample_count", f"{target_sample_count} is less than 0"
            )
        selections = select_frames(self._sampled, override_sampling_threshold, target_sample_count)
        report = make_report(selections, dry_run=dry_run)
        if dry_run:
            return report
        for selection in selections:
            self._outbox.put(selection.sampled.space.project, make_batches(selection))
        self._sampled.clear()
        sent = self._outbox.send()
        return replace(report, verdicts=sent.verdicts, already_counted=sent.already_counted)

    def score_stream(
        self, project: str, batches: Iterable[Embeddings], *, matches_only: bool = False
    ) -> Iterator[scorer_pb2.ScoreFramesResponse]:
        """Score batches on the server against its active campaigns; yields one response per batch.

        With `matches_only`, responses have `matches` in place of scores, which may be much faster.
        A response has no scores while no campaign of its space is active. Raises the error of an
        invalid batch in place of its response, and InvalidArgument listing the spaces of the
        project for a batch of another one. An error of `batches` itself is raised as it is, after
        the responses of the batches before it.
        """
        parent = self.names.project(project)
        return score_stream(self.channel, parent, batches, matches_only=matches_only)


def _checked(frame: Frame) -> Frame:
    frame.check(f"frames[{frame.id!r}]")
    return frame
