from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sluice.v1 import golden_set_pb2 as _golden_set_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Recommendation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECOMMENDATION_UNSPECIFIED: _ClassVar[Recommendation]
    RECOMMENDATION_CONTINUE: _ClassVar[Recommendation]
    RECOMMENDATION_CHANGE_COLLECTION: _ClassVar[Recommendation]
    RECOMMENDATION_FIX_LABELS: _ClassVar[Recommendation]
    RECOMMENDATION_STOP: _ClassVar[Recommendation]

class SignalState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNAL_STATE_UNSPECIFIED: _ClassVar[SignalState]
    SIGNAL_STATE_YES: _ClassVar[SignalState]
    SIGNAL_STATE_NO: _ClassVar[SignalState]
    SIGNAL_STATE_UNCLEAR: _ClassVar[SignalState]
    SIGNAL_STATE_UNDETECTABLE: _ClassVar[SignalState]
    SIGNAL_STATE_NOT_MEASURED: _ClassVar[SignalState]

class TargetReach(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TARGET_REACH_UNSPECIFIED: _ClassVar[TargetReach]
    TARGET_REACH_REACHED: _ClassVar[TargetReach]
    TARGET_REACH_OPEN: _ClassVar[TargetReach]
    TARGET_REACH_MISSED: _ClassVar[TargetReach]
    TARGET_REACH_UNDETECTABLE: _ClassVar[TargetReach]
RECOMMENDATION_UNSPECIFIED: Recommendation
RECOMMENDATION_CONTINUE: Recommendation
RECOMMENDATION_CHANGE_COLLECTION: Recommendation
RECOMMENDATION_FIX_LABELS: Recommendation
RECOMMENDATION_STOP: Recommendation
SIGNAL_STATE_UNSPECIFIED: SignalState
SIGNAL_STATE_YES: SignalState
SIGNAL_STATE_NO: SignalState
SIGNAL_STATE_UNCLEAR: SignalState
SIGNAL_STATE_UNDETECTABLE: SignalState
SIGNAL_STATE_NOT_MEASURED: SignalState
TARGET_REACH_UNSPECIFIED: TargetReach
TARGET_REACH_REACHED: TargetReach
TARGET_REACH_OPEN: TargetReach
TARGET_REACH_MISSED: TargetReach
TARGET_REACH_UNDETECTABLE: TargetReach

class RecordedRound(_message.Message):
    __slots__ = ("dataset", "round", "labelled_groups", "sample_count", "mean", "with_predictions", "slices", "judged_count", "digest", "create_time", "measured_from", "samples_without_predictions")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    LABELLED_GROUPS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    WITH_PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    JUDGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FROM_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_WITHOUT_PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    round: int
    labelled_groups: int
    sample_count: int
    mean: float
    with_predictions: bool
    slices: _containers.RepeatedScalarFieldContainer[str]
    judged_count: int
    digest: str
    create_time: _timestamp_pb2.Timestamp
    measured_from: MeasuredFrom
    samples_without_predictions: int
    def __init__(self, dataset: _Optional[str] = ..., round: _Optional[int] = ..., labelled_groups: _Optional[int] = ..., sample_count: _Optional[int] = ..., mean: _Optional[float] = ..., with_predictions: bool = ..., slices: _Optional[_Iterable[str]] = ..., judged_count: _Optional[int] = ..., digest: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., measured_from: _Optional[_Union[MeasuredFrom, _Mapping]] = ..., samples_without_predictions: _Optional[int] = ...) -> None: ...

class MeasuredFrom(_message.Message):
    __slots__ = ("round", "iou_min", "score_min")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    IOU_MIN_FIELD_NUMBER: _ClassVar[int]
    SCORE_MIN_FIELD_NUMBER: _ClassVar[int]
    round: str
    iou_min: float
    score_min: float
    def __init__(self, round: _Optional[str] = ..., iou_min: _Optional[float] = ..., score_min: _Optional[float] = ...) -> None: ...

class SampleSlice(_message.Message):
    __slots__ = ("name", "samples")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    name: str
    samples: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., samples: _Optional[_Iterable[int]] = ...) -> None: ...

