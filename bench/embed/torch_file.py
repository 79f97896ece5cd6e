"""Reads the weights of a file that PyTorch wrote before 1.6, without PyTorch and its gigabytes.

Such a file is five pickles (a magic number, the protocol, the system, the tensors, the keys of the
storages) followed by the storages: each its number of values, then the values.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_DTYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}


class _Storage:
    """A storage, whose values follow the pickles."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self.dtype = dtype
        self.values: NDArray[Any] = np.empty(0, dtype)


class _Tensor:
    """A view of a storage; `strides` count values."""

    def __init__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_: object,
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def read(self) -> NDArray[Any]:
        values = self.storage.values[self.offset :]
        strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values, self.shape, strides, writeable=False)


class _Unpickler(pickle.Unpickler):
    """Makes storages and tensors, and nothing else that a file may name."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a file of weights")

    def persistent_load(self, pid: tuple[Any, ...]) -> _Storage:
        _, dtype, key, *_ = pid
        return self.storages.setdefault(key, _Storage(dtype))


def read_weights(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a file by name; raises ValueError for a file of another kind."""
    with path.open("rb") as file:
        if pickle.load(file) != _MAGIC_NUMBER:
            raise ValueError(f"{path.name} was not written by PyTorch before 1.6")
        pickle.load(file)
        pickle.load(file)
        unpickler = _Unpickler(file)
        tensors = unpickler.load()
        for key in pickle.load(file):
            storage = unpickler.storages[key]
            count = int(np.fromfile(file, np.int64, 1)[0])
            storage.values = np.fromfile(file, storage.dtype, count)
    return {name: tensor.read() for name, tensor in tensors.items()}
