"""What a comment of the protos accepts is accepted, and one more is refused by its field.

The limits are read from the comments, so that neither can change without the other.
"""

from __future__ import annotations

from collections.abc import Awaitable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import grpc
import pytest

from sluice import errors
from sluice.rpc_errors import from_rpc_error
from tests.proto_comments import read_numbers
from tests.rpc.bad_input import limit_cases
from tests.rpc.bad_input.limit_cases import (
    BATCH,
    CAMPAIGN,
    COMMENTS,
    GOLDEN_SET,
    ISSUE,
    LIMITS,
    Services,
)
from tests.rpc.conftest import PROJECT
from tests.rpc.curation.api import DATASET
from tests.rpc.methods import methods_with

ROOT = Path(__file__).parents[3]
TESTED_ELSEWHERE = {
    "tests/rpc/bad_input/test_batches.py": [
        "SubmitBatch", "SubmitBatch.seen_hashes", "SubmitStart.logger", "Match.scores"],
    "tests/rpc/bad_input/test_elements.py": ["AddElementsRequest.elements"],
    "tests/rpc/bad_input/test_judging.py": [
        "AnnotatedImage.*", "CreateGoldenSetRequest.*", "CheckRoundRequest.*", "SampleSlice.name",
        "GoldenSet.display_name", "RecordRoundRequest.failures", "RecordRoundRequest.s*"],
    "tests/rpc/campaign/test_campaigns.py": ["GetScoringModelResponse.data"],
    "tests/rpc/curation/test_golden_checks.py": ["CheckDetails*", "GoldenAgreement.confusion"],
    "tests/rpc/curation/test_golden_sets.py": ["GoldenSet.other_classes"],
    "tests/rpc/curation/test_measurement.py": ["RecordRoundRequest.measured_round"],
    "tests/rpc/curation/test_progress_rpc.py": [
        "RecordRoundRequest.round", "GetProgressRequest.gain_min"],
    "tests/rpc/curation/test_similar.py": ["FindSimilarRequest.filter"],
    "tests/rpc/curation/test_zcore.py": ["ComputeZcoreRequest.*"],
    "tests/rpc/scorer/test_servicer.py": ["ScoreFramesRequest.explain"],
    "tests/rpc/server/test_server.py": ["RecordRoundRequest"],
    "tests/unit/campaign/test_elements.py": ["Issue.element_count", "AddElementsRequest.model_id"],
    "tests/unit/campaign/test_feedback.py": ["CommitVersionRequest.with_feedback"],
    "tests/unit/campaign/test_spaces.py": ["SetBackgroundRequest.*"],
    "tests/unit/client/test_errors.py": ["Status.code"],
    "tests/unit/client/test_frames.py": ["Frame", "Frame.*", "Label.id", "SensorData.*"],
    "tests/unit/client/test_tally.py": ["*.histogram"],
    "tests/unit/client/test_tensors.py": ["Tensor.*", "Embeddings.tensor"],
    "tests/unit/client/test_thresholds.py": ["*.threshold", "*.threshold_override"],
    "tests/unit/curation/batches/test_spec.py": ["Batch.zcore_draws"],
    "tests/unit/curation/golden/test_limits.py": ["GoldenLimits.*"],
    "tests/unit/curation/golden/test_object_pairs.py": ["GoldenAgreement.recall_by_size"],
    "tests/unit/curation/golden/test_verdict.py": ["GoldenVerdict.*"],
    "tests/unit/curation/progress/test_metric.py": ["MetricChange.detectable"],
    "tests/unit/curation/rounds/test_outcomes.py": ["*.iou_min"],
    "tests/unit/curation/selection/test_budget.py": ["Batch.fraction"],
    "tests/unit/curation/selection/test_plan.py": ["Batch.coverage_share"],
    "tests/unit/curation/test_intervals.py": ["Interval"],
    "tests/unit/ingest/test_judge.py": ["Match.CampaignScore.score"],
    "tests/unit/ingest/test_sessions.py": ["*.session_id", "SearchDatasetRequest.search_id"],
    "tests/unit/ledger/test_hyperloglog.py": ["Funnel.distinct_seen"],
    "tests/unit/scoring/test_basis.py": ["FitSummary.remainder_weight"],
}  # fmt: skip
"""The test files of other numbers in comments, with patterns of paths."""

