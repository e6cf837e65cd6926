#!/usr/bin/env python3
"""Writes tests/vectors/tickets.txt: the same bytes each time, none of them from stek itself.

Needs pycryptodome (python3-pycryptodome).
"""

import hmac
import json
import struct
from pathlib import Path

import stek_format as stek

FIRST, SECOND = stek.RESERVED
PROFILES = tuple(stek.NONCE_LENGTH)
DOMAIN = b"example.net"
ISSUED = 1_700_000_000
LABEL = b"rustls/0.20"

HEADER = """\
# Tickets of stek, format version 1: {count} vectors, of which {opening} open.
#
# Made by tests/interop/make_vectors.py with tests/interop/stek_format.py, which was written from
# FORMAT.md alone. A vector is a block of `name = value` lines; blank lines part the blocks. Values
# are hex unless they are words, numbers or JSON. Nothing behind `=` means no bytes.
#
# Each vector is one reader with one ticket. The reader has one key and one domain:
#
#   vector         what it shows, or what is wrong with it; unique within a profile
#   expect         opens, or the layer that refuses:
#                    unknown_key    the reader has no key of the ticket's name
#                    ticket_length  the ticket's length leaves no size class for the state
#                    altered        tag or mac do not fit what they cover
#                    other_content  the ticket is authentic, its state is not what is asked for
#   profile, stek  of the reader's key; the secrets are reserved for vectors
#   key_name       of the reader's key
#   domain, domain_key, subkey or cipher_subkey and mac_subkey
#                  of the reader; for aes256gcm the subkey of the ticket's lane
#   nonce, state   what was sealed, before anything went wrong with the ticket
#   content        what the reader asks for: session, or opaque with this `label`
#   data_length    of an opaque state that opens; the data end behind that many bytes
#   session        of a session that opens: its fields as JSON, each by its name in FORMAT.md, with
#                  names for transport, version and cipher suite, the secret cut to its length
#   ticket         what the reader is given
#
# In a vector that opens, and in one of other_content, `ticket` is `state` sealed by the reader's
# key in the reader's domain.
"""


def filled(purpose, size):
    """Bytes that look random and are the same each time."""
    out = b""
    while len(out) < size:
        out += stek.blake2b(64, b"stek/1 vectors", f"{purpose} {len(out)}".encode())
    return out[:size]


def tls12(**fields):
    return stek.Session(**dict(
        transport=1, version=0x0303, cipher_suite=0xC02F, issued_at=ISSUED,
        authenticated_at=ISSUED - 3600, lifetime=43200, secret=filled("master secret", 48),
        extended_master_secret=True) | fields)


def tls13(**fields):
    return stek.Session(**dict(
        transport=1, version=0x0304, cipher_suite=0x1301, issued_at=ISSUED,
        authenticated_at=ISSUED - 3600, lifetime=43200,
        secret=filled("resumption psk", 32) + bytes(16),
        ticket_age_add=0x9E3779B9, max_early_data_size=0) | fields)


def sha384(**fields):
    return tls13(cipher_suite=0x1302, secret=filled("resumption psk", 48), **fields)


