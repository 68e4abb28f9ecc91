# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts of this folder's parent. Gives them the tree's root, the place of the dependencies, and the
# few functions that all of them use. It changes nothing by itself.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DARKROOM_DEPS=${DARKROOM_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/darkroom}
export DARKROOM_DEPS

# say TEXT: one line of progress. On stderr, so that stdout stays for results.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die TEXT...: ends the script; each argument is a line: what is wrong, then what to do.
die() {
  local line
  for line in "$@"; do say "$line"; done
  exit 1
}

# usage: prints the calling script's opening comment, which is its help.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"; }

# has_gpu: whether this host has an NVIDIA GPU with its driver.
has_gpu() { [ -e /dev/nvidiactl ] || nvidia-smi -L >/dev/null 2>&1; }

# digest FILE...: one SHA-256 of the files' contents without their comments, shortened; names a version of what is made
# from them.
digest() { cat "$@" | sed '/^ *#/d; /^$/d' | sha256sum | cut -c1-12; }

# lock_deps: waits until no other script changes DARKROOM_DEPS, and holds it until this one ends.
lock_deps() {
  mkdir -p "$DARKROOM_DEPS" || die "cannot create $DARKROOM_DEPS" "set DARKROOM_DEPS to a folder of yours"
  exec 9>"$DARKROOM_DEPS/.lock"
  if ! flock --nonblock 9; then
    say "waiting for another set-up of $DARKROOM_DEPS"
    flock 9
  fi
}

# link_part NAME VERSION: makes DARKROOM_DEPS/NAME a link to DARKROOM_DEPS/VERSION, in one step, so that whoever reads
# it meanwhile sees the old part or the new one. A folder that stands in the way is set aside.
link_part() {
  local name=$DARKROOM_DEPS/$1
  if [ -d "$name" ] && [ ! -L "$name" ]; then mv "$name" "$name.replaced.$$"; fi
  ln -s "$2" "$name.new.$$"
  mv -T "$name.new.$$" "$name"
  rm -rf "$name.replaced.$$"
}

# have_part NAME VERSION: whether link_part has been done for this version and what it points to is still there.
have_part() { [ "$(readlink "$DARKROOM_DEPS/$1" 2>/dev/null)" = "$2" ] && [ -e "$DARKROOM_DEPS/$1/" ]; }

# make_part NAME VERSION FUNCTION: unless it is there, calls FUNCTION with an empty folder to fill, and makes that
# DARKROOM_DEPS/NAME. Nothing half made is ever seen under that name.
make_part() {
  local name=$1 version=$2 function=$3 folder
  if have_part "$name" "$version"; then return; fi
  folder=$DARKROOM_DEPS/$version
  rm -rf "$folder"
  mkdir -p "$folder"
  "$function" "$folder"
  link_part "$name" "$version"
}

# configure PRESET: runs CMake for build/PRESET. A tree that was configured with other dependencies is made anew, since
# CMake remembers where it found things.
configure() {
  local cache=$root/build/$1/CMakeCache.txt log=$root/build/$1.configure.log
  if [ -f "$cache" ] && ! grep -Fqx "DARKROOM_DEPS:PATH=$DARKROOM_DEPS" "$cache"; then rm -rf "$root/build/$1"; fi
  mkdir -p "$root/build"
  if ! (cd "$root" && cmake --preset "$1") >"$log" 2>&1; then
    cat "$log" >&2
    die "CMake could not configure the build (preset $1)"
  fi
}
