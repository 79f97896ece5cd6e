from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sluice.v1 import deletion_pb2 as _deletion_pb2
from sluice.v1 import errors_pb2 as _errors_pb2
from sluice.v1 import finding_pb2 as _finding_pb2
from sluice.v1 import frame_pb2 as _frame_pb2
from sluice.v1 import scorer_pb2 as _scorer_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_PENDING: _ClassVar[Verdict]
    VERDICT_DUPLICATE: _ClassVar[Verdict]
    VERDICT_OVER_BUDGET: _ClassVar[Verdict]
    VERDICT_INACTIVE: _ClassVar[Verdict]
    VERDICT_SCORE_MISMATCH: _ClassVar[Verdict]
    VERDICT_BELOW_THRESHOLD: _ClassVar[Verdict]

class SampleOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAMPLE_ORDER_UNSPECIFIED: _ClassVar[SampleOrder]
    SAMPLE_ORDER_SCORE: _ClassVar[SampleOrder]
    SAMPLE_ORDER_VERSION: _ClassVar[SampleOrder]
VERDICT_UNSPECIFIED: Verdict
VERDICT_PENDING: Verdict
VERDICT_DUPLICATE: Verdict
VERDICT_OVER_BUDGET: Verdict
VERDICT_INACTIVE: Verdict
VERDICT_SCORE_MISMATCH: Verdict
VERDICT_BELOW_THRESHOLD: Verdict
SAMPLE_ORDER_UNSPECIFIED: SampleOrder
SAMPLE_ORDER_SCORE: SampleOrder
SAMPLE_ORDER_VERSION: SampleOrder

class SubmitRequest(_message.Message):
    __slots__ = ("start", "batch")
    START_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    start: SubmitStart
    batch: SubmitBatch
    def __init__(self, start: _Optional[_Union[SubmitStart, _Mapping]] = ..., batch: _Optional[_Union[SubmitBatch, _Mapping]] = ...) -> None: ...

class SubmitStart(_message.Message):
    __slots__ = ("parent", "session_id", "logger")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LOGGER_FIELD_NUMBER: _ClassVar[int]
    parent: str
    session_id: str
    logger: str
    def __init__(self, parent: _Optional[str] = ..., session_id: _Optional[str] = ..., logger: _Optional[str] = ...) -> None: ...

class SubmitBatch(_message.Message):
    __slots__ = ("seq", "seen_hashes", "tallies", "threshold_override", "matches", "embeddings")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SEEN_HASHES_FIELD_NUMBER: _ClassVar[int]
    TALLIES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    seq: int
    seen_hashes: bytes
    tallies: _containers.RepeatedCompositeFieldContainer[Tally]
    threshold_override: float
    matches: _containers.RepeatedCompositeFieldContainer[Match]
    embeddings: _frame_pb2.Embeddings
    def __init__(self, seq: _Optional[int] = ..., seen_hashes: _Optional[bytes] = ..., tallies: _Optional[_Iterable[_Union[Tally, _Mapping]]] = ..., threshold_override: _Optional[float] = ..., matches: _Optional[_Iterable[_Union[Match, _Mapping]]] = ..., embeddings: _Optional[_Union[_frame_pb2.Embeddings, _Mapping]] = ...) -> None: ...

class Tally(_message.Message):
    __slots__ = ("campaign", "version", "model_digest", "count", "sum", "sum_squares", "minimum", "maximum", "histogram", "not_selected")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    SUM_SQUARES_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    NOT_SELECTED_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    version: int
    model_digest: str
    count: int
    sum: float
    sum_squares: float
    minimum: float
    maximum: float
    histogram: _containers.RepeatedScalarFieldContainer[int]
    not_selected: int
    def __init__(self, campaign: _Optional[str] = ..., version: _Optional[int] = ..., model_digest: _Optional[str] = ..., count: _Optional[int] = ..., sum: _Optional[float] = ..., sum_squares: _Optional[float] = ..., minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., histogram: _Optional[_Iterable[int]] = ..., not_selected: _Optional[int] = ...) -> None: ...

