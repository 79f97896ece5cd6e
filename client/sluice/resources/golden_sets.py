"""Golden sets, the history of their checks, and what a failed one blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import grpc

from sluice.errors import InvalidArgument
from sluice.frames import Frame
from sluice.resources.pages import items
from sluice.rpc_errors import translate
from sluice.v1 import golden_set_pb2
from sluice.v1.golden_set_pb2_grpc import GoldenSetServiceStub

BYTES_PER_MESSAGE: Final = 2**20
"""An image more may be in a message; one has a megabyte at most."""


class GoldenSets:
    """Golden sets and their checks. Names are resource names: `projects/p/datasets/d/goldenSets/g`.

    Annotations are frames with labels, such as `sluice.formats.coco.read_coco` reads: boxes, or
    one class for each image. A frame without labels says that somebody looked, and it is empty.
    """

    def __init__(self, channel: grpc.Channel) -> None:
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
    ) -> golden_set_pb2.GoldenSet:
        """Create a golden set of a dataset; it never changes.

        Of frames whose labels are of several sensors, `sensor_id` says which count. Sent again it
        changes nothing; raises AlreadyExists where another one has the id.
        """
        first = golden_set_pb2.CreateGoldenSetRequest(
            parent=dataset,
            golden_set_id=golden_set_id,
            golden_set=golden_set_pb2.GoldenSet(display_name=display_name, limits=limits),
        )
        requests = _messages(first, frames, sensor_id)
        return translate(self._stub.CreateGoldenSet, requests)

    def get(self, name: str) -> golden_set_pb2.GoldenSet:
        """Read a golden set, without its images."""
        request = golden_set_pb2.GetGoldenSetRequest(name=name)
        return translate(self._stub.GetGoldenSet, request)

    def list(self, dataset: str) -> Iterator[golden_set_pb2.GoldenSet]:
        """The golden sets of a dataset."""
        request = golden_set_pb2.ListGoldenSetsRequest(parent=dataset)
        return items(self._stub.ListGoldenSets, request, "golden_sets")

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
    ) -> golden_set_pb2.CheckRoundResponse:
        """Compare a round's annotations with a golden set; the verdict is on record for good.

        Frames that the golden set has not are passed over. The same round sent again is the check
        that is there; raises AlreadyExists where other annotations have its key.
        """
        first = golden_set_pb2.CheckRoundRequest(
            golden_set=name,
            key=golden_set_pb2.CheckRoundRequest.Key(
                round=round_number,
                schema_version=schema_version,
                annotator=annotator,
                guideline_version=guideline_version,
            ),
        )
        return translate(self._stub.CheckRound, _messages(first, frames, sensor_id))

    def get_check(self, name: str) -> golden_set_pb2.GoldenCheck:
        """Read a check, with all that it rests on."""
        return translate(self._stub.GetCheck, golden_set_pb2.GetCheckRequest(name=name))

    def checks(self, name: str) -> Iterator[golden_set_pb2.GoldenCheck]:
        """The checks of a golden set by round, without details."""
        request = golden_set_pb2.ListChecksRequest(parent=name)
        return items(self._stub.ListChecks, request, "checks")

    def override(
        self, check: str, reason: str, *, decided_by: str = ""
    ) -> golden_set_pb2.GoldenCheck:
        """Let work go on in spite of a failed check; who, when and why stay on record."""
        request = golden_set_pb2.OverrideCheckRequest(
            name=check, reason=reason, decided_by=decided_by
        )
        return translate(self._stub.OverrideCheck, request)

    def gate(self, dataset: str) -> golden_set_pb2.GoldenGate:
        """Whether the next batch of a dataset is blocked, and by which check."""
        return translate(self._stub.GetGate, golden_set_pb2.GetGateRequest(dataset=dataset))


def _messages(first: Any, frames: Iterable[Frame], sensor_id: str | None) -> Iterator[Any]:
    """The first message, and the images in as many more as they need.

    Images are read before the first message is sent: what is wrong with a file is said as what it
    is, and not as a call that broke.
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
    """What a frame says of its sensor's image; without a sensor's id, of the only one with labels.

    Raises InvalidArgument naming the sensors where there are several.
    """
    labelled = sorted({label.sensor_id for label in frame.labels})
    if sensor_id is None and len(labelled) > 1:
        problem = f"is not given, and frame {frame.id!r} has labels of {', '.join(labelled)}"
        raise InvalidArgument.of("sensor_id", problem)
    wanted = sensor_id if sensor_id is not None else "".join(labelled)
    sizes = [(s.width, s.height) for s in frame.sensors if s.sensor_id == wanted]
    width, height = sizes[0] if sizes else (0, 0)
    return golden_set_pb2.AnnotatedImage(
        id=frame.id,
        width=width,
        height=height,
        labels=[label.to_proto() for label in frame.labels if label.sensor_id == wanted],
    )
