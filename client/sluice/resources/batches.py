"""Batches of datasets: what to label next, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import grpc

from sluice.errors import InvalidArgument
from sluice.resources.enums import by_word
from sluice.resources.pages import items
from sluice.rpc_errors import translate
from sluice.v1 import batch_pb2 as pb
from sluice.v1.batch_pb2_grpc import BatchServiceStub


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """What is asked of a batch; the same settings give the same batch.

    So many groups, or a fraction of those that remain, by default 0.2 and at least 10. Of these
    `coverage_share`, by default 0.3, cover what is not covered yet (by `facility`, `k_center` or
    `zcore`); the rest are like the failures of rounds (`joint` or `neighbours`), which weigh what
    `failures` says. `zcore` takes the scores that `Datasets.compute_zcore` has stored in
    `zcore_field`, by default `zcore`, or computes them. Of frames with one value in `scene_field`
    at most one group is chosen.
    """

    count: int | None = None
    fraction: float | None = None
    coverage_share: float | None = None
    coverage: str = "facility"
    targeted: str = "joint"
    seed: int = 0
    failures: Mapping[str, float] = field(default_factory=dict)
    scene_field: str = ""
    zcore_draws: int = 0
    zcore_field: str = ""
    model_id: str = ""
    golden_override: str = ""
    """Why a failed golden check shall not block the batch."""

    def to_proto(self) -> pb.Batch:
        """The message that says the same; InvalidArgument for a word that names no method."""
        if self.count is not None and self.fraction is not None:
            problem = f"{self.fraction}, and count {self.count}; expected one of them"
            raise InvalidArgument.of("fraction", problem)
        return pb.Batch(
            model_id=self.model_id,
            count=self.count,
            fraction=self.fraction,
            coverage_share=self.coverage_share,
            coverage=by_word(pb.Batch.Coverage, "COVERAGE_", self.coverage, "coverage"),
            targeted=by_word(pb.Batch.Targeted, "TARGETED_", self.targeted, "targeted"),
            seed=self.seed,
            failures=[
                pb.Batch.Failures(round=round_id, weight=weight)
                for round_id, weight in self.failures.items()
            ],
            scene_field=self.scene_field,
            zcore_draws=self.zcore_draws,
            zcore_field=self.zcore_field,
            golden_override=self.golden_override,
        )


class Batches:
    """Batches of datasets. Names are resource names: `projects/p/datasets/d/batches/b`."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = BatchServiceStub(channel)

    def create(
        self, dataset: str, batch_id: str, settings: BatchSettings | None = None
    ) -> pb.Batch:
        """Choose the next batch: its groups become selected, and a view of its id shows them.

        Called again it returns the same batch, and finishes one that was cut off. Raises
        AlreadyExists for another batch under that id, FailedPrecondition when no group remains,
        or a golden check has failed and is not overridden.
        """
        batch = (settings or BatchSettings()).to_proto()
        request = pb.CreateBatchRequest(parent=dataset, batch_id=batch_id, batch=batch)
        return translate(self._stub.CreateBatch, request)

    def get(self, name: str) -> pb.Batch:
        """Read a batch."""
        return translate(self._stub.GetBatch, pb.GetBatchRequest(name=name))

    def list(self, dataset: str) -> Iterator[pb.Batch]:
        """The batches of a dataset, by name."""
        return items(self._stub.ListBatches, pb.ListBatchesRequest(parent=dataset), "batches")

    def picks(self, name: str) -> Iterator[pb.Pick]:
        """The groups of a batch by rank, each with why it was picked."""
        return items(self._stub.ListPicks, pb.ListPicksRequest(parent=name), "picks")
