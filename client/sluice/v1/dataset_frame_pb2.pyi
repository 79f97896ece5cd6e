from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sluice.v1 import deletion_pb2 as _deletion_pb2
from sluice.v1 import finding_pb2 as _finding_pb2
from sluice.v1 import frame_pb2 as _frame_pb2
from sluice.v1 import issue_pb2 as _issue_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnnotationStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANNOTATION_STATUS_UNSPECIFIED: _ClassVar[AnnotationStatus]
    ANNOTATION_STATUS_UNLABELLED: _ClassVar[AnnotationStatus]
    ANNOTATION_STATUS_SELECTED: _ClassVar[AnnotationStatus]
    ANNOTATION_STATUS_ANNOTATED: _ClassVar[AnnotationStatus]
    ANNOTATION_STATUS_REVIEWED: _ClassVar[AnnotationStatus]

class Split(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPLIT_UNSPECIFIED: _ClassVar[Split]
    SPLIT_TRAIN: _ClassVar[Split]
    SPLIT_VALIDATION: _ClassVar[Split]
    SPLIT_TEST: _ClassVar[Split]
    SPLIT_GOLDEN: _ClassVar[Split]

class FailureKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_KIND_UNSPECIFIED: _ClassVar[FailureKind]
    FAILURE_KIND_MISSED: _ClassVar[FailureKind]
    FAILURE_KIND_SPURIOUS: _ClassVar[FailureKind]
    FAILURE_KIND_CONFUSED: _ClassVar[FailureKind]
ANNOTATION_STATUS_UNSPECIFIED: AnnotationStatus
ANNOTATION_STATUS_UNLABELLED: AnnotationStatus
ANNOTATION_STATUS_SELECTED: AnnotationStatus
ANNOTATION_STATUS_ANNOTATED: AnnotationStatus
ANNOTATION_STATUS_REVIEWED: AnnotationStatus
SPLIT_UNSPECIFIED: Split
SPLIT_TRAIN: Split
SPLIT_VALIDATION: Split
SPLIT_TEST: Split
SPLIT_GOLDEN: Split
FAILURE_KIND_UNSPECIFIED: FailureKind
FAILURE_KIND_MISSED: FailureKind
FAILURE_KIND_SPURIOUS: FailureKind
FAILURE_KIND_CONFUSED: FailureKind

class DatasetFrame(_message.Message):
    __slots__ = ("name", "frame", "group", "slice", "fields", "status", "split", "tags", "failures", "number", "embedded", "create_time", "labelled")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _frame_pb2.MetadataValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_frame_pb2.MetadataValue, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EMBEDDED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LABELLED_FIELD_NUMBER: _ClassVar[int]
    name: str
    frame: _frame_pb2.Frame
    group: str
    slice: str
    fields: _containers.MessageMap[str, _frame_pb2.MetadataValue]
    status: AnnotationStatus
    split: Split
    tags: _containers.RepeatedScalarFieldContainer[str]
    failures: _containers.RepeatedCompositeFieldContainer[Failure]
    number: int
    embedded: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    labelled: bool
    def __init__(self, name: _Optional[str] = ..., frame: _Optional[_Union[_frame_pb2.Frame, _Mapping]] = ..., group: _Optional[str] = ..., slice: _Optional[str] = ..., fields: _Optional[_Mapping[str, _frame_pb2.MetadataValue]] = ..., status: _Optional[_Union[AnnotationStatus, str]] = ..., split: _Optional[_Union[Split, str]] = ..., tags: _Optional[_Iterable[str]] = ..., failures: _Optional[_Iterable[_Union[Failure, _Mapping]]] = ..., number: _Optional[int] = ..., embedded: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., labelled: bool = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("round", "kinds")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    round: str
    kinds: _containers.RepeatedScalarFieldContainer[FailureKind]
    def __init__(self, round: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[FailureKind, str]]] = ...) -> None: ...