NO_LIMITS = ["CampaignVersion.*", "ErrorReason.*", "Semseg2D.mask_url", "Tensor"]
"""Formats, examples, a measurement, and the content of files that Sluice never opens."""

PARENTS = {
    "ListProjects": "",
    "ListApiKeys": PROJECT,
    "ListDatasets": PROJECT,
    "ListIssues": PROJECT,
    "ListElements": ISSUE,
    "ListCampaigns": PROJECT,
    "ListVersions": CAMPAIGN,
    "ListSpaces": PROJECT,
    "ListSamples": CAMPAIGN,
    "ListFrames": DATASET,
    "ListViews": DATASET,
    "ListRounds": DATASET,
    "ListBatches": DATASET,
    "ListPicks": BATCH,
    "ListGoldenSets": DATASET,
    "ListChecks": GOLDEN_SET,
    "ListRecordedRounds": DATASET,
}


def test_every_number_has_its_test() -> None:
    """Each number in a comment is tried here, or by the test file that the table names."""
    patterns = [p for patterns in TESTED_ELSEWHERE.values() for p in patterns] + NO_LIMITS
    numbers = {path for path, comment in COMMENTS.items() if read_numbers(comment)}
    here = {limit.path for limit in LIMITS} | {
        f"{kind.DESCRIPTOR.name}.page_size" for kind in methods_with("page_size").values()
    }
    assert set() == {
        path for path in numbers - here if not any(fnmatchcase(path, p) for p in patterns)
    }
    assert set() == {p for p in patterns if not any(fnmatchcase(path, p) for path in numbers)}
    assert set() == {file for file in TESTED_ELSEWHERE if not (ROOT / file).is_file()}


@pytest.fixture
async def services(admin: grpc.aio.Channel, project: str) -> Services:
    """The services with the admin's key; there is a project `p` with a dataset `d`."""
    services = Services(admin)
    await services.dataset()
    return services


async def refused_field(call: Awaitable[Any]) -> str:
    """The field by which a call is INVALID_ARGUMENT; "" if it is not, whatever else it is."""
    try:
        await call
    except grpc.aio.AioRpcError as failed:
        error = from_rpc_error(failed)
        if isinstance(error, errors.InvalidArgument):
            return error.fields[0].field
    return ""


async def test_limits_of_comments_are_kept(services: Services) -> None:
    """A size at the maximum of a comment is accepted; one over it, and 0 of 1…, are refused."""
    refused = {
        (limit.path, limit.field): [
            size
            for size in (*limit.refused_sizes, limit.maximum)
            if limit.field == await refused_field(limit.call(services, size))
        ]
        for limit in LIMITS
    }
    assert {(limit.path, limit.field): limit.refused_sizes for limit in LIMITS} == refused


async def test_each_once_is_kept(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a comment says each once, a duplicate is refused by name."""
    limits = [limit for limit in LIMITS if "once" in COMMENTS[limit.path] and not limit.number]
    monkeypatch.setattr(limit_cases, "texts", lambda count: ["twice"] * count)
    messages = {}
    for limit in limits:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await limit.call(services, 2)
        error = from_rpc_error(refused.value)
        assert isinstance(error, errors.InvalidArgument)
        messages[limit.path] = error.message
    assert [] == [path for path, message in messages.items() if "duplicate" not in message]
    assert {"SetStatusRequest.groups", "AcceptSamplesRequest.frame_ids"} <= messages.keys()


async def test_page_sizes_of_comments_are_kept(services: Services) -> None:
    """Every list refuses a page size over the maximum of its comment, and a negative one."""
    expected: dict[tuple[str, int], bool] = {}
    refused: dict[tuple[str, int], bool] = {}
    for method, kind in methods_with("page_size").items():
        call: Any = services.channel.unary_unary(method, request_serializer=kind.SerializeToString)
        parent = PARENTS[method.rpartition("/")[2]]
        names = {"parent": parent} if parent else {}
        maximum = int(read_numbers(COMMENTS[f"{kind.DESCRIPTOR.name}.page_size"])[0])
        expected |= {(method, -1): True, (method, maximum): False, (method, maximum + 1): True}
        for size in (-1, maximum, maximum + 1):
            field = await refused_field(call(kind(page_size=size, **names)))
            refused[method, size] = field == "page_size"
    assert expected == refused
