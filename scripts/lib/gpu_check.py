# SPDX-License-Identifier: Apache-2.0
"""The check itself: see scripts/gpu-check, which starts this, and docs/gpu.md.

One daemon for each case of a model, a device and a number format, one after the other, so that the
device's memory and the machine's cores are that case's alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from gpu_check_device import Gpu, environment, find_torch, machine, torch_versions
from gpu_check_pictures import Picture, compare, read_png, write_png
from gpu_check_programs import CheckError, Daemon, NatsServer

BUNDLE = Path(__file__).resolve().parents[2]

# How far a result may be from the CPU's in float32, in steps of 1/255, and how near it must be in
# decibels. float32 on a GPU may multiply in TF32, whose mantissa has as few bits as float16's.
# Rounding alone, seen on the CPU: float16 1 step and 62 dB, bfloat16 5 steps and 54 dB.
TOLERANCES = {
    "float32": {"max": 4, "psnr_db": 55.0},
    "float16": {"max": 8, "psnr_db": 50.0},
    "bfloat16": {"max": 24, "psnr_db": 42.0},
    # The CPU's two engines compute the same in another order.
    "float32-direct": {"max": 1, "psnr_db": 60.0},
}


@dataclass
class Case:
    """One model on one device in one number format."""

    model: str
    device: str
    form: str  # a key of TOLERANCES

    @property
    def key(self) -> str:
        return f"{self.model}/{self.device}/{self.form}"

    @property
    def is_reference(self) -> bool:
        return self.device == "cpu" and self.form == "float32"

    def options(self) -> dict:
        if self.form == "float32-direct":
            return {"dtype": "float32", "engine": "direct"}
        return {"dtype": self.form}


@dataclass
class Plan:
    models: list[str]
    edges: dict[str, int]  # of the timed pictures, by device
    repeats: dict[str, int]
    compared: tuple[int, int]  # width and height of the compared picture


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu-check", allow_abbrev=False)
    parser.add_argument("--torch")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--model", action="append")
    parser.add_argument("--edge", type=int, default=1024)
    arguments = parser.parse_args()
    if not 16 <= arguments.edge <= 1900:
        # Four times as wide and high, it must stay below the daemon's limit of 64 megapixels.
        parser.error("--edge must be from 16 to 1900")
    return arguments


def make_plan(arguments: argparse.Namespace) -> Plan:
    there = sorted(
        (BUNDLE / "models").glob("*.safetensors"), key=lambda file: (file.stat().st_size, file.name)
    )
    models = [file.name[: -len(".safetensors")] for file in there]
    for name in arguments.model or []:
        if name not in models:
            raise ValueError(f"the bundle has no model {name}; it has {', '.join(models)}")
    if arguments.model:
        models = [name for name in models if name in arguments.model]
    if arguments.quick:
        return Plan(models[:1], {"cpu": 40, "cuda": 128}, {"cpu": 1, "cuda": 2}, (43, 38))
    return Plan(models, {"cpu": 192, "cuda": arguments.edge}, {"cpu": 2, "cuda": 5}, (150, 113))


class Check:
    def __init__(self, plan: Plan, torch: Path, gpu: Gpu | None, folder: Path):
        self._plan = plan
        self._torch = torch
        self._gpu = gpu
        self._folder = folder
        self._environment = environment(gpu)
        self._photograph = read_png(BUNDLE / "tests-data" / "astronaut.png")
        self._references: dict[str, Picture] = {}
        self.result: dict = {"parity": {}, "times": {}, "memory": {}, "failures": []}

    def run(self) -> None:
        compared = self._folder / "compared.png"
        # A face and hair: fine detail, and no edge that is a multiple of a tile's.
        write_png(compared, self._photograph.crop(150, 60, *self._plan.compared))
        with NatsServer(BUNDLE, self._folder, self._environment) as server:
            for model in self._plan.models:
                for case in self._cases(model):
                    print(f"  {case.key} ...", flush=True)
                    try:
                        self._run_case(case, server.url, compared)
                    except (CheckError, OSError, ValueError) as error:
                        self._fail(case, str(error))

    def _cases(self, model: str) -> list[Case]:
        cases = [Case(model, "cpu", form) for form in ("float32", "float32-direct")]
        if self._gpu is not None:
            cases += [Case(model, "cuda:0", form) for form in ("float32", "float16", "bfloat16")]
        return cases

    def _fail(self, case: Case, what: str) -> None:
        self.result["failures"].append({"case": case.key, "what": what})
        print(f"    FAILED: {what}", flush=True)

    def _used(self, case: Case) -> int | None:
        return self._gpu.used_mib() if self._gpu and case.device != "cpu" else None

    def _run_case(self, case: Case, url: str, compared: Path) -> None:
        folder = self._folder / case.key.replace("/", "-").replace(":", "")
        folder.mkdir()
        config = {
            "torch_dir": str(self._torch),
            "plugins": {"folder": str(BUNDLE / "plugins")},
            "host_library": str(BUNDLE / "lib" / "libdarkroom-host.so"),
            "devices": [{"device": case.device, "lanes": 1}],
            "models": {
                case.model: {
                    "plugin": "enhance",
                    "weights": str(BUNDLE / "models" / f"{case.model}.safetensors"),
                    "options": case.options(),
                    "preload": True,
                }
            },
        }
        before = self._used(case)
        started = time.monotonic()
        with Daemon(BUNDLE, folder, self._environment, url, config) as daemon:
            start = time.monotonic() - started
            loaded = self._used(case)
            first = daemon.run(compared, folder / "compared.png")
            self._compare(case, read_png(folder / "compared.png"))
            self._measure_times(case, daemon, folder, start, first.network)
            ran = self._used(case)
            peak = daemon.peak_rss_mib()
            code = daemon.stop()
        after = None if before is None else self._gpu.used_mib_after_exit(before)
        self.result["memory"][case.key] = {
            "device_before_mib": before,
            "device_after_load_mib": loaded,
            "device_after_run_mib": ran,
            "device_after_exit_mib": after,
            "host_peak_rss_mib": peak,
        }
        if code != 0:
            raise CheckError(f"darkroomd ended with {code}: {daemon.last_words()}")

    def _compare(self, case: Case, picture: Picture) -> None:
        if case.is_reference:
            self._references[case.model] = picture
            return
        if case.model not in self._references:
            raise CheckError("there is no result of the CPU to compare with")
        difference = compare(picture, self._references[case.model])
        allowed = TOLERANCES[case.form]
        near = difference.psnr_db is None or difference.psnr_db >= allowed["psnr_db"]
        ok = near and difference.max <= allowed["max"]
        self.result["parity"][case.key] = {
            "reference": f"{case.model}/cpu/float32",
            "max": difference.max,
            "mean": difference.mean,
            "psnr_db": difference.psnr_db,
            "tolerance": allowed,
            "ok": ok,
        }
        if not ok:
            self._fail(
                case,
                f"differs from the CPU by up to {difference.max} steps of 255, "
                f"{difference.psnr_db:.1f} dB; allowed are {allowed['max']} and "
                f"{allowed['psnr_db']:g} dB",
            )

    def _measure_times(
        self, case: Case, daemon: Daemon, folder: Path, start: float, first: float
    ) -> None:
        kind = "cpu" if case.device == "cpu" else "cuda"
        edge = self._plan.edges[kind]
        source = folder / "timed.png"
        write_png(source, self._photograph.repeated(edge, edge))
        # Once unmeasured: the first of a size may choose algorithms and take memory. JPEG, because
        # packing PNG takes longer than a GPU does.
        daemon.run(source, folder / "timed.jpg")
        runs = [daemon.run(source, folder / "timed.jpg") for _ in range(self._plan.repeats[kind])]
        megapixels = edge * edge * 16 / 1e6
        network = [run.network / megapixels for run in runs]
        whole = [(run.decode + run.network + run.encode) / megapixels for run in runs]
        self.result["times"][case.key] = {
            "input_edge": edge,
            "output_megapixels": megapixels,
            "start_s": start,
            "first_run_s": first,
            "runs": len(runs),
            "network_s_per_megapixel": statistics.median(network),
            "network_s_per_megapixel_best": min(network),
            "with_codecs_s_per_megapixel": statistics.median(whole),
        }


def print_summary(result: dict) -> None:
    print()
    if result["gpu"] is None:
        print("GPU: none here, so only the CPU half was run")
    else:
        gpu = result["gpu"]
        print(f"GPU: {gpu['name']}, driver {gpu['driver']}, {gpu['memory_mib']} MiB")
    print(f"torch {result['versions']['torch']}, darkroom {result['versions']['darkroom']}\n")
    device = "DEVICE MIB: before/loaded/ran/ended"
    print(f"{'CASE':48} {'S/MEGAPIXEL':>11} {'MAX':>4} {'PSNR':>6}  {device}")
    for key, times in result["times"].items():
        parity = result["parity"].get(key)
        memory = result["memory"].get(key, {})
        most = "-" if parity is None else parity["max"]
        psnr = "-" if parity is None or parity["psnr_db"] is None else f"{parity['psnr_db']:.1f}"
        used = "/".join(
            "-" if memory.get(f"device_{when}_mib") is None else str(memory[f"device_{when}_mib"])
            for when in ("before", "after_load", "after_run", "after_exit")
        )
        print(f"{key:48} {times['network_s_per_megapixel']:11.4f} {most:>4} {psnr:>6}  {used}")
    print()
    for failure in result["failures"]:
        print(f"FAILED: {failure['case']}: {failure['what']}")
    print("all is well" if result["ok"] else "gpu-check: something failed")


def check_torch(folder: Path, bundle: dict) -> dict:
    versions = torch_versions(folder)
    found = versions["torch"]
    if found is not None and not found.startswith(bundle["torch"] + "."):
        raise ValueError(
            f"libtorch in {folder} is {found}, but the plugins are made for {bundle['torch']}"
        )
    return versions


def write_json(path: Path, result: dict) -> None:
    """In one step: nobody sees half of it."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(result, indent=2) + "\n")
    new.replace(path)