class FrameFilter(_message.Message):
    __slots__ = ("statuses", "splits", "tags", "fields", "round", "failure_kinds")
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    FAILURE_KINDS_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedScalarFieldContainer[AnnotationStatus]
    splits: _containers.RepeatedScalarFieldContainer[Split]
    tags: _containers.RepeatedScalarFieldContainer[str]
    fields: _containers.RepeatedCompositeFieldContainer[FieldCondition]
    round: str
    failure_kinds: _containers.RepeatedScalarFieldContainer[FailureKind]
    def __init__(self, statuses: _Optional[_Iterable[_Union[AnnotationStatus, str]]] = ..., splits: _Optional[_Iterable[_Union[Split, str]]] = ..., tags: _Optional[_Iterable[str]] = ..., fields: _Optional[_Iterable[_Union[FieldCondition, _Mapping]]] = ..., round: _Optional[str] = ..., failure_kinds: _Optional[_Iterable[_Union[FailureKind, str]]] = ...) -> None: ...

class FieldCondition(_message.Message):
    __slots__ = ("field", "equals", "at_least", "at_most")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    EQUALS_FIELD_NUMBER: _ClassVar[int]
    AT_LEAST_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    field: str
    equals: _frame_pb2.MetadataValue
    at_least: float
    at_most: float
    def __init__(self, field: _Optional[str] = ..., equals: _Optional[_Union[_frame_pb2.MetadataValue, _Mapping]] = ..., at_least: _Optional[float] = ..., at_most: _Optional[float] = ...) -> None: ...

