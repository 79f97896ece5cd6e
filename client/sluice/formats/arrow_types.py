"""Arrow's many types of text, ids, vectors and metadata, and their plain forms."""

from __future__ import annotations

from typing import Any, Final

from sluice.formats.values import UNREADABLE

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:
    from sluice.errors import FailedPrecondition

    raise FailedPrecondition(
        "Parquet and Arrow files need pyarrow: pip install 'sluice-client[arrow]'"
    ) from error

_TENSOR: Final = "arrow.fixed_shape_tensor"
_UUID: Final = "arrow.uuid"


def plain_type(data_type: Any) -> Any:
    """The type of the values themselves: without dictionaries, runs and extensions but UUIDs."""
    while True:
        if pa.types.is_dictionary(data_type) or pa.types.is_run_end_encoded(data_type):
            data_type = data_type.value_type
        elif isinstance(data_type, pa.BaseExtensionType) and not _is_uuid(data_type):
            data_type = data_type.storage_type
        else:
            return data_type


def to_plain(array: Any) -> Any:
    """An array or chunked array with the values themselves, of the type `plain_type`."""
    if isinstance(array, pa.ChunkedArray):
        chunks = [to_plain(chunk) for chunk in array.chunks]
        return pa.chunked_array(chunks, plain_type(array.type)) if chunks else array
    while array.type != plain_type(array.type):
        if pa.types.is_dictionary(array.type):
            array = _decode(array)
        elif pa.types.is_run_end_encoded(array.type):
            array = pc.run_end_decode(array)
        else:
            array = array.storage
    return array


def _decode(array: Any) -> Any:
    values = to_plain(array.dictionary)
    if not pa.types.is_string_view(values.type):
        return pa.DictionaryArray.from_arrays(array.indices, values).dictionary_decode()
    # pyarrow takes nothing from views.
    texts = pa.DictionaryArray.from_arrays(array.indices, values.cast(pa.large_string()))
    return texts.dictionary_decode().cast(pa.string_view())


def is_text(data_type: Any) -> bool:
    """Whether values are strings."""
    plain = plain_type(data_type)
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(check(plain) for check in checks)


def is_id(data_type: Any) -> bool:
    """Whether values can be read as ids: strings, integers, UUIDs and bytes."""
    plain = plain_type(data_type)
    return is_text(plain) or pa.types.is_integer(plain) or _is_uuid(plain) or _is_binary(plain)


def is_vector(data_type: Any) -> bool:
    """Whether values are lists of floats."""
    if len(tensor_shape(data_type)) > 1:
        return False
    plain = plain_type(data_type)
    return _is_list(plain) and bool(pa.types.is_floating(plain.value_type))


def is_array(data_type: Any) -> bool:
    """Whether values are arrays of more dimensions than one: lists of lists, or tensors."""
    if shape := tensor_shape(data_type):
        return len(shape) > 1
    plain = plain_type(data_type)
    return _is_list(plain) and _is_list(plain_type(plain.value_type))


def tensor_shape(data_type: Any) -> tuple[int, ...]:
    """The shape of each value of a column of tensors; () for other types."""
    if getattr(data_type, "extension_name", "") != _TENSOR:
        return ()
    return tuple(data_type.shape)


def is_metadata(data_type: Any) -> bool:
    """Whether values can be metadata: strings, numbers, booleans, dates and times."""
    plain = plain_type(data_type)
    checks = (
        pa.types.is_boolean,
        pa.types.is_date,
        pa.types.is_decimal,
        pa.types.is_floating,
        pa.types.is_integer,
        pa.types.is_null,
        pa.types.is_time,
        pa.types.is_timestamp,
    )
    return is_text(plain) or _is_uuid(plain) or any(check(plain) for check in checks)


def to_python_times(column: Any) -> Any:
    """A column of timestamps or times of day in microseconds, which is all that Python has.

    A time zone that is unknown here becomes UTC; the moments are the same.
    """
    data_type = column.type
    if pa.types.is_time(data_type):
        return column.cast(pa.time64("us"), safe=False)
    zone = data_type.tz
    return column.cast(pa.timestamp("us", zone if _is_known(zone) else "UTC"), safe=False)


def _is_known(zone: str | None) -> bool:
    if zone is None:
        return True
    try:
        pa.lib.string_to_tzinfo(zone)
    except UNREADABLE:
        return False
    return True


def _is_list(data_type: Any) -> bool:
    checks = (
        pa.types.is_list,
        pa.types.is_large_list,
        pa.types.is_fixed_size_list,
        pa.types.is_list_view,
        pa.types.is_large_list_view,
    )
    return any(check(data_type) for check in checks)


def _is_binary(data_type: Any) -> bool:
    checks = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
        pa.types.is_binary_view,
    )
    return any(check(data_type) for check in checks)


def _is_uuid(data_type: Any) -> bool:
    return getattr(data_type, "extension_name", "") == _UUID
