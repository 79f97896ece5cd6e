"""What each round of labelling brought, and whether another one is worth it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import grpc

from sluice.resources.pages import items
from sluice.rpc_errors import translate
from sluice.v1 import progress_pb2
from sluice.v1.progress_pb2_grpc import ProgressServiceStub


class Progress:
    """The rounds of datasets. Names are resource names: `projects/p/datasets/d`."""

    def __init__(self, channel: grpc.Channel) -> None:
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
        """Record what a round's model is worth on the validation samples.

        `values` are the metric of each sample by its id, in 0…1, `predictions` the predicted
        classes, `slices` the ids of samples that must reach the target on their own, `failures` a
        random sample as (label, first annotator, second annotator). The same round again changes
        nothing; raises AlreadyExists where another content has its number, KeyError for a sample
        without a value, or a value without its prediction.
        """
        ids = list(values)
        rows = {sample: row for row, sample in enumerate(ids)}
        request = progress_pb2.RecordRoundRequest(
            dataset=dataset,
            round=round_number,
            labelled_groups=labelled_groups,
            sample_ids=ids,
            values=values.values(),
            predictions=[predictions[sample] for sample in ids] if predictions else [],
            slices=[
                progress_pb2.SampleSlice(name=name, samples=[rows[s] for s in samples])
                for name, samples in (slices or {}).items()
            ],
            failures=_judged(failures),
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
        """Record what the predictions of a round of the dataset are worth in its metric split.

        The server measures them, and counts the groups that are labelled where they are 0.
        `slice_views` are ids of views, each of which becomes a slice. The same call again returns
        what was measured first.
        """
        request = progress_pb2.RecordRoundRequest(
            dataset=dataset,
            round=round_number,
            labelled_groups=labelled_groups,
            measured_round=measured_round,
            iou_min=iou_min,
            score_min=score_min,
            slice_views=slice_views,
            failures=_judged(failures),
        )
        return translate(self._stub.RecordRound, request)

    def rounds(self, dataset: str) -> Iterator[progress_pb2.RecordedRound]:
        """The recorded rounds of a dataset, by number."""
        request = progress_pb2.ListRecordedRoundsRequest(parent=dataset)
        return items(self._stub.ListRecordedRounds, request, "rounds")

    def get(
        self,
        dataset: str,
        *,
        target: float | None = None,
        gain_min: float | None = None,
        next_groups: int = 0,
    ) -> progress_pb2.DatasetProgress:
        """What all rounds say together, and one recommendation; a person decides."""
        request = progress_pb2.GetProgressRequest(
            dataset=dataset, target=target, gain_min=gain_min, next_groups=next_groups
        )
        return translate(self._stub.GetProgress, request)


def _judged(failures: Sequence[tuple[str, str, str]]) -> list[progress_pb2.JudgedFailure]:
    return [
        progress_pb2.JudgedFailure(label=label, first=first, second=second)
        for label, first, second in failures
    ]