def main() -> int:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bundle = json.loads((BUNDLE / "bundle.json").read_text())
    try:
        plan = make_plan(arguments)
        torch = find_torch(arguments.torch)
        versions = check_torch(torch, bundle)
    except ValueError as error:
        print(f"gpu-check: {error}", file=sys.stderr)
        return 2
    gpu = None if arguments.device == "cpu" else Gpu.find()
    if gpu is None and arguments.device == "cuda":
        print("gpu-check: there is no GPU here: no nvidia-smi and no /dev/nvidia0", file=sys.stderr)
        return 2

    # A Unix socket's path must be short, so not in the folder of --json.
    folder = Path(tempfile.mkdtemp(prefix="gpu-check-"))
    try:
        check = Check(plan, torch, gpu, folder)
        check.run()
    except CheckError as error:
        print(f"gpu-check: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    result = {
        "name": "gpu-check",
        "commit": bundle["commit"],
        "machine": machine(),
        "versions": {"darkroom": bundle["version"], **versions},
        "gpu": gpu and gpu.describe(),
        "devices": ["cpu"] + ["cuda:0"] * (gpu is not None),
        **check.result,
        "ok": not check.result["failures"],
    }
    if arguments.json is not None:
        write_json(arguments.json, result)
    print_summary(result)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
