"""The metric of each labelling round, and whether another round is worth it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import grpc

from sluice.checks import read_texts
from sluice.resources.kinds import ROUND, VIEW
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.v1 import progress_pb2
from sluice.v1.progress_pb2_grpc import ProgressServiceStub


class Progress:
    """The recorded rounds of datasets; these are found by resource name, id or display name."""

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = ProgressServiceStub(channel)

    def record(
        self,
        dataset: str,
        round_number: int,
        values: Mapping[str, float],
        *,
        labelled_groups: int,
        predictions: Mapping[str, str] | None = None,
        slices: Mapping[str, Iterable[str]] | None = None,
        failures: Sequence[tuple[str, str, str]] = (),
    ) -> progress_pb2.RecordRoundResponse:
        """Record the metric of a round's model on the validation samples.

        By sample id, `values` has the metric, in 0…1, and `predictions` the predicted class. Each
        of `slices` has the ids of samples that must reach the target on their own. `failures` is a
        random sample of failures as (label, first annotator, second annotator). A repeated call
        changes nothing. Raises AlreadyExists if the round has other content, and KeyError for a
        slice's sample without a value, or a value without a prediction.
        """
        ids = list(values)
        rows = {sample: row for row, sample in enumerate(ids)}
        request = progress_pb2.RecordRoundRequest(
            dataset=self._names.dataset(dataset),
            round=round_number,
            labelled_groups=labelled_groups,
            sample_ids=ids,
            values=values.values(),
            predictions=[predictions[sample] for sample in ids] if predictions else [],
            slices=[
                progress_pb2.SampleSlice(name=name, samples=[rows[s] for s in samples])
                for name, samples in (slices or {}).items()
            ],
            failures=_to_messages(failures),
        )
        return translate(self._stub.RecordRound, request)

    def record_measured(
        self,
        dataset: str,
        round_number: int,
        measured_round: str,
        *,
        labelled_groups: int = 0,
        iou_min: float | None = None,
        score_min: float = 0,
        slice_views: Iterable[str] = (),
        failures: Sequence[tuple[str, str, str]] = (),
    ) -> progress_pb2.RecordRoundResponse:
        """Record the metric of an imported round's predictions, measured by the server.

        The server measures the round's metric split. If `labelled_groups` is 0, the server counts
        them. Each view of `slice_views` becomes a slice. A repeated call returns the first
        measurement.
        """
        parent = self._names.dataset(dataset)
        request = progress_pb2.RecordRoundRequest(
            dataset=parent,
            round=round_number,
            labelled_groups=labelled_groups,
            measured_round=self._names.find(ROUND, measured_round, parent=parent),
            iou_min=iou_min,
            score_min=score_min,
            slice_views=self._names.ids(
                VIEW, read_texts("slice_views", slice_views), parent=parent
            ),
            failures=_to_messages(failures),
        )
        return translate(self._stub.RecordRound, request)

    def rounds(self, dataset: str) -> Iterator[progress_pb2.RecordedRound]:
        """The recorded rounds of a dataset, by number."""
        request = progress_pb2.ListRecordedRoundsRequest(parent=self._names.dataset(dataset))
        return list_items(self._stub.ListRecordedRounds, request, "rounds")

    def get(
        self,
        dataset: str,
        *,
        target: float | None = None,
        gain_min: float | None = None,
        next_groups: int = 0,
    ) -> progress_pb2.DatasetProgress:
        """The learning curve over all rounds, and a recommendation; a person decides."""
        request = progress_pb2.GetProgressRequest(
            dataset=self._names.dataset(dataset),
            target=target,
            gain_min=gain_min,
            next_groups=next_groups,
        )
        return translate(self._stub.GetProgress, request)


def _to_messages(failures: Sequence[tuple[str, str, str]]) -> list[progress_pb2.JudgedFailure]:
    return [
        progress_pb2.JudgedFailure(label=label, first=first, second=second)
        for label, first, second in failures
    ]
