# SPDX-License-Identifier: Apache-2.0
"""Holds the plugins' image operations against Pillow and against transformers' processors that use it: bit for bit.

DARKROOM_IMAGE_TOOL names the program that runs the library's code. Photographs are those that scikit-image ships.
"""

import json
import os
import subprocess

import numpy
import pytest
import skimage.data
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

TOOL = os.environ["DARKROOM_IMAGE_TOOL"]


@pytest.fixture
def run_tool(tmp_path):
    def run(*arguments, pictures):
        save_file({k: torch.from_numpy(numpy.array(v, order="C")) for k, v in pictures.items()}, tmp_path / "in")
        done = subprocess.run([TOOL, *map(str, arguments), tmp_path / "in", tmp_path / "out"],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return {k: v.numpy().copy() for k, v in load_file(tmp_path / "out").items()}

    return run


def photographs():
    """RGB, grey, with alpha, upright and lying, larger and smaller than what networks take."""
    astronaut, coffee, camera = skimage.data.astronaut(), skimage.data.coffee(), skimage.data.camera()
    return {
        "square": astronaut,
        "lying": coffee,
        "upright": numpy.ascontiguousarray(coffee.transpose(1, 0, 2)[:, 30:301]),
        "small": astronaut[100:163, 200:290],
        "thin": coffee[:, 300:309],
        "grey": camera[..., None],
        "alpha": numpy.dstack([astronaut, camera]),
        "grey_alpha": numpy.dstack([camera, camera[::-1]]),
    }


def as_pil(picture):
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)


PROCESSORS = {
    "clip": (CLIPImageProcessorPil, {}),
    "clip-336": (CLIPImageProcessorPil, {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}),
    "clip-crop-beyond": (CLIPImageProcessorPil, {"size": {"shortest_edge": 60}, "crop_size": {"height": 75, "width": 94}}),
    "clip-no-resize": (CLIPImageProcessorPil, {"do_resize": False, "crop_size": {"height": 128, "width": 128}}),
    "blip": (BlipImageProcessorPil, {}),
    "vit": (ViTImageProcessorPil, {"do_convert_rgb": True}),
    "deit": (DeiTImageProcessorPil, {"do_convert_rgb": True}),
    "siglip-lanczos": (SiglipImageProcessorPil, {"resample": 1}),
    "no-normalise": (ViTImageProcessorPil, {"do_normalize": False, "do_convert_rgb": True}),
    "no-rescale": (ViTImageProcessorPil, {"do_rescale": False, "do_convert_rgb": True}),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_processors_equal_transformers(name, run_tool, tmp_path):
    kind, settings = PROCESSORS[name]
    processor = kind(**settings)
    processor.save_pretrained(tmp_path)
    pictures = photographs()
    outputs = run_tool("process", tmp_path, pictures=pictures)
    for key, picture in pictures.items():
        expected = processor(as_pil(picture), return_tensors="np")["pixel_values"][0]
        assert outputs[key].shape == expected.shape, key
        assert numpy.array_equal(outputs[key], expected), \
            f"{key}: {numpy.abs(outputs[key] - expected).max()}"


def test_the_file_may_be_that_of_the_whole_processor(run_tool, tmp_path):
    CLIPImageProcessorPil(crop_size={"height": 99, "width": 98}).save_pretrained(tmp_path)
    alone = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").unlink()
    (tmp_path / "processor_config.json").write_text(json.dumps(
        {"image_processor": alone, "processor_class": "CLIPProcessor"}))
    assert run_tool("process", tmp_path, pictures={"p": photographs()["square"]})["p"].shape == (3, 99, 98)


def test_older_files_mean_the_same(run_tool, tmp_path):
    """As the hub has them of 2021: sizes are numbers, the processor is called a feature extractor."""
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({
        "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224}))
    pictures = {"lying": photographs()["lying"]}
    output = run_tool("process", tmp_path, pictures=pictures)["lying"]
    expected = CLIPImageProcessorPil()(as_pil(pictures["lying"]), return_tensors="np")["pixel_values"][0]
    assert numpy.array_equal(output, expected)


@pytest.mark.parametrize("changed", [
    {"resample": 2}, {"image_mean": [0.48, 0.4578275, 0.40821073]}, {"rescale_factor": 1 / 256},
    {"crop_size": {"height": 223, "width": 224}}, {"size": {"shortest_edge": 225}},
])
def test_one_changed_setting_is_noticed(changed, run_tool, tmp_path):
    CLIPImageProcessorPil().save_pretrained(tmp_path)
    pictures = {"square": photographs()["square"]}
    output = run_tool("process", tmp_path, pictures=pictures)["square"]
    wrong = CLIPImageProcessorPil(**changed)(as_pil(pictures["square"]), return_tensors="np")["pixel_values"][0]
    assert not numpy.array_equal(output, wrong)


@pytest.mark.parametrize("name", ["box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_resizing_equals_pillow(name, run_tool):
    generator = numpy.random.default_rng(5)
    pictures = {}
    for i in range(12):
        height, width = generator.integers(1, 90, 2)
        pictures[f"noise{i}"] = generator.integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    pictures["photo"] = skimage.data.coffee()[::3, ::3]
    for height, width in [(17, 31), (1, 1), (64, 5), (120, 133)]:
        outputs = run_tool("resize", name, height, width, pictures=pictures)
        for key, picture in pictures.items():
            expected = numpy.asarray(Image.fromarray(picture).resize((width, height),
                                                                     Image.Resampling[name.upper()]))
            assert numpy.array_equal(outputs[key], expected), f"{key} to {height} x {width}"
