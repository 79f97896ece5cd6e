"""A team: a client that creates projects, issues and campaigns; and frames for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice import CollectionClient, Frame, LabeledFrame
from sluice.v1 import dataset_pb2, frame_pb2, ingest_pb2
from tests.e2e.sluiced import Server

MODEL, DIMENSION = "resnet50-v2", 64
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_AXES = {"v": 0, "t": 1}


class Team(CollectionClient):
    """A client with the admin's key, and the names of its campaigns by title."""

    def __init__(self, server: Server, models: Path, **options: Any) -> None:
        super().__init__(server.target, cache_dir=models, logger="test", **options)
        self.set_credentials(api_key=server.admin_key)
        self.started: dict[str, str] = {}
        self.project = ""

    def create_project(self, project_id: str) -> None:
        """Create a project with a dataset of boxes, and a background."""
        self.project = self.projects.create(project_id).name
        classes = [dataset_pb2.LabelClass(id=1, name="van")]
        dataset = dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_BOX_2D, classes=classes)
        self.projects.create_dataset(self.project, "d", dataset)
        sample = np.random.default_rng(1).normal(size=(300, DIMENSION)).astype("f4")
        self.campaigns.set_background(self.project, MODEL, sample)

    def start(self, title: str, *, axis: int) -> str:
        """Start a campaign that looks for frames near an axis."""
        issue = self.issues.create(self.project, title, f"{self.project}/datasets/d").name
        frames = [Frame(id=f"{title}-{index}") for index in range(5)]
        rows = np.stack([vector(f"{'vt'[axis]}-hard-{index}") for index in range(5)])
        self.issues.add_elements(issue, frames, rows, model_id=MODEL)
        self.started[title] = self.campaigns.start(issue).name
        return issue

    def funnel(self, title: str) -> ingest_pb2.Funnel:
        """Read a campaign's funnel once nothing is pending."""
        while (funnel := self.samples.funnel(self.started[title])).pending:
            pass
        return funnel

    def collected(self, title: str) -> set[str]:
        """The ids of the frames that a campaign has collected."""
        return {sample.frame.id for sample in self.samples.list(self.started[title])}


def vector(frame_id: str) -> NDArray[np.float32]:
    """The vector of an id: `v…` near the first axis, `t…` near the second."""
    draw = np.random.default_rng([*frame_id.encode()])
    if frame_id[0] in _AXES:
        centre = np.eye(DIMENSION)[_AXES[frame_id[0]]] * 3
        return np.asarray(centre + draw.normal(size=DIMENSION) * 0.12, np.float32)
    return draw.normal(size=DIMENSION).astype(np.float32)


def frames(*frame_ids: str) -> Sequence[LabeledFrame]:
    """Frames with these ids, each with its vector."""
    return [LabeledFrame(i, NOON, embedding=vector(i)) for i in frame_ids]
