from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MediaType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_TYPE_UNSPECIFIED: _ClassVar[MediaType]
    MEDIA_TYPE_IMAGE: _ClassVar[MediaType]
    MEDIA_TYPE_POINT_CLOUD: _ClassVar[MediaType]

class TaskType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_TYPE_UNSPECIFIED: _ClassVar[TaskType]
    TASK_TYPE_CLASSIFICATION_2D: _ClassVar[TaskType]
    TASK_TYPE_CLASSIFICATION_3D: _ClassVar[TaskType]
    TASK_TYPE_BOX_2D: _ClassVar[TaskType]
    TASK_TYPE_CUBOID_3D: _ClassVar[TaskType]
    TASK_TYPE_SEMSEG_2D: _ClassVar[TaskType]
    TASK_TYPE_POLYGONS_2D: _ClassVar[TaskType]
MEDIA_TYPE_UNSPECIFIED: MediaType
MEDIA_TYPE_IMAGE: MediaType
MEDIA_TYPE_POINT_CLOUD: MediaType
TASK_TYPE_UNSPECIFIED: TaskType
TASK_TYPE_CLASSIFICATION_2D: TaskType
TASK_TYPE_CLASSIFICATION_3D: TaskType
TASK_TYPE_BOX_2D: TaskType
TASK_TYPE_CUBOID_3D: TaskType
TASK_TYPE_SEMSEG_2D: TaskType
TASK_TYPE_POLYGONS_2D: TaskType

