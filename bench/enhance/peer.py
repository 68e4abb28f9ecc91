# SPDX-License-Identifier: Apache-2.0
"""The same networks in PyTorch eager, as one would write them: the peer of bench/enhance.

    peer.py WEIGHTS (default | channels_last)

Prints "ready", then for each line HEIGHT WIDTH of its input runs one picture of that size, whole, from 8 bits to 8 bits,
and prints SECONDS OUTPUT_PIXELS PEAK_RSS_KIB, as enhance_runner does.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "plugins" / "enhance"))

import reference  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402


def peak_rss_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def main() -> None:
    path, layout = sys.argv[1:]
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    weights = {}
    for name, tensor in load_file(path).items():
        tensor = tensor.float()
        weights[name] = tensor.contiguous(memory_format=memory) if tensor.dim() == 4 else tensor
    print("ready", flush=True)
    for line in sys.stdin:
        height, width = map(int, line.split())
        picture = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8)
        begin = time.perf_counter()
        with torch.inference_mode():
            x = (picture.permute(2, 0, 1).unsqueeze(0).float() / 255).contiguous(
                memory_format=memory)
            y = reference.run(weights, x)[0]
            result = (y.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous()
        seconds = time.perf_counter() - begin
        print(seconds, result.shape[0] * result.shape[1], peak_rss_kib(), flush=True)


if __name__ == "__main__":
    main()
