#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads the wheels that requirement files pin by digest into a folder, and prints their paths, one a line.

usage: fetch_wheels.py FOLDER REQUIREMENTS...

pip is asked where each file lies, so that its configured index, mirror and proxy are used; curl loads it, because curl
goes on where an interrupted download stopped, and pip does not. A file counts only with the digest that the requirement
names. Run by the Python of the tests, for the pip that requirements-pip.txt names.
"""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)\s+--hash=sha256:(?P<sha256>[0-9a-f]{64})$")


def read_pins(path: str) -> list[tuple[str, str]]:
    """Returns (name==version, sha256) of every requirement; anything that is not pinned is an error."""
    pins = []
    for line in pathlib.Path(path).read_text().replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = PIN.match(" ".join(line.split()))
        if match is None:
            raise SystemExit(f"{path}: not a pinned requirement: {line}")
        pins.append((f"{match['name']}=={match['version']}", match["sha256"]))
    return pins


def sha256_of(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(specs: list[str]) -> dict[str, str]:
    """Asks pip for the addresses of the files it would install: digest to address."""
    # With fast-deps pip reads a file's metadata out of it, where the index does not serve them apart, and not all of it.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--use-feature=fast-deps", "--dry-run",
               "--ignore-installed", "--no-deps", "--only-binary=:all:", "--report", "-", *specs]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise SystemExit("pip cannot find " + ", ".join(specs) + ": is its package index reachable?")
    downloads = [item["download_info"] for item in json.loads(run.stdout)["install"]]
    return {info["archive_info"]["hashes"]["sha256"]: info["url"] for info in downloads}


def fetch(url: str, sha256: str, target: pathlib.Path) -> None:
    part = target.with_name(target.name + ".part")
    command = ["curl", "--fail", "--location", "--retry", "5", "--retry-connrefused", "--connect-timeout", "30",
               "--continue-at", "-", "--output", str(part)]
    command += ["--progress-bar"] if sys.stderr.isatty() else ["--no-progress-meter"]
    if os.environ.get("PIP_CERT"):
        command += ["--cacert", os.environ["PIP_CERT"]]
    print(f"fetching {target.name}", file=sys.stderr, flush=True)
    # A part that is complete already makes curl fail (there is nothing left to ask for): the digest decides.
    if not (part.exists() and sha256_of(part) == sha256):
        if subprocess.run([*command, url]).returncode != 0:
            raise SystemExit(f"download of {target.name} failed: run this again, it goes on where it stopped")
        if sha256_of(part) != sha256:
            part.unlink()
            raise SystemExit(f"{target.name} has not the pinned digest, the file was removed: run this again")
    part.rename(target)


def main() -> None:
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pins = [pin for path in sys.argv[2:] for pin in read_pins(path)]

    # What is there is known by its digest, noted beside it; reading gigabytes again would cost seconds.
    present = {note.read_text().strip(): note.with_suffix("") for note in folder.glob("*.whl.sha256")}
    present = {sha256: path for sha256, path in present.items() if path.exists()}
    missing = [(spec, sha256) for spec, sha256 in pins if sha256 not in present]
    if missing:
        urls = locate([spec for spec, _ in missing])
        for spec, sha256 in missing:
            if sha256 not in urls:
                raise SystemExit(f"{spec}: the package index offers no file with the pinned digest {sha256}")
            name = urllib.parse.unquote(urls[sha256].rsplit("/", 1)[1])
            target = folder / name
            if not (target.exists() and sha256_of(target) == sha256):
                fetch(urls[sha256], sha256, target)
            target.with_name(name + ".sha256").write_text(sha256 + "\n")
            present[sha256] = target
    for _, sha256 in pins:
        print(present[sha256])


if __name__ == "__main__":
    main()
