# SPDX-License-Identifier: Apache-2.0
"""Small networks with random weights, exported as users export theirs: what the plugin `exported` is held against.

    exports.py FOLDER PICTURE [--packages]

writes TorchScript archives into FOLDER, and prints as JSON what PyTorch makes of the picture with each, for tests that
have no torch; arrays go to FOLDER/expected.npz. With --packages also AOTInductor packages, with weights and without,
which takes a compiler and half a minute.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file

WORDS = 49408  # of CLIP's vocabulary


class Style(torch.nn.Module):
    """A picture to a picture, with a strength: as style transfer and face restoration are."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.outer = torch.nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, picture, strength: float):
        return picture + strength * (torch.sigmoid(self.outer(torch.relu(self.inner(picture)))) - picture)


class Upscale(torch.nn.Module):
    """Twice as large, for edges that are multiples of 8."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, picture):
        assert picture.size(2) % 8 == 0 and picture.size(3) % 8 == 0
        return torch.pixel_shuffle(self.inner(picture), 2)


class Depth(torch.nn.Module):
    """A plane of any range, and numbers about the picture: as depth and classifiers are."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Conv2d(3, 1, 5, stride=2, padding=2)
        self.classes = torch.nn.Linear(3, 4)

    def forward(self, picture):
        plane = 7 * self.inner(picture) + 3
        return {"depth": plane.squeeze(1), "classes": self.classes(4 * picture.mean((2, 3)))}


class Splats(torch.nn.Module):
    """Points of a picture: as networks are that make Gaussians of one."""

    def forward(self, picture):
        height, width = picture.size(2), picture.size(3)
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        place = torch.stack([x, y, picture[0].mean(0) * 10], 2).reshape(-1, 3).float()
        colour = picture[0].permute(1, 2, 0).reshape(-1, 3)
        opacity = 0.1 + 0.8 * colour.mean(1)
        return place, (colour, opacity.unsqueeze(0))


class Embed(torch.nn.Module):
    """Tokens, their mask and a tensor to a row: with a first dimension that is one job each."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(WORDS, 6)

    def forward(self, ids, mask, scale):
        rows = self.table(ids) * mask.unsqueeze(2)
        return rows.sum(1) / mask.sum(1, keepdim=True) * scale[:, :1], ids.size(0) * torch.ones(ids.size(0), 1)


def made(kind):
    torch.manual_seed(len(kind.__name__))
    return kind().eval()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compile_packages(folder: Path, network: torch.nn.Module, picture: torch.Tensor) -> dict:
    edge = {name: torch.export.Dim(name, min=8, max=1024) for name in ("height", "width")}
    shapes = {"picture": {2: edge["height"], 3: edge["width"]}}
    exported = torch.export.export(network, (picture,), dynamic_shapes=shapes)
    whole = folder / "whole.pt2"
    torch._inductor.aoti_compile_and_package(exported, package_path=str(whole))
    bare = folder / "bare" / "model.pt2"
    bare.parent.mkdir()
    torch._inductor.aoti_compile_and_package(exported, package_path=str(bare), inductor_configs={
        "aot_inductor.package_constants_in_so": False,  # no weights in the package
        "always_keep_tensor_constants": True})  # or small ones are compiled in
    constants = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    save_file({k: v.detach().contiguous() for k, v in constants.items()}, bare.parent / "model.safetensors")
    return {"whole": digest(whole), "bare": digest(bare)}


class Clear(torch.nn.Module):
    """What the packages are made of."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.outer = torch.nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, picture):
        return torch.sigmoid(self.outer(torch.relu(self.inner(picture))))


def main(folder: Path, picture_file: str, packages: bool) -> None:
    folder.mkdir(parents=True)
    pixels = torch.from_numpy(numpy.array(Image.open(picture_file).convert("RGB")))
    picture = pixels.permute(2, 0, 1).contiguous()[None] / 255
    sha256 = {}
    expected = {}
    with torch.no_grad():
        for kind in (Style, Upscale, Depth, Splats, Embed):
            path = folder / f"{kind.__name__.lower()}.pt"
            torch.jit.script(made(kind)).save(str(path))
            sha256[path.stem] = digest(path)
        # With a tokenizer it is a folder.
        shutil.copytree(Path(os.environ["DARKROOM_DEPS"]) / "tokenizers/clip", folder / "embed")
        (folder / "embed.pt").rename(folder / "embed/model.pt")
        expected["style"] = made(Style)(picture, 0.5)
        expected["style_bgr"] = made(Style)(picture.flip(1) * 2 - 1, 1.0)
        height, width = (edge + -edge % 8 for edge in picture.shape[2:])
        padded = torch.nn.functional.pad(picture, (0, width - picture.shape[3], 0, height - picture.shape[2]), "replicate")
        expected["upscale"] = made(Upscale)(padded)[:, :, :2 * picture.shape[2], :2 * picture.shape[3]]
        depth = made(Depth)(picture)
        expected["depth"] = depth["depth"]
        expected["classes"] = torch.softmax(depth["classes"], 1)
        place, (colour, opacity) = made(Splats)(picture)
        expected["splats"] = torch.cat([place, torch.logit(opacity).T, colour], 1)
        expected["table"] = made(Embed).table.weight.detach()
        if packages:
            expected["clear"] = made(Clear)(picture)
            sha256 |= compile_packages(folder, made(Clear), picture)
    numpy.savez(folder / "expected.npz", **{k: v.numpy() for k, v in expected.items()})
    print(json.dumps(sha256))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], "--packages" in sys.argv)
