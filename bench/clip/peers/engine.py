# SPDX-License-Identifier: Apache-2.0
"""CLIP's image tower in another engine, with the same weights, in a process of its own.

usage: engine.py ENGINE FOLDER WORK; ENGINE is transformers, transformers_int8, onnxruntime, onnxruntime_int8 or openvino;
WORK a folder for what the engine makes of the checkpoint

Says "ready SECONDS" with the time from its start to the first embedding, then answers each line "BATCH" on its standard
input with "SECONDS KIB": how long that many pictures took, and the process's peak memory.
"""

import os
import resource
import sys
import time

START = time.perf_counter()

import torch  # noqa: E402
from transformers import CLIPVisionModelWithProjection  # noqa: E402

THREADS = len(os.sched_getaffinity(0))


class Tower(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model(pixel_values=pixels).image_embeds


def load(folder):
    return CLIPVisionModelWithProjection.from_pretrained(folder).eval()


def transformers(folder, _):
    model = load(folder)
    return lambda pixels: model(pixel_values=pixels).image_embeds


def transformers_int8(folder, _):
    model = torch.ao.quantization.quantize_dynamic(load(folder), {torch.nn.Linear}, dtype=torch.qint8)
    return lambda pixels: model(pixel_values=pixels).image_embeds


def export(folder, work):
    path = os.path.join(work, "tower.onnx")
    model = Tower(load(folder))
    edge = model.model.config.image_size
    torch.onnx.export(model, (torch.rand(2, 3, edge, edge),), path, input_names=["pixels"], output_names=["embeddings"],
                      dynamic_axes={"pixels": {0: "batch"}, "embeddings": {0: "batch"}}, dynamo=False)
    return path


def onnxruntime(folder, work, quantized=False):
    import onnxruntime as ort

    path = export(folder, work)
    if quantized:
        from onnxruntime.quantization import quantize_dynamic

        quantize_dynamic(path, path + ".int8")
        path += ".int8"
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"pixels": pixels.numpy()})[0]


def onnxruntime_int8(folder, work):
    return onnxruntime(folder, work, quantized=True)


def openvino(folder, _):
    import openvino as ov

    model = Tower(load(folder))
    edge = model.model.config.image_size
    converted = ov.convert_model(model, example_input=torch.rand(2, 3, edge, edge), input=[("pixels", [-1, 3, edge, edge])])
    # By itself it would compute in bfloat16 where the processor has it: that is another result.
    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = ov.Core().compile_model(converted, "CPU", settings)
    return lambda pixels: compiled(pixels.numpy())[0]


@torch.inference_mode()
def main():
    torch.set_num_threads(THREADS)
    engine, folder, work = sys.argv[1:4]
    run = globals()[engine](folder, work)
    config = os.path.join(folder, "config.json")
    import json

    with open(config) as file:
        edge = json.load(file)["vision_config"]["image_size"]
    run(torch.rand(1, 3, edge, edge))
    print(f"ready {time.perf_counter() - START:.6f}", flush=True)
    for line in sys.stdin:
        pixels = torch.rand(int(line), 3, edge, edge)
        before = time.perf_counter()
        run(pixels)
        seconds = time.perf_counter() - before
        print(f"{seconds:.6f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}", flush=True)


if __name__ == "__main__":
    main()
