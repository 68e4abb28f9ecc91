# SPDX-License-Identifier: Apache-2.0
"""Mosec with one worker that embeds JPEGs by transformers: the body is a picture, the answer its embedding in float32.

Address and port come from the command line, which Mosec reads itself: --address HOST --port PORT. BENCH_FOLDER names the
checkpoint, BENCH_MAX_BATCH how many pictures go together.
"""

import io
import os

import torch
from mosec import Server, Worker
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

MAX_BATCH = int(os.environ["BENCH_MAX_BATCH"])
WAIT_MS = 5  # for a batch to become full


class Model(Worker):
    def __init__(self):
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        folder = os.environ["BENCH_FOLDER"]
        self.processor = CLIPImageProcessor.from_pretrained(folder)
        self.model = CLIPVisionModelWithProjection.from_pretrained(folder).eval()

    def deserialize(self, data: bytes) -> Image.Image:
        return Image.open(io.BytesIO(data)).convert("RGB")

    @torch.inference_mode()
    def forward(self, data: list[Image.Image]) -> list[bytes]:
        pixels = self.processor(data, return_tensors="pt")["pixel_values"]
        embeddings = self.model(pixel_values=pixels).image_embeds
        embeddings /= embeddings.norm(dim=-1, keepdim=True)
        return [row.tobytes() for row in embeddings.numpy()]

    def serialize(self, data: bytes) -> bytes:
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(Model, num=1, max_batch_size=MAX_BATCH, max_wait_time=WAIT_MS)
    server.run()
