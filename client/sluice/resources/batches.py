"""Batches of datasets: the groups to label next, with the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import grpc

from sluice.errors import InvalidArgument
from sluice.resources.enums import value_of
from sluice.resources.kinds import BATCH, ROUND
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.v1 import batch_pb2 as pb
from sluice.v1 import deletion_pb2
from sluice.v1.batch_pb2_grpc import BatchServiceStub


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How the groups of a batch are selected; the same settings give the same batch.

    The size is `count` groups, or a `fraction` of the groups that remain: by default 0.2, and at
    least 10 groups. A share of them, `coverage_share`, by default 0.3, is selected for coverage by
    the method `coverage`: `facility`, `k_center` or `zcore`. The others are selected for their
    similarity to failures by the method `targeted`: `joint` or `neighbours`; `failures` has the
    weight of each round's failures, by the round's id or
    display name. `zcore` uses the scores that
    `Datasets.compute_zcore` stored in `zcore_field`, by default `zcore`, or computes them. At most
    one group is selected per value of `scene_field`.
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
    """The reason to create the batch in spite of a failed golden check."""

    def to_proto(self) -> pb.Batch:
        """The settings as a message; InvalidArgument for an unknown method."""
        if self.count is not None and self.fraction is not None:
            problem = f"{self.fraction}, and count {self.count}; expected one of them"
            raise InvalidArgument.of("fraction", problem)
        return pb.Batch(
            model_id=self.model_id,
            count=self.count,
            fraction=self.fraction,
            coverage_share=self.coverage_share,
            coverage=value_of(pb.Batch.Coverage, "COVERAGE_", self.coverage, "coverage"),
            targeted=value_of(pb.Batch.Targeted, "TARGETED_", self.targeted, "targeted"),
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
    """Batches of datasets, found by resource name, `dataset/batch` or id."""

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = BatchServiceStub(channel)

    def create(
        self, dataset: str, batch_id: str, settings: BatchSettings | None = None
    ) -> pb.Batch:
        """Select the next batch: its groups get the status selected, and a view with its id.

        A repeated call returns the same batch, and completes an interrupted one. Raises
        AlreadyExists if the id has a batch with other settings, and FailedPrecondition if no group
        remains, or if a golden check failed and is not overridden.
        """
        batch, parent = (settings or BatchSettings()).to_proto(), self._names.dataset(dataset)
        rounds = [failures.round for failures in batch.failures]
        for failures, id in zip(batch.failures, self._names.ids(ROUND, rounds, parent=parent)):
            failures.round = id
        request = pb.CreateBatchRequest(parent=parent, batch_id=batch_id, batch=batch)
        return translate(self._stub.CreateBatch, request)

    def get(self, name: str) -> pb.Batch:
        """Read a batch."""
        request = pb.GetBatchRequest(name=self._names.find(BATCH, name))
        return translate(self._stub.GetBatch, request)

    def list(self, dataset: str) -> Iterator[pb.Batch]:
        """The batches of a dataset, by name."""
        request = pb.ListBatchesRequest(parent=self._names.dataset(dataset))
        return list_items(self._stub.ListBatches, request, "batches")

    def delete(self, name: str, *, validate_only: bool = False) -> deletion_pb2.DeletionSummary:
        """Delete a batch with its picks and its view; frames keep their status and tags.

        Its id is not used again. With `validate_only` nothing is deleted, only counted.
        """
        full_name = self._names.find(BATCH, name, may_be_gone=True)
        request = pb.DeleteBatchRequest(name=full_name, validate_only=validate_only)
        return translate(self._stub.DeleteBatch, request)

    def picks(self, name: str) -> Iterator[pb.Pick]:
        """The groups of a batch by rank, with the reason for each."""
        request = pb.ListPicksRequest(parent=self._names.find(BATCH, name))
        return list_items(self._stub.ListPicks, request, "picks")
