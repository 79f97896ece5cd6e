from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sluice.v1 import deletion_pb2 as _deletion_pb2
from sluice.v1 import frame_pb2 as _frame_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GoldenVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOLDEN_VERDICT_UNSPECIFIED: _ClassVar[GoldenVerdict]
    GOLDEN_VERDICT_PASS: _ClassVar[GoldenVerdict]
    GOLDEN_VERDICT_WARN: _ClassVar[GoldenVerdict]
    GOLDEN_VERDICT_FAIL: _ClassVar[GoldenVerdict]
    GOLDEN_VERDICT_INSUFFICIENT: _ClassVar[GoldenVerdict]
GOLDEN_VERDICT_UNSPECIFIED: GoldenVerdict
GOLDEN_VERDICT_PASS: GoldenVerdict
GOLDEN_VERDICT_WARN: GoldenVerdict
GOLDEN_VERDICT_FAIL: GoldenVerdict
GOLDEN_VERDICT_INSUFFICIENT: GoldenVerdict

class GoldenSet(_message.Message):
    __slots__ = ("name", "display_name", "task_type", "classes", "limits", "image_count", "label_count", "digest", "create_time", "crowd_count", "other_classes", "suggested_classes")
    class OtherClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class SuggestedClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_TYPE_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    LABEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CROWD_COUNT_FIELD_NUMBER: _ClassVar[int]
    OTHER_CLASSES_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_CLASSES_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    task_type: _frame_pb2.TaskType
    classes: _containers.RepeatedScalarFieldContainer[str]
    limits: GoldenLimits
    image_count: int
    label_count: int
    digest: str
    create_time: _timestamp_pb2.Timestamp
    crowd_count: int
    other_classes: _containers.ScalarMap[str, int]
    suggested_classes: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., task_type: _Optional[_Union[_frame_pb2.TaskType, str]] = ..., classes: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[GoldenLimits, _Mapping]] = ..., image_count: _Optional[int] = ..., label_count: _Optional[int] = ..., digest: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., crowd_count: _Optional[int] = ..., other_classes: _Optional[_Mapping[str, int]] = ..., suggested_classes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class GoldenLimits(_message.Message):
    __slots__ = ("class_change_fail", "empty_change_fail", "agreement_warn", "agreement_fail", "class_agreement_fail", "iou_warn")
    CLASS_CHANGE_FAIL_FIELD_NUMBER: _ClassVar[int]
    EMPTY_CHANGE_FAIL_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_WARN_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FAIL_FIELD_NUMBER: _ClassVar[int]
    CLASS_AGREEMENT_FAIL_FIELD_NUMBER: _ClassVar[int]
    IOU_WARN_FIELD_NUMBER: _ClassVar[int]
    class_change_fail: float
    empty_change_fail: float
    agreement_warn: float
    agreement_fail: float
    class_agreement_fail: float
    iou_warn: float
    def __init__(self, class_change_fail: _Optional[float] = ..., empty_change_fail: _Optional[float] = ..., agreement_warn: _Optional[float] = ..., agreement_fail: _Optional[float] = ..., class_agreement_fail: _Optional[float] = ..., iou_warn: _Optional[float] = ...) -> None: ...

