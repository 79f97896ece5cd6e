"""AssignSplits over gRPC."""

from __future__ import annotations

from sluice.v1 import dataset_frame_pb2 as pb
from tests.rpc.curation.api import DATASET, Api


async def test_splits_are_those_of_the_seed(api: Api) -> None:
    """Groups get their shares, keep them when asked again, and new ones join."""
    ids = [f"{letter}{number}" for letter in "ab" for number in range(10)]
    await api.append(*ids)
    shares = [
        pb.AssignSplitsRequest.Share(split=pb.SPLIT_TRAIN, share=0.6),
        pb.AssignSplitsRequest.Share(split=pb.SPLIT_TEST, share=0.4),
    ]
    request = pb.AssignSplitsRequest(dataset=DATASET, shares=shares, seed=3)
    first = await api.frames.AssignSplits(request)
    passing = pb.FrameFilter(splits=[pb.SPLIT_TEST])
    test = await api.list(filter=passing)
    request.seed = 4
    again = await api.frames.AssignSplits(request)
    await api.append(*(f"c{number}" for number in range(10)))
    more = await api.frames.AssignSplits(request)

    assert (12, 8) == (first.train, first.test)
    assert first == again
    assert set(test) < set(await api.list(filter=passing))
    assert (18, 12) == (more.train, more.test)
