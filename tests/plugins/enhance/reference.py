# SPDX-License-Identifier: Apache-2.0
"""RRDBNet and SRVGGNetCompact in plain PyTorch, written from the papers' own description: what the plugin is held against.

Functions on a dictionary of weights under BasicSR's names. Pictures are RGB in [0, 1], 1 x 3 x H x W, float32. `slope` and
`residual` are there to be changed by the test that proves a changed network is noticed.
"""

import torch
import torch.nn.functional as F


def convolve(weights: dict, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)


def rrdbnet(weights: dict, x: torch.Tensor, slope=0.2, residual=0.2) -> torch.Tensor:
    def activate(t):
        return F.leaky_relu(t, slope)

    def dense(name, x):
        features = [x]
        for i in range(1, 5):
            features.append(activate(convolve(weights, f"{name}.conv{i}", torch.cat(features, 1))))
        return convolve(weights, f"{name}.conv5", torch.cat(features, 1)) * residual + x

    def double(t):
        return F.interpolate(t, scale_factor=2, mode="nearest")

    fold = {3: 1, 12: 2, 48: 4}[weights["conv_first.weight"].shape[1]]
    first = convolve(weights, "conv_first", F.pixel_unshuffle(x, fold))
    body, block = first, 0
    while f"body.{block}.rdb1.conv1.weight" in weights:
        y = body
        for i in range(1, 4):
            y = dense(f"body.{block}.rdb{i}", y)
        body, block = y * residual + body, block + 1
    y = first + convolve(weights, "conv_body", body)
    y = activate(convolve(weights, "conv_up1", double(y)))
    y = activate(convolve(weights, "conv_up2", double(y)))
    return convolve(weights, "conv_last", activate(convolve(weights, "conv_hr", y)))


def srvgg_net_compact(weights: dict, x: torch.Tensor, slope=None, residual=1.0) -> torch.Tensor:
    y, i = x, 0
    while f"body.{i + 2}.weight" in weights:
        y = convolve(weights, f"body.{i}", y)
        slopes = weights[f"body.{i + 1}.weight"]
        y = F.prelu(y, slopes if slope is None else torch.full_like(slopes, slope))
        i += 2
    y = convolve(weights, f"body.{i}", y)
    upscale = round((y.shape[1] / 3) ** 0.5)
    repeated = F.interpolate(x, scale_factor=upscale, mode="nearest")
    return F.pixel_shuffle(y, upscale) + residual * repeated


def run(weights: dict, x: torch.Tensor, **changed) -> torch.Tensor:
    network = rrdbnet if "conv_first.weight" in weights else srvgg_net_compact
    with torch.inference_mode():
        return network(weights, x, **changed)


def scale_of(weights: dict) -> int:
    if "conv_first.weight" in weights:
        return {3: 4, 12: 2, 48: 1}[weights["conv_first.weight"].shape[1]]
    return round((len(weights[last_bias(weights)]) / 3) ** 0.5)


def last_bias(weights: dict) -> str:
    return max((k for k in weights if k.endswith(".bias")), key=lambda k: int(k.split(".")[1]))


def fold_of(weights: dict) -> int:
    return 4 // scale_of(weights) if "conv_first.weight" in weights else 1


def enhance(weights: dict, picture, **changed):
    """A whole H x W x 3 picture in 8 bits, at the network's own scale, without tiles. Edges are filled up by reflection
    to what the network wants, as the authors' own script does."""
    import numpy

    x = torch.from_numpy(picture.astype(numpy.float32) / 255).permute(2, 0, 1).unsqueeze(0)
    height, width = picture.shape[:2]
    fold, scale = fold_of(weights), scale_of(weights)
    x = F.pad(x, (0, -width % fold, 0, -height % fold), mode="reflect")
    y = run(weights, x, **changed)[0, :, : height * scale, : width * scale]
    return (y.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def tiny_rrdbnet(seed: int, features: int, growth: int, blocks: int, scale: int) -> dict:
    """Random weights that keep numbers in a picture's range, and biases that show swapped channels."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}

    def add(name, inputs, outputs):
        weights[f"{name}.weight"] = torch.randn(
            outputs, inputs, 3, 3, generator=generator) * (1.5 / (inputs * 9)) ** 0.5
        weights[f"{name}.bias"] = torch.randn(outputs, generator=generator) * 0.1

    add("conv_first", 3 * (4 // scale) ** 2, features)
    for b in range(blocks):
        for r in range(1, 4):
            for c in range(1, 6):
                add(f"body.{b}.rdb{r}.conv{c}", features + (c - 1) * growth,
                    features if c == 5 else growth)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        add(name, features, features)
    add("conv_last", features, 3)
    return weights


def tiny_srvgg_net_compact(seed: int, features: int, convolutions: int, scale: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for i in range(convolutions + 2):
        inputs = 3 if i == 0 else features
        outputs = 3 * scale * scale if i == convolutions + 1 else features
        weights[f"body.{2 * i}.weight"] = torch.randn(
            outputs, inputs, 3, 3, generator=generator) * (1.5 / (inputs * 9)) ** 0.5
        weights[f"body.{2 * i}.bias"] = torch.randn(outputs, generator=generator) * 0.1
        if i <= convolutions:
            weights[f"body.{2 * i + 1}.weight"] = torch.rand(features, generator=generator) * 0.5
    return weights