class AnnotatedImage(_message.Message):
    __slots__ = ("id", "width", "height", "labels")
    ID_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    id: str
    width: int
    height: int
    labels: _containers.RepeatedCompositeFieldContainer[_frame_pb2.Label]
    def __init__(self, id: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., labels: _Optional[_Iterable[_Union[_frame_pb2.Label, _Mapping]]] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class Share(_message.Message):
    __slots__ = ("count", "total", "interval")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    count: int
    total: int
    interval: Interval
    def __init__(self, count: _Optional[int] = ..., total: _Optional[int] = ..., interval: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...

class AnnotationSummary(_message.Message):
    __slots__ = ("images", "images_with_labels", "detections", "detections_per_image", "class_counts", "crowds", "other_labels")
    class ClassCountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    IMAGES_WITH_LABELS_FIELD_NUMBER: _ClassVar[int]
    DETECTIONS_FIELD_NUMBER: _ClassVar[int]
    DETECTIONS_PER_IMAGE_FIELD_NUMBER: _ClassVar[int]
    CLASS_COUNTS_FIELD_NUMBER: _ClassVar[int]
    CROWDS_FIELD_NUMBER: _ClassVar[int]
    OTHER_LABELS_FIELD_NUMBER: _ClassVar[int]
    images: int
    images_with_labels: int
    detections: int
    detections_per_image: float
    class_counts: _containers.ScalarMap[str, int]
    crowds: int
    other_labels: int
    def __init__(self, images: _Optional[int] = ..., images_with_labels: _Optional[int] = ..., detections: _Optional[int] = ..., detections_per_image: _Optional[float] = ..., class_counts: _Optional[_Mapping[str, int]] = ..., crowds: _Optional[int] = ..., other_labels: _Optional[int] = ...) -> None: ...

class GoldenCheck(_message.Message):
    __slots__ = ("name", "round", "schema_version", "annotator", "guideline_version", "verdict", "reason", "summary", "missing_count", "digest", "create_time", "override", "blocks", "details")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    ANNOTATOR_FIELD_NUMBER: _ClassVar[int]
    GUIDELINE_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    MISSING_COUNT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    name: str
    round: int
    schema_version: str
    annotator: str
    guideline_version: str
    verdict: GoldenVerdict
    reason: str
    summary: AnnotationSummary
    missing_count: int
    digest: str
    create_time: _timestamp_pb2.Timestamp
    override: CheckOverride
    blocks: bool
    details: CheckDetails
    def __init__(self, name: _Optional[str] = ..., round: _Optional[int] = ..., schema_version: _Optional[str] = ..., annotator: _Optional[str] = ..., guideline_version: _Optional[str] = ..., verdict: _Optional[_Union[GoldenVerdict, str]] = ..., reason: _Optional[str] = ..., summary: _Optional[_Union[AnnotationSummary, _Mapping]] = ..., missing_count: _Optional[int] = ..., digest: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., override: _Optional[_Union[CheckOverride, _Mapping]] = ..., blocks: bool = ..., details: _Optional[_Union[CheckDetails, _Mapping]] = ...) -> None: ...

class CheckOverride(_message.Message):
    __slots__ = ("reason", "decided_by", "api_key_id", "create_time")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    API_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    reason: str
    decided_by: str
    api_key_id: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, reason: _Optional[str] = ..., decided_by: _Optional[str] = ..., api_key_id: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CheckDetails(_message.Message):
    __slots__ = ("findings", "reference", "other_classes", "missing", "drift", "agreement", "suggested_classes")
    class Finding(_message.Message):
        __slots__ = ("verdict", "reason")
        VERDICT_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        verdict: GoldenVerdict
        reason: str
        def __init__(self, verdict: _Optional[_Union[GoldenVerdict, str]] = ..., reason: _Optional[str] = ...) -> None: ...
    class OtherClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class SuggestedClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    OTHER_CLASSES_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_CLASSES_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[CheckDetails.Finding]
    reference: AnnotationSummary
    other_classes: _containers.ScalarMap[str, int]
    missing: _containers.RepeatedScalarFieldContainer[str]
    drift: GoldenDrift
    agreement: GoldenAgreement
    suggested_classes: _containers.ScalarMap[str, str]
    def __init__(self, findings: _Optional[_Iterable[_Union[CheckDetails.Finding, _Mapping]]] = ..., reference: _Optional[_Union[AnnotationSummary, _Mapping]] = ..., other_classes: _Optional[_Mapping[str, int]] = ..., missing: _Optional[_Iterable[str]] = ..., drift: _Optional[_Union[GoldenDrift, _Mapping]] = ..., agreement: _Optional[_Union[GoldenAgreement, _Mapping]] = ..., suggested_classes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class GoldenDrift(_message.Message):
    __slots__ = ("classes", "empty", "detections", "jensen_shannon", "psi")
    class ClassDrift(_message.Message):
        __slots__ = ("name", "reference", "current", "p_value", "p_adjusted")
        NAME_FIELD_NUMBER: _ClassVar[int]
        REFERENCE_FIELD_NUMBER: _ClassVar[int]
        CURRENT_FIELD_NUMBER: _ClassVar[int]
        P_VALUE_FIELD_NUMBER: _ClassVar[int]
        P_ADJUSTED_FIELD_NUMBER: _ClassVar[int]
        name: str
        reference: int
        current: int
        p_value: float
        p_adjusted: float
        def __init__(self, name: _Optional[str] = ..., reference: _Optional[int] = ..., current: _Optional[int] = ..., p_value: _Optional[float] = ..., p_adjusted: _Optional[float] = ...) -> None: ...
    class EmptyDrift(_message.Message):
        __slots__ = ("reference", "current", "emptied", "filled", "p_value")
        REFERENCE_FIELD_NUMBER: _ClassVar[int]
        CURRENT_FIELD_NUMBER: _ClassVar[int]
        EMPTIED_FIELD_NUMBER: _ClassVar[int]
        FILLED_FIELD_NUMBER: _ClassVar[int]
        P_VALUE_FIELD_NUMBER: _ClassVar[int]
        reference: Share
        current: Share
        emptied: int
        filled: int
        p_value: float
        def __init__(self, reference: _Optional[_Union[Share, _Mapping]] = ..., current: _Optional[_Union[Share, _Mapping]] = ..., emptied: _Optional[int] = ..., filled: _Optional[int] = ..., p_value: _Optional[float] = ...) -> None: ...
    class DetectionsDrift(_message.Message):
        __slots__ = ("reference", "current", "current_interval", "difference", "difference_interval", "p_value")
        REFERENCE_FIELD_NUMBER: _ClassVar[int]
        CURRENT_FIELD_NUMBER: _ClassVar[int]
        CURRENT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
        DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
        DIFFERENCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
        P_VALUE_FIELD_NUMBER: _ClassVar[int]
        reference: float
        current: float
        current_interval: Interval
        difference: float
        difference_interval: Interval
        p_value: float
        def __init__(self, reference: _Optional[float] = ..., current: _Optional[float] = ..., current_interval: _Optional[_Union[Interval, _Mapping]] = ..., difference: _Optional[float] = ..., difference_interval: _Optional[_Union[Interval, _Mapping]] = ..., p_value: _Optional[float] = ...) -> None: ...
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    EMPTY_FIELD_NUMBER: _ClassVar[int]
    DETECTIONS_FIELD_NUMBER: _ClassVar[int]
    JENSEN_SHANNON_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    classes: _containers.RepeatedCompositeFieldContainer[GoldenDrift.ClassDrift]
    empty: GoldenDrift.EmptyDrift
    detections: GoldenDrift.DetectionsDrift
    jensen_shannon: float
    psi: float
    def __init__(self, classes: _Optional[_Iterable[_Union[GoldenDrift.ClassDrift, _Mapping]]] = ..., empty: _Optional[_Union[GoldenDrift.EmptyDrift, _Mapping]] = ..., detections: _Optional[_Union[GoldenDrift.DetectionsDrift, _Mapping]] = ..., jensen_shannon: _Optional[float] = ..., psi: _Optional[float] = ...) -> None: ...

class GoldenAgreement(_message.Message):
    __slots__ = ("precision", "recall", "located", "mean_iou", "mean_iou_interval", "classes", "recall_by_size", "confusion")
    class ClassAgreement(_message.Message):
        __slots__ = ("name", "precision", "recall")
        NAME_FIELD_NUMBER: _ClassVar[int]
        PRECISION_FIELD_NUMBER: _ClassVar[int]
        RECALL_FIELD_NUMBER: _ClassVar[int]
        name: str
        precision: Share
        recall: Share
        def __init__(self, name: _Optional[str] = ..., precision: _Optional[_Union[Share, _Mapping]] = ..., recall: _Optional[_Union[Share, _Mapping]] = ...) -> None: ...
    class Confusion(_message.Message):
        __slots__ = ("reference", "current", "count")
        REFERENCE_FIELD_NUMBER: _ClassVar[int]
        CURRENT_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        reference: str
        current: str
        count: int
        def __init__(self, reference: _Optional[str] = ..., current: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...
    class RecallBySizeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Share
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Share, _Mapping]] = ...) -> None: ...
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    LOCATED_FIELD_NUMBER: _ClassVar[int]
    MEAN_IOU_FIELD_NUMBER: _ClassVar[int]
    MEAN_IOU_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    RECALL_BY_SIZE_FIELD_NUMBER: _ClassVar[int]
    CONFUSION_FIELD_NUMBER: _ClassVar[int]
    precision: Share
    recall: Share
    located: Share
    mean_iou: float
    mean_iou_interval: Interval
    classes: _containers.RepeatedCompositeFieldContainer[GoldenAgreement.ClassAgreement]
    recall_by_size: _containers.MessageMap[str, Share]
    confusion: _containers.RepeatedCompositeFieldContainer[GoldenAgreement.Confusion]
    def __init__(self, precision: _Optional[_Union[Share, _Mapping]] = ..., recall: _Optional[_Union[Share, _Mapping]] = ..., located: _Optional[_Union[Share, _Mapping]] = ..., mean_iou: _Optional[float] = ..., mean_iou_interval: _Optional[_Union[Interval, _Mapping]] = ..., classes: _Optional[_Iterable[_Union[GoldenAgreement.ClassAgreement, _Mapping]]] = ..., recall_by_size: _Optional[_Mapping[str, Share]] = ..., confusion: _Optional[_Iterable[_Union[GoldenAgreement.Confusion, _Mapping]]] = ...) -> None: ...

class GoldenGate(_message.Message):
    __slots__ = ("dataset", "blocked", "reason", "checks")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    blocked: bool
    reason: str
    checks: _containers.RepeatedCompositeFieldContainer[GoldenCheck]
    def __init__(self, dataset: _Optional[str] = ..., blocked: bool = ..., reason: _Optional[str] = ..., checks: _Optional[_Iterable[_Union[GoldenCheck, _Mapping]]] = ...) -> None: ...

class CreateGoldenSetRequest(_message.Message):
    __slots__ = ("parent", "golden_set_id", "golden_set", "images")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_SET_ID_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_SET_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    parent: str
    golden_set_id: str
    golden_set: GoldenSet
    images: _containers.RepeatedCompositeFieldContainer[AnnotatedImage]
    def __init__(self, parent: _Optional[str] = ..., golden_set_id: _Optional[str] = ..., golden_set: _Optional[_Union[GoldenSet, _Mapping]] = ..., images: _Optional[_Iterable[_Union[AnnotatedImage, _Mapping]]] = ...) -> None: ...

class GetGoldenSetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListGoldenSetsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGoldenSetsResponse(_message.Message):
    __slots__ = ("golden_sets", "next_page_token")
    GOLDEN_SETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    golden_sets: _containers.RepeatedCompositeFieldContainer[GoldenSet]
    next_page_token: str
    def __init__(self, golden_sets: _Optional[_Iterable[_Union[GoldenSet, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CheckRoundRequest(_message.Message):
    __slots__ = ("golden_set", "key", "images")
    class Key(_message.Message):
        __slots__ = ("round", "schema_version", "annotator", "guideline_version")
        ROUND_FIELD_NUMBER: _ClassVar[int]
        SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
        ANNOTATOR_FIELD_NUMBER: _ClassVar[int]
        GUIDELINE_VERSION_FIELD_NUMBER: _ClassVar[int]
        round: int
        schema_version: str
        annotator: str
        guideline_version: str
        def __init__(self, round: _Optional[int] = ..., schema_version: _Optional[str] = ..., annotator: _Optional[str] = ..., guideline_version: _Optional[str] = ...) -> None: ...
    GOLDEN_SET_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    golden_set: str
    key: CheckRoundRequest.Key
    images: _containers.RepeatedCompositeFieldContainer[AnnotatedImage]
    def __init__(self, golden_set: _Optional[str] = ..., key: _Optional[_Union[CheckRoundRequest.Key, _Mapping]] = ..., images: _Optional[_Iterable[_Union[AnnotatedImage, _Mapping]]] = ...) -> None: ...

class CheckRoundResponse(_message.Message):
    __slots__ = ("check", "added")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    check: GoldenCheck
    added: bool
    def __init__(self, check: _Optional[_Union[GoldenCheck, _Mapping]] = ..., added: bool = ...) -> None: ...

class GetCheckRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListChecksRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListChecksResponse(_message.Message):
    __slots__ = ("checks", "next_page_token")
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    checks: _containers.RepeatedCompositeFieldContainer[GoldenCheck]
    next_page_token: str
    def __init__(self, checks: _Optional[_Iterable[_Union[GoldenCheck, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class OverrideCheckRequest(_message.Message):
    __slots__ = ("name", "reason", "decided_by")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    decided_by: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ..., decided_by: _Optional[str] = ...) -> None: ...

class GetGateRequest(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    def __init__(self, dataset: _Optional[str] = ...) -> None: ...

class DeleteGoldenSetRequest(_message.Message):
    __slots__ = ("name", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., validate_only: bool = ...) -> None: ...
