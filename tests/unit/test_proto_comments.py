"""The limits that comments of the protos promise are those of the code."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

import grpc
import numpy as np

from services.campaign.datasets import CLASS_ID_MAX, CLASSES_MAX
from services.campaign.elements import ELEMENTS_PER_ISSUE_MAX
from services.campaign.feedback import NEGATIVES_PER_VERSION_MAX
from services.campaign.spaces import BACKGROUND_BYTES_MAX
from services.campaign.version_files import CHUNK_BYTES
from services.curation.batches.plan_input import FAILURES_MAX
from services.curation.batches.records import COVERAGE_SHARE
from services.curation.batches.spec import ROUNDS_MAX as FAILURE_ROUNDS_MAX
from services.curation.batches.spec import WEIGHT_MAX, WEIGHT_MIN
from services.curation.datasets.filters import CONDITIONS_MAX
from services.curation.datasets.group_changes import SLICES_MAX
from services.curation.datasets.new_frames import VECTORS_PER_FRAME_MAX
from services.curation.datasets.similar import HITS_MAX, LIMIT_MAX, QUERIES_MAX
from services.curation.datasets.updates import AT_ONCE_MAX, TAGS_MAX
from services.curation.golden import limits as golden_limits
from services.curation.golden.annotations import IMAGES_MAX, LABELS_PER_IMAGE_MAX
from services.curation.golden.golden_checks import REASON_BYTES_MAX
from services.curation.golden.golden_sets import OTHER_CLASSES_MAX
from services.curation.golden.matching import IOU_MIN
from services.curation.golden.object_pairs import SIZES
from services.curation.golden.verdict import IMAGES_MIN
from services.curation.intervals import CONFIDENCE
from services.curation.progress import records as progress_records
from services.curation.progress.advice import GAIN_MIN
from services.curation.progress.metric import POWER
from services.curation.progress.recorded_rounds import ROUNDS_MAX
from services.curation.selection.budget import BUDGET, BUDGET_MIN
from services.curation.selection.zcore import DRAWS, NEIGHBOURS
from services.curation.servicer.annotated_images import LABELS_MAX
from services.curation.servicer.frames import SIMILAR_DEFAULT
from services.curation.servicer.golden_messages import LISTED_MAX
from services.curation.zcore.compute import NEIGHBOURS_MAX
from services.ingest.judge import SCORE_TOLERANCE
from services.ingest.review_samples import REVIEWED_MAX
from services.ingest.sessions import KEPT_US
from services.ledger.hyperloglog import STANDARD_ERROR
from services.ledger.interface import EXACT_MAX
from services.records.pages import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from services.records.tombstones import FRAMES_PER_DELETION_MAX
from services.scorer.score import EXPLANATIONS_MAX
from services.server.keys import DISPLAY_NAME_BYTES_MAX
from sluice import limits
from sluice.limits import ID_BYTES_MAX
from sluice.scoring.basis import COMPONENTS_MAX, ROWS_PER_COMPONENT_MIN
from sluice.tally import BINS
from tests.proto_comments import read_comments, read_numbers

DAY_US: Final = 86_400 * 1_000_000

LIMITS: Final[dict[str, tuple[float, ...]]] = {
    "*.page_size": (PAGE_SIZE_MAX, PAGE_SIZE_DEFAULT),
    "*.display_name": (ID_BYTES_MAX,),
    "*.model_id": (ID_BYTES_MAX,),
    "Create*Request.*_id": (limits.RESOURCE_ID_CHARACTERS_MAX,),
    "ApiKey.display_name": (DISPLAY_NAME_BYTES_MAX,),
    # frame.proto
    "Frame": (limits.FRAME_BYTES_MAX,),
    "Frame.id": (ID_BYTES_MAX,),
    "Frame.device": (ID_BYTES_MAX,),
    "Frame.metadata": (limits.METADATA_PAIRS_MAX, ID_BYTES_MAX),
    "SensorData.sensor_id": (ID_BYTES_MAX,),
    "SensorData.url": (limits.URL_BYTES_MAX,),
    "Label.id": (ID_BYTES_MAX,),
    "Semseg2D.mask_url": (np.iinfo(np.uint8).max,),
    "Tensor.dimension": (limits.DIMENSION_MIN, limits.DIMENSION_MAX),
    "Tensor.data": (np.dtype(np.float32).itemsize, limits.BATCH_BYTES_MAX),
    "Embeddings.tensor": (limits.BATCH_ROWS_MAX,),
    # dataset.proto, issue.proto
    "Dataset.classes": (CLASSES_MAX,),
    "LabelClass.id": (CLASS_ID_MAX,),
    "LabelClass.name": (ID_BYTES_MAX,),
    "Issue.element_count": (ELEMENTS_PER_ISSUE_MAX,),
    "AddElementsRequest.elements": (limits.BATCH_ROWS_MAX, limits.MESSAGE_BYTES_MAX),
    "RemoveElementsRequest.elements": (limits.BATCH_ROWS_MAX,),
    # campaign.proto, scorer.proto
    "*.threshold": (limits.THRESHOLD_DEFAULT,),
    "FitSummary.remainder_weight": (COMPONENTS_MAX,),
    "CommitVersionRequest.with_feedback": (ELEMENTS_PER_ISSUE_MAX, NEGATIVES_PER_VERSION_MAX),
    "GetScoringModelResponse.data": (CHUNK_BYTES,),
    "SetBackgroundRequest.embeddings": (
        ROWS_PER_COMPONENT_MIN,
        COMPONENTS_MAX,
        BACKGROUND_BYTES_MAX,
    ),
    "ScoreFramesRequest.explain": (EXPLANATIONS_MAX, limits.MESSAGE_BYTES_MAX),
    # ingest.proto, deletion.proto
    "SubmitStart.session_id": (KEPT_US / DAY_US,),
    "SubmitStart.logger": (ID_BYTES_MAX,),
    "SubmitBatch": (limits.BATCH_BYTES_MAX,),
    "SubmitBatch.seen_hashes": (limits.BATCH_ROWS_MAX,),
    "SubmitBatch.threshold_override": (limits.THRESHOLD_DEFAULT,),
    "*.histogram": (BINS,),
    "Match.CampaignScore.score": (SCORE_TOLERANCE,),
    "Match.scores": (limits.BATCH_MATCHES_MAX,),
    "Funnel.distinct_seen": (EXACT_MAX, round(100 * STANDARD_ERROR, 2)),
    "AcceptSamplesRequest.frame_ids": (REVIEWED_MAX,),
    "DiscardSamplesRequest.frame_ids": (REVIEWED_MAX,),
    "RestoreSamplesRequest.frame_ids": (REVIEWED_MAX,),
    "Delete*Request.frame_ids": (FRAMES_PER_DELETION_MAX,),
    "PurgeFramesRequest.frame_ids": (FRAMES_PER_DELETION_MAX,),
    # dataset_frame.proto
    "DatasetFrame.group": (ID_BYTES_MAX, SLICES_MAX),
    "DatasetFrame.slice": (ID_BYTES_MAX,),
    "DatasetFrame.fields": (limits.METADATA_PAIRS_MAX, ID_BYTES_MAX),
    "FrameFilter.tags": (CONDITIONS_MAX,),
    "FrameFilter.fields": (CONDITIONS_MAX,),
    "FieldCondition.field": (ID_BYTES_MAX,),
    "AppendFramesRequest.frames": (limits.BATCH_ROWS_MAX, limits.MESSAGE_BYTES_MAX),
    "AppendFramesRequest.embeddings": (VECTORS_PER_FRAME_MAX,),
    "SetStatusRequest.groups": (AT_ONCE_MAX,),
    "TagFramesRequest.frame_ids": (AT_ONCE_MAX,),
    "TagFramesRequest.add": (ID_BYTES_MAX, TAGS_MAX, TAGS_MAX),
    "TagFramesRequest.remove": (TAGS_MAX,),
    "SetFieldsRequest.changes": (AT_ONCE_MAX,),
    "ComputeZcoreRequest.field": (ID_BYTES_MAX,),
    "ComputeZcoreRequest.draws": (DRAWS, DRAWS),
    "ComputeZcoreRequest.neighbours": (NEIGHBOURS_MAX, NEIGHBOURS),
    "FindSimilarRequest.frame_ids": (QUERIES_MAX,),
    "FindSimilarRequest.limit": (LIMIT_MAX, SIMILAR_DEFAULT),
    "FindSimilarRequest.filter": (HITS_MAX,),
    "PickElementsRequest.elements": (AT_ONCE_MAX,),
    "SearchDatasetRequest.search_id": (KEPT_US / DAY_US,),
    # round.proto, batch.proto
    "*.iou_min": (IOU_MIN,),
    "ImportPredictionsRequest.frames": (AT_ONCE_MAX,),
    "Batch.Failures.weight": (WEIGHT_MIN, WEIGHT_MAX),
    "Batch.fraction": (BUDGET_MIN, BUDGET),
    "Batch.coverage_share": (round(COVERAGE_SHARE, 9),),
    "Batch.failures": (FAILURE_ROUNDS_MAX, FAILURES_MAX),
    "Batch.zcore_draws": (DRAWS, DRAWS),
    "Batch.golden_override": (ID_BYTES_MAX,),
    # golden_set.proto
    **{
        f"GoldenLimits.{name.lower()}": (getattr(golden_limits, name),)
        for name in vars(golden_limits)
        if name.endswith(("_FAIL", "_WARN"))
    },
    "GoldenSet.other_classes": (OTHER_CLASSES_MAX,),
    "AnnotatedImage.id": (ID_BYTES_MAX,),
    "AnnotatedImage.labels": (LABELS_PER_IMAGE_MAX,),
    "Interval": (100 * CONFIDENCE,),
    "GoldenVerdict.GOLDEN_VERDICT_INSUFFICIENT": (IMAGES_MIN,),
    "CheckDetails": (LISTED_MAX,),
    "CheckDetails.other_classes": (LISTED_MAX,),
    "CheckDetails.missing": (LISTED_MAX,),
    "GoldenAgreement.recall_by_size": SIZES["medium"],
    "GoldenAgreement.confusion": (LISTED_MAX,),
    "CreateGoldenSetRequest.images": (IMAGES_MAX, LABELS_MAX),
    "CheckRoundRequest.images": (IMAGES_MAX, LABELS_MAX),
    "CheckRoundRequest.Key.*": (ID_BYTES_MAX,),
    "OverrideCheckRequest.reason": (REASON_BYTES_MAX,),
    "OverrideCheckRequest.decided_by": (ID_BYTES_MAX,),
    # progress.proto
    "SampleSlice.name": (ID_BYTES_MAX,),
    "MetricChange.detectable": (100 * POWER,),
    "RecordRoundRequest": (limits.MESSAGE_BYTES_MAX,),
    "RecordRoundRequest.round": (ROUNDS_MAX,),
    "RecordRoundRequest.sample_ids": (progress_records.SAMPLES_MAX,),
    "RecordRoundRequest.measured_round": (progress_records.SAMPLES_MAX,),
    "RecordRoundRequest.slices": (progress_records.SLICES_MAX,),
    "RecordRoundRequest.slice_views": (progress_records.SLICES_MAX,),
    "RecordRoundRequest.failures": (progress_records.JUDGED_MAX,),
    "GetProgressRequest.gain_min": (GAIN_MIN,),
    "Status.code": (max(code.value[0] for code in grpc.StatusCode),),
}
"""The numbers over 1, or fractions, in the comment of an element, in order, by pattern of paths."""

NO_LIMITS: Final = {
    "CampaignVersion.number": (2, 3),
    "CampaignVersion.fit": (2,),
    "ErrorReason.ERROR_REASON_INVALID_FIELD": (1.5,),
    "Tensor": (3,),
}
"""Numbers that promise nothing: examples, formats, and what was measured once."""


def find_promise(path: str) -> tuple[float, ...] | None:
    """The numbers that the tables give for an element; its own path precedes patterns."""
    promises = LIMITS | NO_LIMITS
    if path in promises:
        return promises[path]
    matching = [pattern for pattern in LIMITS if fnmatchcase(path, pattern)]
    return LIMITS[matching[0]] if len(matching) == 1 else None


NUMBERS: Final = {
    path: numbers for path, comment in read_comments().items() if (numbers := read_numbers(comment))
}


def test_every_number_is_the_one_of_the_code() -> None:
    """A limit or default that a comment names has one constant, with that value."""
    assert {path: find_promise(path) for path in NUMBERS} == NUMBERS


def test_the_table_has_no_leftovers() -> None:
    """Each entry is of an element whose comment has numbers."""
    unused = {
        pattern
        for pattern in LIMITS | NO_LIMITS
        if not any(fnmatchcase(path, pattern) for path in NUMBERS)
    }
    assert set() == unused


def test_comments_are_read() -> None:
    """Every field, method and enum value has a comment, nested ones and those of a oneof too."""
    comments = read_comments()
    assert {
        "IngestService.Submit",
        "Match.CampaignScore.score",
        "Label.box_2d",
        "Frame.metadata",
        "Scope.SCOPE_LOG",
    } <= comments.keys()
    assert [] == [path for path, comment in comments.items() if not comment]


def test_numbers_are_read() -> None:
    """Numbers have their units; parts of names, ranges of characters and 0…1 are none."""
    comment = "SHA-256, float32, a–z, 0–9, 0…1; 1…1,000, 0.5, 1e-3, 32², 64 KiB, 1 MiB, 2·x, 8,192."
    assert (1_000, 0.5, 1e-3, 1_024, 65_536, 2**20, 8_192) == read_numbers(comment)
