#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes empty stand-ins for the CUDA libraries, so that `import torch` works on a host without a GPU.

usage: make_cuda_stubs.py SITE OUT   (SITE holds torch/; needs cc and nm)

libtorch_python.so needs libtorch_cuda.so, and that needs 2.2 GB of CUDA libraries. The stand-ins in OUT carry the same
names and symbols; each function returns 999, an error in every one of those libraries. They are for the Python of the
tests, which sees them through LD_LIBRARY_PATH; a daemon that saw them would open libtorch_cuda.so and believe in CUDA.
"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

# The file name of each library, and what its symbols begin with.
LIBRARIES = {
    "libcublas.so.13": r"cublas(?!Lt)",
    "libcublasLt.so.13": r"cublasLt",
    "libcudnn.so.9": r"cudnn",
    "libcufft.so.12": r"cufft",
    "libcusparse.so.12": r"cusparse(?!Lt)",
    "libcusparseLt.so.0": r"cusparseLt",
    "libnccl.so.2": r"p?nccl",
    "libcurand.so.10": r"curand",
    "libcufile.so.0": r"cuFile",
    "libnvshmem_host.so.3": r"nvshmem",
    "libcusolver.so.12": r"cusolver",
}
CONSUMERS = ("libtorch_cuda.so", "libtorch_python.so", "libtorch_nvshmem.so", "libc10_cuda.so",
             "libtorch_cuda_linalg.so")

Symbols = dict[str, set[tuple[str, str]]]


def wanted_symbols(torch_lib: pathlib.Path) -> Symbols:
    """Returns, for each library, the (symbol, version) pairs that torch's libraries expect of it."""
    symbols: Symbols = collections.defaultdict(set)
    for consumer in CONSUMERS:
        listing = subprocess.run(["nm", "-D", "--undefined-only", torch_lib / consumer], capture_output=True,
                                 text=True, check=True).stdout
        for line in listing.splitlines():
            name, _, version = line.split()[-1].partition("@")
            for library, pattern in LIBRARIES.items():
                if re.match(pattern, name):
                    symbols[library].add((name, version.lstrip("@")))
                    break
    return symbols


def make_stub(library: str, symbols: set[tuple[str, str]], out: pathlib.Path) -> None:
    versions = collections.defaultdict(list)
    for name, version in sorted(symbols):
        versions[version].append(name)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "stub.c")
        names = sorted(name for name, _ in symbols) or ["darkroom_stub"]
        source.write_text("".join(f"int {name}(void) {{ return 999; }}\n" for name in names))
        command = ["cc", "-shared", "-fPIC", "-O1", "-fno-builtin", f"-Wl,-soname,{library}", "-o", out / library,
                   source]
        script = "".join(f"{version} {{ global: {'; '.join(names)}; }};\n"
                         for version, names in versions.items() if version)
        if script:
            version_script = pathlib.Path(folder, "versions")
            version_script.write_text(script)
            command.append(f"-Wl,--version-script={version_script}")
        subprocess.run(command, check=True)


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    site, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    symbols = wanted_symbols(site / "torch" / "lib")
    for library in LIBRARIES:
        make_stub(library, symbols[library], out)


if __name__ == "__main__":
    main()
