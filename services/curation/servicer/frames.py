"""FrameService over gRPC."""

from __future__ import annotations

from services.curation.context import Curation
from services.platform.draining import Draining
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceServicer


class FrameServicer(FrameServiceServicer):
    """The frames of datasets."""

    def __init__(self, curation: Curation, draining: Draining) -> None:
        self._curation = curation
        self._draining = draining
