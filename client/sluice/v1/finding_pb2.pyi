from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FindingKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINDING_KIND_UNSPECIFIED: _ClassVar[FindingKind]
    FINDING_KIND_COUNTER: _ClassVar[FindingKind]
    FINDING_KIND_FUNNEL_SUM: _ClassVar[FindingKind]
    FINDING_KIND_PENDING_WITHOUT_ENTRY: _ClassVar[FindingKind]
    FINDING_KIND_ENTRY_WITHOUT_ROW: _ClassVar[FindingKind]
    FINDING_KIND_ENTRY_OF_DECIDED: _ClassVar[FindingKind]
    FINDING_KIND_PROJECT_UNKNOWN: _ClassVar[FindingKind]
    FINDING_KIND_DOCUMENT_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_DOCUMENT_ORPHAN: _ClassVar[FindingKind]
    FINDING_KIND_LISTING_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_LISTING_ORPHAN: _ClassVar[FindingKind]
    FINDING_KIND_SAMPLE_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_SAMPLE_ORPHAN: _ClassVar[FindingKind]
    FINDING_KIND_SAMPLE_PAYLOAD: _ClassVar[FindingKind]
    FINDING_KIND_SAMPLE_VECTOR: _ClassVar[FindingKind]
    FINDING_KIND_ELEMENT_COUNT: _ClassVar[FindingKind]
    FINDING_KIND_ELEMENT_VECTOR: _ClassVar[FindingKind]
    FINDING_KIND_ELEMENT_ORPHAN: _ClassVar[FindingKind]
    FINDING_KIND_ISSUE_LEFTOVER: _ClassVar[FindingKind]
    FINDING_KIND_ISSUE_CAMPAIGNS: _ClassVar[FindingKind]
    FINDING_KIND_SPACE_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_ACTIVE_VERSION: _ClassVar[FindingKind]
    FINDING_KIND_VERSION_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_GENERATION: _ClassVar[FindingKind]
    FINDING_KIND_SNAPSHOT_POINTS: _ClassVar[FindingKind]
    FINDING_KIND_SNAPSHOT_UNBOUND: _ClassVar[FindingKind]
    FINDING_KIND_BLOB_DAMAGED: _ClassVar[FindingKind]
    FINDING_KIND_BLOB_UNNAMED: _ClassVar[FindingKind]
    FINDING_KIND_FRAME_RECORDS: _ClassVar[FindingKind]
    FINDING_KIND_FRAME_GROUP: _ClassVar[FindingKind]
    FINDING_KIND_FRAME_COUNT: _ClassVar[FindingKind]
    FINDING_KIND_FRAME_VECTOR: _ClassVar[FindingKind]
    FINDING_KIND_FRAME_ORPHAN: _ClassVar[FindingKind]
    FINDING_KIND_BATCH_UNFINISHED: _ClassVar[FindingKind]
    FINDING_KIND_BATCH_PLAN: _ClassVar[FindingKind]
    FINDING_KIND_BATCH_PICKS: _ClassVar[FindingKind]
    FINDING_KIND_BATCH_VIEW: _ClassVar[FindingKind]
    FINDING_KIND_GOLDEN_NEWEST: _ClassVar[FindingKind]
    FINDING_KIND_DELETION_UNFINISHED: _ClassVar[FindingKind]

class FindingOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINDING_OUTCOME_UNSPECIFIED: _ClassVar[FindingOutcome]
    FINDING_OUTCOME_REPAIRABLE: _ClassVar[FindingOutcome]
    FINDING_OUTCOME_REPAIRED: _ClassVar[FindingOutcome]
    FINDING_OUTCOME_LOST: _ClassVar[FindingOutcome]
