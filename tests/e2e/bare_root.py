# SPDX-License-Identifier: Apache-2.0
"""A Debian with nothing installed, to run programs in: the files of this host's own packages, but only of those that every
Debian has, and of what is asked for besides. What a program lacks there, its package does not depend on.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

_STATUS = Path("/var/lib/dpkg/status")
_INFO = Path("/var/lib/dpkg/info")
_MERGED = ("bin", "sbin", "lib", "lib64")  # in /usr, and links to there
_UNWANTED = re.compile(r"/usr/share/(doc|man|locale|info|lintian|bash-completion)/|/usr/share/zoneinfo/.")
_ENTER = """
set -e
root=$1; shift
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for bound in $BARE_ROOT_BINDS; do mount --rbind -o ro "${bound%%=*}" "$root${bound#*=}"; done
exec chroot "$root" "$@"
"""


def why_not() -> str:
    """Why there can be no such place here; empty: there can."""
    if os.geteuid() != 0:
        return "chroot and mounts take root"
    tried = subprocess.run(["unshare", "--mount", "mount", "--make-rprivate", "/"], capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"namespaces are refused here: {tried.stderr.strip()}"


def _installed() -> dict[str, dict[str, str]]:
    """The host's packages by name, also by the names that they provide."""
    packages: dict[str, dict[str, str]] = {}
    provided = []
    for paragraph in _STATUS.read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        packages.setdefault(fields["Package"], fields)
        provided += [(name, fields) for name in _names(fields.get("Provides", ""))]
    for name, fields in provided:
        packages.setdefault(name, fields)
    return packages


def _names(relation: str) -> list[str]:
    return re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)", relation)


def _closure(packages: dict[str, dict[str, str]], asked: list[str]) -> set[str]:
    """The packages that every Debian has, those asked for, and all that they depend on."""
    todo = [name for name, fields in packages.items() if fields.get("Essential") == "yes"] + asked
    found: set[str] = set()
    while todo:
        name = todo.pop()
        fields = packages[name]
        if fields["Package"] in found:
            continue
        found.add(fields["Package"])
        for group in (fields.get("Pre-Depends", "") + "," + fields.get("Depends", "")).split(","):
            todo += [one for one in _names(group) if one in packages][:1]
    return found


def _files_of(package: str) -> list[str]:
    for name in (package, f"{package}:amd64"):
        if (_INFO / f"{name}.list").exists():
            return (_INFO / f"{name}.list").read_text().splitlines()
    raise FileNotFoundError(f"no list of the files of {package}")


class BareRoot:
    """`depends`: names of packages, as a package's field Depends has them. Everything it runs ends with it."""

    def __init__(self, folder: Path, depends: str):
        self.root = folder
        self._started: list[subprocess.Popen] = []
        packages = _installed()
        for name in _MERGED:
            (folder / "usr" / name).mkdir(parents=True)
            (folder / name).symlink_to(f"usr/{name}")
        for name in ("proc", "dev", "tmp", "root", "run", "var/lib", "etc"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        files = [file for package in _closure(packages, [n for n in _names(depends) if n in packages])
                 for file in _files_of(package) if os.path.lexists(file) and not _UNWANTED.match(file)]
        copy = subprocess.run(
            ["sh", "-c", f"tar -C / --no-recursion --null -T - -cf - | tar -C '{folder}' --keep-directory-symlink -xf -"],
            input="\0".join(file[1:] for file in files if len(file) > 2), capture_output=True, text=True)
        assert copy.returncode == 0, copy.stderr
        for name in ("passwd", "group", "nsswitch.conf"):
            shutil.copy(f"/etc/{name}", folder / "etc")
        # As the loader is told it by every installation.
        subprocess.run(["ldconfig", "-r", folder], check=True)

    def start(self, *command, binds: dict[Path, str] | None = None, **options) -> subprocess.Popen:
        """Starts it there; `binds` are the host's folders that it sees, and where."""
        for place in (binds or {}).values():
            (self.root / place[1:]).mkdir(parents=True, exist_ok=True)
        given = " ".join(f"{folder}={place}" for folder, place in (binds or {}).items())
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh", self.root, *command],
            env={"PATH": "/usr/sbin:/usr/bin", "HOME": "/root", "BARE_ROOT_BINDS": given}, text=True,
            stdin=subprocess.DEVNULL, **options)
        self._started.append(process)
        return process

    def run(self, *command, **options) -> str:
        """What it prints."""
        process = self.start(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        printed, _ = process.communicate(timeout=120)
        assert process.returncode == 0, f"{command}: {printed}"
        return printed

    def close(self) -> None:
        for process in self._started:
            process.kill()  # PID 1 of its namespace goes, and all that is in it
            process.wait()
