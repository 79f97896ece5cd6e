"""The views of FrameService over gRPC."""

from __future__ import annotations

from sluice import errors
from sluice.v1 import dataset_frame_pb2 as pb
from tests.rpc.curation.api import DATASET, Api, refusal, tagging


async def test_a_view_is_a_filter_under_a_name(api: Api) -> None:
    """A view lists what passes now; it is changed under its etag, and deleted."""
    await api.append("a1", "a2")
    view = pb.View(filter=pb.FrameFilter(tags=["night"]))
    created = await api.frames.CreateView(
        pb.CreateViewRequest(parent=DATASET, view_id="night", view=view)
    )
    before = await api.list(view="night")
    await api.frames.TagFrames(tagging("a2", add=["night"]))
    after = await api.list(view="night")
    created.filter.tags[:] = ["day"]
    changed = await api.frames.UpdateView(pb.UpdateViewRequest(view=created))
    error = await refusal(api.frames.UpdateView(pb.UpdateViewRequest(view=created)))
    listed = await api.frames.ListViews(pb.ListViewsRequest(parent=DATASET))
    await api.frames.DeleteView(pb.DeleteViewRequest(name=created.name))
    gone = await refusal(api.list(view="night"))

    assert ([], ["a2"]) == (before, after)
    assert ("night", ["day"]) == (changed.display_name, list(changed.filter.tags))
    assert errors.Aborted is type(error)
    assert [changed] == list(listed.views)
    assert errors.NotFound is type(gone)


async def test_views_are_listed_by_name(api: Api) -> None:
    """Pages list the views of a dataset by id, whatever the order of their creation."""
    for id in ("wet-2", "day", "wet"):
        await api.frames.CreateView(pb.CreateViewRequest(parent=DATASET, view_id=id))
    first = await api.frames.ListViews(pb.ListViewsRequest(parent=DATASET, page_size=2))
    rest = await api.frames.ListViews(
        pb.ListViewsRequest(parent=DATASET, page_size=2, page_token=first.next_page_token)
    )

    names = [view.name.rpartition("/")[2] for view in (*first.views, *rest.views)]
    assert ["day", "wet", "wet-2"] == names
