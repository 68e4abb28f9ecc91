# SPDX-License-Identifier: Apache-2.0
"""Nkeys and JWTs of NATS as the standard library and the command openssl make them: none of it is darkroom's own."""

import base64
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

_SEED = 18 << 3
KINDS = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")


def _crc16(data: bytes) -> bytes:
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
        crc &= 0xFFFF
    return crc.to_bytes(2, "little")


def _base32(data: bytes) -> str:
    return base64.b32encode(data + _crc16(data)).decode().rstrip("=")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Nkey:

    def __init__(self, kind: str, secret: bytes | None = None):
        self.kind = KINDS[kind]
        self._secret = secret or os.urandom(32)
        done = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"],
                              input=_PKCS8 + self._secret, capture_output=True, check=True)
        self.public = _base32(bytes([self.kind]) + done.stdout[-32:])

    @property
    def seed(self) -> str:
        return _base32(bytes([_SEED | self.kind >> 5, (self.kind & 31) << 3]) + self._secret)

    def sign(self, data: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "key").write_bytes(_PKCS8 + self._secret)
            (Path(folder) / "data").write_bytes(data)
            return subprocess.run(
                ["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", "key", "-in", "data"],
                cwd=folder, capture_output=True, check=True).stdout

    def jwt(self, about: "Nkey", name: str, claims: dict) -> str:
        """What this key says of another."""
        body = {"jti": name, "iat": int(time.time()), "iss": self.public, "sub": about.public, "name": name,
                "nats": {"version": 2, **claims}}
        signed = ".".join(_base64url(json.dumps(part).encode())
                          for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        return f"{signed}.{_base64url(self.sign(signed.encode()))}"


def creds(jwt: str, user: Nkey) -> str:
    return (f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
