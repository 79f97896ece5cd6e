"""The few methods of Qdrant's API that the stand-in has, with the statuses of the real server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from qdrant_client import grpc as q

from tests.qdrant_server.engine import (
    Engine,
    ExistsError,
    InputError,
    NotFoundError,
    UnsupportedError,
)

Context = grpc.aio.ServicerContext[Any, Any]
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")

_CODES = {
    ExistsError: grpc.StatusCode.ALREADY_EXISTS,
    InputError: grpc.StatusCode.INVALID_ARGUMENT,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    UnsupportedError: grpc.StatusCode.UNIMPLEMENTED,
}


def methods(engine: Engine, version: str) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
    """All methods by name, each as gRPC wants it."""

    def update(change: Callable[[Any], None]) -> Callable[[Any], q.PointsOperationResponse]:
        def respond(request: Any) -> q.PointsOperationResponse:
            change(request)
            status = q.UpdateStatus.Completed if request.wait else q.UpdateStatus.Acknowledged
            return q.PointsOperationResponse(result=q.UpdateResult(operation_id=0, status=status))

        return respond

    def create(request: q.CreateCollection) -> q.CollectionOperationResponse:
        engine.create(request)
        return q.CollectionOperationResponse(result=True)

    def drop(request: q.DeleteCollection) -> q.CollectionOperationResponse:
        return q.CollectionOperationResponse(result=engine.drop(request.collection_name))

    def names(_: q.ListCollectionsRequest) -> q.ListCollectionsResponse:
        described = [q.CollectionDescription(name=name) for name in engine.names()]
        return q.ListCollectionsResponse(collections=described)

    def info(request: q.GetCollectionInfoRequest) -> q.GetCollectionInfoResponse:
        return q.GetCollectionInfoResponse(result=engine.info(request.collection_name))

    def count(request: q.CountPoints) -> q.CountResponse:
        return q.CountResponse(result=q.CountResult(count=engine.count(request)))

    def query(request: q.QueryPoints) -> q.QueryResponse:
        return q.QueryResponse(result=engine.query(request))

    def health(_: q.HealthCheckRequest) -> q.HealthCheckReply:
        return q.HealthCheckReply(title="a stand-in for qdrant", version=version)

    return {
        "Collections/Create": _handler(q.CreateCollection, create),
        "Collections/Get": _handler(q.GetCollectionInfoRequest, info),
        "Collections/Delete": _handler(q.DeleteCollection, drop),
        "Collections/List": _handler(q.ListCollectionsRequest, names),
        "Points/Count": _handler(q.CountPoints, count),
        "Points/CreateFieldIndex": _handler(q.CreateFieldIndexCollection, update(engine.index)),
        "Points/Delete": _handler(q.DeletePoints, update(engine.delete)),
        "Points/Facet": _handler(q.FacetCounts, engine.facet),
        "Points/Query": _handler(q.QueryPoints, query),
        "Points/Scroll": _handler(q.ScrollPoints, engine.scroll),
        "Points/Upsert": _handler(q.UpsertPoints, update(engine.upsert)),
        "Qdrant/HealthCheck": _handler(q.HealthCheckRequest, health),
    }


def _handler(
    request_type: type[_Request], respond: Callable[[_Request], _Response]
) -> grpc.RpcMethodHandler[_Request, _Response]:
    async def behave(request: _Request, context: Context) -> _Response:
        try:
            return respond(request)
        except tuple(_CODES) as error:
            await context.abort(_CODES[type(error)], str(error))

    behaviour: Callable[[_Request, Context], Awaitable[_Response]] = behave
    return grpc.unary_unary_rpc_method_handler(
        behaviour,
        request_deserializer=request_type.FromString,  # type: ignore[attr-defined]
        response_serializer=lambda response: response.SerializeToString(),  # type: ignore[attr-defined]
    )