def sessions(profile):
    """What a session can be."""
    smallest = stek.size_classes(profile)[0]
    room = smallest - stek.HEADER.size - 3
    name = b"www.example.net"

    def name_of(length):
        label = filled("label", 63).hex()[:63].encode()
        return b".".join([label] * 5)[-length:]

    yield "smallest TLS 1.2 session, without a server name", tls12()
    yield "TLS 1.2 with a server name", tls12(server_name=name[4:])
    yield f"server name of {room} bytes fills the smallest class", tls12(server_name=name_of(room))
    yield (f"server name of {room + 1} bytes takes the next class",
           tls12(server_name=name_of(room + 1)))
    yield "server name as a hash", tls12(server_name_hash=stek.server_name_hash(name))
    yield "server name of one byte", tls12(server_name=b"a")
    yield "longest server name", tls12(server_name=name_of(255))
    yield "server name of every byte allowed", tls12(
        server_name=bytes(c for c in range(0x21, 0x7F) if not 0x41 <= c <= 0x5A))
    yield "CBC suite with encrypt_then_mac", tls12(cipher_suite=0xC013, encrypt_then_mac=True)
    yield "CBC suite without encrypt_then_mac", tls12(cipher_suite=0xC024)
    yield "without extended_master_secret", tls12(extended_master_secret=False)
    for code in (1, 2, 3, 4):
        yield f"max_fragment_length code {code}", tls12(max_fragment_length=code)
    yield "with a context", tls12(context=filled("context", 16))
    yield "longest lifetime", tls12(lifetime=604800)
    yield "lifetime of zero", tls12(lifetime=0)
    yield "authenticated when issued, at the last second", tls12(
        issued_at=2**40 - 1, authenticated_at=2**40 - 1)
    yield "authenticated at zero", tls12(authenticated_at=0)
    yield "master secret that is zero but for its last byte", tls12(secret=bytes(47) + b"\1")
    yield "TLS 1.0", tls12(version=0x0301, cipher_suite=0x002F, extended_master_secret=False)
    yield "TLS 1.1", tls12(version=0x0302, cipher_suite=0xC014, encrypt_then_mac=True)
    yield "TLS 1.3 with a PSK of SHA-256", tls13()
    yield "TLS 1.3 with a PSK of SHA-384", sha384()
    yield "TLS 1.3 with a server name and early data", tls13(
        cipher_suite=0x1303, server_name=name, max_early_data_size=16384)
    yield "TLS 1.3 with a server name's hash", sha384(
        server_name_hash=stek.server_name_hash(name), max_early_data_size=2**32 - 1)
    yield "TLS 1.3, longest server name", sha384(server_name=name_of(255))
    yield "TLS 1.3, ticket_age_add of zero", tls13(ticket_age_add=0)
    yield "TLS 1.3, max_fragment_length code 4", tls13(max_fragment_length=4)
    yield "DTLS 1.0", tls12(transport=2, version=0xFEFF, cipher_suite=0x0035)
    yield "DTLS 1.2", tls12(transport=2, version=0xFEFD, cipher_suite=0xCCA9, server_name=name)
    yield "DTLS 1.3", sha384(transport=2, version=0xFEFC)
    yield "QUIC", tls13(transport=3, server_name=name, max_early_data_size=2**32 - 1)
    yield "QUIC without early data", tls13(transport=3, max_early_data_size=0)
    yield from sessions_with_options(profile)


def identified(**fields):
    return dict(context=filled("context", 16), identity_expires=ISSUED + 86400) | fields


LISTS = [(name, size) for name, size in stek.EXTRA_LISTS.values()]


def sessions_with_options(profile):
    """Each option that few sessions have: at its least, at its greatest, and all at once."""
    fingerprint = filled("client certificate", 32)
    yield "ALPN", tls13(alpn=b"h2")
    yield "ALPN of one byte", tls12(alpn=b"\0")
    yield "ALPN of 255 bytes", tls13(alpn=filled("protocol", 255))
    yield "ALPN whose text begins as hex would", tls12(alpn=b"0xh2")
    yield "client identity as a hash", tls12(client_identity_hash=fingerprint, **identified())
    yield "client identity as a hash of zeros, at the last second", tls13(
        client_identity_hash=bytes(32), **identified(identity_expires=2**40 - 1))
    yield "client identity that expires in 1970", tls12(
        client_identity_hash=fingerprint, **identified(identity_expires=0))
    yield "chain of one certificate of one byte", tls12(
        client_identity_chain=(b"\x30",), **identified())
    yield "chain of three certificates", tls13(
        client_identity_chain=(filled("leaf", 700), b"\x30", filled("root", 400)), **identified())
    yield "application data of one byte", tls12(application_data=b"\0")
    yield "application data that end in zeros", tls13(application_data=b"a" + bytes(9))
    for size in (stek.size_classes(profile)[0], 256, 1024, stek.LARGEST):
        yield f"application data that fill {size} bytes", tls12(
            application_data=filled("application", size - stek.HEADER.size - 3))
    yield "extras: named_group", tls13(extras={"named_group": 0x001D})
    yield "extras: named_group 0", tls12(extras={"named_group": 0})
    for mode in (1, 2):
        yield f"extras: heartbeat_mode {mode}", tls12(extras={"heartbeat_mode": mode})
    for name, size in LISTS:
        yield f"extras: {name} of one value", tls12(extras={name: (0,)})
        yield f"extras: {name} of 255 values", tls13(extras={name: tuple(
            int.from_bytes(filled(f"{name} {at}", size), "big") for at in range(255))})
    yield "everything at once", sha384(
        server_name=b"www.example.net", max_early_data_size=16384,
        context=filled("context", 16), alpn=b"http/1.1", identity_expires=ISSUED + 1,
        client_identity_chain=(filled("leaf", 300), filled("root", 200)),
        application_data=filled("application", 100),
        extras={"named_group": 0x11EC, "heartbeat_mode": 1,
                "signature_algorithms": (0x0403, 0x0804), "supported_groups": (0x001D, 0x0017),
                "ec_point_formats": (0,), "ffdhe_groups": (0x0100,)})


