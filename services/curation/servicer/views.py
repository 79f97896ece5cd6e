"""The methods of FrameService for views."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty

from services.curation.context import Curation
from services.curation.datasets.views import (
    View,
    create_view,
    delete_view,
    get_view,
    list_views,
    update_view,
)
from services.curation.servicer import filter_messages
from services.curation.servicer.common_messages import serialise
from services.records.idempotency import IdempotentRequest
from services.records.pages import read_page
from sluice.names import DatasetName, ViewName
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceServicer


class ViewMethods(FrameServiceServicer):
    """Saved filters."""

    def __init__(self, curation: Curation) -> None:
        self._curation = curation

    async def CreateView(self, request: pb.CreateViewRequest, context: Any) -> pb.View:
        """Save a filter."""
        parent = DatasetName.parse(request.parent, "parent")
        view = await create_view(
            self._curation,
            IdempotentRequest.of("CreateView", request.request_id, serialise(request)),
            ViewName(parent.project, parent.dataset, request.view_id),
            request.view.display_name,
            filter_messages.read_filter(request.view.filter, "view.filter"),
        )
        return filter_messages.view(parent, view)

    async def GetView(self, request: pb.GetViewRequest, context: Any) -> pb.View:
        """Read one view."""
        name = ViewName.parse(request.name)
        record = await get_view(self._curation, name)
        return filter_messages.view(DatasetName(name.project, name.dataset), record)

    async def ListViews(self, request: pb.ListViewsRequest, context: Any) -> pb.ListViewsResponse:
        """List the views of a dataset."""
        parent = DatasetName.parse(request.parent, "parent")
        page = read_page(request.page_size, request.page_token, "ListViews", request.parent)
        records, token = await list_views(self._curation, parent, page)
        views = [filter_messages.view(parent, record) for record in records]
        return pb.ListViewsResponse(views=views, next_page_token=token)

    async def UpdateView(self, request: pb.UpdateViewRequest, context: Any) -> pb.View:
        """Change a view."""
        message = request.view
        name = ViewName.parse(message.name, "view.name")
        view = View(
            id=name.view,
            display_name=message.display_name,
            filter=filter_messages.read_filter(message.filter, "view.filter"),
            created_us=0,
            updated_us=0,
        )
        paths = list(request.update_mask.paths)
        changed = await update_view(self._curation, name, view, paths, message.etag)
        return filter_messages.view(DatasetName(name.project, name.dataset), changed)

    async def DeleteView(self, request: pb.DeleteViewRequest, context: Any) -> Empty:
        """Delete a view."""
        await delete_view(self._curation, ViewName.parse(request.name), request.etag)
        return Empty()