class View(_message.Message):
    __slots__ = ("name", "display_name", "filter", "create_time", "update_time", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    filter: FrameFilter
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., filter: _Optional[_Union[FrameFilter, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class DatasetCounts(_message.Message):
    __slots__ = ("dataset", "frames", "groups", "unlabelled", "selected", "annotated", "reviewed", "train", "validation", "test", "golden", "model_id", "dimension")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    UNLABELLED_FIELD_NUMBER: _ClassVar[int]
    SELECTED_FIELD_NUMBER: _ClassVar[int]
    ANNOTATED_FIELD_NUMBER: _ClassVar[int]
    REVIEWED_FIELD_NUMBER: _ClassVar[int]
    TRAIN_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    frames: int
    groups: int
    unlabelled: int
    selected: int
    annotated: int
    reviewed: int
    train: int
    validation: int
    test: int
    golden: int
    model_id: str
    dimension: int
    def __init__(self, dataset: _Optional[str] = ..., frames: _Optional[int] = ..., groups: _Optional[int] = ..., unlabelled: _Optional[int] = ..., selected: _Optional[int] = ..., annotated: _Optional[int] = ..., reviewed: _Optional[int] = ..., train: _Optional[int] = ..., validation: _Optional[int] = ..., test: _Optional[int] = ..., golden: _Optional[int] = ..., model_id: _Optional[str] = ..., dimension: _Optional[int] = ...) -> None: ...

class AppendFramesRequest(_message.Message):
    __slots__ = ("dataset", "frames", "embeddings", "status", "split", "replace", "urls_are_file_names")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    URLS_ARE_FILE_NAMES_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    frames: _containers.RepeatedCompositeFieldContainer[DatasetFrame]
    embeddings: _frame_pb2.Embeddings
    status: AnnotationStatus
    split: Split
    replace: bool
    urls_are_file_names: bool
    def __init__(self, dataset: _Optional[str] = ..., frames: _Optional[_Iterable[_Union[DatasetFrame, _Mapping]]] = ..., embeddings: _Optional[_Union[_frame_pb2.Embeddings, _Mapping]] = ..., status: _Optional[_Union[AnnotationStatus, str]] = ..., split: _Optional[_Union[Split, str]] = ..., replace: bool = ..., urls_are_file_names: bool = ...) -> None: ...

class AppendFramesResponse(_message.Message):
    __slots__ = ("added_count", "changed_count", "unchanged_count", "kept_status_count", "deleted_frame_ids")
    ADDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    KEPT_STATUS_COUNT_FIELD_NUMBER: _ClassVar[int]
    DELETED_FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    added_count: int
    changed_count: int
    unchanged_count: int
    kept_status_count: int
    deleted_frame_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, added_count: _Optional[int] = ..., changed_count: _Optional[int] = ..., unchanged_count: _Optional[int] = ..., kept_status_count: _Optional[int] = ..., deleted_frame_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetFrameRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListFramesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter", "view")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: FrameFilter
    view: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[FrameFilter, _Mapping]] = ..., view: _Optional[str] = ...) -> None: ...

class ListFramesResponse(_message.Message):
    __slots__ = ("frames", "next_page_token")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[DatasetFrame]
    next_page_token: str
    def __init__(self, frames: _Optional[_Iterable[_Union[DatasetFrame, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReadFramesRequest(_message.Message):
    __slots__ = ("parent", "filter", "view", "with_embeddings")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    WITH_EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    filter: FrameFilter
    view: str
    with_embeddings: bool
    def __init__(self, parent: _Optional[str] = ..., filter: _Optional[_Union[FrameFilter, _Mapping]] = ..., view: _Optional[str] = ..., with_embeddings: bool = ...) -> None: ...

class ReadFramesResponse(_message.Message):
    __slots__ = ("frames", "embeddings")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[DatasetFrame]
    embeddings: _frame_pb2.Embeddings
    def __init__(self, frames: _Optional[_Iterable[_Union[DatasetFrame, _Mapping]]] = ..., embeddings: _Optional[_Union[_frame_pb2.Embeddings, _Mapping]] = ...) -> None: ...

class CountFramesRequest(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    def __init__(self, dataset: _Optional[str] = ...) -> None: ...

class SetStatusRequest(_message.Message):
    __slots__ = ("dataset", "groups", "status", "allow_backward", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ALLOW_BACKWARD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    status: AnnotationStatus
    allow_backward: bool
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., status: _Optional[_Union[AnnotationStatus, str]] = ..., allow_backward: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class SetStatusResponse(_message.Message):
    __slots__ = ("changed_count",)
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    changed_count: int
    def __init__(self, changed_count: _Optional[int] = ...) -> None: ...

class TagFramesRequest(_message.Message):
    __slots__ = ("dataset", "frame_ids", "add", "remove", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    add: _containers.RepeatedScalarFieldContainer[str]
    remove: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., add: _Optional[_Iterable[str]] = ..., remove: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class TagFramesResponse(_message.Message):
    __slots__ = ("changed_count",)
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    changed_count: int
    def __init__(self, changed_count: _Optional[int] = ...) -> None: ...

class FieldChange(_message.Message):
    __slots__ = ("frame_id", "set", "remove")
    class SetEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _frame_pb2.MetadataValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_frame_pb2.MetadataValue, _Mapping]] = ...) -> None: ...
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    frame_id: str
    set: _containers.MessageMap[str, _frame_pb2.MetadataValue]
    remove: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, frame_id: _Optional[str] = ..., set: _Optional[_Mapping[str, _frame_pb2.MetadataValue]] = ..., remove: _Optional[_Iterable[str]] = ...) -> None: ...

class SetFieldsRequest(_message.Message):
    __slots__ = ("dataset", "changes", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    changes: _containers.RepeatedCompositeFieldContainer[FieldChange]
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[FieldChange, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetFieldsResponse(_message.Message):
    __slots__ = ("changed_count",)
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    changed_count: int
    def __init__(self, changed_count: _Optional[int] = ...) -> None: ...

class ComputeZcoreRequest(_message.Message):
    __slots__ = ("dataset", "filter", "view", "field", "seed", "draws", "neighbours")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DRAWS_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    filter: FrameFilter
    view: str
    field: str
    seed: int
    draws: int
    neighbours: int
    def __init__(self, dataset: _Optional[str] = ..., filter: _Optional[_Union[FrameFilter, _Mapping]] = ..., view: _Optional[str] = ..., field: _Optional[str] = ..., seed: _Optional[int] = ..., draws: _Optional[int] = ..., neighbours: _Optional[int] = ...) -> None: ...

class ComputeZcoreResponse(_message.Message):
    __slots__ = ("stage", "done", "total", "scored_count", "changed_count", "notes")
    class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STAGE_UNSPECIFIED: _ClassVar[ComputeZcoreResponse.Stage]
        STAGE_WAITING: _ClassVar[ComputeZcoreResponse.Stage]
        STAGE_LISTING: _ClassVar[ComputeZcoreResponse.Stage]
        STAGE_READING: _ClassVar[ComputeZcoreResponse.Stage]
        STAGE_SCORING: _ClassVar[ComputeZcoreResponse.Stage]
        STAGE_STORING: _ClassVar[ComputeZcoreResponse.Stage]
        STAGE_DONE: _ClassVar[ComputeZcoreResponse.Stage]
    STAGE_UNSPECIFIED: ComputeZcoreResponse.Stage
    STAGE_WAITING: ComputeZcoreResponse.Stage
    STAGE_LISTING: ComputeZcoreResponse.Stage
    STAGE_READING: ComputeZcoreResponse.Stage
    STAGE_SCORING: ComputeZcoreResponse.Stage
    STAGE_STORING: ComputeZcoreResponse.Stage
    STAGE_DONE: ComputeZcoreResponse.Stage
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    SCORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    stage: ComputeZcoreResponse.Stage
    done: int
    total: int
    scored_count: int
    changed_count: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, stage: _Optional[_Union[ComputeZcoreResponse.Stage, str]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., scored_count: _Optional[int] = ..., changed_count: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class AssignSplitsRequest(_message.Message):
    __slots__ = ("dataset", "shares", "seed", "statuses")
    class Share(_message.Message):
        __slots__ = ("split", "share")
        SPLIT_FIELD_NUMBER: _ClassVar[int]
        SHARE_FIELD_NUMBER: _ClassVar[int]
        split: Split
        share: float
        def __init__(self, split: _Optional[_Union[Split, str]] = ..., share: _Optional[float] = ...) -> None: ...
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    shares: _containers.RepeatedCompositeFieldContainer[AssignSplitsRequest.Share]
    seed: int
    statuses: _containers.RepeatedScalarFieldContainer[AnnotationStatus]
    def __init__(self, dataset: _Optional[str] = ..., shares: _Optional[_Iterable[_Union[AssignSplitsRequest.Share, _Mapping]]] = ..., seed: _Optional[int] = ..., statuses: _Optional[_Iterable[_Union[AnnotationStatus, str]]] = ...) -> None: ...

class FindSimilarRequest(_message.Message):
    __slots__ = ("dataset", "frame_ids", "query_dataset", "limit", "filter")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    QUERY_DATASET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    query_dataset: str
    limit: int
    filter: FrameFilter
    def __init__(self, dataset: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., query_dataset: _Optional[str] = ..., limit: _Optional[int] = ..., filter: _Optional[_Union[FrameFilter, _Mapping]] = ...) -> None: ...

class FindSimilarResponse(_message.Message):
    __slots__ = ("hits",)
    class Hit(_message.Message):
        __slots__ = ("frame", "similarity", "label_id", "similar_to")
        FRAME_FIELD_NUMBER: _ClassVar[int]
        SIMILARITY_FIELD_NUMBER: _ClassVar[int]
        LABEL_ID_FIELD_NUMBER: _ClassVar[int]
        SIMILAR_TO_FIELD_NUMBER: _ClassVar[int]
        frame: DatasetFrame
        similarity: float
        label_id: str
        similar_to: str
        def __init__(self, frame: _Optional[_Union[DatasetFrame, _Mapping]] = ..., similarity: _Optional[float] = ..., label_id: _Optional[str] = ..., similar_to: _Optional[str] = ...) -> None: ...
    HITS_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[FindSimilarResponse.Hit]
    def __init__(self, hits: _Optional[_Iterable[_Union[FindSimilarResponse.Hit, _Mapping]]] = ...) -> None: ...

class PickElementsRequest(_message.Message):
    __slots__ = ("dataset", "issue", "elements")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    issue: str
    elements: _containers.RepeatedCompositeFieldContainer[_issue_pb2.ElementKey]
    def __init__(self, dataset: _Optional[str] = ..., issue: _Optional[str] = ..., elements: _Optional[_Iterable[_Union[_issue_pb2.ElementKey, _Mapping]]] = ...) -> None: ...

class PickElementsResponse(_message.Message):
    __slots__ = ("added_count", "replaced_count", "unchanged_count", "element_count")
    ADDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REPLACED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    added_count: int
    replaced_count: int
    unchanged_count: int
    element_count: int
    def __init__(self, added_count: _Optional[int] = ..., replaced_count: _Optional[int] = ..., unchanged_count: _Optional[int] = ..., element_count: _Optional[int] = ...) -> None: ...

class SearchDatasetRequest(_message.Message):
    __slots__ = ("dataset", "search_id", "campaigns", "threshold_override")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SEARCH_ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    search_id: str
    campaigns: _containers.RepeatedScalarFieldContainer[str]
    threshold_override: float
    def __init__(self, dataset: _Optional[str] = ..., search_id: _Optional[str] = ..., campaigns: _Optional[_Iterable[str]] = ..., threshold_override: _Optional[float] = ...) -> None: ...

class SearchDatasetResponse(_message.Message):
    __slots__ = ("frames", "frames_total", "passing", "verdicts", "done")
    class Verdicts(_message.Message):
        __slots__ = ("campaign", "verdict", "count")
        CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
        VERDICT_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        campaign: str
        verdict: str
        count: int
        def __init__(self, campaign: _Optional[str] = ..., verdict: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    FRAMES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    PASSING_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    frames: int
    frames_total: int
    passing: int
    verdicts: _containers.RepeatedCompositeFieldContainer[SearchDatasetResponse.Verdicts]
    done: bool
    def __init__(self, frames: _Optional[int] = ..., frames_total: _Optional[int] = ..., passing: _Optional[int] = ..., verdicts: _Optional[_Iterable[_Union[SearchDatasetResponse.Verdicts, _Mapping]]] = ..., done: bool = ...) -> None: ...

class CreateViewRequest(_message.Message):
    __slots__ = ("parent", "view_id", "view", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    VIEW_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    view_id: str
    view: View
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., view_id: _Optional[str] = ..., view: _Optional[_Union[View, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetViewRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListViewsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListViewsResponse(_message.Message):
    __slots__ = ("views", "next_page_token")
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    views: _containers.RepeatedCompositeFieldContainer[View]
    next_page_token: str
    def __init__(self, views: _Optional[_Iterable[_Union[View, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateViewRequest(_message.Message):
    __slots__ = ("view", "update_mask")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    view: View
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, view: _Optional[_Union[View, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class DeleteViewRequest(_message.Message):
    __slots__ = ("name", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteFramesRequest(_message.Message):
    __slots__ = ("parent", "frame_ids", "validate_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    frame_ids: _containers.RepeatedScalarFieldContainer[str]
    validate_only: bool
    def __init__(self, parent: _Optional[str] = ..., frame_ids: _Optional[_Iterable[str]] = ..., validate_only: bool = ...) -> None: ...

class DeleteDatasetRequest(_message.Message):
    __slots__ = ("name", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., validate_only: bool = ...) -> None: ...
