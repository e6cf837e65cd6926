#!/usr/bin/env python3
"""Writes the first inputs of a corpus into FOLDER, a folder for each target: real encodings, from the vectors and
from tests/interop/stek_format.py. `tools/fuzz --merge` makes a corpus of them.

    seeds.py FOLDER

Needs pycryptodome (python3-pycryptodome).
"""

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

import stek_format as stek  # noqa: E402

FOLDER = Path(sys.argv[1])
NOW = 1_700_000_100
PROFILES = ("aes256gcm", "xchacha20poly1305", "rfc5077")
DOMAINS = (b"", b"example.net", b"example.ne", b"d" * 255)
AS_IT_IS = 0  # state.cpp: the input's own length


def secret_for(label):
    """As keys.hpp derives it."""
    return stek.blake2b(32, b"stek fuzz", label.encode())


def put(target, data):
    folder = FOLDER / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def vectors():
    text = (HERE.parent / "vectors/tickets.txt").read_text()
    for block in text.split("\n\n"):
        if not block.startswith("#"):
            yield dict(line.split(" =", 1) for line in block.splitlines())


def seeds_of_vector(vector):
    state = bytes.fromhex(vector["state"].strip())
    put("state", bytes([AS_IT_IS]) + state)
    if "session" in vector:
        put("session_json", vector["session"].strip().encode())
    for index, profile in enumerate(PROFILES):
        if profile != vector["profile"].strip():
            continue
        for domain in (0, 1):
            nonce = bytes.fromhex(vector["nonce"].strip())
            ticket = stek.seal(profile, secret_for(profile), DOMAINS[domain], nonce, state)
            put("ticket", bytes([0, index + 3 * domain]) + ticket)
            for edits in (b"", struct.pack(">BHB", 2, 40, 1)):
                put("ticket", bytes([2, index + 15 * domain]) + nonce + bytes([len(edits)]) + edits + b"\0" + state)


def ring(count, profile, spaced, whole=False):
    """`whole`: with all that a ring may have, but for a domain, which goes with no foreign key."""
    secrets = [secret_for(f"{profile} {i}") for i in range(count)]
    keys = [{
        "name": stek.key_name(secret).hex(), "profile": profile,
        "announced_at": NOW + 43200 * i - 3600, "activates_at": NOW + 43200 * i,
        "retires_at": NOW + 43200 * (i + 1), "expires_at": NOW + 43200 * (i + 2) + 60,
    } for i, secret in enumerate(secrets)]
    public = {
        "stek_ring": 1, "id": "00112233445566778899aabbccddeeff", "generation": count, "written_at": NOW,
        "schedule": {"profile": profile, "lead": 3600, "sealing": 43200, "accepting": 43260, "lifetime": 43200,
                     "skew": 60, "ahead": 1},
        "keys": keys,
    }
    if whole:
        secrets.append(secret_for(f"{profile} foreign"))
        public |= {
            "created_at": NOW - 7200,
            "foreign": [{"name": "77" * 16, "file_size": 48, "imported_at": NOW, "expires_at": NOW + 50000}],
            "revoked": [{"name": "99" * 16, "revoked_at": NOW, "until": NOW + 60000}],
        }
    text = json.dumps(public, indent=2 if spaced else None).encode()
    body = text + b"\0" + b"".join(secrets)
    return body + hashlib.blake2b(body, digest_size=32).digest()


def seeds_of_rings():
    for form in range(3):
        for count, profile in enumerate(PROFILES):
            put("ring", bytes([form]) + ring(count, profile, spaced=form == 1))
    for form in (1, 5, 6):
        put("ring", bytes([form]) + ring(2, PROFILES[0], spaced=False, whole=True))
    put("ring", bytes([5]) + ring(0, PROFILES[0], spaced=False).replace(b'"keys"', b'"domain": "7368", "keys"'))


def seeds_of_key_files():
    small, large = (stek.blake2b(48, b"stek fuzz", b"48"), stek.blake2b(40, b"stek fuzz", b"80") * 2)
    for keys in ((small,), (large,), (small, small[::-1]), (small, large)):
        put("key_file", b"".join(keys))
        put("key_file", b"\n".join(key.hex().encode() for key in keys))
        put("key_file", b"\n".join(base64.b64encode(key) for key in keys) + b"\n")
    put("key_file", b" ".join(small[at:at + 8].hex().encode() for at in range(0, 48, 8)))


def vector_of(width, data):
    return len(data).to_bytes(width, "big") + data


def extension(kind, data):
    return struct.pack(">H", kind) + vector_of(2, data)


def body_of_hello(version, suites, extensions, compression=b"\0"):
    return (struct.pack(">H", version) + bytes(range(32)) + vector_of(1, bytes(range(32)))
            + vector_of(2, b"".join(struct.pack(">H", suite) for suite in suites)) + vector_of(1, compression)
            + vector_of(2, b"".join(extensions)))