FINDING_KIND_UNSPECIFIED: FindingKind
FINDING_KIND_COUNTER: FindingKind
FINDING_KIND_FUNNEL_SUM: FindingKind
FINDING_KIND_PENDING_WITHOUT_ENTRY: FindingKind
FINDING_KIND_ENTRY_WITHOUT_ROW: FindingKind
FINDING_KIND_ENTRY_OF_DECIDED: FindingKind
FINDING_KIND_PROJECT_UNKNOWN: FindingKind
FINDING_KIND_DOCUMENT_MISSING: FindingKind
FINDING_KIND_DOCUMENT_ORPHAN: FindingKind
FINDING_KIND_LISTING_MISSING: FindingKind
FINDING_KIND_LISTING_ORPHAN: FindingKind
FINDING_KIND_SAMPLE_MISSING: FindingKind
FINDING_KIND_SAMPLE_ORPHAN: FindingKind
FINDING_KIND_SAMPLE_PAYLOAD: FindingKind
FINDING_KIND_SAMPLE_VECTOR: FindingKind
FINDING_KIND_ELEMENT_COUNT: FindingKind
FINDING_KIND_ELEMENT_VECTOR: FindingKind
FINDING_KIND_ELEMENT_ORPHAN: FindingKind
FINDING_KIND_ISSUE_LEFTOVER: FindingKind
FINDING_KIND_ISSUE_CAMPAIGNS: FindingKind
FINDING_KIND_SPACE_MISSING: FindingKind
FINDING_KIND_ACTIVE_VERSION: FindingKind
FINDING_KIND_VERSION_MISSING: FindingKind
FINDING_KIND_GENERATION: FindingKind
FINDING_KIND_SNAPSHOT_POINTS: FindingKind
FINDING_KIND_SNAPSHOT_UNBOUND: FindingKind
FINDING_KIND_BLOB_DAMAGED: FindingKind
FINDING_KIND_BLOB_UNNAMED: FindingKind
FINDING_KIND_FRAME_RECORDS: FindingKind
FINDING_KIND_FRAME_GROUP: FindingKind
FINDING_KIND_FRAME_COUNT: FindingKind
FINDING_KIND_FRAME_VECTOR: FindingKind
FINDING_KIND_FRAME_ORPHAN: FindingKind
FINDING_KIND_BATCH_UNFINISHED: FindingKind
FINDING_KIND_BATCH_PLAN: FindingKind
FINDING_KIND_BATCH_PICKS: FindingKind
FINDING_KIND_BATCH_VIEW: FindingKind
FINDING_KIND_GOLDEN_NEWEST: FindingKind
FINDING_KIND_DELETION_UNFINISHED: FindingKind
FINDING_OUTCOME_UNSPECIFIED: FindingOutcome
FINDING_OUTCOME_REPAIRABLE: FindingOutcome
FINDING_OUTCOME_REPAIRED: FindingOutcome
FINDING_OUTCOME_LOST: FindingOutcome

class Finding(_message.Message):
    __slots__ = ("kind", "subject", "expected", "found", "outcome")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    kind: FindingKind
    subject: str
    expected: str
    found: str
    outcome: FindingOutcome
    def __init__(self, kind: _Optional[_Union[FindingKind, str]] = ..., subject: _Optional[str] = ..., expected: _Optional[str] = ..., found: _Optional[str] = ..., outcome: _Optional[_Union[FindingOutcome, str]] = ...) -> None: ...

class DiagnosisProgress(_message.Message):
    __slots__ = ("stage", "examined")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_FIELD_NUMBER: _ClassVar[int]
    stage: str
    examined: int
    def __init__(self, stage: _Optional[str] = ..., examined: _Optional[int] = ...) -> None: ...

class DiagnoseProjectRequest(_message.Message):
    __slots__ = ("name", "repair")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPAIR_FIELD_NUMBER: _ClassVar[int]
    name: str
    repair: bool
    def __init__(self, name: _Optional[str] = ..., repair: bool = ...) -> None: ...

class DiagnoseProjectResponse(_message.Message):
    __slots__ = ("finding", "progress")
    FINDING_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    finding: Finding
    progress: DiagnosisProgress
    def __init__(self, finding: _Optional[_Union[Finding, _Mapping]] = ..., progress: _Optional[_Union[DiagnosisProgress, _Mapping]] = ...) -> None: ...
