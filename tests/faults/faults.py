#!/usr/bin/env python3
"""A save of a ring survives a fault at each of its system calls: faults.py STEK SHORT_IO

Traces 'stek keys rotate --force' and 'stek keys init', then runs them again for each call on a file
from the taking of the lock to the end, and lets that one call fail:

  SIGKILL              the process is killed at it
  EIO, ENOSPC, EINTR   it fails so
  lying                a read or write says that it moved all, half or nothing, and did nothing
  short                a read or write moves half, or one byte, through the preloaded SHORT_IO

After each the ring is the old one, byte for byte, or the new one, whole; the new one where the
command said so, the old one where it said that; with its mode, attributes and access control list.
A command that failed says what to do. A call that was interrupted or moved less is made again. The
next rotation works, and nothing is left beside the ring. A fault that did not happen fails.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

STEK, SHORT_IO = sys.argv[1:3]
SKIPPED = 77
FAULTS = ("SIGKILL", "EIO", "ENOSPC", "EINTR", "lying", "short")
COMMANDS = {"rotate": ["rotate", "--force", "--yes"], "init": ["init"]}
CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)")
ACCESS_LIST = "system.posix_acl_access"
# After a rename that was interrupted nobody knows whether it took place, and no signal interrupts a
# look at a file; all else is done again.
NOT_REPEATED = ("rename", "newfstatat")
NOT_OF_A_FULL_DISK = re.compile("cannot (open|read) ring .*: No space left on device")

Call = collections.namedtuple("Call", "name number number_on_ring size on_ring")
Case = collections.namedtuple("Case", "command call fault detail")
Ring = collections.namedtuple("Ring", "bytes public access")


def main():
    if not works(["strace", "-o", "/dev/null", "true"]):
        print("strace is missing, or may not trace here")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="stek-faults-") as folder:
        template = pathlib.Path(folder) / "template"
        make_template(template)
        cases = [case for command in COMMANDS for case in cases_of(command, template)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda case: result_of(case, template), cases))
    return report(cases, results)


def works(command):
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


# ---- what there is to inject


def make_template(folder):
    """A ring that has everything a rotation has to keep."""
    folder.mkdir()
    ring = folder / "ring.json"
    stek(folder, "init")
    if os.geteuid() == 0:
        os.chown(ring, -1, 33)
    ring.chmod(0o640)
    try:
        os.setxattr(ring, "user.owner", b"web team")
        os.setxattr(ring, ACCESS_LIST, access_list())
    except OSError as error:
        print("this file system has no attributes:", error)


def access_list():
    """Owner rw, user 33 r, group none, mask r, others none, as the kernel lays it out."""
    entries = [(1, 6, 0xFFFFFFFF), (2, 4, 33), (4, 0, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def cases_of(command, template):
    return [Case(command, call, fault, detail) for call in calls_of(command, template)
            for fault in FAULTS for detail in details_of(fault, call)]


def details_of(fault, call):
    if fault not in ("lying", "short"):
        return [None]
    if call.name not in ("read", "write"):
        return []
    if fault == "lying":
        return sorted({call.size, call.size // 2, 0})
    # Only what can be cut, and what is not libc's own affair.
    return sorted({call.size // 2, 1}) if call.on_ring and call.size > 1 else []


def calls_of(command, template):
    """Those on files from the lock on, each numbered among all of its name."""
    with Place(command, template) as place:
        trace = place.folder / "trace"
        tracer = ["strace", "-o", str(trace), "-y", "-e", "trace=%file,%desc"]
        run = place.stek(*COMMANDS[command], tracer=tracer)
        if run.returncode != 0:
            sys.exit(f"stek keys {command} fails untroubled: {run.stderr}")
        check_order(trace.read_text(), str(place.ring))
        return calls_in(trace.read_text(), str(place.ring))


def check_order(trace, ring):
    """What is renamed is on the disk, and so is its name before anything is said of it."""
    folder = ring.rsplit("/", 1)[0]
    steps = [rf'write\(\d+<{ring}.new>', rf'fsync\(\d+<{ring}.new>', rf'read\(\d+<{ring}.new>',
             rf'rename\("{ring}.new", "{ring}"', rf'fsync\(\d+<{folder}>', r'write\(1<']
    if not re.search("(?s)" + ".*".join(steps), trace):
        sys.exit("a save does not write, sync, read back, rename and sync the folder, in that order")


def calls_in(trace, ring):
    numbers = collections.Counter()
    on_ring = collections.Counter()
    calls = []
    for name, arguments, _ in (match.groups() for match in map(CALL.match, trace.splitlines()) if match):
        numbers[name] += 1
        if not calls and not (name == "openat" and f"{ring}.lock" in arguments):
            continue
        # Memory, though it may be a file's.
        if name == "mmap":
            continue
        size = arguments.rsplit(", ", 1)[-1]
        on_ring[name] += ring in arguments
        calls.append(Call(name, numbers[name], on_ring[name], int(size) if size.isdigit() else 0, ring in arguments))
    return calls


# ---- one case


class Place:
    """A folder with a ring, or for one."""

    def __init__(self, command, template):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=template.parent))
        self.home = self.folder / "home"
        self.ring = self.home / "ring.json"
        if command == "init":
            self.home.mkdir(mode=0o700)
        else:
            shutil.copytree(template, self.home)
            shutil.chown(self.ring, group=(template / "ring.json").stat().st_gid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def stek(self, *arguments, tracer=(), extra=None):
        return stek(self.home, *arguments, tracer=tracer, extra=extra)

    def read(self):
        """None where there is none."""
        listed = self.stek("list", "--json")
        if listed.returncode != 0:
            expect(not self.ring.exists(), "the ring is torn: " + listed.stderr)
            return None
        public = json.loads(listed.stdout)
        return Ring(self.ring.read_bytes(), public, access_of(self.ring))

    def names(self):
        return sorted(path.name for path in self.home.iterdir())


def stek(home, *arguments, tracer=(), extra=None):
    environment = {"PATH": os.environ["PATH"], **(extra or {})}
    return subprocess.run([*tracer, STEK, "keys", *arguments, "--ring", str(home / "ring.json")], env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def access_of(path):
    info = path.stat()
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return info.st_uid, info.st_gid, oct(info.st_mode), sorted(attributes.items())


class Broken(Exception):
    pass


def expect(holds, rule):
    if not holds:
        raise Broken(rule)


def result_of(case, template):
    """"old" or "new", or what went wrong."""
    run = None
    with Place(case.command, template) as place:
        try:
            before = place.read()
            run = run_with_fault(case, place)
            expect(run.returncode < 0 or case.call.name == "unlink" or ".new" not in "".join(place.names()),
                   "secrets are left in a file beside the ring")
            after = place.read()
            result = compare(case, run, before, after)
            check_next(case, place, after or before)
            return result
        except Broken as broken:
            return f"{broken}; {said_by(run)}"
        except subprocess.TimeoutExpired:
            return "hangs"


def said_by(run):
    return f"stek ended with {run.returncode} and said {run.stderr.strip()}" if run else "stek did not run to its end"


def run_with_fault(case, place):
    if case.fault == "short":
        run = place.stek(*COMMANDS[case.command], extra=short_io(case))
        expect("(SHORT)" in run.stderr, "nothing was injected")
        return run
    trace = place.folder / "trace"
    tracer = ["strace", "-o", str(trace), "-e", "trace=" + case.call.name, "-e", injection(case)]
    run = place.stek(*COMMANDS[case.command], tracer=tracer)
    said = trace.read_text()
    injected = said.count("+++ killed by SIGKILL +++") if case.fault == "SIGKILL" else said.count("(INJECTED)")
    expect(injected == 1, f"{injected} faults were injected")
    return run


def injection(case):
    call = case.call
    if case.fault == "SIGKILL":
        return f"inject={call.name}:signal=KILL:when={call.number}"
    if case.fault == "lying":
        return f"inject={call.name}:retval={case.detail}:when={call.number}"
    return f"inject={call.name}:error={case.fault}:when={call.number}"


def short_io(case):
    """The library sees no call that libc makes for itself, and counts from the lock on."""
    return {"LD_PRELOAD": SHORT_IO, "STEK_SHORT_CALL": case.call.name,
            "STEK_SHORT_WHEN": str(case.call.number_on_ring), "STEK_SHORT_MOST": str(case.detail)}


def compare(case, run, before, after):
    result = which(before, after)
    if run.returncode == 0:
        expect(result == "new", "said to be done, and is not")
    if case.fault in ("EIO", "ENOSPC") and case.call.name == "fsync":
        expect(run.returncode != 0, "said to be done, though it was not synced")
    if "the old ring.json is untouched" in run.stderr:
        expect(result == "old", "said to be untouched, and is not")
    # No disk is too full to be read.
    if run.returncode > 0 and case.call.on_ring and not NOT_OF_A_FULL_DISK.search(run.stderr):
        expect("stek: hint: " in run.stderr, "does not say what to do")
    if case.fault in ("EINTR", "short") and case.call.on_ring and case.call.name not in NOT_REPEATED:
        expect(run.returncode == 0, "gave up for a call that only had to be made again")
    if before and after:
        expect(after.access == before.access, f"access was {before.access}, is {after.access}")
    if after and not before:
        expect(after.access[2] == oct(0o100600), f"the new ring has mode {after.access[2]}")
    return result


def which(before, after):
    if after is None:
        expect(before is None, "the ring is gone")
        return "old"
    if before is None:
        expect(after.public["generation"] == 1, "not a first ring")
        return "new"
    if after.bytes == before.bytes:
        return "old"
    expect(after.public["id"] == before.public["id"], "another ring")
    expect(after.public["generation"] == before.public["generation"] + 1, "another generation")
    expect(key_names(after) >= key_names(before), "a key is lost")
    return "new"


def key_names(ring):
    return {key["name"] for key in ring.public["keys"]}


def check_next(case, place, ring):
    if ring is None:
        made = place.stek("init")
        expect(made.returncode == 0, "the next init fails: " + made.stderr)
        ring = place.read()
    rotated = place.stek(*COMMANDS["rotate"])
    expect(rotated.returncode == 0, "the next rotation fails: " + rotated.stderr)
    after = place.read()
    expect(which(ring, after) == "new", "the next rotation rotates nothing")
    expect(after.access == ring.access, f"the next rotation changes access to {after.access}")
    expect(place.names() == ["ring.json", "ring.json.lock"], f"left behind: {place.names()}")


# ---- what is printed


def report(cases, results):
    for command in COMMANDS:
        mine = [(case, result) for case, result in zip(cases, results) if case.command == command]
        print(f"stek keys {command}: rings found old + new after a fault at each call of a name")
        print_table(mine)
    broken = [(case, result) for case, result in zip(cases, results) if result not in ("old", "new")]
    for case, result in broken:
        print(f"BROKEN {case.command}: {case.fault} {case.detail or ''} at {case.call.name} "
              f"number {case.call.number}: {result}")
    calls = len({(case.command, case.call) for case in cases})
    print(f"{calls} calls, {len(cases)} faults: {results.count('old')} old, {results.count('new')} new, "
          f"{len(broken)} broken")
    return 1 if broken or not cases else 0


def print_table(results):
    row = "  {:<14}{:>6}" + "{:>10}" * len(FAULTS)
    print(row.format("call", "calls", *FAULTS))
    names = list(dict.fromkeys(case.call.name for case, _ in results))
    for name in names:
        mine = [(case, result) for case, result in results if case.call.name == name]
        calls = len({case.call for case, _ in mine})
        print(row.format(name, calls, *(cell([r for case, r in mine if case.fault == fault]) for fault in FAULTS)))


def cell(results):
    return f"{results.count('old')} + {results.count('new')}" if results else ""


if __name__ == "__main__":
    sys.exit(main())