NAME = extension(0, vector_of(2, b"\0" + vector_of(2, b"shop.example")))
EMS, ETM, TICKET = extension(23, b""), extension(22, b""), extension(35, bytes(range(16)))
TLS13 = (extension(43, vector_of(1, bytes.fromhex("3a3a03040303"))), extension(45, vector_of(1, b"\1")),
         extension(51, vector_of(2, bytes(40))), extension(42, b""), extension(16, vector_of(2, b"\2h2")),
         extension(41, vector_of(2, vector_of(2, bytes(16)) + bytes(4)) + vector_of(2, vector_of(1, bytes(32)))))
BODIES = (
    body_of_hello(0x0303, (0xC02B,), (NAME, EMS, TICKET)),
    body_of_hello(0x0303, (0xC009, 0x00FF), (NAME, ETM, extension(35, b""))),
    body_of_hello(0x0303, (0x1301, 0x1302, 0xC02B), (NAME, EMS, *TLS13)),
    body_of_hello(0xFEFD, (0xC02B,), (EMS, extension(1, b"\2"))),
    body_of_hello(0x0302, (0xC009, 0x5600), (EMS, ETM)),
    body_of_hello(0x0303, (0xC02B,), ())[:-2],
)
HELLOS = (
    {"legacy_version": "TLS 1.2", "cipher_suites": ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
     "server_name": "shop.example", "extended_master_secret": True},
    {"legacy_version": 771, "supported_versions": ["0x3a3a", "TLS 1.3"], "cipher_suites": ["0x1301", 4866],
     "server_name": "shop.example", "psk_key_exchange_modes": [1], "key_share": True, "early_data": True,
     "psk_identities": [{"identity": "00112233", "obfuscated_ticket_age": 305419896}], "pre_shared_key_last": False,
     "application_protocols": ["h2"], "supported_groups": [29], "signature_algorithms": [1027]},
    {"transport": "dtls", "legacy_version": "DTLS 1.2", "cipher_suites": ["0xc02b", "0x5600"], "fallback": True,
     "compression_methods": [0, 1], "max_fragment_length": 2, "extended_master_secret": True},
    {"legacy_version": "0x0301", "cipher_suites": ["0xc009"], "encrypt_then_mac": True, "session_ticket": "",
     "session_id": "00112233"},
)


def fragment(body, start, end):
    """Of a DTLS message, with the cookie that belongs behind the session id."""
    body = body[:67] + b"\1\2" + body[67:]
    part = body[start:end if end == 50 else None]
    return (b"\1" + len(body).to_bytes(3, "big") + bytes(2) + start.to_bytes(3, "big") + len(part).to_bytes(3, "big")
            + part)


def dtls_record(fragments):
    return b"\x16\xfe\xff" + bytes(8) + vector_of(2, fragments)


def seeds_of_hellos():
    for body in BODIES:
        put("hello", b"\0" + b"\1" + vector_of(3, body))
        put("hello", b"\1" + body)
        message = b"\1" + vector_of(3, body)
        put("hello", b"\0" + b"".join(b"\x16\3\1" + vector_of(2, part) for part in (message[:50], message[50:])))
        put("hello", b"\0" + dtls_record(fragment(body, 0, 50)) + dtls_record(fragment(body, 50, len(body))))
    for line in (HERE.parent / "vectors/client_hellos.txt").read_text().splitlines():
        if line.startswith("bytes = "):
            put("hello", b"\0" + bytes.fromhex(line.removeprefix("bytes = ")))
    for hello in HELLOS:
        put("hello", b"\2" + json.dumps(hello).encode())


def element(tag, *contents):
    """In DER."""
    value = b"".join(contents)
    size = len(value)
    width = (size.bit_length() + 7) // 8
    length = bytes([size]) if size < 128 else bytes([128 + width]) + size.to_bytes(width, "big")
    return bytes([tag]) + length + value


