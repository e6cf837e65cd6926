#!/usr/bin/env python3
"""Ring documents that stek itself would not write: rings.py KIND

  good      one key, which has sealed for an hour
  expired   the same key, past its end
  retired   the same key, which only opens
  ending    the same key, which seals for half an hour more
  weak      its secret counts up
  misnamed  its name is not that of its secret
  twins     two keys that seal at once
  newer     format 2
  slow      its schedule lets tickets outlive their key
  future    good, but made two hours from now
  kin       two keys whose names begin with the same four digits
"""

import hashlib
import json
import sys
import time

HOUR = 3600
NOW = int(time.time())


def secret_of(label):
    return hashlib.blake2b(label.encode(), digest_size=32).digest()


def name_of(secret):
    return hashlib.blake2b(b"stek/1 name", key=secret, digest_size=16).hexdigest()


def key(activates_at, secret=secret_of("the key of every transcript")):
    public = {
        "name": name_of(secret),
        "profile": "xchacha20poly1305",
        "announced_at": activates_at,
        "activates_at": activates_at,
        "retires_at": activates_at + 12 * HOUR,
        "expires_at": activates_at + 24 * HOUR + 60,
    }
    return public, secret


def document(*keys, form=1, accepting=12 * HOUR + 60, created_at=0):
    public = {
        "stek_ring": form,
        "id": "0123456789abcdef0123456789abcdef",
        "generation": 1,
        "created_at": created_at,
        "written_at": min(NOW, *(public["announced_at"] for public, _ in keys)),
        "schedule": {
            "profile": "xchacha20poly1305",
            "lead": HOUR,
            "sealing": 12 * HOUR,
            "accepting": accepting,
            "lifetime": 12 * HOUR,
            "skew": 60,
            "ahead": 1,
        },
        "keys": [public for public, _ in keys],
    }
    body = json.dumps(public).encode() + b"\0" + b"".join(secret for _, secret in keys)
    return body + hashlib.blake2b(body, digest_size=32).digest()


def kin():
    """Found by search; the later one follows the earlier."""
    seen = {}
    for n in range(100_000):
        secret = secret_of(f"kin {n}")
        other = seen.setdefault(name_of(secret)[:4], secret)
        if other is not secret:
            return document(key(NOW - 12 * HOUR, other), key(NOW, secret))
    raise SystemExit("no kin")


def misnamed():
    public, secret = key(NOW)
    return {**public, "name": "ff" * 16}, secret


RINGS = {
    "good": lambda: document(key(NOW - HOUR)),
    "expired": lambda: document(key(NOW - 72 * HOUR)),
    "retired": lambda: document(key(NOW - 13 * HOUR)),
    "ending": lambda: document(key(NOW - 23 * HOUR // 2)),
    "weak": lambda: document(key(NOW, bytes(range(32)))),
    "misnamed": lambda: document(misnamed()),
    "twins": lambda: document(key(NOW - HOUR), key(NOW - HOUR, secret_of("another"))),
    "newer": lambda: document(key(NOW - HOUR), form=2),
    "future": lambda: document(key(NOW + 2 * HOUR), created_at=NOW + 2 * HOUR),
    "kin": kin,
    "slow": lambda: document(key(NOW - HOUR), accepting=HOUR),
}

if __name__ == "__main__":
    sys.stdout.buffer.write(RINGS[sys.argv[1]]())
