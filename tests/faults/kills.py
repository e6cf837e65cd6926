#!/usr/bin/env python3
"""Rotators are killed and race, and no ring is torn, no rotation lost: kills.py STEK KILLS SECONDS

First one rotator, then four at once, each 'stek keys rotate --force' again and again, are killed at
random until KILLS have died. Then four race for SECONDS, and nobody is killed. All the while two
readers run 'stek keys list'.

  each answer of 'list' is a whole ring, of the same id, its generation never lower than before
  a rotation that was acknowledged has its generation, and no two have the same
  a rotation that was killed adds one generation or none; without kills each adds one
  after the next rotation nothing is left beside the ring

Forced rotations within one second leave one key that seals from the next second on, and each is a
generation all the same.
"""

import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

STEK = sys.argv[1]
KILLS, SECONDS = int(sys.argv[2]), float(sys.argv[3])
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(1 << 32)
ROTATE = ("rotate", "--force", "--yes", "--json")


def main():
    print(f"seed {SEED}")
    with tempfile.TemporaryDirectory(prefix="stek-kills-") as folder:
        ring = pathlib.Path(folder) / "ring.json"
        succeed(ring, "init")
        took = duration_of_a_rotation(ring)
        rounds = [
            Round(ring, "one rotator", 1, took, kills=KILLS // 2),
            Round(ring, "four rotators", 4, took, kills=KILLS - KILLS // 2),
            Round(ring, "four rotators, no kills", 4, took, seconds=SECONDS),
        ]
        broken = [rule for each in rounds for rule in each.run()]
    print("\n".join(broken) or "no ring torn, no acknowledged rotation lost")
    return 1 if broken else 0


def start(ring, *arguments):
    return subprocess.Popen([STEK, "keys", *arguments, "--ring", str(ring)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def succeed(ring, *arguments):
    process = start(ring, *arguments)
    said, complaint = process.communicate(timeout=60)
    if process.returncode != 0:
        sys.exit(f"stek keys {' '.join(arguments)}: {complaint}")
    return said


def listed(ring):
    return json.loads(succeed(ring, "list", "--json"))


def duration_of_a_rotation(ring):
    begun = time.monotonic()
    for _ in range(10):
        succeed(ring, *ROTATE)
    return (time.monotonic() - begun) / 10


class Round:
    """Rotators and readers at one ring, until enough are killed or time is up."""

    def __init__(self, ring, name, rotators, took, kills=0, seconds=0.0):
        self.ring, self.name, self.rotators, self.took = ring, name, rotators, took
        self.kills, self.seconds = kills, seconds
        self.lock = threading.Lock()
        self.killed = self.asides = self.reads = 0
        self.acknowledged = []
        self.broken = []

    def run(self):
        before = listed(self.ring)
        stop = threading.Event()
        readers = [threading.Thread(target=self.read, args=(before, stop)) for _ in range(2)]
        rotators = [threading.Thread(target=self.rotate, args=(random.Random(SEED + i),)) for i in range(self.rotators)]
        self.end = time.monotonic() + self.seconds
        for thread in readers + rotators:
            thread.start()
        for thread in rotators:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        self.check(before, listed(self.ring))
        return [f"BROKEN {self.name}: {rule}" for rule in self.broken]

    def unfinished(self):
        with self.lock:
            return not self.broken and (self.killed < self.kills if self.kills else time.monotonic() < self.end)

    def rotate(self, chance):
        while self.unfinished():
            process = start(self.ring, *ROTATE)
            if self.kills:
                # Beyond its usual end, too, so that some come through.
                time.sleep(chance.uniform(0, 1.5 * self.took * self.rotators))
                process.send_signal(signal.SIGKILL)
            said, complaint = process.communicate(timeout=60)
            with self.lock:
                self.count(process.returncode, said, complaint)

    def count(self, status, said, complaint):
        if status == -signal.SIGKILL:
            self.killed += 1
            # Killed after it had spoken: as good as acknowledged.
            if said.endswith("}\n"):
                self.acknowledged.append(json.loads(said)["generation"])
            elif self.rotators == 1:
                self.asides += pathlib.Path(f"{self.ring}.new").exists()
        elif status == 0:
            self.acknowledged.append(json.loads(said)["generation"])
        else:
            self.broken.append(f"a rotation failed: {complaint}")

    def read(self, first, stop):
        generation = first["generation"]
        while not stop.is_set():
            process = start(self.ring, "list", "--json")
            said, complaint = process.communicate(timeout=60)
            ring = json.loads(said) if process.returncode == 0 else None
            with self.lock:
                self.reads += 1
                if ring is None:
                    self.broken.append(f"a reader met no whole ring: {complaint}")
                elif ring["id"] != first["id"]:
                    self.broken.append("a reader met another ring")
                elif ring["generation"] < generation:
                    self.broken.append(f"a reader went back from {generation} to {ring['generation']}")
            if ring is None:
                return
            generation = ring["generation"]

    def check(self, before, after):
        growth = after["generation"] - before["generation"]
        unspoken = growth - len(self.acknowledged)
        aside = f", {self.asides} left a ring aside" if self.kills and self.rotators == 1 else ""
        print(f"{self.name}: {self.killed} killed{aside}; {len(self.acknowledged)} rotations acknowledged, "
              f"{unspoken} in place though killed before they said so; {self.reads} reads; "
              f"{after['generation']} generations, {len(after['keys'])} keys")
        self.expect(len(set(self.acknowledged)) == len(self.acknowledged), "two rotations are one generation")
        self.expect(all(before["generation"] < each <= after["generation"] for each in self.acknowledged),
                    "an acknowledged rotation is lost")
        self.expect(0 <= unspoken <= self.killed, f"{unspoken} rotations that nobody made")
        self.expect(self.killed >= self.kills and self.reads > 0 and growth > 0, "too little happened")
        succeed(self.ring, *ROTATE)
        left = sorted(path.name for path in self.ring.parent.iterdir())
        self.expect(left == ["ring.json", "ring.json.lock"], f"left behind: {left}")

    def expect(self, holds, rule):
        if not holds:
            self.broken.append(rule)


if __name__ == "__main__":
    sys.exit(main())
