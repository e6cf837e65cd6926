#!/usr/bin/env python3
"""Nothing secret outlives its object: canary.py STEK CANARY NEEDLES KEEP_PAGES NO_WIPE [TASK...]

Makes rings and sessions whose secrets it knows, lets the program CANARY work with them until all of
its objects are gone, and looks for every secret in a core of it and in all its writable memory:
raw, with the bytes of its words swapped, in hex and in base64, whole or any aligned half. None may
be there, nor in the pages that it handed back, which the preloaded library KEEP_PAGES keeps. With
NO_WIPE preloaded too, which switches wiping off, they have to be found.

Each task runs in a process of its own, since what comes later covers what is left on a stack; then
all of them run in one.
"""

import json
import os
import pathlib
import secrets
import struct
import subprocess
import sys
import tempfile

from scan import PIECE, REGISTERS, Pieces, core_of, run, writable_memory

STEK, CANARY, NEEDLES, KEEP_PAGES, NO_WIPE = sys.argv[1:6]
PROFILES = ("aes256gcm", "xchacha20poly1305", "rfc5077")
TASKS = ("read", "json", "malformed", "tickets", "opaque", "rotate")
# What has to be found with wiping off: in the memory, and but for what lies in key pages, which no
# core has, in the core.
LEFT = [("STEK", "raw"), ("session", "raw"), ("session", "hex"), ("opaque", "raw")]
LEFT += [("short data", "hex")]
LEFT_IN_KEY_PAGES = {
    "aes256gcm": [("K_dom", "raw"), ("expanded-lane", "raw")],
    "xchacha20poly1305": [("K_dom", "raw"), ("cipher-subkey", "raw")],
    "rfc5077": [("K_dom", "raw"), ("cipher-subkey", "raw"), ("absorbed-inner", "raw")],
}
SKIPPED = 77


def main():
    counts = Counts()
    runs = [sys.argv[6:]] if sys.argv[6:] else [[task] for task in TASKS] + [TASKS]
    for profile in PROFILES:
        for tasks in runs:
            counts.wiping(profile, tasks)
        counts.not_wiping(profile)
    print(counts)
    if counts.failed:
        return 1
    return 0 if counts.core else skip("gcore is missing: install gdb")


def skip(why):
    print(why)
    return SKIPPED


class Counts:
    def __init__(self):
        self.runs = self.needles = self.pieces = self.core = self.memory = 0
        self.found_on = self.found_off = self.in_registers = 0
        self.failed = False

    def wiping(self, profile, tasks):
        found, pieces, regions = look(profile, tasks, [KEEP_PAGES])
        self.runs += 1
        self.needles += pieces.needles
        self.pieces += len(pieces)
        self.core += sum(len(region.bytes) for region in regions if region.in_core)
        self.memory += sum(len(region.bytes) for region in regions if not region.in_core)
        for hit in found:
            # Counted, and allowed.
            if hit.region.name == REGISTERS:
                self.in_registers += 1
            else:
                self.found_on += 1
                self.fail(f"{profile}, {' '.join(tasks)}: {hit}")

    def not_wiping(self, profile):
        found, _, _ = look(profile, TASKS, [KEEP_PAGES, NO_WIPE])
        self.found_off += len(found)
        self.expect(profile, found, "memory", LEFT + LEFT_IN_KEY_PAGES[profile])
        if self.core:
            self.expect(profile, found, "core", LEFT)

    def expect(self, profile, found, place, wanted):
        seen = {(h.needle, h.form) for h in found if h.region.in_core == (place == "core")}
        for needle, form in wanted:
            if (needle, form) not in seen:
                self.fail(f"{profile}, wiping off: no {needle}, {form}, found in {place}")

    def fail(self, text):
        self.failed = True
        print("FAIL", text)

    def __str__(self):
        return (
            f"{self.runs} runs: {self.needles} secrets in {self.pieces} pieces, looked for in"
            f" {self.core} bytes of cores and {self.memory} bytes of memory\n"
            f"found with wiping on: {self.found_on}, and {self.in_registers} in registers;"
            f" with wiping off: {self.found_off}"
        )


def look(profile, tasks, preload):
    """What is found after `tasks`, the pieces that were looked for, and where."""
    with tempfile.TemporaryDirectory(prefix="stek-canary-") as folder:
        folder = pathlib.Path(folder)
        needles = make_material(folder, profile)
        regions = memory_after(folder, tasks, preload)
        needles += derived_needles(folder)
        pieces = Pieces(needles)
        return [hit for region in regions for hit in pieces.found_in(region)], pieces, regions


