from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sluice.v1 import deletion_pb2 as _deletion_pb2
from sluice.v1 import finding_pb2 as _finding_pb2
from sluice.v1 import frame_pb2 as _frame_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Campaign(_message.Message):
    __slots__ = ("name", "display_name", "issue", "state", "threshold", "budget", "version", "elements_added", "elements_removed", "commit_adds_background", "create_time", "update_time", "etag")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Campaign.State]
        STATE_ACTIVE: _ClassVar[Campaign.State]
        STATE_INACTIVE: _ClassVar[Campaign.State]
    STATE_UNSPECIFIED: Campaign.State
    STATE_ACTIVE: Campaign.State
    STATE_INACTIVE: Campaign.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_ADDED_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_REMOVED_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ADDS_BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    issue: str
    state: Campaign.State
    threshold: float
    budget: Budget
    version: CampaignVersion
    elements_added: int
    elements_removed: int
    commit_adds_background: bool
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., issue: _Optional[str] = ..., state: _Optional[_Union[Campaign.State, str]] = ..., threshold: _Optional[float] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., version: _Optional[_Union[CampaignVersion, _Mapping]] = ..., elements_added: _Optional[int] = ..., elements_removed: _Optional[int] = ..., commit_adds_background: bool = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("total", "per_day")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PER_DAY_FIELD_NUMBER: _ClassVar[int]
    total: int
    per_day: int
    def __init__(self, total: _Optional[int] = ..., per_day: _Optional[int] = ...) -> None: ...

class CampaignVersion(_message.Message):
    __slots__ = ("name", "number", "snapshot_digest", "model_digest", "basis_digest", "model_id", "dimension", "element_count", "cluster_count", "diverse", "create_time", "accepted_count", "negative_count", "fit", "purged_count", "former_model_digests")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    BASIS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    DIVERSE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    PURGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FORMER_MODEL_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    number: int
    snapshot_digest: str
    model_digest: str
    basis_digest: str
    model_id: str
    dimension: int
    element_count: int
    cluster_count: int
    diverse: bool
    create_time: _timestamp_pb2.Timestamp
    accepted_count: int
    negative_count: int
    fit: FitSummary
    purged_count: int
    former_model_digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., number: _Optional[int] = ..., snapshot_digest: _Optional[str] = ..., model_digest: _Optional[str] = ..., basis_digest: _Optional[str] = ..., model_id: _Optional[str] = ..., dimension: _Optional[int] = ..., element_count: _Optional[int] = ..., cluster_count: _Optional[int] = ..., diverse: bool = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., accepted_count: _Optional[int] = ..., negative_count: _Optional[int] = ..., fit: _Optional[_Union[FitSummary, _Mapping]] = ..., purged_count: _Optional[int] = ..., former_model_digests: _Optional[_Iterable[str]] = ...) -> None: ...

class FitSummary(_message.Message):
    __slots__ = ("remainder_weight", "background_set_aside", "member_share", "prototype_share")
    REMAINDER_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_SET_ASIDE_FIELD_NUMBER: _ClassVar[int]
    MEMBER_SHARE_FIELD_NUMBER: _ClassVar[int]
    PROTOTYPE_SHARE_FIELD_NUMBER: _ClassVar[int]
    remainder_weight: float
    background_set_aside: int
    member_share: MemberShare
    prototype_share: float
    def __init__(self, remainder_weight: _Optional[float] = ..., background_set_aside: _Optional[int] = ..., member_share: _Optional[_Union[MemberShare, _Mapping]] = ..., prototype_share: _Optional[float] = ...) -> None: ...

