from sluice.v1 import errors_pb2 as _errors_pb2
from sluice.v1 import frame_pb2 as _frame_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExplainMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPLAIN_MODE_UNSPECIFIED: _ClassVar[ExplainMode]
    EXPLAIN_MODE_MATCHES: _ClassVar[ExplainMode]
    EXPLAIN_MODE_NONE: _ClassVar[ExplainMode]
    EXPLAIN_MODE_ALL: _ClassVar[ExplainMode]
EXPLAIN_MODE_UNSPECIFIED: ExplainMode
EXPLAIN_MODE_MATCHES: ExplainMode
EXPLAIN_MODE_NONE: ExplainMode
EXPLAIN_MODE_ALL: ExplainMode

class ScoreFramesRequest(_message.Message):
    __slots__ = ("parent", "embeddings", "campaigns", "explain", "matches_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    MATCHES_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    embeddings: _frame_pb2.Embeddings
    campaigns: _containers.RepeatedScalarFieldContainer[str]
    explain: ExplainMode
    matches_only: bool
    def __init__(self, parent: _Optional[str] = ..., embeddings: _Optional[_Union[_frame_pb2.Embeddings, _Mapping]] = ..., campaigns: _Optional[_Iterable[str]] = ..., explain: _Optional[_Union[ExplainMode, str]] = ..., matches_only: bool = ...) -> None: ...

class ScoreFramesResponse(_message.Message):
    __slots__ = ("frame_count", "versions", "scores", "scored_rows", "explanations", "matches")
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    SCORED_ROWS_FIELD_NUMBER: _ClassVar[int]
    EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    frame_count: int
    versions: _containers.RepeatedCompositeFieldContainer[ScoredVersion]
    scores: bytes
    scored_rows: bytes
    explanations: _containers.RepeatedCompositeFieldContainer[FrameExplanation]
    matches: FrameMatches
    def __init__(self, frame_count: _Optional[int] = ..., versions: _Optional[_Iterable[_Union[ScoredVersion, _Mapping]]] = ..., scores: _Optional[bytes] = ..., scored_rows: _Optional[bytes] = ..., explanations: _Optional[_Iterable[_Union[FrameExplanation, _Mapping]]] = ..., matches: _Optional[_Union[FrameMatches, _Mapping]] = ...) -> None: ...

class FrameMatches(_message.Message):
    __slots__ = ("frame_indices", "version_indices", "scores", "scored_rows")
    FRAME_INDICES_FIELD_NUMBER: _ClassVar[int]
    VERSION_INDICES_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    SCORED_ROWS_FIELD_NUMBER: _ClassVar[int]
    frame_indices: bytes
    version_indices: bytes
    scores: bytes
    scored_rows: bytes
    def __init__(self, frame_indices: _Optional[bytes] = ..., version_indices: _Optional[bytes] = ..., scores: _Optional[bytes] = ..., scored_rows: _Optional[bytes] = ...) -> None: ...

class ScoredVersion(_message.Message):
    __slots__ = ("campaign", "version", "model_digest", "threshold")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    version: int
    model_digest: str
    threshold: float
    def __init__(self, campaign: _Optional[str] = ..., version: _Optional[int] = ..., model_digest: _Optional[str] = ..., threshold: _Optional[float] = ...) -> None: ...

class FrameExplanation(_message.Message):
    __slots__ = ("frame_index", "version_index", "explanation")
    FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    VERSION_INDEX_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    frame_index: int
    version_index: int
    explanation: Explanation
    def __init__(self, frame_index: _Optional[int] = ..., version_index: _Optional[int] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("label_id", "cluster", "cluster_size", "distance", "radius", "neighbours", "margin_to_threshold", "runner_up", "margin_to_runner_up")
    class Neighbour(_message.Message):
        __slots__ = ("frame_id", "label_id", "similarity")
        FRAME_ID_FIELD_NUMBER: _ClassVar[int]
        LABEL_ID_FIELD_NUMBER: _ClassVar[int]
        SIMILARITY_FIELD_NUMBER: _ClassVar[int]
        frame_id: str
        label_id: str
        similarity: float
        def __init__(self, frame_id: _Optional[str] = ..., label_id: _Optional[str] = ..., similarity: _Optional[float] = ...) -> None: ...
    LABEL_ID_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_SIZE_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    RADIUS_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    MARGIN_TO_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    RUNNER_UP_FIELD_NUMBER: _ClassVar[int]
    MARGIN_TO_RUNNER_UP_FIELD_NUMBER: _ClassVar[int]
    label_id: str
    cluster: int
    cluster_size: int
    distance: float
    radius: float
    neighbours: _containers.RepeatedCompositeFieldContainer[Explanation.Neighbour]
    margin_to_threshold: float
    runner_up: str
    margin_to_runner_up: float
    def __init__(self, label_id: _Optional[str] = ..., cluster: _Optional[int] = ..., cluster_size: _Optional[int] = ..., distance: _Optional[float] = ..., radius: _Optional[float] = ..., neighbours: _Optional[_Iterable[_Union[Explanation.Neighbour, _Mapping]]] = ..., margin_to_threshold: _Optional[float] = ..., runner_up: _Optional[str] = ..., margin_to_runner_up: _Optional[float] = ...) -> None: ...

class StreamScoresRequest(_message.Message):
    __slots__ = ("batch_id", "batch")
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    batch_id: int
    batch: ScoreFramesRequest
    def __init__(self, batch_id: _Optional[int] = ..., batch: _Optional[_Union[ScoreFramesRequest, _Mapping]] = ...) -> None: ...

class StreamScoresResponse(_message.Message):
    __slots__ = ("batch_id", "scores", "error")
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    batch_id: int
    scores: ScoreFramesResponse
    error: _errors_pb2.Status
    def __init__(self, batch_id: _Optional[int] = ..., scores: _Optional[_Union[ScoreFramesResponse, _Mapping]] = ..., error: _Optional[_Union[_errors_pb2.Status, _Mapping]] = ...) -> None: ...
