"""Embeddings of pictures: EfficientNet-Lite0, trained on ImageNet, without its classifier.

The network is that of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", 2019; Lite has ReLU6 and no squeeze-and-excitation. The package carries the weights
alone, so the graph is put together here for onnxruntime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from PIL import Image

from bench.embed.torch_file import read_weights

SIZE = 224
BATCH = 16
_EPSILON = 1e-3
# Of each stage: blocks, and the stride of the first. All else is in the shapes of the weights.
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))


class _Graph:
    """A graph under construction; each method adds nodes and returns the name of their output."""

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.tensors = [
            numpy_helper.from_array(np.array(limit, np.float32), name)
            for name, limit in (("zero", 0), ("six", 6))
        ]

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def convolve(self, source: str, weight: str, norm: str, stride: int, clip: bool) -> str:
        """A convolution with the batch norm folded into it, and ReLU6."""
        kernel = self.weights[f"{weight}.weight"]
        gain, bias, mean, variance = (
            self.weights[f"{norm}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + _EPSILON)
        folded = (kernel * scale[:, None, None, None], bias - mean * scale)
        names = [f"{weight}.kernel", f"{weight}.bias"]
        self.tensors += [
            numpy_helper.from_array(part.astype(np.float32), name)
            for part, name in zip(folded, names)
        ]
        is_depthwise = kernel.shape[1] == 1
        output = self.add(
            "Conv",
            [source, *names],
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            group=len(kernel) if is_depthwise else 1,
        )
        return self.add("Clip", [output, "zero", "six"]) if clip else output

    def block(self, source: str, name: str, stride: int, is_first: bool) -> str:
        """An inverted residual block."""
        output = source
        if f"{name}._expand_conv.weight" in self.weights:
            output = self.convolve(output, f"{name}._expand_conv", f"{name}._bn0", 1, clip=True)
        output = self.convolve(output, f"{name}._depthwise_conv", f"{name}._bn1", stride, clip=True)
        output = self.convolve(output, f"{name}._project_conv", f"{name}._bn2", 1, clip=False)
        return output if is_first else self.add("Add", [source, output])


def _efficientnet(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """The network as an ONNX model: pictures `(n, 3, 224, 224)` to embeddings `(n, 1280)`."""
    graph = _Graph(weights)
    output = graph.convolve("pictures", "_conv_stem", "_bn0", 2, clip=True)
    number = 0
    for blocks, stride in _STAGES:
        for index in range(blocks):
            is_first = index == 0
            output = graph.block(output, f"_blocks.{number}", stride if is_first else 1, is_first)
            number += 1
    output = graph.convolve(output, "_conv_head", "_bn1", 1, clip=True)
    output = graph.add("GlobalAveragePool", [output])
    graph.nodes.append(helper.make_node("Flatten", [output], ["embeddings"]))
    value = helper.make_tensor_value_info
    onnx_graph = helper.make_graph(
        graph.nodes,
        "efficientnet_lite0",
        [value("pictures", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [value("embeddings", TensorProto.FLOAT, ["n", 1280])],
        graph.tensors,
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(onnx_graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


def embed_pictures(paths: Sequence[Path], weights: Path) -> NDArray[np.float32]:
    """Embed picture files, `(pictures, 1280)`; transparent parts are shown on white."""
    session = InferenceSession(_efficientnet(read_weights(weights)))
    parts = []
    for start in range(0, len(paths), BATCH):
        pictures = np.stack([_load(path) for path in paths[start : start + BATCH]])
        parts.append(session.run(None, {"pictures": pictures})[0])
    return np.concatenate(parts)


def _load(path: Path) -> NDArray[np.float32]:
    """A picture `(3, 224, 224)`, fitted into the square, in −1 to 1."""
    with Image.open(path) as file:
        picture = file.convert("RGBA")
    picture.thumbnail((SIZE, SIZE), Image.Resampling.BICUBIC)
    if max(picture.size) < SIZE:
        scale = SIZE / max(picture.size)
        size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    square = Image.new("RGBA", (SIZE, SIZE), "white")
    corner = ((SIZE - picture.width) // 2, (SIZE - picture.height) // 2)
    square.alpha_composite(picture, corner)
    pixels = np.asarray(square.convert("RGB"), np.float32)
    return np.asarray((pixels.transpose(2, 0, 1) - 127) / 128, np.float32)