def opaques(profile):
    """What an opaque state can be: label and data."""
    smallest = stek.size_classes(profile)[0]
    longest = filled("label", 16).hex().encode()
    yield "label of one byte", b"a", filled("data", 40)
    yield "label of 32 bytes", longest, filled("data", 40)
    yield "no data", LABEL, b""
    yield "data of zeros", LABEL, bytes(20)
    yield "data that fill the smallest class", LABEL, filled("data", smallest - 5 - len(LABEL))
    yield "data one byte over the smallest class", LABEL, filled("data", smallest - 4 - len(LABEL))
    yield "data that fill a class of 512", LABEL, filled("data", 512 - 5 - len(LABEL))
    yield "largest data fill the largest class", longest, filled("data", 16347)


def put(state, at, value):
    assert state[at:at + len(value)] != value
    return state[:at] + value + state[at + len(value):]


def padded(packed, profile, tls_1_3=False):
    return packed.ljust(stek.least_class(len(packed), profile, tls_1_3), b"\0")


# Where a field begins in a state.
VERSION, TRANSPORT, WIRE_VERSION, SUITE, FLAGS, FRAGMENT = 0, 1, 2, 4, 6, 7
ISSUED_AT, SECRET, AUTHENTICATED_AT, LIFETIME, COMPRESSION = 8, 16, 64, 72, 92