def integer(number):
    return element(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def octets(value):
    return element(4, value)


def openssl_session(version, suite, secret, tagged):
    return (integer(1) + integer(version) + octets(suite.to_bytes(2, "big")) + octets(b"i" * (version % 33))
            + octets(secret) + b"".join(element(0xa0 + tag, value) for tag, value in sorted(tagged.items())))


# What OpenSSL writes of a server's session, and of a client's.
SERVER = {1: integer(NOW), 2: integer(7200), 4: octets(b""), 13: integer(1), 19: integer(29)}
FULL = SERVER | {3: element(0x30, integer(5)), 4: octets(b"HAProxy"), 5: integer(18), 6: octets(b"shop.example"),
                 16: octets(b"h2"), 17: integer(2), 18: octets(b"basket 7")}
CLIENT = FULL | {9: integer(7200), 10: octets(b"ticket" * 30)}
TLS13 = {14: integer(0x80706050), 15: integer(16384)}


def seeds_of_wolfssl_tickets():
    for version, suite, ems in ((0x0303, 0xC02B, 1), (0x0303, 0xC030, 0), (0x0301, 0x002F, 0)):
        put("wolfssl_ticket", struct.pack(">HH48sQB15x32s", version, suite, b"s" * 48, NOW << 32, ems, b"i" * 32))


def seeds_of_rustls_sessions():
    for version, suite, size in ((0x0303, 0xc02b, 48), (0x0303, 0xcca8, 48), (0x0304, 0x1301, 32), (0x0304, 0x1302, 48)):
        for name in (b"\0", b"\1\7example"):
            for rest in (b"\0\0\0\0", b"\0\1\2h2\0\3abc", b"\1\0\0\5\0\0\2\x30\0\0\0\0"):
                tls13 = version == 0x0304
                put("rustls_session", name + struct.pack(">HHB", version, suite, size) + b"s" * size
                    + bytes([not tls13]) + rest + struct.pack(">QI", NOW, 0x80706050 if tls13 else 0))


def seeds_of_openssl_sessions():
    bodies = [openssl_session(version, suite, b"s" * 48, tagged)
              for version, suite in ((0x0303, 0xc02b), (0x0301, 0x002f), (0xfefd, 0xc02b))
              for tagged in ({4: octets(b"")}, SERVER, FULL, CLIENT)]
    for suite, size in ((0x1301, 32), (0x1302, 48)):
        for tagged in ({4: octets(b"")}, SERVER, FULL, CLIENT):
            tagged = {tag: value for tag, value in (tagged | TLS13).items() if tag != 13}
            bodies.append(openssl_session(0x0304, suite, b"s" * size, tagged))
    for body in bodies:
        put("openssl_session", b"\0" + element(0x30, body))
        put("openssl_session", b"\1" + body)


def seeds_of_boringssl_sessions():
    """What BoringSSL wrote, and one with everything."""
    sessions = [bytes.fromhex(line.removeprefix("bytes = ")) for line in
                (HERE.parent / "vectors/boringssl_sessions.txt").read_text().splitlines() if line.startswith("bytes = ")]
    tagged = {1: integer(NOW), 2: integer(7200), 3: element(0x30, integer(5)), 4: octets(b"HAProxy"), 5: integer(18),
              18: integer(29), 19: element(0x30) * 2, 21: octets(b"aged"), 23: integer(0x403), 24: integer(16384),
              25: integer(604800), 26: octets(b"h2"), 29: octets(b"ours"), 30: octets(b"")}
    sessions.append(element(0x30, integer(1), integer(0x0304), octets(b"\x13\1"), octets(b""), octets(b"s" * 32),
                            *(element(0xa0 + tag, value) for tag, value in tagged.items())))
    for der in sessions:
        put("boringssl_session", b"\0" + der)
        put("boringssl_session", b"\1" + der[2 if der[1] < 0x80 else 2 + der[1] - 0x80:])


def struct_as_it_is(kind=b"", pointers=0):
    """c_api.cpp: no edit, no pointers, its own size."""
    return kind + b"\0" + bytes(pointers) + struct.pack(">H", 0)


def seeds_of_calls():
    """A ticketer, a view, and what can be done with them."""
    made = b"\x09" + b"\1\0\1\0"
    for kind in range(4):
        session = struct_as_it_is(bytes([kind]), 3)
        issue = b"\4\0" + session + b"\xf0\0"
        resume = b"\5\0" + struct_as_it_is() + session + b"\xf0" + bytes([2 * kind]) + b"\0\0"
        put("c_api", made + issue + resume)
        put("c_api", made + issue + b"\2\0" + resume)
    put("c_api", made + b"\6\0\x0b" + b"\3abc" + b"\xf0\xf0\0")
    put("c_api", made + b"\3\0" + struct_as_it_is() * 2 + b"\1\1")
    put("c_api", b"\0" + struct_as_it_is() + struct_as_it_is(b"", 2) + struct_as_it_is() + b"\0")
    put("c_api", b"\7\3" + struct_as_it_is() * 2 + b"\0" + b"\x08" + struct_as_it_is(b"\0", 3) + b"\0\5")


for each in vectors():
    seeds_of_vector(each)
seeds_of_calls()
seeds_of_rings()
seeds_of_key_files()
seeds_of_hellos()
seeds_of_openssl_sessions()
seeds_of_wolfssl_tickets()
seeds_of_boringssl_sessions()
seeds_of_rustls_sessions()