class Match(_message.Message):
    __slots__ = ("frame", "scores")
    class CampaignScore(_message.Message):
        __slots__ = ("tally_index", "score")
        TALLY_INDEX_FIELD_NUMBER: _ClassVar[int]
        SCORE_FIELD_NUMBER: _ClassVar[int]
        tally_index: int
        score: float
        def __init__(self, tally_index: _Optional[int] = ..., score: _Optional[float] = ...) -> None: ...
    FRAME_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    frame: _frame_pb2.Frame
    scores: _containers.RepeatedCompositeFieldContainer[Match.CampaignScore]
    def __init__(self, frame: _Optional[_Union[_frame_pb2.Frame, _Mapping]] = ..., scores: _Optional[_Iterable[_Union[Match.CampaignScore, _Mapping]]] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("started", "result")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    started: SubmitStarted
    result: BatchResult
    def __init__(self, started: _Optional[_Union[SubmitStarted, _Mapping]] = ..., result: _Optional[_Union[BatchResult, _Mapping]] = ...) -> None: ...

class SubmitStarted(_message.Message):
    __slots__ = ("max_in_flight", "next_seq")
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    max_in_flight: int
    next_seq: int
    def __init__(self, max_in_flight: _Optional[int] = ..., next_seq: _Optional[int] = ...) -> None: ...

class BatchResult(_message.Message):
    __slots__ = ("seq", "verdicts", "error")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    seq: int
    verdicts: BatchVerdicts
    error: _errors_pb2.Status
    def __init__(self, seq: _Optional[int] = ..., verdicts: _Optional[_Union[BatchVerdicts, _Mapping]] = ..., error: _Optional[_Union[_errors_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchVerdicts(_message.Message):
    __slots__ = ("verdicts", "id_conflicts")
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    ID_CONFLICTS_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedScalarFieldContainer[Verdict]
    id_conflicts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, verdicts: _Optional[_Iterable[_Union[Verdict, str]]] = ..., id_conflicts: _Optional[_Iterable[str]] = ...) -> None: ...

class GetFunnelRequest(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    def __init__(self, campaign: _Optional[str] = ...) -> None: ...

class Funnel(_message.Message):
    __slots__ = ("campaign", "seen", "distinct_seen", "matches", "duplicate", "over_budget", "inactive", "score_mismatch", "pending", "near_duplicate", "collected", "accepted", "discarded", "id_conflicts", "collection_rate", "collection_rate_distinct", "scores", "mismatches", "not_selected", "distinct_seen_exact")
    class Mismatch(_message.Message):
        __slots__ = ("logger", "count")
        LOGGER_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        logger: str
        count: int
        def __init__(self, logger: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_SEEN_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    OVER_BUDGET_FIELD_NUMBER: _ClassVar[int]
    INACTIVE_FIELD_NUMBER: _ClassVar[int]
    SCORE_MISMATCH_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    NEAR_DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    COLLECTED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    DISCARDED_FIELD_NUMBER: _ClassVar[int]
    ID_CONFLICTS_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_RATE_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_RATE_DISTINCT_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    MISMATCHES_FIELD_NUMBER: _ClassVar[int]
    NOT_SELECTED_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_SEEN_EXACT_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    seen: int
    distinct_seen: int
    matches: int
    duplicate: int
    over_budget: int
    inactive: int
    score_mismatch: int
    pending: int
    near_duplicate: int
    collected: int
    accepted: int
    discarded: int
    id_conflicts: int
    collection_rate: float
    collection_rate_distinct: float
    scores: ScoreSummary
    mismatches: _containers.RepeatedCompositeFieldContainer[Funnel.Mismatch]
    not_selected: int
    distinct_seen_exact: bool
    def __init__(self, campaign: _Optional[str] = ..., seen: _Optional[int] = ..., distinct_seen: _Optional[int] = ..., matches: _Optional[int] = ..., duplicate: _Optional[int] = ..., over_budget: _Optional[int] = ..., inactive: _Optional[int] = ..., score_mismatch: _Optional[int] = ..., pending: _Optional[int] = ..., near_duplicate: _Optional[int] = ..., collected: _Optional[int] = ..., accepted: _Optional[int] = ..., discarded: _Optional[int] = ..., id_conflicts: _Optional[int] = ..., collection_rate: _Optional[float] = ..., collection_rate_distinct: _Optional[float] = ..., scores: _Optional[_Union[ScoreSummary, _Mapping]] = ..., mismatches: _Optional[_Iterable[_Union[Funnel.Mismatch, _Mapping]]] = ..., not_selected: _Optional[int] = ..., distinct_seen_exact: bool = ...) -> None: ...

class ScoreSummary(_message.Message):
    __slots__ = ("mean", "standard_deviation", "minimum", "maximum", "histogram")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STANDARD_DEVIATION_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    histogram: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, mean: _Optional[float] = ..., standard_deviation: _Optional[float] = ..., minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., histogram: _Optional[_Iterable[int]] = ...) -> None: ...

class Sample(_message.Message):
    __slots__ = ("name", "frame", "version", "score", "explanation", "state", "receive_time", "session_id", "logger")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Sample.State]
        STATE_UNSORTED: _ClassVar[Sample.State]
        STATE_ACCEPTED: _ClassVar[Sample.State]
        STATE_DISCARDED: _ClassVar[Sample.State]
    STATE_UNSPECIFIED: Sample.State
    STATE_UNSORTED: Sample.State
    STATE_ACCEPTED: Sample.State
    STATE_DISCARDED: Sample.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LOGGER_FIELD_NUMBER: _ClassVar[int]
    name: str
    frame: _frame_pb2.Frame
    version: int
    score: float
    explanation: _scorer_pb2.Explanation
    state: Sample.State
    receive_time: _timestamp_pb2.Timestamp
    session_id: str
    logger: str
    def __init__(self, name: _Optional[str] = ..., frame: _Optional[_Union[_frame_pb2.Frame, _Mapping]] = ..., version: _Optional[int] = ..., score: _Optional[float] = ..., explanation: _Optional[_Union[_scorer_pb2.Explanation, _Mapping]] = ..., state: _Optional[_Union[Sample.State, str]] = ..., receive_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., session_id: _Optional[str] = ..., logger: _Optional[str] = ...) -> None: ...

class GetSampleRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListSamplesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "order", "states", "version")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    order: SampleOrder
    states: _containers.RepeatedScalarFieldContainer[Sample.State]
    version: int
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[_Union[SampleOrder, str]] = ..., states: _Optional[_Iterable[_Union[Sample.State, str]]] = ..., version: _Optional[int] = ...) -> None: ...

class ListSamplesResponse(_message.Message):
    __slots__ = ("samples", "next_page_token")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    samples: _containers.RepeatedCompositeFieldContainer[Sample]
    next_page_token: str
    def __init__(self, samples: _Optional[_Iterable[_Union[Sample, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AcceptSamplesRequest(_message.Message):
    __slots__ = ("parent", "frame_ids", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class AcceptSamplesResponse(_message.Message):
    __slots__ = ("changed_count",)
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    changed_count: int
    def __init__(self, changed_count: _Optional[int] = ...) -> None: ...

class DiscardSamplesRequest(_message.Message):
    __slots__ = ("parent", "frame_ids", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DiscardSamplesResponse(_message.Message):
    __slots__ = ("changed_count",)
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    changed_count: int
    def __init__(self, changed_count: _Optional[int] = ...) -> None: ...

class RestoreSamplesRequest(_message.Message):
    __slots__ = ("parent", "frame_ids", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RestoreSamplesResponse(_message.Message):
    __slots__ = ("changed_count",)
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    changed_count: int
    def __init__(self, changed_count: _Optional[int] = ...) -> None: ...

class ReadReviewsRequest(_message.Message):
    __slots__ = ("parent",)
    PARENT_FIELD_NUMBER: _ClassVar[int]
    parent: str
    def __init__(self, parent: _Optional[str] = ...) -> None: ...

class ReadReviewsResponse(_message.Message):
    __slots__ = ("samples", "embeddings")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    samples: _containers.RepeatedCompositeFieldContainer[ReviewedSample]
    embeddings: _frame_pb2.Tensor
    def __init__(self, samples: _Optional[_Iterable[_Union[ReviewedSample, _Mapping]]] = ..., embeddings: _Optional[_Union[_frame_pb2.Tensor, _Mapping]] = ...) -> None: ...

class ReviewedSample(_message.Message):
    __slots__ = ("frame_id", "label_id", "state")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    frame_id: str
    label_id: str
    state: Sample.State
    def __init__(self, frame_id: _Optional[str] = ..., label_id: _Optional[str] = ..., state: _Optional[_Union[Sample.State, str]] = ...) -> None: ...

class DeleteSamplesRequest(_message.Message):
    __slots__ = ("parent", "frame_ids", "validate_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    validate_only: bool
    def __init__(self, parent: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., validate_only: bool = ...) -> None: ...

class PurgeCampaignRequest(_message.Message):
    __slots__ = ("name", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., validate_only: bool = ...) -> None: ...
