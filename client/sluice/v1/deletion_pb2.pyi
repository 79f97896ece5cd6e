from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class DeletionSummary(_message.Message):
    __slots__ = ("validate_only", "frame_count", "sample_count", "element_count", "member_count", "prediction_count", "pick_count", "check_count", "campaign_count", "issue_count", "dataset_count", "round_count", "batch_count", "golden_set_count", "api_key_count")
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEMBER_COUNT_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    PICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHECK_COUNT_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_COUNT_FIELD_NUMBER: _ClassVar[int]
    ISSUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DATASET_COUNT_FIELD_NUMBER: _ClassVar[int]
    ROUND_COUNT_FIELD_NUMBER: _ClassVar[int]
    BATCH_COUNT_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_SET_COUNT_FIELD_NUMBER: _ClassVar[int]
    API_KEY_COUNT_FIELD_NUMBER: _ClassVar[int]
    validate_only: bool
    frame_count: int
    sample_count: int
    element_count: int
    member_count: int
    prediction_count: int
    pick_count: int
    check_count: int
    campaign_count: int
    issue_count: int
    dataset_count: int
    round_count: int
    batch_count: int
    golden_set_count: int
    api_key_count: int
    def __init__(self, validate_only: bool = ..., frame_count: _Optional[int] = ..., sample_count: _Optional[int] = ..., element_count: _Optional[int] = ..., member_count: _Optional[int] = ..., prediction_count: _Optional[int] = ..., pick_count: _Optional[int] = ..., check_count: _Optional[int] = ..., campaign_count: _Optional[int] = ..., issue_count: _Optional[int] = ..., dataset_count: _Optional[int] = ..., round_count: _Optional[int] = ..., batch_count: _Optional[int] = ..., golden_set_count: _Optional[int] = ..., api_key_count: _Optional[int] = ...) -> None: ...

class PurgeProjectRequest(_message.Message):
    __slots__ = ("name", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class PurgeFramesRequest(_message.Message):
    __slots__ = ("parent", "frame_ids", "validate_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    validate_only: bool
    def __init__(self, parent: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., validate_only: bool = ...) -> None: ...
