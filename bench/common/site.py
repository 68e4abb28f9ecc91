# SPDX-License-Identifier: Apache-2.0
"""One nats-server, and the programs that a benchmark has answer on it."""

import json
from contextlib import ExitStack
from pathlib import Path

from common import programs
from common.programs import Program

SETUP = "run scripts/setup"
BUILD = "build the target `bench`"

# A reply of 1 MiB and its receipt is more than nats-server lets through by itself; and 64 of them
# on their way to one client are more than it holds before it takes that client for stuck.
_MAX_PAYLOAD = 8 << 20
_MAX_PENDING = 512 << 20


class Site:
    """Everything it starts ends with `stack`."""

    def __init__(self, build: Path, folder: Path, stack: ExitStack, settings: str = ""):
        """`settings`: more lines of nats-server's configuration."""
        self.build = build
        self.folder = folder
        self._stack = stack
        port = programs.free_port()
        self.url = f"nats://127.0.0.1:{port}"
        config = folder / "nats.conf"
        config.write_text(
            f"listen: 127.0.0.1:{port}\n"
            f"max_payload: {_MAX_PAYLOAD}\n"
            f"max_pending: {_MAX_PENDING}\n"
            f"{settings}"
        )
        server = programs.need(programs.nats_server_path(), SETUP)
        self.server = self.start("nats-server", [server, "-c", config])
        programs.await_port(port)

    def start(self, name: str, command: list, environment: dict | None = None) -> Program:
        return self._stack.enter_context(Program(name, command, self.folder, environment))

    def binary(self, name: str) -> Path:
        """One of the benchmarks' own programs."""
        return programs.need(self.build / "bench" / name, BUILD)

    def plugin(self, name: str) -> Path:
        return programs.need(self.build / "plugins" / f"{name}.so", BUILD)

    def start_bare(self, mode: str) -> tuple[Program, str]:
        """A bare responder, and the subject that it answers on."""
        name = f"bare_{mode}"
        subject = f"bench.{name}"
        command = [self.binary("bare_responder"), "--url", self.url]
        return self.start(name, [*command, "--subject", subject, "--mode", mode]), subject

    def start_darkroom(self, name: str, isolation: str, models: dict, **settings) -> Program:
        """A daemon that answers on `NAME.run.MODEL`, so that several can be asked apart.
        `settings`: more sections of its configuration."""
        daemon = programs.need(self.build / "bin" / "darkroomd", BUILD)
        state = self.folder / f"{name}-state"
        state.mkdir()
        config = self.folder / f"{name}.yaml"
        # JSON is YAML.
        config.write_text(
            json.dumps(
                {
                    "host_name": "bench",
                    "state_dir": str(state),
                    "nats": {"url": self.url, "prefix": name},
                    "log": {"level": "warning"},
                    "plugins": {
                        "folder": str(self.build / "plugins"),
                        "watch": False,
                        "isolation": isolation,
                    },
                    "devices": [{"device": "cpu", "lanes": 1}],
                    "models": models,
                    **settings,
                }
            )
        )
        return self.start(name, [daemon, "--config", config])
