# SPDX-License-Identifier: Apache-2.0
"""LoRAs with random matrices for the models of checkpoints.py, with the names that each kind of file has."""

import contextlib

import torch
from safetensors.torch import load_file, save_file

RANK = 3
# Part, layer as diffusers names it, as the original network does.
LAYERS = [
    ("unet", "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", "input_blocks.4.1.transformer_blocks.0.attn1.to_q"),
    ("unet", "down_blocks.1.attentions.1.transformer_blocks.1.attn2.to_k", "input_blocks.5.1.transformer_blocks.1.attn2.to_k"),
    ("unet", "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0",
     "input_blocks.4.1.transformer_blocks.0.attn1.to_out.0"),
    ("unet", "down_blocks.1.attentions.0.proj_in", "input_blocks.4.1.proj_in"),
    ("unet", "down_blocks.0.resnets.1.conv1", "input_blocks.2.0.in_layers.2"),
    ("unet", "down_blocks.1.resnets.0.conv_shortcut", "input_blocks.4.0.skip_connection"),
    ("unet", "down_blocks.0.downsamplers.0.conv", "input_blocks.3.0.op"),
    ("unet", "mid_block.attentions.0.transformer_blocks.1.ff.net.0.proj", "middle_block.1.transformer_blocks.1.ff.net.0.proj"),
    ("unet", "mid_block.resnets.1.time_emb_proj", "middle_block.2.emb_layers.1"),
    ("unet", "up_blocks.0.attentions.2.transformer_blocks.0.ff.net.2", "output_blocks.2.1.transformer_blocks.0.ff.net.2"),
    ("unet", "up_blocks.0.upsamplers.0.conv", "output_blocks.2.2.conv"),
    ("unet", "up_blocks.1.resnets.0.conv2", "output_blocks.3.0.out_layers.3"),
    ("text_encoder", "text_model.encoder.layers.0.self_attn.q_proj", None),
    ("text_encoder", "text_model.encoder.layers.2.mlp.fc1", None),
    ("text_encoder_2", "text_model.encoder.layers.1.self_attn.out_proj", None),
    ("text_encoder_2", "text_model.encoder.layers.3.mlp.fc2", None),
]
FORMS = ["kohya", "kohya-original", "diffusers", "diffusers-2023", "processors"]
KOHYA = {"unet": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}


def shape_of(part, layer):
    """Of the layer's weight, by what checkpoints.py makes."""
    import checkpoints

    if part == "unet":
        model = checkpoints.make_unet()
    else:
        model = checkpoints.make_texts()[part == "text_encoder_2"]
    return weight_of(model, layer).shape


def weight_of(model, layer):
    for prefix in ("", "text_model."):
        try:
            return model.get_submodule(layer.removeprefix(prefix) if prefix else layer).weight
        except AttributeError:
            continue
    raise KeyError(layer)


def applies(form, layer):
    """That of processors knows the projections of attention alone."""
    return form != "processors" or any(f"attn{number}.to_" in layer for number in (1, 2))


def keys(form, part, layer, original):
    """Of the two matrices and of alpha, None where the form has none."""
    if form in ("kohya", "kohya-original"):
        name = KOHYA[part] + (original if form == "kohya-original" and original else layer).replace(".", "_")
        return f"{name}.lora_down.weight", f"{name}.lora_up.weight", f"{name}.alpha"
    if form == "diffusers":
        return f"{part}.{layer}.lora_A.weight", f"{part}.{layer}.lora_B.weight", None
    if form == "diffusers-2023":
        ends = ("lora_linear_layer.down", "lora_linear_layer.up") if part != "unet" else ("lora.down", "lora.up")
        return (*(f"{part}.{layer}.{end}.weight" for end in ends), f"{part}.{layer}.alpha")
    block, projection = layer.removesuffix(".0").rsplit(".", 1)
    return (*(f"{part}.{block}.processor.{projection}_lora.{end}.weight" for end in ("down", "up")), None)


_SHAPES = {}


def write(path, form, seed, only=None, change=None):
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for part, layer, original in LAYERS:
        if (only and (part, layer) != only) or not applies(form, layer):
            continue
        if (part, layer) not in _SHAPES:
            _SHAPES[part, layer] = shape_of(part, layer)
        shape = _SHAPES[part, layer]
        down, up, alpha = keys(form, part, layer, original)
        draw = lambda *sizes: torch.randn(sizes, generator=generator) * (0.6 / shape[1:].numel()) ** 0.5
        tensors[down] = draw(RANK, *shape[1:])
        tensors[up] = torch.randn([shape[0], RANK, *[1] * (len(shape) - 2)], generator=generator) * 0.5
        if alpha:
            tensors[alpha] = torch.tensor(2.0)
    if change == "unknown key":
        tensors["unet.conv_in.dora_scale"] = torch.zeros(1)
    elif change == "unknown layer":
        tensors["unet.down_blocks.7.proj_in.lora_A.weight"] = torch.zeros(1, 1)
    elif change == "part":
        tensors["vae.conv_in.lora_A.weight"] = torch.zeros(1, 1)
    elif change == "half":
        del tensors[next(iter(tensors))]
    elif change == "shape":
        tensors[next(iter(tensors))] = torch.zeros(RANK, 5)
    save_file(tensors, path)


@contextlib.contextmanager
def added(model, path, form, weight, only=None):
    """The reference's own model with the LoRA in its weights; `only`: the one of LAYERS that is in the file."""
    tensors = load_file(path)
    changed = []
    with torch.no_grad():
        for part, layer, original in [only] if only else LAYERS:
            if not applies(form, layer):
                continue
            down, up, alpha = keys(form, part, layer, original)
            scale = weight * (float(tensors[alpha]) / RANK if alpha else 1.0)
            target = weight_of(getattr(model, part), layer)
            changed.append((target, target.clone()))
            target.add_(scale * (tensors[up].flatten(1) @ tensors[down].flatten(1)).reshape(target.shape))
    try:
        yield
    finally:
        with torch.no_grad():
            for target, before in reversed(changed):
                target.copy_(before)
