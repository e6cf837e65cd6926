#!/usr/bin/env python3
"""Runs the transcripts beside this file: transcripts.py STEK [NAME...]

A transcript is a text file, NAME.txt, of lines that begin with:

  #  a comment
  ?  a command; the transcript is skipped unless it succeeds
  $  a command, run by sh; indented by four more, it goes on with the line before
  >  a line that it prints on standard output
  !  a line that it prints on standard error
  =  its exit code; 0 where no such line stands

"[..]" in an expected line stands for any characters, a line "..." for any number of lines. What is
not expected must not be printed.

Each transcript runs in a new folder that holds session.json (TLS 1.2), session13.json (TLS 1.3) and
hello.json (for session.json), with STEK_RING=ring.json, and $SECRET, the secret of session.json in
hex. Beside the usual commands there are:

  stek           the command under test
  ring KIND      a ring document on standard output, as rings.py makes it
  as-stranger    runs a command as another user, without rights; works for root only
  without-aes    runs a command on a CPU without AES instructions
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SECRET = bytes(range(0x40, 0x70)).hex()
SESSION = {
    "version": "TLS 1.2",
    "cipher_suite": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "secret": SECRET,
    "extended_master_secret": True,
    "server_name": "shop.example",
}
SESSION13 = {
    "version": "TLS 1.3",
    "cipher_suite": "TLS_AES_128_GCM_SHA256",
    "secret": SECRET[:64],
    "ticket_age_add": 12345,
    "max_early_data_size": 0,
}
HELLO = {
    "legacy_version": "TLS 1.2",
    "cipher_suites": ["0x1301", "0xc02f"],
    "server_name": "shop.example",
    "extended_master_secret": True,
}
COMMANDS = {
    "ring": f'exec "{sys.executable}" "{HERE}/rings.py" "$@"',
    "as-stranger": """
        exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@" """,
    "without-aes": """
        program=$(command -v "$1") && shift && exec timeout -s KILL 30 qemu-x86_64 -cpu Nehalem "$program" "$@" """,
}


class Mismatch(Exception):
    pass


class Skip(Exception):
    pass


def main():
    stek, names = sys.argv[1], sys.argv[2:]
    files = [HERE / f"{name}.txt" for name in names] or sorted(HERE.glob("*.txt"))
    with tempfile.TemporaryDirectory(prefix="stek-cli-") as room:
        room = pathlib.Path(room)
        # Open to strangers; a ring in it protects itself.
        room.chmod(0o755)
        commands = install_commands(room / "bin", stek)
        counts = {"passed": 0, "failed": 0, "skipped": 0}
        for file in files:
            counts[run_file(file, room / file.stem, commands)] += 1
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


def install_commands(folder, stek):
    folder.mkdir(mode=0o755)
    shutil.copy(stek, folder / "stek")
    for name, body in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    for file in folder.iterdir():
        file.chmod(0o755)
    return folder


def run_file(file, folder, commands):
    folder.mkdir(mode=0o755)
    for name, content in (("session", SESSION), ("session13", SESSION13), ("hello", HELLO)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    try:
        for step in steps_of(file):
            step.run(folder, commands)
    except Skip as skip:
        print(f"skip {file.stem}: {skip}")
        return "skipped"
    except Mismatch as mismatch:
        print(f"FAIL {file.stem}\n{mismatch}")
        return "failed"
    print(f"ok   {file.stem}")
    return "passed"


def steps_of(file):
    steps = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        mark, rest = line[:1], line[2:]
        if mark in ("", "#"):
            continue
        if mark == "$" and rest.startswith("  "):
            steps[-1].command += "\n" + rest[4:]
        elif mark in "?$":
            steps.append(Step(f"{file.name}:{number}", rest, probe=mark == "?"))
        elif mark == ">":
            steps[-1].out.append(rest)
        elif mark == "!":
            steps[-1].err.append(rest)
        elif mark == "=":
            steps[-1].code = int(rest)
        else:
            raise SystemExit(f"{file.name}:{number}: a line begins with one of # ? $ > ! =")
    return steps


class Step:
    def __init__(self, place, command, probe):
        self.place, self.command, self.probe = place, command, probe
        self.out, self.err, self.code = [], [], 0

    def run(self, folder, commands):
        done = subprocess.run(
            ["/bin/sh", "-c", self.command],
            cwd=folder,
            env=environment(commands),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if self.probe:
            if done.returncode != 0:
                raise Skip(f"'{self.command}' does not work here")
            return
        self.compare("standard output", self.out, done.stdout)
        self.compare("standard error", self.err, done.stderr)
        if done.returncode != self.code:
            raise Mismatch(self.report("exit code", str(self.code), str(done.returncode)))

    def compare(self, what, expected, text):
        if not re.fullmatch("".join(map(pattern_of, expected)), text, re.DOTALL):
            raise Mismatch(self.report(what, "\n".join(expected), text.rstrip("\n")))

    def report(self, what, expected, got):
        indent = lambda text: "\n".join("    " + line for line in text.split("\n"))
        return (
            f"  {self.place}: $ {self.command}\n"
            f"  {what} is\n{indent(got)}\n  and should be\n{indent(expected)}"
        )


def pattern_of(line):
    if line == "...":
        return "(?:[^\n]*\n)*"
    return "[^\n]*".join(map(re.escape, line.split("[..]"))) + "\n"


def environment(commands):
    kept = {name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")}
    return {
        **kept,
        "PATH": f"{commands}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LC_ALL": "C",
        # No output may depend on it.
        "TZ": "Asia/Kolkata",
        "STEK_RING": "ring.json",
        "SECRET": SECRET,
    }


if __name__ == "__main__":
    sys.exit(main())
