# SPDX-License-Identifier: Apache-2.0
"""What the plugin mock answers with, worked out a second time, to compare with."""


def pattern(size: int, seed: int) -> bytes:
    """Its output for the params output_bytes and seed."""
    return bytes((seed + 31 * i + i // 251) % 256 for i in range(size))
