"""The samples of a campaign, their review, and the funnel."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

import grpc

from sluice.checks import read_texts
from sluice.errors import InvalidArgument, Unavailable
from sluice.names import CampaignName, SampleName
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.v1 import deletion_pb2, ingest_pb2
from sluice.v1.ingest_pb2_grpc import IngestServiceStub

WAIT_S: Final = 60.0
POLL_S: Final = 0.05
"""How long `Samples.wait` waits by default, and its pause between two looks."""

_STATES: Final = {
    "unsorted": ingest_pb2.Sample.STATE_UNSORTED,
    "accepted": ingest_pb2.Sample.STATE_ACCEPTED,
    "discarded": ingest_pb2.Sample.STATE_DISCARDED,
}


class Samples:
    """The samples of a campaign, their review, and the funnel."""

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = IngestServiceStub(channel)

    def get(self, campaign: str, frame_id: str = "") -> ingest_pb2.Sample:
        """Read a sample of a campaign, with its explanation.

        Without a frame id, `campaign` is the resource name of the sample.
        """
        if frame_id:
            parent = CampaignName.parse(self._names.campaign(campaign))
            name = str(SampleName(parent.project, parent.campaign, frame_id))
        else:
            name = str(SampleName.parse(campaign, "sample"))
        return translate(self._stub.GetSample, ingest_pb2.GetSampleRequest(name=name))

    def list(
        self,
        campaign: str,
        *,
        by_version: bool = False,
        version: int = 0,
        states: Iterable[str] = (),
    ) -> Iterator[ingest_pb2.Sample]:
        """The samples of a campaign, best first; with `by_version`, newest version first.

        `version` limits them to one version, and `states` to samples that are `unsorted`,
        `accepted` or `discarded`.
        """
        request = ingest_pb2.ListSamplesRequest(
            parent=self._names.campaign(campaign),
            order=ingest_pb2.SAMPLE_ORDER_VERSION if by_version else ingest_pb2.SAMPLE_ORDER_SCORE,
            version=version,
            states=map(_read_state, read_texts("states", states)),
        )
        return list_items(self._stub.ListSamples, request, "samples")

    def accept(self, campaign: str, frame_ids: Iterable[str]) -> int:
        """Mark samples as examples of the issue; returns the number that changed."""
        ids = read_texts("frame_ids", frame_ids)
        request = ingest_pb2.AcceptSamplesRequest(
            parent=self._names.campaign(campaign), frame_ids=ids
        )
        return translate(self._stub.AcceptSamples, request).changed_count

    def discard(self, campaign: str, frame_ids: Iterable[str]) -> int:
        """Mark samples as not examples of the issue; returns the number that changed."""
        ids = read_texts("frame_ids", frame_ids)
        request = ingest_pb2.DiscardSamplesRequest(
            parent=self._names.campaign(campaign), frame_ids=ids
        )
        return translate(self._stub.DiscardSamples, request).changed_count

    def restore(self, campaign: str, frame_ids: Iterable[str]) -> int:
        """Make samples unsorted again; returns the number that changed."""
        ids = read_texts("frame_ids", frame_ids)
        request = ingest_pb2.RestoreSamplesRequest(
            parent=self._names.campaign(campaign), frame_ids=ids
        )
        return translate(self._stub.RestoreSamples, request).changed_count

    def delete(
        self, campaign: str, frame_ids: Iterable[str], *, validate_only: bool = False
    ) -> deletion_pb2.DeletionSummary:
        """Delete samples, or with `validate_only` only count what would be deleted.

        The counts of the funnel stay, and the frames are not collected again.
        """
        request = ingest_pb2.DeleteSamplesRequest(
            parent=self._names.campaign(campaign),
            frame_ids=read_texts("frame_ids", frame_ids),
            validate_only=validate_only,
        )
        return translate(self._stub.DeleteSamples, request)

    def wait(self, campaign: str, *, patience_s: float = WAIT_S) -> ingest_pb2.Funnel:
        """Wait until every match of a campaign is decided; returns the funnel.

        Matches are pending until the server has looked for near duplicates among them, a moment
        after they were sent. Raises Unavailable if some still are after `patience_s` seconds.
        """
        name = self._names.campaign(campaign)
        deadline = time.monotonic() + patience_s
        while (funnel := self.funnel(name)).pending:
            if time.monotonic() > deadline:
                problem = f"{funnel.pending:,} matches are pending after {patience_s:g} s"
                raise Unavailable(f"{name}: {problem}; wait again, or see the server's log")
            time.sleep(POLL_S)
        return funnel

    def funnel(self, campaign: str) -> ingest_pb2.Funnel:
        """Read the funnel: counts of the frames that loggers have seen, by outcome."""
        request = ingest_pb2.GetFunnelRequest(campaign=self._names.campaign(campaign))
        return translate(self._stub.GetFunnel, request)


def _read_state(name: str) -> ingest_pb2.Sample.State:
    if name not in _STATES:
        raise InvalidArgument.of("states", f"{name!r} is none of {', '.join(_STATES)}")
    return _STATES[name]
