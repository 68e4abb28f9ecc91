# SPDX-License-Identifier: Apache-2.0
"""Writes the models of checkpoints.py as single files with the keys of the original implementation."""

import re

import torch
from safetensors.torch import save_file

# What the shapes of these models do not say, since their widths are no multiples of SDXL's.
CONFIG = {"unet": {"attention_head_dim": [2, 4], "norm_num_groups": 8, "sample_size": 32},
          "vae": {"norm_num_groups": 8, "sample_size": 64},
          "text_encoder": {"num_attention_heads": 4}, "text_encoder_2": {"num_attention_heads": 4}}
_RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
           "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
_WHOLE = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
          "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2", "conv_norm_out": "out.0",
          "conv_out": "out.2"}
_OPEN_CLIP = [("text_model.", ""), ("embeddings.token_embedding", "token_embedding"), ("final_layer_norm", "ln_final"),
              ("embeddings.position_embedding.weight", "positional_embedding"), ("encoder.layers.", "transformer.resblocks."),
              ("layer_norm", "ln_"), ("self_attn", "attn"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"),
              ("text_projection.weight", "text_projection")]
_VAE = [("resnets", "block"), ("downsamplers.0", "downsample"), ("upsamplers.0", "upsample"), ("conv_shortcut", "nin_shortcut"),
        ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"), ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
        ("mid_block.attentions.0.to_", "mid.attn_1."), ("mid_block.block.0", "mid.block_1"), ("mid_block.block.1", "mid.block_2"),
        ("conv_norm_out", "norm_out"), ("down_blocks", "down")]


def replaced(name, pairs):
    for ours, theirs in pairs:
        name = name.replace(ours, theirs)
    return name


def unet_names(unet):
    """diffusers' name -> the original's, of all tensors."""
    stages, layers = len(unet.config.block_out_channels), unet.config.layers_per_block
    attends = {"down": [block.startswith("Cross") for block in unet.config.down_block_types],
               "up": [block.startswith("Cross") for block in unet.config.up_block_types]}

    def block_name(match):
        way, stage, kind, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        if way == "down":
            number = 1 + stage * (layers + 1) + layer
            if kind == "downsamplers":
                return f"input_blocks.{(stage + 1) * (layers + 1)}.0.op{rest.removeprefix('.conv')}"
        else:
            number = stage * (layers + 1) + layer
            if kind == "upsamplers":
                return f"output_blocks.{stage * (layers + 1) + layers}.{1 + attends['up'][stage]}{rest}"
        return f"{'input' if way == 'down' else 'output'}_blocks.{number}.{int(kind == 'attentions')}{rest}"

    names = {}
    for name in unet.state_dict():
        other = re.sub(r"^(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)(\..*)$", block_name, name)
        other = re.sub(r"^mid_block\.(resnets|attentions)\.(\d)",
                       lambda match: f"middle_block.{1 if match[1] == 'attentions' else 2 * int(match[2])}", other)
        if "attentions" not in name:
            other = re.sub(r"\.(\w+)\.(weight|bias)$", lambda match: f".{_RESNET.get(match[1], match[1])}.{match[2]}", other)
        layer, end = other.rsplit(".", 1)
        names[name] = f"{_WHOLE.get(layer, layer)}.{end}"
    return names


def vae_tensors(vae):
    stages = len(vae.config.block_out_channels)
    for name, tensor in vae.state_dict().items():
        name = re.sub(r"up_blocks\.(\d+)", lambda match: f"up.{stages - 1 - int(match[1])}", name)
        name = replaced(name, _VAE)
        yield name, tensor[:, :, None, None] if re.search(r"attn_1\.(q|k|v|proj_out)\.weight$", name) else tensor


def open_clip_tensors(text):
    tensors = text.state_dict()
    for name, tensor in tensors.items():
        if ".k_proj" in name or ".v_proj" in name:
            continue
        if ".q_proj" in name:
            tensor = torch.cat([tensors[name.replace("q_proj", f"{part}_proj")] for part in "qkv"])
            name = name.replace("q_proj.", "in_proj_")
        yield replaced(name, _OPEN_CLIP), tensor.T if "text_projection" in name else tensor


def tensors_of(model):
    second = f"conditioner.embedders.{0 if model.text_encoder is None else 1}.model."
    names = unet_names(model.unet)
    tensors = {f"model.diffusion_model.{names[name]}": tensor for name, tensor in model.unet.state_dict().items()}
    tensors.update((f"first_stage_model.{name}", tensor) for name, tensor in vae_tensors(model.vae))
    if model.text_encoder is not None:
        for name, tensor in model.text_encoder.state_dict().items():
            tensors[f"conditioner.embedders.0.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
        tensors["conditioner.embedders.0.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    tensors.update((f"{second}{name}", tensor) for name, tensor in open_clip_tensors(model.text_encoder_2))
    tensors[f"{second}logit_scale"] = torch.tensor(4.6)
    return tensors


def write(path, model, more=None):
    """One file, with what training may leave behind, and a change of its tensors."""
    tensors = {**tensors_of(model), "model_ema.decay": torch.tensor(0.999), "denoiser.sigmas": torch.ones(1000)}
    if more:
        tensors = more(tensors) or tensors
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path
