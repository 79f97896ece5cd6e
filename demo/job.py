"""The main job: from misclassified frames to more like them, and a second version."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from demo.classifier import MODEL_ID, Failures
from demo.digits import SEED
from demo.frames import Source, frame_id_of, number_of
from demo.review import commit_version, get_funnel, list_samples, review, wait_for_funnel
from demo.scan import Progress as ScanProgress
from demo.scan import Scan
from demo.team import Project, add_elements, create_issue, set_background, start_campaign
from sluice.v1 import campaign_pb2, ingest_pb2

# A basis of 64 components needs at least four rows per component.
BACKGROUND_ROWS = 300
# The share of the archive that is scanned twice: enough to contain many samples.
OVERLAP_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The state of a campaign after a scan: its funnel and all its samples, best first."""

    funnel: ingest_pb2.Funnel
    samples: list[ingest_pb2.Sample]

    @property
    def numbers(self) -> list[int]:
        """The frame numbers of the samples."""
        return [number_of(sample.frame.id) for sample in self.samples]


@dataclass(frozen=True, slots=True)
class JobResult:
    """The results after the first scan, the overlapping scan, and the scan of version 2."""

    first: ScanResult
    overlap: ScanResult
    second: ScanResult
    version: campaign_pb2.CampaignVersion


class Job:
    """One campaign for one issue, step by step."""

    def __init__(
        self, project: Project, source: Source, failures: Failures, console: Console
    ) -> None:
        self._project = project
        self._source = source
        self._failures = failures
        self._console = console

    async def run(self) -> JobResult:
        """Run the whole job; RuntimeError if the funnel of the overlapping scan is wrong."""
        archive = self._source.digits.archive
        campaign = await self._start()
        first = await self._scan(campaign.name, archive, "scanning the archive")
        part = archive[: round(len(archive) * OVERLAP_SHARE)]
        overlap = await self._scan(campaign.name, part, "scanning a third of it again")
        _check_overlap(first.funnel, overlap.funnel)
        accepted = await self._review(campaign.name, first.samples)
        await add_elements(
            self._project, campaign.issue, self._source.read(accepted, labelled=True)
        )
        probe = self._source.read(archive[:1]).vectors
        version = await commit_version(self._project, campaign.name, probe)
        self._print_version(version)
        second = await self._scan(campaign.name, archive, "scanning all of it again")
        return JobResult(first, overlap, second, version)

    async def _start(self) -> campaign_pb2.Campaign:
        """Create the issue, set the background, and start the campaign."""
        elements = self._source.read(self._failures.frames, labelled=True)
        issue = await create_issue(self._project, self._failures.title, elements)
        sample = np.random.default_rng(SEED).choice(
            self._source.digits.archive, BACKGROUND_ROWS, replace=False
        )
        await set_background(self._project, self._source.read(sample).vectors)
        campaign = await start_campaign(self._project, issue.name)
        self._print_version(campaign.version)
        return campaign

    async def _scan(self, campaign: str, numbers: NDArray[np.intp], title: str) -> ScanResult:
        """Scan frames in a new session, and wait until no match is pending."""
        scan = Scan(self._project.log, project=self._project.name, model_id=MODEL_ID, logger="demo")
        with _progress(self._console) as bars:
            bar = bars.add_task(title, total=len(numbers), collected=0)

            async def show(progress: ScanProgress) -> None:
                funnel = await get_funnel(self._project, campaign)
                bars.update(bar, completed=progress.seen, collected=funnel.collected)

            await scan.run(self._source.read_batches(numbers), show)
            funnel = await wait_for_funnel(self._project, campaign)
            bars.update(bar, collected=funnel.collected)
        return ScanResult(funnel, await list_samples(self._project, campaign))

    async def _review(self, campaign: str, samples: list[ingest_pb2.Sample]) -> NDArray[np.intp]:
        """Accept the samples of the class, discard the others; returns the accepted numbers.

        The true class stands in for a person who looks at the pictures.
        """
        numbers = np.array([number_of(sample.frame.id) for sample in samples], np.intp)
        is_accepted = self._source.digits.truth[numbers] == self._failures.class_id
        await review(
            self._project,
            campaign,
            accepted=[frame_id_of(number) for number in numbers[is_accepted]],
            discarded=[frame_id_of(number) for number in numbers[~is_accepted]],
        )
        self._console.print(
            f"\n{is_accepted.sum()} samples are {self._failures.class_id}s (accepted); "
            f"{(~is_accepted).sum()} are not (discarded). The accepted samples join the issue.",
            highlight=False,
        )
        return np.asarray(numbers[is_accepted])

    def _print_version(self, version: campaign_pb2.CampaignVersion) -> None:
        self._console.print(
            f"Version {version.number} of the campaign has {version.element_count} elements "
            f"in {version.cluster_count} clusters.",
            highlight=False,
        )


def _check_overlap(before: ingest_pb2.Funnel, after: ingest_pb2.Funnel) -> None:
    """Check that frames scanned again are duplicates, and change no count of distinct frames."""
    if after.duplicate == before.duplicate:
        raise RuntimeError(
            "expected new duplicates after scanning frames again: "
            f"{after.duplicate} of {after.matches} matches are duplicates"
        )
    for name in ("distinct_seen", "collected", "collection_rate_distinct"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            raise RuntimeError(f"{name} changed from {old} to {new} after scanning frames again")


class _RateColumn(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed or 0
        return Text(f"{speed:,.0f}/s", style="dim")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        _RateColumn(),
        TextColumn("[bold]{task.fields[collected]}[/] collected"),
        console=console,
    )
