"""`python -m bench._scoring_echo PORT CAMPAIGNS`: answers StreamScores without scoring anything.

The remaining work is what any such server must do: parse the message, view its vectors as an array,
and send scores for that many campaigns in a message like the real one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import grpc
import numpy as np

from services.server.server import OPTIONS
from sluice.tensors import unpack
from sluice.v1 import scorer_pb2 as pb
from sluice.v1.scorer_pb2_grpc import ScorerServiceServicer, add_ScorerServiceServicer_to_server

READY = "echoes on"


class Echo(ScorerServiceServicer):
    """Answers every batch with as many scores as the real scorer would."""

    def __init__(self, campaigns: int) -> None:
        self._versions = [
            pb.ScoredVersion(
                campaign=f"projects/bench/campaigns/{UUID(int=number)}",
                version=1,
                model_digest="0" * 64,
                threshold=0.5,
            )
            for number in range(campaigns)
        ]

    async def StreamScores(  # noqa: N802 - the proto's name
        self, request_iterator: AsyncIterator[pb.StreamScoresRequest], context: Any
    ) -> AsyncIterator[pb.StreamScoresResponse]:
        """Answer batch after batch."""
        async for request in request_iterator:
            vectors = unpack(request.batch.embeddings.tensor, "tensor")
            scores = np.full((len(vectors), len(self._versions)), 0.5)
            response = pb.ScoreFramesResponse(
                frame_count=len(vectors), versions=self._versions, scores=scores.tobytes()
            )
            yield pb.StreamScoresResponse(batch_id=request.batch_id, scores=response)


async def serve(port: int, campaigns: int) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server(options=OPTIONS)
    add_ScorerServiceServicer_to_server(Echo(campaigns), server)  # type: ignore[abstract]
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print(READY, port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