class JudgedFailure(_message.Message):
    __slots__ = ("label", "first", "second")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    label: str
    first: str
    second: str
    def __init__(self, label: _Optional[str] = ..., first: _Optional[str] = ..., second: _Optional[str] = ...) -> None: ...

class MetricPoint(_message.Message):
    __slots__ = ("round", "labelled_groups", "samples", "mean", "interval")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    LABELLED_GROUPS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    round: int
    labelled_groups: int
    samples: int
    mean: float
    interval: _golden_set_pb2.Interval
    def __init__(self, round: _Optional[int] = ..., labelled_groups: _Optional[int] = ..., samples: _Optional[int] = ..., mean: _Optional[float] = ..., interval: _Optional[_Union[_golden_set_pb2.Interval, _Mapping]] = ...) -> None: ...

class MetricChange(_message.Message):
    __slots__ = ("earlier", "later", "samples", "difference", "interval", "detectable")
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    DETECTABLE_FIELD_NUMBER: _ClassVar[int]
    earlier: int
    later: int
    samples: int
    difference: float
    interval: _golden_set_pb2.Interval
    detectable: float
    def __init__(self, earlier: _Optional[int] = ..., later: _Optional[int] = ..., samples: _Optional[int] = ..., difference: _Optional[float] = ..., interval: _Optional[_Union[_golden_set_pb2.Interval, _Mapping]] = ..., detectable: _Optional[float] = ...) -> None: ...

class CurveEstimate(_message.Message):
    __slots__ = ("value", "interval")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    value: float
    interval: _golden_set_pb2.Interval
    def __init__(self, value: _Optional[float] = ..., interval: _Optional[_Union[_golden_set_pb2.Interval, _Mapping]] = ...) -> None: ...

class LearningCurve(_message.Message):
    __slots__ = ("scale", "exponent", "floor", "next_groups", "next_error", "next_gain")
    SCALE_FIELD_NUMBER: _ClassVar[int]
    EXPONENT_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    NEXT_GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_ERROR_FIELD_NUMBER: _ClassVar[int]
    NEXT_GAIN_FIELD_NUMBER: _ClassVar[int]
    scale: float
    exponent: float
    floor: float
    next_groups: int
    next_error: CurveEstimate
    next_gain: CurveEstimate
    def __init__(self, scale: _Optional[float] = ..., exponent: _Optional[float] = ..., floor: _Optional[float] = ..., next_groups: _Optional[int] = ..., next_error: _Optional[_Union[CurveEstimate, _Mapping]] = ..., next_gain: _Optional[_Union[CurveEstimate, _Mapping]] = ...) -> None: ...

class PredictionStability(_message.Message):
    __slots__ = ("earlier", "later", "agreeing", "kappa", "interval")
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    AGREEING_FIELD_NUMBER: _ClassVar[int]
    KAPPA_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    earlier: int
    later: int
    agreeing: _golden_set_pb2.Share
    kappa: float
    interval: _golden_set_pb2.Interval
    def __init__(self, earlier: _Optional[int] = ..., later: _Optional[int] = ..., agreeing: _Optional[_Union[_golden_set_pb2.Share, _Mapping]] = ..., kappa: _Optional[float] = ..., interval: _Optional[_Union[_golden_set_pb2.Interval, _Mapping]] = ...) -> None: ...