class Frame(_message.Message):
    __slots__ = ("id", "capture_time", "device", "sensors", "labels", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: MetadataValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[MetadataValue, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    SENSORS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    capture_time: _timestamp_pb2.Timestamp
    device: str
    sensors: _containers.RepeatedCompositeFieldContainer[SensorData]
    labels: _containers.RepeatedCompositeFieldContainer[Label]
    metadata: _containers.MessageMap[str, MetadataValue]
    def __init__(self, id: _Optional[str] = ..., capture_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., device: _Optional[str] = ..., sensors: _Optional[_Iterable[_Union[SensorData, _Mapping]]] = ..., labels: _Optional[_Iterable[_Union[Label, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, MetadataValue]] = ...) -> None: ...

class MetadataValue(_message.Message):
    __slots__ = ("text", "integer", "number", "flag")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    text: str
    integer: int
    number: float
    flag: bool
    def __init__(self, text: _Optional[str] = ..., integer: _Optional[int] = ..., number: _Optional[float] = ..., flag: bool = ...) -> None: ...

class SensorData(_message.Message):
    __slots__ = ("sensor_id", "url", "media_type", "capture_time", "width", "height")
    SENSOR_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    sensor_id: str
    url: str
    media_type: MediaType
    capture_time: _timestamp_pb2.Timestamp
    width: int
    height: int
    def __init__(self, sensor_id: _Optional[str] = ..., url: _Optional[str] = ..., media_type: _Optional[_Union[MediaType, str]] = ..., capture_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("id", "sensor_id", "class_name", "classification_2d", "classification_3d", "box_2d", "cuboid_3d", "semseg_2d", "polygons_2d", "crowd")
    ID_FIELD_NUMBER: _ClassVar[int]
    SENSOR_ID_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_2D_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_3D_FIELD_NUMBER: _ClassVar[int]
    BOX_2D_FIELD_NUMBER: _ClassVar[int]
    CUBOID_3D_FIELD_NUMBER: _ClassVar[int]
    SEMSEG_2D_FIELD_NUMBER: _ClassVar[int]
    POLYGONS_2D_FIELD_NUMBER: _ClassVar[int]
    CROWD_FIELD_NUMBER: _ClassVar[int]
    id: str
    sensor_id: str
    class_name: str
    classification_2d: Classification2D
    classification_3d: Classification3D
    box_2d: Box2D
    cuboid_3d: Cuboid3D
    semseg_2d: Semseg2D
    polygons_2d: Polygons2D
    crowd: bool
    def __init__(self, id: _Optional[str] = ..., sensor_id: _Optional[str] = ..., class_name: _Optional[str] = ..., classification_2d: _Optional[_Union[Classification2D, _Mapping]] = ..., classification_3d: _Optional[_Union[Classification3D, _Mapping]] = ..., box_2d: _Optional[_Union[Box2D, _Mapping]] = ..., cuboid_3d: _Optional[_Union[Cuboid3D, _Mapping]] = ..., semseg_2d: _Optional[_Union[Semseg2D, _Mapping]] = ..., polygons_2d: _Optional[_Union[Polygons2D, _Mapping]] = ..., crowd: bool = ...) -> None: ...

class Classification2D(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Classification3D(_message.Message):
    __slots__ = ("coordinate_frame",)
    COORDINATE_FRAME_FIELD_NUMBER: _ClassVar[int]
    coordinate_frame: str
    def __init__(self, coordinate_frame: _Optional[str] = ...) -> None: ...

class Box2D(_message.Message):
    __slots__ = ("left", "top", "width", "height")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    left: float
    top: float
    width: float
    height: float
    def __init__(self, left: _Optional[float] = ..., top: _Optional[float] = ..., width: _Optional[float] = ..., height: _Optional[float] = ...) -> None: ...

class Cuboid3D(_message.Message):
    __slots__ = ("position", "dimensions", "rotation", "coordinate_frame")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    ROTATION_FIELD_NUMBER: _ClassVar[int]
    COORDINATE_FRAME_FIELD_NUMBER: _ClassVar[int]
    position: _containers.RepeatedScalarFieldContainer[float]
    dimensions: _containers.RepeatedScalarFieldContainer[float]
    rotation: _containers.RepeatedScalarFieldContainer[float]
    coordinate_frame: str
    def __init__(self, position: _Optional[_Iterable[float]] = ..., dimensions: _Optional[_Iterable[float]] = ..., rotation: _Optional[_Iterable[float]] = ..., coordinate_frame: _Optional[str] = ...) -> None: ...

class Semseg2D(_message.Message):
    __slots__ = ("mask_url",)
    MASK_URL_FIELD_NUMBER: _ClassVar[int]
    mask_url: str
    def __init__(self, mask_url: _Optional[str] = ...) -> None: ...

class Polygons2D(_message.Message):
    __slots__ = ("polygons", "center")
    class Polygon(_message.Message):
        __slots__ = ("xy",)
        XY_FIELD_NUMBER: _ClassVar[int]
        xy: _containers.RepeatedScalarFieldContainer[float]
        def __init__(self, xy: _Optional[_Iterable[float]] = ...) -> None: ...
    POLYGONS_FIELD_NUMBER: _ClassVar[int]
    CENTER_FIELD_NUMBER: _ClassVar[int]
    polygons: _containers.RepeatedCompositeFieldContainer[Polygons2D.Polygon]
    center: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, polygons: _Optional[_Iterable[_Union[Polygons2D.Polygon, _Mapping]]] = ..., center: _Optional[_Iterable[float]] = ...) -> None: ...

class Tensor(_message.Message):
    __slots__ = ("dimension", "data")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    dimension: int
    data: bytes
    def __init__(self, dimension: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Embeddings(_message.Message):
    __slots__ = ("model_id", "tensor", "frame_indices", "label_ids")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    FRAME_INDICES_FIELD_NUMBER: _ClassVar[int]
    LABEL_IDS_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    tensor: Tensor
    frame_indices: _containers.RepeatedScalarFieldContainer[int]
    label_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model_id: _Optional[str] = ..., tensor: _Optional[_Union[Tensor, _Mapping]] = ..., frame_indices: _Optional[_Iterable[int]] = ..., label_ids: _Optional[_Iterable[str]] = ...) -> None: ...
