# SPDX-License-Identifier: Apache-2.0
"""What diffusers' pipelines draw with the models of checkpoints.py.

    reference.py FOLDER < requests.json

makes FOLDER/model, FOLDER/nine for inpainting and FOLDER/refiner, the first also as FOLDER/single.safetensors with its config in single.json, two
LoRAs in FOLDER/loras and a word in FOLDER/words, and writes what each request, {name: arguments of draw()}, gives to FOLDER/NAME.npy, from 0 to 255: for
tests whose Python has no torch to hold their own against. "after": the arguments of a drawing of FOLDER/model, whose latents it
goes on from.
"""

import contextlib
import json
import sys
from pathlib import Path

import checkpoints
import diffusers
import loras
import numpy
import single_files
import torch
from PIL import Image
from safetensors.torch import save_file

MULTISTEP, SINGLESTEP = diffusers.DPMSolverMultistepScheduler, diffusers.DPMSolverSinglestepScheduler
SCHEDULERS = {
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "heun": (diffusers.HeunDiscreteScheduler, {}),
    "ddim": (diffusers.DDIMScheduler, {}),
    "pndm": (diffusers.PNDMScheduler, {}),
    "dpmpp_2m": (MULTISTEP, {}),
    "dpmpp_2m_karras": (MULTISTEP, {"use_karras_sigmas": True}),
    "dpmpp_2m_sde": (MULTISTEP, {"algorithm_type": "sde-dpmsolver++"}),
    "dpmpp_3m": (MULTISTEP, {"solver_order": 3}),
    "dpmpp_3m_sde_exponential": (MULTISTEP, {"algorithm_type": "sde-dpmsolver++", "solver_order": 3,
                                             "use_exponential_sigmas": True}),
    "dpmpp_2s": (SINGLESTEP, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, {}),
    "lcm": (diffusers.LCMScheduler, {}),
    "tcd": (diffusers.TCDScheduler, {}),
    "lightning": (diffusers.EulerDiscreteScheduler, {"timestep_spacing": "trailing"}),
    "turbo": (diffusers.EulerAncestralDiscreteScheduler, {"timestep_spacing": "trailing"}),
}

# Folder -> what is other in its network. The second one is for inpainting, the third one the refiner.
MODELS = {"model": {}, "nine": {"in_channels": 9},
          "refiner": {"cross_attention_dim": 32, "projection_class_embeddings_input_dim": 32 + 5 * 8}}
PROMPT = ("a red cube on a table", "a red cube on a table")


def make(folder, refiner=False, **changes):
    texts = checkpoints.make_texts()
    return checkpoints.write(folder, checkpoints.make_unet("plain", **changes), checkpoints.make_vae(),
                             (None, texts[1]) if refiner else texts, checkpoints.make_scheduler())


def pipeline_of(model, kind, scheduler):
    first, second = checkpoints.tokenizers()
    is_refiner = model.text_encoder is None
    more = {}
    if is_refiner:
        first, more = None, {"requires_aesthetics_score": True}
    pipeline = kind(
        unet=model.unet, vae=model.vae, text_encoder=model.text_encoder, text_encoder_2=model.text_encoder_2, tokenizer=first,
        tokenizer_2=second, scheduler=scheduler, force_zeros_for_empty_prompt=not is_refiner, add_watermarker=False, **more)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(model, prompt=PROMPT, negative=None, seed=0, steps=4, scheduler=None, crop=(0, 0), clip_skip=None, pictures=1,
         image=None, mask=None, guidance_scale=5.0, latents=None, **settings):
    """diffusers' latents and pictures, those of seed, seed + 1 and so on. `image`, `mask`: Pillow's, or their files; `latents`: in
    place of the image."""
    chosen = model.scheduler
    if scheduler:
        kind, fields = SCHEDULERS[scheduler]
        chosen = kind.from_config(chosen.config, **fields)
    kind = diffusers.StableDiffusionXLPipeline
    if image is not None:
        kind = diffusers.StableDiffusionXLImg2ImgPipeline
        settings["image"] = Image.open(image) if isinstance(image, str) else image
    if latents is not None:
        kind = diffusers.StableDiffusionXLImg2ImgPipeline
        settings["image"] = latents
    if mask is not None:
        kind = diffusers.StableDiffusionXLInpaintPipeline
        settings["mask_image"] = Image.open(mask) if isinstance(mask, str) else mask
        settings["width"], settings["height"] = settings["image"].size
    pipeline = pipeline_of(model, kind, chosen)
    settings["guidance_scale"] = guidance_scale  # of which one of them has another default
    if negative is not None:
        settings.update(negative_prompt=negative[0], negative_prompt_2=negative[1])
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    kept = {}
    picture = pipeline(prompt[0], prompt[1], num_inference_steps=steps, num_images_per_prompt=pictures,
                       generator=[torch.Generator().manual_seed(seed + number) for number in range(pictures)],
                       crops_coords_top_left=tuple(crop), clip_skip=clip_skip, output_type="pt",
                       callback_on_step_end=lambda _, __, ___, tensors: kept.update(tensors) or {}, **settings).images
    return {"latents": kept["latents"], "picture": picture}


def main(folder):
    torch.set_num_threads(1)
    models = {name: make(folder / name, refiner=name == "refiner", **changes) for name, changes in MODELS.items()}
    single_files.write(folder / "single.safetensors", models["model"])
    (folder / "single.json").write_text(json.dumps(single_files.CONFIG))
    (folder / "loras").mkdir()
    for number, form in enumerate(("kohya", "diffusers")):
        loras.write(folder / f"loras/{form}.safetensors", form, seed=number)
    (folder / "words").mkdir()
    save_file({"clip_l": torch.ones(2, 32), "clip_g": -torch.ones(2, 32)}, folder / "words/zmoss.safetensors")
    for name, request in json.load(sys.stdin).items():
        model = models[request.pop("model", "model")]
        if "after" in request:
            request["latents"] = draw(models["model"], **request.pop("after"))["latents"]
        with contextlib.ExitStack() as stack:
            for lora, weight in request.pop("loras", []):
                stack.enter_context(loras.added(model, folder / f"loras/{lora}.safetensors", lora, weight))
            picture = draw(model, **request)["picture"].permute(0, 2, 3, 1).numpy()
        numpy.save(folder / f"{name}.npy", (picture * 255).round())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
