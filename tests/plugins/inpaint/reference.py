# SPDX-License-Identifier: Apache-2.0
"""LaMa's generator in PyTorch, after the paper (arXiv:2109.07161), with the module names of the authors' checkpoints.

What the plugin is held against. Sizes are free, so that tests can have small ones; big-lama is Generator(64, 3, 18).

    reference.py FOLDER PICTURE MASK

writes FOLDER/lama.safetensors and FOLDER/lama.pt, of the same random weights, and what they make of the picture and its
mask (white: to be filled) as FOLDER/expected.npy; for tests that have no torch.
"""

import hashlib
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn


class FourierUnit(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x):
        n, c, h, w = x.shape
        f = torch.fft.rfftn(x, dim=(-2, -1), norm="ortho")
        f = torch.stack((f.real, f.imag), 2).reshape(n, 2 * c, h, -1)
        f = torch.relu(self.bn(self.conv_layer(f))).reshape(n, c, 2, h, -1)
        return torch.fft.irfftn(torch.complex(f[:, :, 0], f[:, :, 1]), s=(h, w), dim=(-2, -1), norm="ortho")


class SpectralTransform(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        half = outputs // 2
        self.conv1 = nn.Sequential(nn.Conv2d(inputs, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, outputs, 1, bias=False)

    def forward(self, x):
        x = self.conv1(x)
        return self.conv2(x + self.fu(x))


class FFC(nn.Module):
    """Local and global channels; the latter may be none, on either side."""

    def __init__(self, inputs, outputs, kernel, stride, padding):
        super().__init__()

        def convolution(i, o):
            return nn.Conv2d(i, o, kernel, stride, padding, bias=False, padding_mode="reflect")

        (il, ig), (ol, og) = inputs, outputs
        self.convl2l = convolution(il, ol)
        self.convl2g = convolution(il, og) if og else None
        self.convg2l = convolution(ig, ol) if ig else None
        self.convg2g = SpectralTransform(ig, og) if ig and og else None

    def forward(self, x):
        local, rest = x
        to_local = self.convl2l(local)
        if self.convg2l is not None:
            to_local = to_local + self.convg2l(rest)
        to_global = None
        if self.convl2g is not None:
            to_global = self.convl2g(local)
            if self.convg2g is not None:
                to_global = to_global + self.convg2g(rest)
        return to_local, to_global


class FFCNormRelu(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, padding=0):
        super().__init__()
        self.ffc = FFC(inputs, outputs, kernel, stride, padding)
        self.bn_l = nn.BatchNorm2d(outputs[0])
        self.bn_g = nn.BatchNorm2d(outputs[1]) if outputs[1] else None

    def forward(self, x):
        local, rest = self.ffc(x)
        return torch.relu(self.bn_l(local)), None if rest is None else torch.relu(self.bn_g(rest))


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = FFCNormRelu(channels, channels, 3, padding=1)
        self.conv2 = FFCNormRelu(channels, channels, 3, padding=1)

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        return x[0] + y[0], None if y[1] is None else x[1] + y[1]


class First(nn.Module):
    """To the two kinds of channels, of which there is one so far."""

    def __init__(self):
        super().__init__()
        self.pad = nn.ReflectionPad2d(3)

    def forward(self, x):
        return self.pad(x), None


class Last(nn.Module):
    def forward(self, x):
        return x[0] if x[1] is None else torch.cat(x, 1)


class Generator(nn.Module):
    def __init__(self, width, reductions, blocks, part=0.75):
        super().__init__()
        modules = [First(), FFCNormRelu((4, 0), (width, 0), 7)]
        channels = (width, 0)
        for i in range(reductions):
            width = 2 * sum(channels)
            rest = int(width * part) if i + 1 == reductions else 0
            modules.append(FFCNormRelu(channels, (width - rest, rest), 3, 2, 1))
            channels = (width - rest, rest)
        modules += [Block(channels) for _ in range(blocks)] + [Last()]
        for _ in range(reductions):
            modules += [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1), nn.BatchNorm2d(width // 2), nn.ReLU()]
            width //= 2
        modules += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Sigmoid()]
        self.model = nn.Sequential(*modules)

    def forward(self, picture, mask):
        return self.model(torch.cat((picture * (1 - mask), mask), 1))


class Inpainting(nn.Module):
    """As big-lama is published in TorchScript: a picture and a mask in, the picture filled out."""

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def forward(self, picture, mask):
        return mask * self.generator(picture, mask) + (1 - mask) * picture


def make(seed, *sizes):
    """Weights with which a result depends on each of them, and on the whole picture."""
    torch.manual_seed(seed)
    network = Inpainting(Generator(*sizes)).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
            elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                fan_in = module.weight[0].numel() if isinstance(module, nn.Conv2d) else module.weight[:, 0].numel() / 4
                module.weight.normal_(0, (2 / fan_in) ** 0.5)
    return network


def weights_of(network):
    return {k: v.contiguous() for k, v in network.state_dict().items() if "num_batches_tracked" not in k}


def write_script(network, path):
    example = torch.rand(1, 3, 64, 64), (torch.rand(1, 1, 64, 64) > 0.5).float()
    with torch.no_grad():
        torch.jit.trace(network, example, check_trace=False).save(str(path))


def padded(tensor):
    """To edges of multiples of 8, 32 at least, as the plugin does it."""
    h, w = (max(32, edge + -edge % 8) for edge in tensor.shape[2:])
    return nn.functional.pad(tensor, (0, w - tensor.shape[3], 0, h - tensor.shape[2]), mode="replicate")


def main(folder, picture_file, mask_file):
    folder.mkdir(parents=True, exist_ok=True)
    network = make(1, 8, 2, 3)
    save_file(weights_of(network), folder / "lama.safetensors")
    write_script(network, folder / "lama.pt")
    picture = torch.from_numpy(numpy.array(Image.open(picture_file).convert("RGB"))).permute(2, 0, 1)[None].float() / 255
    mask = torch.from_numpy(numpy.array(Image.open(mask_file).convert("L")) >= 128)[None, None].float()
    with torch.no_grad():
        filled = network(padded(picture), padded(mask))[:, :, :picture.shape[2], :picture.shape[3]]
    numpy.save(folder / "expected.npy", filled[0].permute(1, 2, 0).numpy())
    print(hashlib.sha256((folder / "lama.pt").read_bytes()).hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