# Material


def make_material(folder, profile):
    run(STEK, "keys", "init", "--ring", folder / "ring", "--profile", profile)
    needles = [("session", secrets.token_bytes(48)), ("session", secrets.token_bytes(32))]
    needles += [("application data", secrets.token_bytes(96))]
    needles += [("short data", secrets.token_bytes(7))]
    needles += [("opaque", secrets.token_bytes(256))]
    master_secret, psk, data, short_data, opaque = (needle for _, needle in needles)
    (folder / "tls12.json").write_text(session12(master_secret, data))
    (folder / "tls13.json").write_text(session13(psk, short_data))
    (folder / "opaque").write_bytes(opaque)
    return needles


def session12(secret, data):
    return json.dumps(
        {
            "version": "TLS 1.2",
            "cipher_suite": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "extended_master_secret": True,
            "secret": secret.hex(),
            "application_data": data.hex(),
        }
    )


def session13(psk, data):
    return json.dumps(
        {
            "version": "TLS 1.3",
            "cipher_suite": "TLS_AES_128_GCM_SHA256",
            "secret": psk.hex(),
            "ticket_age_add": 12345,
            "max_early_data_size": 0,
            "application_data": data.hex(),
        }
    )


def derived_needles(folder):
    """Every key of the rings there are, and what comes of it."""
    rings = [path for path in (folder / "ring", folder / "rotated") if path.exists()]
    lines = run(NEEDLES, "256", "public", *rings).splitlines()
    pairs = [line.split() for line in lines if not line.startswith("key ")]
    needles = [(name, bytes.fromhex(text)) for name, text in pairs]
    return needles + one_use_needles(needles, tickets_in(folder / "tickets"))


def tickets_in(path):
    return [bytes.fromhex(line) for line in path.read_text().split()] if path.exists() else []


def one_use_needles(needles, tickets):
    """What XChaCha20 makes of a key for one nonce (draft-irtf-cfrg-xchacha-03 section 2.3)."""
    found = []
    for key in (bytes_ for name, bytes_ in needles if name == "cipher-subkey"):
        for ticket in tickets:
            # The iv of rfc5077 has 16 bytes and 8 zeros; the nonce of xchacha20poly1305 has 24.
            once = hchacha20(key, ticket[16:32])
            found.append(("one-use key", once))
            for tail in (bytes(8), ticket[32:40]):
                found += [("key stream", chacha20(once, tail, block)) for block in (0, 1)]
    # The end of a state is zeros, and its ciphertext the key stream itself.
    public = b"".join(tickets)
    return [(name, bytes_) for name, bytes_ in found if not shows_any_of(public, bytes_)]


def shows_any_of(public, needle):
    return any(needle[i : i + PIECE] in public for i in range(0, len(needle), PIECE))


def chacha20_rounds(state):
    x = list(state)

    def quarter(a, b, c, d):
        steps = ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7))
        for first, second, third, turn in steps:
            x[first] = (x[first] + x[second]) & 0xFFFFFFFF
            mixed = x[third] ^ x[first]
            x[third] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return x


def chacha20_state(key, last16):
    return struct.unpack("<16I", b"expand 32-byte k" + key + last16)


def hchacha20(key, nonce):
    x = chacha20_rounds(chacha20_state(key, nonce))
    return struct.pack("<8I", *x[:4], *x[12:])


def chacha20(key, nonce, counter):
    state = chacha20_state(key, struct.pack("<II", counter, 0) + nonce)
    added = ((a + b) & 0xFFFFFFFF for a, b in zip(state, chacha20_rounds(state)))
    return struct.pack("<16I", *added)


def memory_after(folder, tasks, preload):
    # A function that is bound at its first call has the vector registers saved below that call, and
    # what was copied last with them: the loader's doing, once a process and function.
    environment = {**os.environ, "LD_PRELOAD": ":".join(preload), "LD_BIND_NOW": "1"}
    with subprocess.Popen(
        [CANARY, folder, *tasks], stdout=subprocess.PIPE, env=environment
    ) as process:
        try:
            if process.stdout.readline() != b"done\n":
                raise SystemExit(f"the program failed: {' '.join(tasks)}")
            return writable_memory(process.pid) + core_of(process.pid, folder)
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
