"""RoundService over gRPC."""

from __future__ import annotations

from services.curation.context import Curation
from sluice.v1.round_pb2_grpc import RoundServiceServicer


class RoundServicer(RoundServiceServicer):
    """The rounds of datasets."""

    def __init__(self, curation: Curation) -> None:
        self._curation = curation