def wrong_sessions(profile):
    """States that no encoder gives, each with one thing wrong."""
    good = stek.encode_session(tls12(), profile)
    named = stek.encode_session(tls12(server_name=b"a.example"), profile)
    psk = stek.encode_session(tls13(), profile)
    cbc = stek.encode_session(tls12(cipher_suite=0xC013), profile)
    datagram = stek.encode_session(tls12(transport=2, version=0xFEFD), profile)
    quic = stek.encode_session(tls13(transport=3), profile)
    option = stek.pack_option

    def number(value, size=2):
        return value.to_bytes(size, "big")

    def unchecked(session):
        return padded(stek.pack_session(session), profile, session.tls13)

    def with_options(session, *options):
        packed = stek.pack_session(session) + b"".join(options)
        return padded(packed, profile, session.tls13)

    yield "state_version 2", put(good, VERSION, b"\2")
    yield "state_version 0", put(good, VERSION, b"\0")
    yield "transport 0", put(good, TRANSPORT, b"\0")
    yield "transport 4, a kind that is not known", put(good, TRANSPORT, b"\4")
    yield "TLS with a version of DTLS", put(good, WIRE_VERSION, number(0xFEFD))
    yield "DTLS with a version of TLS", put(datagram, WIRE_VERSION, number(0x0303))
    yield "QUIC with the version of DTLS 1.3", put(quic, WIRE_VERSION, number(0xFEFC))
    yield "QUIC with TLS 1.2", put(good, TRANSPORT, b"\3")
    yield "SSL 3.0", put(good, WIRE_VERSION, number(0x0300))
    yield "TLS 1.4", put(psk, WIRE_VERSION, number(0x0305))
    yield "DTLS 1.1, which never was", put(datagram, WIRE_VERSION, number(0xFEFE))
    yield "cipher suite 0x0000", put(good, SUITE, number(0x0000))
    yield "cipher suite unknown to IANA", put(good, SUITE, number(0xEEEE))
    yield "cipher suite unknown to IANA, in TLS 1.3", put(psk, SUITE, number(0xEEEE))
    yield "cipher suite that greases", put(psk, SUITE, number(0x1A1A))
    yield "signalling value 0x00ff as cipher suite", put(psk, SUITE, number(0x00FF))
    yield "signalling value 0x5600 as cipher suite", put(psk, SUITE, number(0x5600))
    yield "TLS 1.3 suite in TLS 1.2", put(good, SUITE, number(0x1301))
    yield "TLS 1.2 suite in TLS 1.3", put(psk, SUITE, number(0xC02F))
    yield "TLS 1.2 suite in QUIC", put(quic, SUITE, number(0xC02F))
    yield "master secret all zero", put(good, SECRET, bytes(48))
    yield "PSK all zero", put(psk, SECRET, bytes(48))
    yield "first byte behind a PSK of 32 not zero", put(psk, SECRET + 32, b"\1")
    yield "last byte behind a PSK of 32 not zero", put(psk, SECRET + 47, b"\x80")
    for bit in range(3, 8):
        yield f"unused flag bit {bit}", put(good, FLAGS, bytes([good[FLAGS] | 1 << bit]))
    yield "truncated_hmac", put(cbc, FLAGS, bytes([cbc[FLAGS] | stek.TRUNCATED_HMAC]))
    yield "encrypt_then_mac with an AEAD suite", put(good, FLAGS, bytes([good[FLAGS] | stek.ETM]))
    yield "encrypt_then_mac in TLS 1.3", put(psk, FLAGS, bytes([stek.ETM]))
    yield "extended_master_secret in TLS 1.3", put(psk, FLAGS, bytes([stek.EMS]))
    yield "max_fragment_length code 5", put(good, FRAGMENT, b"\5")
    yield "max_fragment_length code 255", put(good, FRAGMENT, b"\xff")
    yield "compression_method 1", put(good, COMPRESSION, b"\1")
    yield "lifetime 604801", put(good, LIFETIME, number(604801, 4))
    yield "lifetime 2^32 - 1", put(good, LIFETIME, number(2**32 - 1, 4))
    yield "issued_at 2^40", put(good, ISSUED_AT, number(2**40, 8))
    yield "issued_at 2^63", put(good, ISSUED_AT, number(2**63, 8))
    yield "issued_at and authenticated_at 2^40", put(
        put(good, ISSUED_AT, number(2**40, 8)), AUTHENTICATED_AT, number(2**40, 8))
    yield "authenticated_at after issued_at", put(good, AUTHENTICATED_AT, number(ISSUED + 1, 8))
    yield "authenticated_at 2^63", put(good, AUTHENTICATED_AT, number(2**63, 8))

    yield "TLS 1.3 without ticket_age_add", unchecked(tls13(ticket_age_add=None))
    yield "TLS 1.3 without max_early_data_size", unchecked(tls13(max_early_data_size=None))
    yield "DTLS 1.3 without ticket_age_add", unchecked(
        tls13(transport=2, version=0xFEFC, ticket_age_add=None))
    yield "QUIC without max_early_data_size", unchecked(
        tls13(transport=3, max_early_data_size=None))
    yield "ticket_age_add in TLS 1.2", unchecked(tls12(ticket_age_add=1))
    yield "max_early_data_size in TLS 1.2", unchecked(tls12(max_early_data_size=0))
    yield "options out of order", with_options(
        tls13(ticket_age_add=None, max_early_data_size=None),
        option(4, bytes(4)), option(3, bytes(4)))
    yield "server name behind ticket_age_add", with_options(
        tls13(max_early_data_size=None), option(1, b"a.example"), option(4, bytes(4)))
    yield "server name twice", with_options(tls12(), option(1, b"a"), option(1, b"b"))
    yield "max_early_data_size twice", with_options(tls13(), option(4, bytes(4)))
    yield "both server names", unchecked(
        tls12(server_name=b"a", server_name_hash=stek.server_name_hash(b"a")))
    yield "option of unknown type 11", with_options(tls12(), option(11, b"a"))
    yield "option of unknown type 255", with_options(tls13(), option(255, b"a"))
    yield "server name's length one past the end", put(
        named, stek.HEADER.size, option(1, bytes(len(named) - 95))[:3])
    yield "server name's length far past the end", put(
        named, stek.HEADER.size, b"\1\xff\xff")
    yield "option's length cut off by the end", put(
        stek.encode_session(tls12(server_name=b"a" * 158), profile), 254, b"\2\1")
    yield "server_name_hash of 15 bytes", with_options(tls12(), option(2, bytes(15)))
    yield "server_name_hash of 17 bytes", with_options(tls12(), option(2, bytes(17)))
    yield "ticket_age_add of 3 bytes", with_options(
        tls13(ticket_age_add=None, max_early_data_size=None),
        option(3, bytes(3)), option(4, bytes(4)))
    yield "max_early_data_size of 8 bytes", with_options(
        tls13(max_early_data_size=None), option(4, bytes(8)))
    for what, name in (("in upper case", b"A.example"), ("with a trailing dot", b"a.example."),
                       ("of one dot", b"."), ("with a space", b"a example"), ("empty", b""),
                       ("with a zero byte", b"a\0example"), ("with a DEL", b"a\x7fexample"),
                       ("that is not ASCII", "ä.example".encode()), ("of 256 bytes", b"a" * 256)):
        yield f"server name {what}", unchecked(tls12(server_name=name))

    yield from wrong_options(tls12(), unchecked, with_options)

    yield "first byte of the padding not zero but an unknown type", put(
        good, stek.HEADER.size, b"\x80")
    yield "padding's second byte not zero", put(good, stek.HEADER.size + 1, b"\1")
    yield "padding's last byte not zero", put(good, len(good) - 1, b"\1")
    yield "an option behind a byte of padding", put(
        good, stek.HEADER.size, b"\0" + option(1, b"a"))
    yield "a class too large", good.ljust(256, b"\0")
    yield "two classes too large", good.ljust(512, b"\0")
    yield "a class too large, TLS 1.3", psk.ljust(512, b"\0")
    yield "a class too small for TLS 1.3", stek.pack_session(tls13()).ljust(
        stek.size_classes(profile)[0], b"\0")
    yield "nothing but zeros", bytes(256)


