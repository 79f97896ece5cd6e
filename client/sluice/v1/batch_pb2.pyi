from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sluice.v1 import deletion_pb2 as _deletion_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Batch(_message.Message):
    __slots__ = ("name", "model_id", "count", "fraction", "coverage_share", "coverage", "targeted", "seed", "failures", "scene_field", "zcore_draws", "golden_override", "zcore_field", "state", "remaining_count", "size", "coverage_count", "targeted_count", "notes", "golden_problem", "create_time")
    class Coverage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COVERAGE_UNSPECIFIED: _ClassVar[Batch.Coverage]
        COVERAGE_FACILITY: _ClassVar[Batch.Coverage]
        COVERAGE_K_CENTER: _ClassVar[Batch.Coverage]
        COVERAGE_ZCORE: _ClassVar[Batch.Coverage]
    COVERAGE_UNSPECIFIED: Batch.Coverage
    COVERAGE_FACILITY: Batch.Coverage
    COVERAGE_K_CENTER: Batch.Coverage
    COVERAGE_ZCORE: Batch.Coverage
    class Targeted(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TARGETED_UNSPECIFIED: _ClassVar[Batch.Targeted]
        TARGETED_JOINT: _ClassVar[Batch.Targeted]
        TARGETED_NEIGHBOURS: _ClassVar[Batch.Targeted]
    TARGETED_UNSPECIFIED: Batch.Targeted
    TARGETED_JOINT: Batch.Targeted
    TARGETED_NEIGHBOURS: Batch.Targeted
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Batch.State]
        STATE_SELECTING: _ClassVar[Batch.State]
        STATE_READY: _ClassVar[Batch.State]
    STATE_UNSPECIFIED: Batch.State
    STATE_SELECTING: Batch.State
    STATE_READY: Batch.State
    class Failures(_message.Message):
        __slots__ = ("round", "weight")
        ROUND_FIELD_NUMBER: _ClassVar[int]
        WEIGHT_FIELD_NUMBER: _ClassVar[int]
        round: str
        weight: float
        def __init__(self, round: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_SHARE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    TARGETED_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    SCENE_FIELD_FIELD_NUMBER: _ClassVar[int]
    ZCORE_DRAWS_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    ZCORE_FIELD_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REMAINING_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TARGETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    model_id: str
    count: int
    fraction: float
    coverage_share: float
    coverage: Batch.Coverage
    targeted: Batch.Targeted
    seed: int
    failures: _containers.RepeatedCompositeFieldContainer[Batch.Failures]
    scene_field: str
    zcore_draws: int
    golden_override: str
    zcore_field: str
    state: Batch.State
    remaining_count: int
    size: int
    coverage_count: int
    targeted_count: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    golden_problem: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., model_id: _Optional[str] = ..., count: _Optional[int] = ..., fraction: _Optional[float] = ..., coverage_share: _Optional[float] = ..., coverage: _Optional[_Union[Batch.Coverage, str]] = ..., targeted: _Optional[_Union[Batch.Targeted, str]] = ..., seed: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[Batch.Failures, _Mapping]]] = ..., scene_field: _Optional[str] = ..., zcore_draws: _Optional[int] = ..., golden_override: _Optional[str] = ..., zcore_field: _Optional[str] = ..., state: _Optional[_Union[Batch.State, str]] = ..., remaining_count: _Optional[int] = ..., size: _Optional[int] = ..., coverage_count: _Optional[int] = ..., targeted_count: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ..., golden_problem: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Pick(_message.Message):
    __slots__ = ("rank", "group", "frame_ids", "source", "gain", "failure_frame_id")
    class Source(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SOURCE_UNSPECIFIED: _ClassVar[Pick.Source]
        SOURCE_COVERAGE: _ClassVar[Pick.Source]
        SOURCE_TARGETED: _ClassVar[Pick.Source]
    SOURCE_UNSPECIFIED: Pick.Source
    SOURCE_COVERAGE: Pick.Source
    SOURCE_TARGETED: Pick.Source
    RANK_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    rank: int
    group: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    source: Pick.Source
    gain: float
    failure_frame_id: str
    def __init__(self, rank: _Optional[int] = ..., group: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., source: _Optional[_Union[Pick.Source, str]] = ..., gain: _Optional[float] = ..., failure_frame_id: _Optional[str] = ...) -> None: ...

class CreateBatchRequest(_message.Message):
    __slots__ = ("parent", "batch_id", "batch")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    parent: str
    batch_id: str
    batch: Batch
    def __init__(self, parent: _Optional[str] = ..., batch_id: _Optional[str] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ...) -> None: ...

class GetBatchRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListBatchesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListBatchesResponse(_message.Message):
    __slots__ = ("batches", "next_page_token")
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    batches: _containers.RepeatedCompositeFieldContainer[Batch]
    next_page_token: str
    def __init__(self, batches: _Optional[_Iterable[_Union[Batch, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListPicksRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPicksResponse(_message.Message):
    __slots__ = ("picks", "next_page_token")
    PICKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    picks: _containers.RepeatedCompositeFieldContainer[Pick]
    next_page_token: str
    def __init__(self, picks: _Optional[_Iterable[_Union[Pick, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteBatchRequest(_message.Message):
    __slots__ = ("name", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., validate_only: bool = ...) -> None: ...