class FailureCauses(_message.Message):
    __slots__ = ("round", "ambiguous", "mislabelled", "doubtful")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    AMBIGUOUS_FIELD_NUMBER: _ClassVar[int]
    MISLABELLED_FIELD_NUMBER: _ClassVar[int]
    DOUBTFUL_FIELD_NUMBER: _ClassVar[int]
    round: int
    ambiguous: _golden_set_pb2.Share
    mislabelled: _golden_set_pb2.Share
    doubtful: _golden_set_pb2.Share
    def __init__(self, round: _Optional[int] = ..., ambiguous: _Optional[_Union[_golden_set_pb2.Share, _Mapping]] = ..., mislabelled: _Optional[_Union[_golden_set_pb2.Share, _Mapping]] = ..., doubtful: _Optional[_Union[_golden_set_pb2.Share, _Mapping]] = ...) -> None: ...

class TargetStanding(_message.Message):
    __slots__ = ("target", "samples_needed", "reached", "overall", "slices")
    class Slice(_message.Message):
        __slots__ = ("name", "samples", "mean", "interval", "reach")
        NAME_FIELD_NUMBER: _ClassVar[int]
        SAMPLES_FIELD_NUMBER: _ClassVar[int]
        MEAN_FIELD_NUMBER: _ClassVar[int]
        INTERVAL_FIELD_NUMBER: _ClassVar[int]
        REACH_FIELD_NUMBER: _ClassVar[int]
        name: str
        samples: int
        mean: float
        interval: _golden_set_pb2.Interval
        reach: TargetReach
        def __init__(self, name: _Optional[str] = ..., samples: _Optional[int] = ..., mean: _Optional[float] = ..., interval: _Optional[_Union[_golden_set_pb2.Interval, _Mapping]] = ..., reach: _Optional[_Union[TargetReach, str]] = ...) -> None: ...
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_NEEDED_FIELD_NUMBER: _ClassVar[int]
    REACHED_FIELD_NUMBER: _ClassVar[int]
    OVERALL_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    target: float
    samples_needed: int
    reached: bool
    overall: TargetStanding.Slice
    slices: _containers.RepeatedCompositeFieldContainer[TargetStanding.Slice]
    def __init__(self, target: _Optional[float] = ..., samples_needed: _Optional[int] = ..., reached: bool = ..., overall: _Optional[_Union[TargetStanding.Slice, _Mapping]] = ..., slices: _Optional[_Iterable[_Union[TargetStanding.Slice, _Mapping]]] = ...) -> None: ...

class Advice(_message.Message):
    __slots__ = ("recommendation", "reason", "signals")
    class Signal(_message.Message):
        __slots__ = ("question", "state", "reason")
        QUESTION_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        question: str
        state: SignalState
        reason: str
        def __init__(self, question: _Optional[str] = ..., state: _Optional[_Union[SignalState, str]] = ..., reason: _Optional[str] = ...) -> None: ...
    RECOMMENDATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    recommendation: Recommendation
    reason: str
    signals: _containers.RepeatedCompositeFieldContainer[Advice.Signal]
    def __init__(self, recommendation: _Optional[_Union[Recommendation, str]] = ..., reason: _Optional[str] = ..., signals: _Optional[_Iterable[_Union[Advice.Signal, _Mapping]]] = ...) -> None: ...

class LabellingProgress(_message.Message):
    __slots__ = ("held_out", "unlabelled", "selected", "annotated", "reviewed")
    HELD_OUT_FIELD_NUMBER: _ClassVar[int]
    UNLABELLED_FIELD_NUMBER: _ClassVar[int]
    SELECTED_FIELD_NUMBER: _ClassVar[int]
    ANNOTATED_FIELD_NUMBER: _ClassVar[int]
    REVIEWED_FIELD_NUMBER: _ClassVar[int]
    held_out: int
    unlabelled: int
    selected: int
    annotated: int
    reviewed: int
    def __init__(self, held_out: _Optional[int] = ..., unlabelled: _Optional[int] = ..., selected: _Optional[int] = ..., annotated: _Optional[int] = ..., reviewed: _Optional[int] = ...) -> None: ...