def wrong_options(plain, unchecked, with_options):
    """Options that few sessions have, each with one thing wrong."""
    option = stek.pack_option
    fingerprint = filled("client certificate", 32)
    identity = identified(client_identity_hash=fingerprint)
    yield "early data in QUIC, bounded", unchecked(tls13(transport=3, max_early_data_size=1))
    yield "early data in QUIC, one below all", unchecked(
        tls13(transport=3, max_early_data_size=2**32 - 2))
    yield "ALPN empty", with_options(plain, option(5, b""))
    yield "ALPN of 256 bytes", with_options(plain, option(5, b"h" * 256))
    yield "client identity in both forms", unchecked(
        tls12(**identity, client_identity_chain=(b"\x30",)))
    yield "client identity without identity_expires", unchecked(
        tls12(**identity | {"identity_expires": None}))
    yield "client identity without a context", unchecked(
        tls12(**identity | {"context": bytes(16)}))
    yield "chain without identity_expires", unchecked(tls12(
        context=filled("context", 16), client_identity_chain=(b"\x30",)))
    yield "identity_expires without a client identity", unchecked(tls12(**identified()))
    yield "identity_expires 2^40", unchecked(tls12(**identity | {"identity_expires": 2**40}))
    yield "identity_expires 2^63", unchecked(tls12(**identity | {"identity_expires": 2**63}))
    for size in (31, 33):
        yield f"client identity hash of {size} bytes", unchecked(
            tls12(**identity | {"client_identity_hash": filled("hash", size)}))
    for what, chain in (("no certificate", b""), ("an empty certificate", bytes(3)),
                        ("an empty certificate behind another", b"\0\0\1\x30" + bytes(3)),
                        ("a certificate one past the end", b"\0\0\2\x30"),
                        ("a certificate far past the end", b"\xff\xff\xff\x30"),
                        ("a length cut off", b"\0\0\1\x30\0\0")):
        yield f"chain with {what}", with_options(
            tls12(context=filled("context", 16)), option(7, chain),
            option(8, struct.pack(">Q", ISSUED + 1)))
    yield "identity_expires of 4 bytes", with_options(
        tls12(context=filled("context", 16)), option(6, fingerprint), option(8, bytes(4)))
    yield "application data empty", with_options(plain, option(9, b""))
    for what, extras in (
            ("empty", b""), ("of unknown type 7", option(7, b"\0\1")),
            ("of type 0", option(0, b"\0\1")),
            ("out of order", option(2, b"\1") + option(1, b"\0\x1d")),
            ("doubled", option(2, b"\1") * 2), ("and a byte behind", option(2, b"\1") + b"\0"),
            ("past the end", option(2, b"\1")[:-1]), ("cut off", option(2, b"\1") + b"\3\0"),
            ("named_group of 1 byte", option(1, b"\1")),
            ("named_group of 3 bytes", option(1, bytes(3))),
            ("heartbeat_mode of 2 bytes", option(2, b"\0\1")),
            ("heartbeat_mode 0", option(2, b"\0")), ("heartbeat_mode 3", option(2, b"\3"))):
        yield f"extras {what}", with_options(plain, option(10, extras))
    for kind, (name, size) in stek.EXTRA_LISTS.items():
        yield f"extras {name} empty", with_options(plain, option(10, option(kind, b"")))
        yield f"extras {name} of 256 values", with_options(
            plain, option(10, option(kind, bytes(256 * size))))
        if size == 2:
            yield f"extras {name} of 3 bytes", with_options(
                plain, option(10, option(kind, bytes(3))))


