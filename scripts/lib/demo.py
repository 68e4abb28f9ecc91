# SPDX-License-Identifier: Apache-2.0
"""What scripts/demo runs once all is built: a daemon, two clients, a sheet to compare by."""

import argparse
import asyncio
import json
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import nats
from nats.errors import Error as NatsError
from PIL import Image

import demo_pictures
from demo_daemon import Daemon, DaemonError

ROUTE_SUBJECT = "photos.cat.incoming"
# A slow and busy machine needs a minute for what a fast one does in three seconds.
REPLY_SECONDS = 600


class DemoError(Exception):
    """A request failed; the words are for people."""


@dataclass
class Run:
    """One request that was answered."""

    label: str
    path: Path
    picture: Image.Image
    wall_s: float
    load_ms: float
    run_ms: float
    device: str


def run_by_command(program: Path, url: str, picture: Path, result: Path) -> Run:
    """Through the model's own subject, with the command `darkroom`; a terminal shows progress."""
    command = [program, "run", "photo-enhance", "-i", picture, "-o", result]
    print(f"$ {show(command)}", flush=True)
    start = time.monotonic()
    done = subprocess.run([*command, "--url", url, "--json"], stdout=subprocess.PIPE)
    wall_s = time.monotonic() - start
    if done.returncode != 0:
        error = json.loads(done.stdout or b"{}").get("error", {})
        raise DemoError(f"darkroom run: exit code {done.returncode}: {error.get('message', '')}")
    receipt = json.loads(done.stdout)["receipt"]
    return Run(
        "photo-enhance",
        result,
        Image.open(result).convert("RGB"),
        wall_s,
        receipt["load_ms"],
        receipt["run_ms"],
        receipt["device"],
    )


async def run_by_route(url: str, picture: Path, result: Path) -> Run:
    """Through a subject of the user's own, with nats-py, which knows nothing of darkroom."""
    print(f'# Python: await connection.request("{ROUTE_SUBJECT}", photo)', flush=True)
    connection = await nats.connect(url)
    try:
        start = time.monotonic()
        reply = await connection.request(
            ROUTE_SUBJECT, picture.read_bytes(), timeout=REPLY_SECONDS
        )
        wall_s = time.monotonic() - start
    finally:
        await connection.close()
    if "Nats-Service-Error" in reply.headers:
        raise DemoError(f"{ROUTE_SUBJECT}: {reply.headers['Nats-Service-Error']}")
    result.write_bytes(reply.data)
    return Run(
        reply.headers["Darkroom-Model"],
        result,
        Image.open(BytesIO(reply.data)).convert("RGB"),
        wall_s,
        float(reply.headers["Darkroom-Load-Ms"]),
        float(reply.headers["Darkroom-Run-Ms"]),
        reply.headers["Darkroom-Device"],
    )


def show(command: list) -> str:
    """A command as one would type it here."""
    here = Path.cwd()

    def short(argument) -> str:
        if isinstance(argument, Path) and argument.is_relative_to(here):
            argument = argument.relative_to(here)
        return shlex.quote(str(argument))

    return " ".join(short(argument) for argument in command)


def compare(original: Image.Image, small: Image.Image, runs: list[Run], output: Path):
    """The sheet and the table."""
    resampling = Image.Resampling
    bicubic = small.resize(original.size, resampling.BICUBIC)
    size = f"{original.width} x {original.height}"
    path = output / "comparison.png"

    def psnr(picture: Image.Image) -> str:
        return f"{demo_pictures.psnr(picture, original):.2f} dB"

    in_pixels = small.resize(original.size, resampling.NEAREST)
    panels = [
        ("input", f"{small.width} x {small.height}", in_pixels),
        ("bicubic", f"{size}, {psnr(bicubic)}", bicubic),
        *((run.label, f"{size}, {psnr(run.picture)}", run.picture) for run in runs),
        ("original", size, original),
    ]
    demo_pictures.sheet(panels).save(path)

    print(f"\n{'':20} {'PSNR':>9} {'asked to answered':>18} {'load':>9} {'run':>9}  result")
    print(f"{'bicubic':20} {psnr(bicubic):>9}")
    for run in runs:
        seconds = f"{run.wall_s:16.2f} s {run.load_ms / 1000:7.2f} s {run.run_ms / 1000:7.2f} s"
        print(
            f"{run.label:20} {psnr(run.picture):>9} {seconds}  {show([run.path])}, on {run.device}"
        )
    print(
        "\nPSNR compares with the original, pixel by pixel. These networks were trained to make\n"
        "sharp pictures that look right, not to meet each pixel, so the sharper picture may well\n"
        "have the lower figure: look at them.\n"
        f"\nside by side: {show([path])}",
        flush=True,
    )


def commands_to_try(args: argparse.Namespace, daemon: Daemon, photo: Path) -> str:
    darkroom = args.build / "bin" / "darkroom"
    result = args.output / "better.png"
    fast = [darkroom, "run", "photo-enhance-fast", "-i", photo, "-o", result]
    python = args.deps / "python" / "bin" / "python3"
    return f"""
In another terminal, in this folder:

export NATS_URL={daemon.url}
{show([darkroom, "models"])}
{show(fast)}
{show([darkroom, "run", "photo-enhance", "-i", photo, "-o", result, "-p", "scale=2"])}
{show([darkroom, "run", "--subject", ROUTE_SUBJECT, "-i", photo, "-o", result])}
{show([darkroom, "status"])}

With the nats tool:

nats req darkroom.run.echo hello
nats req darkroom.control.status ''

With nats-py:

{show([python, "-"])} <<'END'
import asyncio, nats

async def main():
    connection = await nats.connect("{daemon.url}")
    photo = open("{show([photo])}", "rb").read()
    reply = await connection.request("{ROUTE_SUBJECT}", photo, timeout=60)
    open("{show([result])}", "wb").write(reply.data)
    print(reply.headers)
    await connection.close()

asyncio.run(main())
END

configuration: {show([daemon.config])}    log: {show([daemon.log])}
Ctrl-C ends it.
"""


def stop_on_signals():
    """Being told to end becomes an exception, so that `with` blocks end what they began."""

    def stop(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--deps", type=Path, required=True)
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    stop_on_signals()

    original = demo_pictures.original()
    small = demo_pictures.reduced(original)
    photo = args.output / "photo.png"
    small.save(photo)
    try:
        with Daemon(args.build, args.output, args.deps) as daemon:
            if args.serve:
                print(f"NATS_URL={daemon.url}")
                print(commands_to_try(args, daemon, photo), flush=True)
                daemon.wait()
            print(f"darkroomd answers at {daemon.url}", flush=True)
            fast, best = (
                args.output / f"{model}.png" for model in ("photo-enhance-fast", "photo-enhance")
            )
            darkroom = args.build / "bin" / "darkroom"
            runs = [
                asyncio.run(run_by_route(daemon.url, photo, fast)),
                run_by_command(darkroom, daemon.url, photo, best),
            ]
        compare(original, small, runs, args.output)
    except (DaemonError, DemoError, NatsError, OSError) as error:
        print(f"demo: {error or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
