"""Scores batches on the server, as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc

from sluice import errors, rpc_errors
from sluice.resources import Campaigns
from sluice.spaces import describe_spaces
from sluice.tensors import Embeddings
from sluice.v1 import scorer_pb2
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub

_EXPECTED = "expected Embeddings, such as Embeddings.of_frames(model_id, vectors)"


class ScoreRequests(Iterator[scorer_pb2.StreamScoresRequest]):
    """The requests of a stream, which grpc reads in a thread of its own.

    An error of the batches ends the requests and is kept in `error`: grpc would log it, and end the
    call with an error that names nothing.
    """

    def __init__(self, project: str, batches: Iterable[Embeddings], *, matches_only: bool) -> None:
        self.error: BaseException | None = None
        self.spaces: list[tuple[str, int]] = []
        """The space of each batch so far."""
        self._project = project
        self._batches = iter(batches)
        self._matches_only = matches_only

    def __next__(self) -> scorer_pb2.StreamScoresRequest:
        try:
            return self._to_request(next(self._batches))
        except StopIteration:
            raise
        except BaseException as error:
            self.error = error
            raise StopIteration from error

    def _to_request(self, batch: Embeddings) -> scorer_pb2.StreamScoresRequest:
        number = len(self.spaces)
        field = f"batches[{number}]"
        if not isinstance(batch, Embeddings):
            raise errors.InvalidArgument.of(field, f"{batch!r}; {_EXPECTED}")
        message = scorer_pb2.ScoreFramesRequest(
            parent=self._project,
            embeddings=batch.to_proto(field),
            matches_only=self._matches_only,
        )
        self.spaces.append((batch.model_id, batch.vectors.shape[1]))
        return scorer_pb2.StreamScoresRequest(batch_id=number, batch=message)


def score_stream(
    channel: grpc.Channel, project: str, batches: Iterable[Embeddings], *, matches_only: bool
) -> Iterator[scorer_pb2.ScoreFramesResponse]:
    """See `CollectionClient.score_stream`."""
    if isinstance(batches, Embeddings) or not isinstance(batches, Iterable):
        problem = (
            f"is of type {type(batches).__name__}; expected a list or another iterable of batches"
        )
        raise errors.InvalidArgument.of("batches", problem)
    requests = ScoreRequests(project, batches, matches_only=matches_only)
    return _receive(channel, project, requests)


def _receive(
    channel: grpc.Channel, project: str, requests: ScoreRequests
) -> Iterator[scorer_pb2.ScoreFramesResponse]:
    known_spaces: set[tuple[str, int]] = set()
    call = ScorerServiceStub(channel).StreamScores(requests)
    try:
        for response in call:
            if response.HasField("error"):
                raise rpc_errors.from_status(response.error)
            space = requests.spaces[response.batch_id]
            if not response.scores.versions and space not in known_spaces:
                known_spaces |= _read_spaces(channel, project, space, response.batch_id)
            yield response.scores
    except grpc.RpcError as error:
        raise rpc_errors.from_rpc_error(error) from rpc_errors.FailedCall(error)
    finally:
        call.cancel()
    if requests.error is not None:
        raise requests.error


def _read_spaces(
    channel: grpc.Channel, project: str, space: tuple[str, int], batch: int
) -> set[tuple[str, int]]:
    """The spaces of a project; InvalidArgument listing them if `space` is not one of them."""
    spaces = {(s.model_id, s.dimension) for s in Campaigns(channel).spaces(project)}
    if space not in spaces:
        raise errors.InvalidArgument.of(
            f"batches[{batch}].model_id",
            f"{project} has no space {describe_spaces([space])}; its spaces: "
            f"{describe_spaces(spaces)}",
            reason="SPACE_MISMATCH",
        )
    return spaces
