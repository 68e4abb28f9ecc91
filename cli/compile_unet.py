# SPDX-License-Identifier: Apache-2.0
"""Compiles the denoising network of a Stable Diffusion XL for one kind of device: the work of `darkroom models compile`.

    python3 compile_unet.py MODEL --torch VERSION --device cpu --size HEIGHTxWIDTH --rows N --dtype DTYPE --output FILE

MODEL is a folder of diffusers. Its network is exported, compiled by AOTInductor into a package without weights, loaded again with
those of the folder, and held against the network as it is: FILE is only there when both make the same of the same. Each line of
the output is JSON: {"progress"}, and last {"result"} or {"error": {"code", "message", "hint"}}. What libraries print goes to
standard error. plugins/sdxl/compiled_unet.h reads what is written here.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

REVISION = 1  # of the note
MOST_CHUNKS = 16  # of 77 tokens, as the plugin takes
MOST_EDGE = 4096  # of a picture, as the plugin takes
# The largest difference from the network as it is, as a part of its largest number.
BOUNDS = {"float32": 1e-3, "float16": 3e-2, "bfloat16": 1e-1}
DISK_FULL = (27, 28, 122)  # EFBIG, ENOSPC, EDQUOT
ROOM = 256 << 20  # that a compilation may take for a while


class Refused(Exception):
    def __init__(self, code, message, hint=""):
        super().__init__(message)
        self.told = {"code": code, "message": message, "hint": hint}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--torch", required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--dtype", choices=[*BOUNDS, "auto"], default="auto")
    parser.add_argument("--size", default="")  # of pictures; empty: what the network was trained for
    parser.add_argument("--any-size", action="store_true")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--layout", choices=["auto", "contiguous", "channels-last"], default="auto")
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args()


def check_python(wanted):
    for name, hint in (("torch", f"pip install torch=={wanted}"), ("diffusers", "pip install diffusers transformers")):
        if importlib.util.find_spec(name) is None:
            raise Refused("failed_precondition", f"{sys.executable} has no {name}",
                          f"{hint}, or name another Python: --python")
    # Not imported for it: that takes longer than all other checks.
    version_file = Path(importlib.util.find_spec("torch").origin).parent / "version.py"
    found = re.search(r"__version__ = '([^']*)'", version_file.read_text())
    version = found.group(1) if found else "of no version"
    if version.split("+")[0] != wanted:
        raise Refused("failed_precondition", f"{sys.executable} has PyTorch {version}, and darkroom runs what {wanted} compiles",
                      f"pip install torch=={wanted}, or name another Python: --python")


def check_place(output):
    folder = output.parent
    if not folder.is_dir():
        raise Refused("not_found", f"there is no folder {folder}", "make it, or name another --output")
    if not os.access(folder, os.W_OK):
        raise Refused("failed_precondition", f"{folder} cannot be written to", "name another --output")
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise Refused("resource_exhausted", f"{free >> 20} MiB are free in {folder}, and compiling takes {ROOM >> 20} MiB for a while",
                      "make room, or name another --output")


def check_tools(device):
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise Refused("failed_precondition", f"there is no C++ compiler {compiler} here", "apt install g++, or set CXX")
    if device == "cuda":
        import torch
        if not torch.cuda.is_available():
            raise Refused("failed_precondition", "PyTorch finds no GPU here", "compile on the host that is to run it")
        if importlib.util.find_spec("triton") is None:
            raise Refused("failed_precondition", f"{sys.executable} has no triton", "pip install triton")


def read_config(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refused("failed_precondition", f"{path}: {error}",
                      "MODEL is a folder of diffusers, with model_index.json, unet/ and vae/") from error


def read_model(folder):
    """What its three configs say."""
    if not folder.is_dir():
        raise Refused("not_found", f"{folder} is no folder",
                      "MODEL is a folder of diffusers; of a single file compile the folder that it was made of")
    index = read_config(folder / "model_index.json")
    if "StableDiffusionXL" not in str(index.get("_class_name")):
        raise Refused("failed_precondition", f"{folder / 'model_index.json'} is of a {index.get('_class_name')}",
                      "only denoising networks of Stable Diffusion XL are compiled")
    return index, read_config(folder / "unet" / "config.json"), read_config(folder / "vae" / "config.json")


def load_network(options):
    import torch
    from diffusers import UNet2DConditionModel

    folder = options.model / "unet"
    halves = any(folder.glob("*.fp16.safetensors"))
    whole = any(path for path in folder.glob("*.safetensors") if ".fp16" not in path.name)
    variant = "fp16" if halves and (options.dtype != "float32" or not whole) else None
    try:
        network = UNet2DConditionModel.from_pretrained(folder, torch_dtype=getattr(torch, options.dtype), variant=variant,
                                                       use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise Refused("failed_precondition", f"diffusers does not load {folder}: {error}") from error
    return network.eval().requires_grad_(False)


def wrap(network, added, guided):
    """The network with tensors for arguments, in the order of the plugin's."""
    import torch

    class Step(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unet = network

        def forward(self, latents, timesteps, text, *more):
            more = list(more)
            conditions = {"text_embeds": more.pop(0), "time_ids": more.pop(0)} if added else None
            return self.unet(latents, timesteps, text, timestep_cond=more.pop(0) if guided else None,
                             added_cond_kwargs=conditions, return_dict=False)[0]

    return Step()


def latent_size(options, config, factor):
    """Height and width of the latents. `factor`: of pixels for each."""
    if not options.size:
        trained = config.get("sample_size", 128)
        return [trained, trained] if isinstance(trained, int) else list(trained)
    try:
        size = [int(edge) for edge in options.size.split("x")]
    except ValueError:
        size = []
    multiple = factor * 2 ** (len(config.get("block_out_channels", [])) - 1)
    if len(size) != 2 or any(edge < multiple or edge % multiple for edge in size):
        raise Refused("invalid_argument", f"--size {options.size} is no HEIGHTxWIDTH in multiples of {multiple}")
    return [edge // factor for edge in size]


def make_inputs(network, rows, size, is_refiner, device, dtype):
    """Of every argument: an example, and the dimensions that are not fixed."""
    import torch

    config = network.config
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator).to(device, dtype)
    context = config.cross_attention_dim
    inputs = [draw(rows, config.in_channels, *size), torch.linspace(1, 999, rows).to(device),
              draw(rows, 77, context if isinstance(context, int) else context[0])]
    if config.addition_embed_type:
        numbers = 5 if is_refiner else 6
        pooled = config.projection_class_embeddings_input_dim - numbers * config.addition_time_embed_dim
        inputs += [draw(rows, pooled), torch.full((rows, numbers), 512.0, device=device)]
    if config.time_cond_proj_dim:
        inputs.append(draw(rows, config.time_cond_proj_dim))
    return inputs


def export(step, inputs, options, network, factor):
    import torch

    rows = {0: torch.export.Dim("rows", min=1, max=options.rows)} if options.rows > 1 else {}
    shapes = [dict(rows) for _ in inputs]
    shapes[2][1] = torch.export.Dim("tokens", min=2, max=77 * MOST_CHUNKS)
    if options.any_size:
        multiple = 2 ** (len(network.config.block_out_channels) - 1)
        for place, name in ((2, "height"), (3, "width")):
            half = torch.export.Dim(f"{name}_part", min=2, max=MOST_EDGE // factor // multiple)
            shapes[0][place] = multiple * half if multiple > 1 else half
    with torch.no_grad():
        # Those behind the third are one argument of the module, of as many parts.
        exported = torch.export.export(step, tuple(inputs), dynamic_shapes=(*shapes[:3], tuple(shapes[3:])))
    extra = [name for name, value in exported.constants.items() if isinstance(value, torch.Tensor)]
    if extra:
        raise Refused("unimplemented", f"the network has constants that are not among its weights: {', '.join(extra[:3])}")
    return exported


def compile_package(exported, note, options, target):
    import torch

    settings = {"aot_inductor.package_constants_in_so": False, "always_keep_tensor_constants": True,
                "cpp.dynamic_threads": True,  # as many as the worker has, and not as many as were here
                "aot_inductor.check_lowerbound": False,  # a single row is below what the compiler thinks the least
                "aot_inductor.metadata": {"darkroom.sdxl_unet": json.dumps(note)}}
    if options.device == "cuda":
        settings["aot_inductor.embed_kernel_binary"] = True  # a worker writes no files
    torch._inductor.aoti_compile_and_package(exported, package_path=str(target), inductor_configs=settings)


def median_seconds(run, device):
    import torch

    seconds = []
    for _ in range(8):
        begin = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return sorted(seconds[1:])[3]


def compare(step, target, inputs, options):
    """How far the package is from the network, and the seconds of both for a step."""
    import torch

    package = torch._inductor.aoti_load_package(str(target))
    weights = {name: value for name, value in step.named_parameters()}
    package.load_constants(weights, check_full_update=True, user_managed=True)
    with torch.inference_mode():
        for rows in sorted({min(2, options.rows), 1}):
            few = [tensor[:rows].contiguous() for tensor in inputs]
            expected, found = step(*few).float(), package(*few).float()
            difference = float((expected - found).abs().max() / expected.abs().max())
            if not difference <= BOUNDS[options.dtype]:
                raise Refused("internal", f"the compiled network is not the network: of {rows} rows they differ by "
                              f"{difference:.2g} of the largest number", "another compiler or dtype may do; nothing was written")
        return (difference, median_seconds(lambda: step(*few), options.device),
                median_seconds(lambda: package(*few), options.device))


def work(options, say, folder):
    # Before torch reads it: what a compilation leaves is of no use afterwards.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "cache")
    os.environ["AOTI_RUNTIME_CHECK_INPUTS"] = "1"  # as workers have it
    check_place(options.output)
    index, config, vae = read_model(options.model)
    factor = 2 ** (len(vae.get("block_out_channels", [])) - 1)
    size = latent_size(options, config, factor)
    check_python(options.torch)
    check_tools(options.device)
    import torch

    if options.dtype == "auto":
        options.dtype = "float16" if options.device == "cuda" else "float32"
    say({"progress": "loading the network"})
    network = load_network(options)
    is_refiner = bool(index.get("requires_aesthetics_score"))
    channels_last = options.layout == "channels-last" or options.layout == "auto" and options.device == "cuda"
    network.to(options.device)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    step = wrap(network, network.config.addition_embed_type is not None, network.config.time_cond_proj_dim is not None)
    inputs = make_inputs(network, min(2, options.rows), size, is_refiner, options.device, getattr(torch, options.dtype))
    config = {name: value for name, value in json.loads(network.to_json_string()).items() if name != "_name_or_path"}
    note = {"revision": REVISION, "torch": options.torch, "dtype": options.dtype, "rows": options.rows,
            "height": 0 if options.any_size else size[0], "width": 0 if options.any_size else size[1],
            "channels_last": channels_last, "config": config,
            "tensors": {name: list(tensor.shape) for name, tensor in network.named_parameters()}}
    say({"progress": "exporting it"})
    exported = export(step, inputs, options, network, factor)
    say({"progress": "compiling it, which takes minutes"})
    target = folder / "unet.pt2"
    compile_package(exported, note, options, target)
    say({"progress": "comparing it with the network as it is"})
    difference, eager, compiled = compare(step, target, inputs, options)
    with open(target, "rb+") as file:
        os.fsync(file.fileno())
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    size_of = target.stat().st_size
    os.chmod(target, 0o666 & ~umask())
    os.replace(target, options.output)
    return {"file": str(options.output), "sha256": digest, "bytes": size_of, "dtype": options.dtype, 
            "pixels": [edge * factor for edge in size], "any_size": options.any_size, "rows": options.rows, "difference": difference, "measured_rows": inputs[0].shape[0],
            "eager_s": eager, "compiled_s": compiled}


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def is_full(error):
    """Whether the disk is, however deep within the compiler that was found."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return True
        if any(words in str(error) for words in ("No space left on device", "File too large", "Disk quota exceeded")):
            return True
        error = error.__cause__ or error.__context__
    return False


def main():
    # What imports and compilers print is not ours.
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(line):
        print(json.dumps(line), file=lines, flush=True)

    options = arguments()
    options.output = options.output.absolute()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the folder goes away
    try:
        parent = options.output.parent
        with tempfile.TemporaryDirectory(prefix=f".{options.output.name}.", ignore_cleanup_errors=True,
                                         dir=parent if os.access(parent, os.W_OK) else None) as folder:
            say({"result": work(options, say, Path(folder))})
        return 0
    except Refused as refused:
        say({"error": refused.told})
    except KeyboardInterrupt:
        say({"error": {"code": "cancelled", "message": "interrupted; nothing was written", "hint": ""}})
    except Exception as error:  # noqa: BLE001: whatever it is, it is told as an error
        if is_full(error):
            say({"error": {"code": "resource_exhausted", "message": f"there is no room left in {options.output.parent}",
                           "hint": "make room, or name another --output; nothing was written"}})
        else:
            say({"error": {"code": "internal", "message": f"{type(error).__name__}: {str(error)[:2000]}",
                           "hint": "what the compiler printed is above"}})
    return 1


if __name__ == "__main__":
    sys.exit(main())