def wrong_opaques(profile):
    good = stek.encode_opaque(LABEL, filled("data", 40), profile)
    yield "state_version 2", put(good, 0, b"\2")
    yield "kind 254", put(good, 1, b"\xfe")
    yield "kind 0", put(good, 1, b"\0")
    yield "empty label", padded(stek.pack_opaque(b"", filled("data", 40)), profile)
    yield "label of 33 bytes", padded(stek.pack_opaque(b"a" * 33, filled("data", 40)), profile)
    yield "label of 255 bytes, past the end", put(good, 2, b"\xff")
    at = 3 + len(LABEL)
    yield "data one byte past the end", put(
        good, at, struct.pack(">H", len(good) - at - 1))
    yield "data far past the end", put(good, at, b"\xff\xff")
    yield "padding's first byte not zero", put(good, at + 2 + 40, b"\1")
    yield "padding's last byte not zero", put(good, len(good) - 1, b"\1")
    yield "a class too large", good.ljust(256, b"\0")


class Vectors:
    def __init__(self):
        self.blocks = []
        self.seen = set()
        self.opening = 0

    def add(self, vector, expect, profile, state, *, ticket=None, nonce=None, secret=FIRST,
            domain=DOMAIN, label=None, session=None, data=None):
        """The ticket is `state` sealed by the reader, unless there is another."""
        assert (vector, profile) not in self.seen, vector
        self.seen.add((vector, profile))
        nonce = nonce or nonce_for(vector, profile)
        if ticket is None:
            ticket = stek.seal(profile, secret, domain, nonce, state)

        lines = {"vector": vector, "expect": expect, "profile": profile, "stek": secret,
                 "key_name": stek.key_name(secret), "domain": domain,
                 "domain_key": stek.domain_key(secret, domain)}
        lines |= stek.subkeys(profile, lines["domain_key"], nonce)
        lines |= {"nonce": nonce, "state": state}
        lines["content"] = "session" if label is None else "opaque"
        if label is not None:
            lines["label"] = label
        if data is not None:
            lines["data_length"] = str(len(data))
        if session is not None:
            lines["session"] = json.dumps(stek.json_of(session))
        lines["ticket"] = ticket

        outcome = read(profile, secret, domain, ticket, label)
        assert outcome == expect, f"{vector}: {outcome}, not {expect}"
        self.opening += expect == "opens"
        self.blocks.append("\n".join(
            f"{name} = {value if isinstance(value, str) else value.hex()}".rstrip()
            for name, value in lines.items()))

    def text(self):
        header = HEADER.format(count=len(self.blocks), opening=self.opening)
        return "\n\n".join([header.rstrip(), *self.blocks]) + "\n"


