"""The funnel: how many of the frames seen became matches, samples, and so on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from services.ingest import counters
from services.ingest.context import Ingest
from services.ingest.counters import Count
from services.ingest.records import Extremes, extremes_key
from services.ledger.interface import Ledger
from services.records.project_marks import deleted_error, is_marked
from services.records.records import decode, key, segments
from services.records.scanning import scan_pages
from sluice.tally import BINS

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """The distribution of the scores of all frames seen; all 0 if there are none."""

    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """The counts of a campaign at one moment, and the score mismatches by logger.

    `distinct_seen` is an estimate unless `distinct_seen_exact`.
    """

    counts: Mapping[Count, int]
    distinct_seen: int
    distinct_seen_exact: bool
    scores: ScoreSummary
    mismatches: Mapping[str, int]

    @property
    def collection_rate(self) -> float:
        """Collected frames over frames seen; a frame seen twice counts twice."""
        return _rate(self.counts[Count.COLLECTED], self.counts[Count.SEEN])

    @property
    def collection_rate_distinct(self) -> float:
        """Collected frames over distinct frames seen."""
        return _rate(self.counts[Count.COLLECTED], self.distinct_seen)


async def read_funnel(ingest: Ingest, project: str, campaign: str) -> Funnel:
    """The funnel of a campaign, active or not.

    Raises NotFound naming the campaign, or its project if that is deleted.
    """
    ledger = ingest.stores.ledger
    if await is_marked(ledger, project):  # its counters stay
        raise deleted_error(project)
    await ingest.active.version(project, campaign, 1)
    loggers = await _list_last_segments(ledger, project, key("mismatch", campaign))
    bins = [counters.score_bin(campaign, index) for index in range(BINS)]
    mismatches = {logger: counters.mismatches_of(campaign, logger) for logger in loggers}
    names = [*(count.of(campaign) for count in Count), *bins, *mismatches.values()]
    values = await ledger.counters(project, names)
    counts = {count: values[count.of(campaign)] for count in Count}
    histogram = tuple(values[name] for name in bins)
    distinct_seen, exact = await _count_distinct_seen(ledger, project, campaign)
    return Funnel(
        counts=counts,
        # An estimate must not exceed the exact count of frames seen.
        distinct_seen=min(distinct_seen, counts[Count.SEEN]),
        distinct_seen_exact=exact,
        scores=_summarise(counts, histogram, await _read_extremes(ledger, project, campaign)),
        mismatches={logger: values[name] for logger, name in mismatches.items()},
    )


async def _count_distinct_seen(ledger: Ledger, project: str, campaign: str) -> tuple[int, bool]:
    """The number of different frames seen, and whether it is exact."""
    sets = await _list_last_segments(ledger, project, key("seen-set", campaign))
    exact = await ledger.count_exactly(project, sets)
    if exact is not None:
        return exact, True
    return await ledger.count_distinct(project, sets), False


async def _list_last_segments(ledger: Ledger, project: str, parent: str) -> list[str]:
    """The last segments of all keys directly below `parent`."""
    pages = scan_pages(ledger, project, parent + "/", _PAGE)
    return [segments(entry.key)[-1] async for page in pages for entry in page]


async def _read_extremes(ledger: Ledger, project: str, campaign: str) -> Extremes:
    entry = (await ledger.get(project, [extremes_key(campaign)])).get(extremes_key(campaign))
    return decode(Extremes, entry) if entry else Extremes(minimum=0.0, maximum=0.0)


def _summarise(
    counts: Mapping[Count, int], histogram: tuple[int, ...], extremes: Extremes
) -> ScoreSummary:
    seen = max(counts[Count.SEEN], 1)
    mean = counts[Count.SCORE_SUM] / counters.SUM_SCALE / seen
    square = counts[Count.SCORE_SUM_SQUARES] / counters.SUM_SCALE / seen
    return ScoreSummary(
        mean=mean,
        standard_deviation=math.sqrt(max(square - mean**2, 0.0)),
        minimum=extremes.minimum,
        maximum=extremes.maximum,
        histogram=histogram,
    )


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
