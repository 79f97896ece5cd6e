"""Golden sets, their checks, and the gate that a failed check closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import grpc

from sluice.class_names import rename_classes
from sluice.errors import InvalidArgument
from sluice.frames import Frame
from sluice.resources.kinds import CHECK, GOLDEN_SET
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.v1 import deletion_pb2, golden_set_pb2
from sluice.v1.golden_set_pb2_grpc import GoldenSetServiceStub

BYTES_PER_MESSAGE: Final = 2**20
"""Size at which a message is complete; its last image may exceed it, by a megabyte at most."""


class GoldenSets:
    """Golden sets and their checks, found by resource name, `dataset/id`, id or display name.

    Annotations are frames with labels, for example from `sluice.formats.coco.read_coco`: boxes, or
    one class per image. A frame without labels is an annotated image without objects.
    """

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = GoldenSetServiceStub(channel)

    def create(
        self,
        dataset: str,
        golden_set_id: str,
        frames: Iterable[Frame],
        *,
        sensor_id: str | None = None,
        display_name: str = "",
        limits: golden_set_pb2.GoldenLimits | None = None,
        class_map: Mapping[str, str] | None = None,
    ) -> golden_set_pb2.GoldenSet:
        """Create a golden set of a dataset; it never changes.

        `sensor_id` is required if frames have labels of several sensors; `class_map` gives classes
        the names that the dataset has, old → new. Classes that the dataset lacks are counted in
        `other_classes`. A repeated call changes nothing; raises AlreadyExists if another golden set
        has the id, and InvalidArgument if no label has a class of the dataset.
        """
        first = golden_set_pb2.CreateGoldenSetRequest(
            parent=self._names.dataset(dataset),
            golden_set_id=golden_set_id,
            golden_set=golden_set_pb2.GoldenSet(display_name=display_name, limits=limits),
        )
        requests = _messages(first, rename_classes(frames, class_map or {}), sensor_id)
        return translate(self._stub.CreateGoldenSet, requests)

    def get(self, name: str) -> golden_set_pb2.GoldenSet:
        """Read a golden set, without its images."""
        request = golden_set_pb2.GetGoldenSetRequest(name=self._names.find(GOLDEN_SET, name))
        return translate(self._stub.GetGoldenSet, request)

    def list(self, dataset: str) -> Iterator[golden_set_pb2.GoldenSet]:
        """The golden sets of a dataset."""
        request = golden_set_pb2.ListGoldenSetsRequest(parent=self._names.dataset(dataset))
        return list_items(self._stub.ListGoldenSets, request, "golden_sets")

    def delete(self, name: str, *, validate_only: bool = False) -> deletion_pb2.DeletionSummary:
        """Delete a golden set with its images and its checks.

        Its id is not used again. With `validate_only` nothing is deleted, only counted.
        """
        full_name = self._names.find(GOLDEN_SET, name, may_be_gone=True)
        request = golden_set_pb2.DeleteGoldenSetRequest(name=full_name, validate_only=validate_only)
        return translate(self._stub.DeleteGoldenSet, request)

    def check(
        self,
        name: str,
        frames: Iterable[Frame],
        *,
        round_number: int,
        schema_version: str,
        annotator: str,
        guideline_version: str,
        sensor_id: str | None = None,
        class_map: Mapping[str, str] | None = None,
    ) -> golden_set_pb2.CheckRoundResponse:
        """Compare a round's annotations with a golden set; the check is stored permanently.

        Frames that are not in the golden set are ignored; raises InvalidArgument naming some of
        both sides if all are. `class_map` gives classes the names that the dataset has, old → new.
        A repeated call returns the stored check; raises AlreadyExists if the round has a check of
        other annotations.
        """
        first = golden_set_pb2.CheckRoundRequest(
            golden_set=self._names.find(GOLDEN_SET, name),
            key=golden_set_pb2.CheckRoundRequest.Key(
                round=round_number,
                schema_version=schema_version,
                annotator=annotator,
                guideline_version=guideline_version,
            ),
        )
        renamed = rename_classes(frames, class_map or {})
        return translate(self._stub.CheckRound, _messages(first, renamed, sensor_id))

    def get_check(self, name: str) -> golden_set_pb2.GoldenCheck:
        """Read a check, with its details."""
        request = golden_set_pb2.GetCheckRequest(name=self._names.find(CHECK, name))
        return translate(self._stub.GetCheck, request)

    def checks(self, name: str) -> Iterator[golden_set_pb2.GoldenCheck]:
        """The checks of a golden set, by round, without details."""
        request = golden_set_pb2.ListChecksRequest(parent=self._names.find(GOLDEN_SET, name))
        return list_items(self._stub.ListChecks, request, "checks")

    def override(
        self, check: str, reason: str, *, decided_by: str = ""
    ) -> golden_set_pb2.GoldenCheck:
        """Override a failed check; the person, the time and the reason are stored."""
        request = golden_set_pb2.OverrideCheckRequest(
            name=self._names.find(CHECK, check), reason=reason, decided_by=decided_by
        )
        return translate(self._stub.OverrideCheck, request)

    def gate(self, dataset: str) -> golden_set_pb2.GoldenGate:
        """Read whether the next batch of a dataset is blocked, and by which check."""
        request = golden_set_pb2.GetGateRequest(dataset=self._names.dataset(dataset))
        return translate(self._stub.GetGate, request)


def _messages(first: Any, frames: Iterable[Frame], sensor_id: str | None) -> Iterator[Any]:
    """The first message, followed by as many messages as the images need.

    All images are read before the first message is sent, so that an invalid file raises its own
    error and not that of an interrupted call.
    """
    parts, size = [type(first)()], 0
    for frame in frames:
        if size >= BYTES_PER_MESSAGE:
            parts, size = [*parts, type(first)()], 0
        image = image_of(frame, sensor_id)
        parts[-1].images.append(image)
        size += image.ByteSize()
    return iter([first, *parts])


def image_of(frame: Frame, sensor_id: str | None) -> golden_set_pb2.AnnotatedImage:
    """The annotations of one sensor's image, by default of the only sensor with labels.

    Raises InvalidArgument naming the sensors if several have labels and `sensor_id` is None.
    """
    labelled_sensors = sorted({label.sensor_id for label in frame.labels})
    if sensor_id is None and len(labelled_sensors) > 1:
        sensors = ", ".join(labelled_sensors)
        problem = f"required, because frame {frame.id!r} has labels of {sensors}"
        raise InvalidArgument.of("sensor_id", problem)
    sensor = sensor_id if sensor_id is not None else "".join(labelled_sensors)
    sizes = [(s.width, s.height) for s in frame.sensors if s.sensor_id == sensor]
    width, height = sizes[0] if sizes else (0, 0)
    return golden_set_pb2.AnnotatedImage(
        id=frame.id,
        width=width,
        height=height,
        labels=[label.to_proto() for label in frame.labels if label.sensor_id == sensor],
    )