def nonce_for(vector, profile):
    return filled(f"nonce {profile} {vector}", stek.NONCE_LENGTH[profile])


def read(profile, secret, domain, ticket, label):
    """As a reader does: `opens`, or the layer that refuses."""
    try:
        _, state = stek.open_ticket({stek.key_name(secret): (profile, secret)}, domain, ticket)
        if label is None:
            session = stek.decode_session(state, profile)
            assert stek.encode_session(session, profile) == state
        else:
            data = stek.decode_opaque(state, label, profile)
            assert stek.encode_opaque(label, data, profile) == state
    except stek.Refused as refused:
        return refused.layer
    return "opens"


def add_opening(vectors, profile):
    for vector, session in sessions(profile):
        state = stek.encode_session(session, profile)
        assert stek.decode_session(state, profile) == session
        vectors.add(vector, "opens", profile, state, session=session)
    for vector, label, data in opaques(profile):
        state = stek.encode_opaque(label, data, profile)
        assert stek.decode_opaque(state, label, profile) == data
        vectors.add(f"opaque, {vector}", "opens", profile, state, label=label, data=data)

    session = tls12(server_name=b"example.net")
    state = stek.encode_session(session, profile)
    size = stek.NONCE_LENGTH[profile]
    for vector, choice in (
            ("empty domain", {"domain": b""}),
            ("domain of one zero byte", {"domain": b"\0"}),
            ("domain of 255 bytes", {"domain": filled("domain", 255)}),
            ("second key", {"secret": SECOND}),
            ("nonce of zeros", {"nonce": bytes(size)}),
            ("nonce of ones", {"nonce": b"\xff" * size})):
        vectors.add(vector, "opens", profile, state, session=session, **choice)
    if profile == "aes256gcm":
        for lane in (0, 1, 127, 128, 255):
            nonce = bytes([lane]) + filled("nonce of the lanes", 12)
            vectors.add(f"lane {lane}", "opens", profile, state, session=session, nonce=nonce)