class MemberShare(_message.Message):
    __slots__ = ("estimate", "low", "high")
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    estimate: float
    low: float
    high: float
    def __init__(self, estimate: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class Space(_message.Message):
    __slots__ = ("model_id", "dimension", "basis_digest", "background_count", "background_time")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    BASIS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_COUNT_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_TIME_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    dimension: int
    basis_digest: str
    background_count: int
    background_time: _timestamp_pb2.Timestamp
    def __init__(self, model_id: _Optional[str] = ..., dimension: _Optional[int] = ..., basis_digest: _Optional[str] = ..., background_count: _Optional[int] = ..., background_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateCampaignRequest(_message.Message):
    __slots__ = ("parent", "campaign", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    campaign: Campaign
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., campaign: _Optional[_Union[Campaign, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetCampaignRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListCampaignsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCampaignsResponse(_message.Message):
    __slots__ = ("campaigns", "next_page_token")
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    campaigns: _containers.RepeatedCompositeFieldContainer[Campaign]
    next_page_token: str
    def __init__(self, campaigns: _Optional[_Iterable[_Union[Campaign, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateCampaignRequest(_message.Message):
    __slots__ = ("campaign", "update_mask")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ActivateCampaignRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeactivateCampaignRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class CommitVersionRequest(_message.Message):
    __slots__ = ("parent", "etag", "request_id", "with_feedback")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    parent: str
    etag: str
    request_id: str
    with_feedback: bool
    def __init__(self, parent: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ..., with_feedback: bool = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[CampaignVersion]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[CampaignVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetScoringModelRequest(_message.Message):
    __slots__ = ("name", "file")
    class File(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FILE_UNSPECIFIED: _ClassVar[GetScoringModelRequest.File]
        FILE_MODEL: _ClassVar[GetScoringModelRequest.File]
        FILE_BASIS: _ClassVar[GetScoringModelRequest.File]
    FILE_UNSPECIFIED: GetScoringModelRequest.File
    FILE_MODEL: GetScoringModelRequest.File
    FILE_BASIS: GetScoringModelRequest.File
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    name: str
    file: GetScoringModelRequest.File
    def __init__(self, name: _Optional[str] = ..., file: _Optional[_Union[GetScoringModelRequest.File, str]] = ...) -> None: ...

class GetScoringModelResponse(_message.Message):
    __slots__ = ("data", "total_bytes")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    total_bytes: int
    def __init__(self, data: _Optional[bytes] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class WatchActiveVersionsRequest(_message.Message):
    __slots__ = ("parent",)
    PARENT_FIELD_NUMBER: _ClassVar[int]
    parent: str
    def __init__(self, parent: _Optional[str] = ...) -> None: ...

class WatchActiveVersionsResponse(_message.Message):
    __slots__ = ("generation", "active_versions")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    generation: int
    active_versions: _containers.RepeatedCompositeFieldContainer[ActiveVersion]
    def __init__(self, generation: _Optional[int] = ..., active_versions: _Optional[_Iterable[_Union[ActiveVersion, _Mapping]]] = ...) -> None: ...

class ActiveVersion(_message.Message):
    __slots__ = ("campaign", "issue", "threshold", "budget", "version")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    ISSUE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    campaign: str
    issue: str
    threshold: float
    budget: Budget
    version: CampaignVersion
    def __init__(self, campaign: _Optional[str] = ..., issue: _Optional[str] = ..., threshold: _Optional[float] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., version: _Optional[_Union[CampaignVersion, _Mapping]] = ...) -> None: ...

class SetBackgroundRequest(_message.Message):
    __slots__ = ("parent", "model_id", "embeddings")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    model_id: str
    embeddings: _frame_pb2.Tensor
    def __init__(self, parent: _Optional[str] = ..., model_id: _Optional[str] = ..., embeddings: _Optional[_Union[_frame_pb2.Tensor, _Mapping]] = ...) -> None: ...

class ListSpacesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSpacesResponse(_message.Message):
    __slots__ = ("spaces", "next_page_token")
    SPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    spaces: _containers.RepeatedCompositeFieldContainer[Space]
    next_page_token: str
    def __init__(self, spaces: _Optional[_Iterable[_Union[Space, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteCampaignRequest(_message.Message):
    __slots__ = ("name", "etag", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: bool = ...) -> None: ...
