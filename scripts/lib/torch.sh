# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts that fetch libtorch, after common.sh: `variant` (cpu, gpu) and `lib` are theirs.

# find_python: prints a Python that can make another. Debian's own where it is of the pinned wheels' version; another
# python3 of that version serves too.
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3 python3.11; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.11 with venv" "the pinned wheels are for it; it is python3 of Debian 12: apt install python3-venv"
}

# make_venv FOLDER: a Python with the pinned pip and the packages that scripts of lib need.
make_venv() {
  "$python" -m venv "$1"
  "$1/bin/python3" -m pip install -q --require-hashes -r "$lib/requirements-pip.txt" >&2 &&
    "$1/bin/python3" -m pip install -q --no-compile --only-binary=:all: --require-hashes \
      -r "$lib/requirements-numpy.txt" >&2 ||
    die "pip could not install a Python's packages" "is its package index reachable? then run this again"
}

# unpack_wheels FOLDER WHEEL...: what pip would install of them, without their dependencies.
unpack_wheels() {
  "$DARKROOM_DEPS/python/bin/python3" -m pip install -q --no-index --no-deps --no-compile --no-warn-script-location \
    --target "$@" >&2
}

# make_torch FOLDER: libtorch with what it needs, as it lies in a Python's packages.
make_torch() {
  local wheels requirements=("$lib/requirements-torch-cpu.txt")
  if [ "$variant" = gpu ]; then requirements+=("$lib/requirements-torch-gpu.txt"); fi
  say "fetching libtorch ($([ "$variant" = gpu ] && echo '2.7 GB' || echo '544 MB'))"
  wheels=$("$DARKROOM_DEPS/python/bin/python3" "$lib/fetch_wheels.py" "$DARKROOM_DEPS/wheels" "${requirements[@]}") ||
    die "libtorch could not be fetched" "run this again: it goes on where it stopped"
  say "unpacking libtorch"
  mapfile -t wheels <<<"$wheels"
  unpack_wheels "$1" "${wheels[@]}"
}

# torch_version: the name of a folder that make_torch fills.
torch_version() {
  local requirements=("$lib/requirements-torch-cpu.txt")
  if [ "$variant" = gpu ]; then requirements+=("$lib/requirements-torch-gpu.txt"); fi
  echo "torch-$variant-$(digest "${requirements[@]}")"
}
