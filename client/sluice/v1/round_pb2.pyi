from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sluice.v1 import dataset_frame_pb2 as _dataset_frame_pb2
from sluice.v1 import deletion_pb2 as _deletion_pb2
from sluice.v1 import frame_pb2 as _frame_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Round(_message.Message):
    __slots__ = ("name", "display_name", "metric_split", "predicted_count", "metric", "mined", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    METRIC_SPLIT_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    MINED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    metric_split: _dataset_frame_pb2.Split
    predicted_count: int
    metric: Evaluation
    mined: Evaluation
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., metric_split: _Optional[_Union[_dataset_frame_pb2.Split, str]] = ..., predicted_count: _Optional[int] = ..., metric: _Optional[_Union[Evaluation, _Mapping]] = ..., mined: _Optional[_Union[Evaluation, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("split", "frames", "right", "confused", "missed", "spurious", "failed_frames", "frames_without_predictions", "ignored")
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    CONFUSED_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    SPURIOUS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    FRAMES_WITHOUT_PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    split: _dataset_frame_pb2.Split
    frames: int
    right: int
    confused: int
    missed: int
    spurious: int
    failed_frames: int
    frames_without_predictions: int
    ignored: int
    def __init__(self, split: _Optional[_Union[_dataset_frame_pb2.Split, str]] = ..., frames: _Optional[int] = ..., right: _Optional[int] = ..., confused: _Optional[int] = ..., missed: _Optional[int] = ..., spurious: _Optional[int] = ..., failed_frames: _Optional[int] = ..., frames_without_predictions: _Optional[int] = ..., ignored: _Optional[int] = ...) -> None: ...

class PredictedFrame(_message.Message):
    __slots__ = ("frame_id", "predictions")
    class Prediction(_message.Message):
        __slots__ = ("label", "score")
        LABEL_FIELD_NUMBER: _ClassVar[int]
        SCORE_FIELD_NUMBER: _ClassVar[int]
        label: _frame_pb2.Label
        score: float
        def __init__(self, label: _Optional[_Union[_frame_pb2.Label, _Mapping]] = ..., score: _Optional[float] = ...) -> None: ...
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    frame_id: str
    predictions: _containers.RepeatedCompositeFieldContainer[PredictedFrame.Prediction]
    def __init__(self, frame_id: _Optional[str] = ..., predictions: _Optional[_Iterable[_Union[PredictedFrame.Prediction, _Mapping]]] = ...) -> None: ...

class CreateRoundRequest(_message.Message):
    __slots__ = ("parent", "round_id", "round", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    round_id: str
    round: Round
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., round_id: _Optional[str] = ..., round: _Optional[_Union[Round, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetRoundRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListRoundsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRoundsResponse(_message.Message):
    __slots__ = ("rounds", "next_page_token")
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rounds: _containers.RepeatedCompositeFieldContainer[Round]
    next_page_token: str
    def __init__(self, rounds: _Optional[_Iterable[_Union[Round, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ImportPredictionsRequest(_message.Message):
    __slots__ = ("round", "frames")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    round: str
    frames: _containers.RepeatedCompositeFieldContainer[PredictedFrame]
    def __init__(self, round: _Optional[str] = ..., frames: _Optional[_Iterable[_Union[PredictedFrame, _Mapping]]] = ...) -> None: ...

class ImportPredictionsResponse(_message.Message):
    __slots__ = ("added_count", "replaced_count", "unchanged_count")
    ADDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REPLACED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    added_count: int
    replaced_count: int
    unchanged_count: int
    def __init__(self, added_count: _Optional[int] = ..., replaced_count: _Optional[int] = ..., unchanged_count: _Optional[int] = ...) -> None: ...

class MineFailuresRequest(_message.Message):
    __slots__ = ("round", "split", "iou_min", "score_min")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    IOU_MIN_FIELD_NUMBER: _ClassVar[int]
    SCORE_MIN_FIELD_NUMBER: _ClassVar[int]
    round: str
    split: _dataset_frame_pb2.Split
    iou_min: float
    score_min: float
    def __init__(self, round: _Optional[str] = ..., split: _Optional[_Union[_dataset_frame_pb2.Split, str]] = ..., iou_min: _Optional[float] = ..., score_min: _Optional[float] = ...) -> None: ...

class DeleteRoundRequest(_message.Message):
    __slots__ = ("name", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., validate_only: bool = ...) -> None: ...