class DatasetProgress(_message.Message):
    __slots__ = ("dataset", "points", "changes", "curve", "no_curve_reason", "stability", "failures", "target", "advice", "labelling")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    NO_CURVE_REASON_FIELD_NUMBER: _ClassVar[int]
    STABILITY_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    LABELLING_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    points: _containers.RepeatedCompositeFieldContainer[MetricPoint]
    changes: _containers.RepeatedCompositeFieldContainer[MetricChange]
    curve: LearningCurve
    no_curve_reason: str
    stability: PredictionStability
    failures: FailureCauses
    target: TargetStanding
    advice: Advice
    labelling: LabellingProgress
    def __init__(self, dataset: _Optional[str] = ..., points: _Optional[_Iterable[_Union[MetricPoint, _Mapping]]] = ..., changes: _Optional[_Iterable[_Union[MetricChange, _Mapping]]] = ..., curve: _Optional[_Union[LearningCurve, _Mapping]] = ..., no_curve_reason: _Optional[str] = ..., stability: _Optional[_Union[PredictionStability, _Mapping]] = ..., failures: _Optional[_Union[FailureCauses, _Mapping]] = ..., target: _Optional[_Union[TargetStanding, _Mapping]] = ..., advice: _Optional[_Union[Advice, _Mapping]] = ..., labelling: _Optional[_Union[LabellingProgress, _Mapping]] = ...) -> None: ...

class RecordRoundRequest(_message.Message):
    __slots__ = ("dataset", "round", "labelled_groups", "sample_ids", "values", "predictions", "slices", "failures", "measured_round", "iou_min", "score_min", "slice_views")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    LABELLED_GROUPS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_IDS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    MEASURED_ROUND_FIELD_NUMBER: _ClassVar[int]
    IOU_MIN_FIELD_NUMBER: _ClassVar[int]
    SCORE_MIN_FIELD_NUMBER: _ClassVar[int]
    SLICE_VIEWS_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    round: int
    labelled_groups: int
    sample_ids: _containers.RepeatedScalarFieldContainer[str]
    values: _containers.RepeatedScalarFieldContainer[float]
    predictions: _containers.RepeatedScalarFieldContainer[str]
    slices: _containers.RepeatedCompositeFieldContainer[SampleSlice]
    failures: _containers.RepeatedCompositeFieldContainer[JudgedFailure]
    measured_round: str
    iou_min: float
    score_min: float
    slice_views: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dataset: _Optional[str] = ..., round: _Optional[int] = ..., labelled_groups: _Optional[int] = ..., sample_ids: _Optional[_Iterable[str]] = ..., values: _Optional[_Iterable[float]] = ..., predictions: _Optional[_Iterable[str]] = ..., slices: _Optional[_Iterable[_Union[SampleSlice, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[JudgedFailure, _Mapping]]] = ..., measured_round: _Optional[str] = ..., iou_min: _Optional[float] = ..., score_min: _Optional[float] = ..., slice_views: _Optional[_Iterable[str]] = ...) -> None: ...

class RecordRoundResponse(_message.Message):
    __slots__ = ("round", "added")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    round: RecordedRound
    added: bool
    def __init__(self, round: _Optional[_Union[RecordedRound, _Mapping]] = ..., added: bool = ...) -> None: ...

class ListRecordedRoundsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRecordedRoundsResponse(_message.Message):
    __slots__ = ("rounds", "next_page_token")
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rounds: _containers.RepeatedCompositeFieldContainer[RecordedRound]
    next_page_token: str
    def __init__(self, rounds: _Optional[_Iterable[_Union[RecordedRound, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetProgressRequest(_message.Message):
    __slots__ = ("dataset", "target", "gain_min", "next_groups")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    GAIN_MIN_FIELD_NUMBER: _ClassVar[int]
    NEXT_GROUPS_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    target: float
    gain_min: float
    next_groups: int
    def __init__(self, dataset: _Optional[str] = ..., target: _Optional[float] = ..., gain_min: _Optional[float] = ..., next_groups: _Optional[int] = ...) -> None: ...