def add_refused_tickets(vectors, profile):
    """Tickets that never give a state."""
    state = stek.encode_session(tls12(), profile)
    behind_nonce = 16 + stek.NONCE_LENGTH[profile]

    def sealed(vector, state=state, profile=profile, secret=FIRST, domain=DOMAIN):
        return stek.seal(profile, secret, domain, nonce_for(vector, profile), state)

    def add(vector, expect, ticket, state=state):
        vectors.add(vector, expect, profile, state, ticket=ticket)

    for vector, choice in (
            ("sealed in another domain", {"domain": b"example.org"}),
            ("sealed in the empty domain", {"domain": b""}),
            ("sealed in the domain with a zero byte appended", {"domain": DOMAIN + b"\0"})):
        add(vector, "altered", sealed(vector, **choice))
    vector = "sealed by the second key"
    add(vector, "unknown_key", sealed(vector, secret=SECOND))
    vector = "sealed by the second key under the name of the first"
    ticket = sealed(vector, secret=SECOND)
    add(vector, "altered", stek.key_name(FIRST) + ticket[16:])

    tag = 32 if profile == "rfc5077" else 16
    parts = [
        ("first byte of the key's name", 0, "unknown_key"),
        ("last byte of the key's name", 15, "unknown_key"),
        ("first byte of the nonce", 16, "altered"),
        ("last byte of the nonce", behind_nonce - 1, "altered"),
        ("first byte of the ciphertext", -tag - len(state), "altered"),
        ("last byte of the ciphertext", -tag - 1, "altered"),
        ("first byte of the tag", -tag, "altered"),
        ("last byte of the tag", -1, "altered"),
    ]
    if profile == "aes256gcm":
        parts[2] = ("lane byte", 16, "altered")
        parts.append(("first byte of the nonce behind the lane", 17, "altered"))
    if profile == "rfc5077":
        parts.append(("high byte of the length field", 32, "altered"))
        parts.append(("low byte of the length field", 33, "altered"))
    for part, at, expect in parts:
        vector = f"{part} altered"
        ticket = bytearray(sealed(vector))
        ticket[at] ^= 1
        add(vector, expect, bytes(ticket))

    for vector, cut in (
            ("last byte cut off", lambda ticket: ticket[:-1]),
            ("a byte appended", lambda ticket: ticket + b"\0"),
            ("nothing but the key's name", lambda ticket: ticket[:16]),
            ("nothing behind the nonce", lambda ticket: ticket[:behind_nonce]),
            ("no byte of state", lambda ticket: ticket[:stek.OVERHEAD[profile]])):
        add(vector, "ticket_length", cut(sealed(vector)))
    vector = "cut to the length of a smaller class"
    large = stek.encode_session(tls13(), profile)
    smallest = stek.size_classes(profile)[0]
    add(vector, "altered", sealed(vector, large)[:stek.OVERHEAD[profile] + smallest], large)
    vector = "lengthened to the next class"
    add(vector, "altered", sealed(vector) + bytes(256 - smallest))

    other = 128 if profile == "rfc5077" else 112
    for size in (0, 93, smallest - 1, smallest + 1, other, 255, 257, 384):
        vector = f"state of {size} bytes, no size class"
        odd = stek.pack_session(tls12()).ljust(size, b"\0")[:size]
        add(vector, "ticket_length", sealed(vector, odd), odd)
    for another in PROFILES:
        if another != profile:
            vector = f"sealed as {another}"
            add(vector, "ticket_length", stek.seal(
                another, FIRST, DOMAIN, nonce_for(vector, another),
                stek.encode_session(tls12(), another)))
    if profile == "rfc5077":
        add_false_length(vectors, state)


def add_false_length(vectors, state):
    """The mac is right, the length field is not that of the ciphertext."""
    profile = "rfc5077"
    for size in (0, len(state) - 1, 256):
        vector = f"length field of {size} under a mac that fits"
        nonce = nonce_for(vector, profile)
        body = bytearray(stek.seal(profile, FIRST, DOMAIN, nonce, state)[:-32])
        body[32:34] = struct.pack(">H", size)
        key = stek.subkey(stek.domain_key(FIRST, DOMAIN), b"rfc5077 mac")
        ticket = bytes(body) + hmac.digest(key, bytes(body), "sha256")
        vectors.add(vector, "altered", profile, state, ticket=ticket, nonce=nonce)


def add_refused_states(vectors, profile):
    """Tickets that are authentic, with states that are not what is asked for."""
    for vector, state in wrong_sessions(profile):
        vectors.add(vector, "other_content", profile, state)
    for vector, state in wrong_opaques(profile):
        vectors.add(f"opaque, {vector}", "other_content", profile, state, label=LABEL)
    session = stek.encode_session(tls12(), profile)
    opaque = stek.encode_opaque(LABEL, filled("data", 40), profile)
    vectors.add("session opened as opaque", "other_content", profile, session, label=LABEL)
    vectors.add("opaque state opened as a session", "other_content", profile, opaque)
    for vector, label in (("another label", b"rustls/0.21"), ("the label's beginning", LABEL[:-1]),
                          ("the label and a byte", LABEL + b"0"),
                          ("the label in another case", LABEL.upper())):
        vectors.add(f"opaque state opened with {vector}", "other_content", profile, opaque,
                    label=label)


def main():
    vectors = Vectors()
    for profile in PROFILES:
        add_opening(vectors, profile)
        add_refused_tickets(vectors, profile)
        add_refused_states(vectors, profile)
    target = Path(__file__).resolve().parent.parent / "vectors" / "tickets.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text(vectors.text())
    print(f"{len(vectors.blocks)} vectors, of which {vectors.opening} open")


if __name__ == "__main__":
    main()
