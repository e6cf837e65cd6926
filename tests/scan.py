"""Looks for secrets in other processes and in files: their memory and cores, and every aligned 16 bytes of a secret, raw,
with the bytes of its words swapped, in hex and in base64."""

import base64
import errno
import re
import struct
import subprocess

PIECE = 16
# Not wiped by anyone: what was computed or copied last, until the next call.
REGISTERS = "registers in the core"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed: {done.stderr}")
    return done.stdout


# Memory


class Region:
    def __init__(self, name, begin, content, in_core=False):
        self.name, self.begin, self.bytes, self.in_core = name, begin, content, in_core
        self.refused = 0


def writable_memory(pid):
    """What the process can write; what the kernel does not show of it is counted as refused."""
    regions = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            begin, end, writable, name = re.match(
                r"(\w+)-(\w+) .(.)\S* \S+ \S+ \S+ *(.*)", line
            ).groups()
            if writable == "w":
                begin, end = int(begin, 16), int(end, 16)
                regions.append(Region(name, begin, read_at(memory, begin, end - begin)))
                regions[-1].refused = end - begin - len(regions[-1].bytes)
    return regions


def read_at(memory, begin, size):
    content = b""
    while len(content) < size:
        memory.seek(begin + len(content))
        try:
            content += memory.read(size - len(content))
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            break
    return content


def core_of(pid, folder):
    try:
        run("gcore", "-o", folder / "core", str(pid))
    except FileNotFoundError:
        return []
    return list(parts_of_core((folder / f"core.{pid}").read_bytes()))


def parts_of_core(core):
    """The memory of an ELF core, and its notes (System V ABI, "Program Header")."""
    table, entry_size, entries = struct.unpack_from("=32xQ14xHH", core)
    for at in range(table, table + entry_size * entries, entry_size):
        kind, _, offset, address, _, size = struct.unpack_from("=IIQQQQ", core, at)
        name = {1: "core", 4: REGISTERS}.get(kind)
        if name:
            yield Region(name, address, core[offset : offset + size], in_core=True)


# Searching


class Hit:
    def __init__(self, needle, form, offset, region, at):
        self.needle, self.form, self.offset, self.region, self.at = needle, form, offset, region, at

    def __str__(self):
        where = f"{self.region.name or 'unnamed'} at {self.region.begin + self.at:#x}"
        return f"{self.needle}, {self.form}, from byte {self.offset}: in {where}"


class Pieces:
    """Every aligned 16 bytes of every needle in every form, by their first 8 bytes."""

    HEAD = 8
    STRETCH = 1 << 16

    def __init__(self, needles):
        self.needles = 0
        self.by_head = {}
        self.look_for(needles, forms_of)

    def look_for(self, needles, forms):
        self.needles += len(needles)
        for name, needle in needles:
            # Short enough that a string holds its text inline; as it is, too short to be told.
            if len(needle) < PIECE:
                self.add(name, 0, [("hex", needle.hex().encode())])
            for offset in range(0, len(needle) - PIECE + 1, PIECE):
                piece = needle[offset : offset + PIECE]
                # Zeros are everywhere.
                if len(set(piece)) > PIECE // 2:
                    self.add(name, offset, forms(piece))

    def __len__(self):
        return sum(map(len, self.by_head.values()))

    def add(self, name, offset, forms):
        for form, text in forms:
            (head,) = struct.unpack_from("=Q", text)
            self.by_head.setdefault(head, set()).add((text, name, form, offset))

    def found_in(self, region):
        hits = []
        for head in self.heads_in(region.bytes):
            for text, name, form, offset in self.by_head[head]:
                at = region.bytes.find(text)
                if at >= 0:
                    hits.append(Hit(name, form, offset, region, at))
        return hits

    def heads_in(self, content):
        heads = set()
        for begin in range(0, len(content), self.STRETCH):
            # A head that begins in this stretch may end in the next.
            stretch = content[begin : begin + self.STRETCH + self.HEAD - 1]
            # Most of what is mapped.
            if stretch != bytes(len(stretch)):
                heads |= self.heads_in_stretch(stretch)
        return heads

    def heads_in_stretch(self, stretch):
        heads = set()
        for shift in range(self.HEAD):
            size = (len(stretch) - shift) // self.HEAD * self.HEAD
            if size > 0:
                words = memoryview(stretch)[shift : shift + size].cast("Q")
                heads.update(self.by_head.keys() & set(words))
        return heads


def raw(piece):
    yield "raw", piece


def forms_of(piece):
    yield from raw(piece)
    for size in (4, 8):
        yield f"swapped by {size}", swapped(piece, size)
    yield "hex", piece.hex().encode()
    yield "upper hex", piece.hex().upper().encode()
    for before in range(3):
        text = base64_of(piece, before)
        yield f"base64 behind {before}", text
        yield f"url base64 behind {before}", text.translate(bytes.maketrans(b"+/", b"-_"))


def swapped(piece, size):
    return b"".join(piece[i : i + size][::-1] for i in range(0, len(piece), size))


def base64_of(piece, before):
    """The characters that depend on nothing but `piece`, with `before` bytes before it."""
    text = base64.b64encode(bytes(before) + piece)
    first = (8 * before + 5) // 6
    return text[first : 8 * (before + len(piece)) // 6]
