#!/usr/bin/env python3
"""What a ClientHello says, by the RFCs alone: parse(records) gives the dict of tests/vectors/client_hellos.txt.

RFC 5246 and 8446 (TLS), 6347 (DTLS), 6066 (server name, fragment length, truncated HMAC), 7301 (ALPN), 7366, 7627,
5077 (ticket), 5746 and 7507 (SCSVs), 8701 (GREASE). Bytes that are no such ClientHello raise ValueError.
`parse_hello.py HEX` prints one.
"""

import json
import sys

HANDSHAKE, CLIENT_HELLO = 22, 1
RENEGOTIATION_SCSV, FALLBACK_SCSV = 0x00FF, 0x5600
PRE_SHARED_KEY = 41

GREASE = {0x0A0A + 0x1010 * i for i in range(16)}
GREASE_NAMES = {value.to_bytes(2, "big") for value in GREASE}
GREASE_MODES = {0x0B + 0x1F * i for i in range(8)}


class Reader:
    """Reads big-endian numbers and vectors off the front of bytes."""

    def __init__(self, data):
        self.data = data

    def __bool__(self):
        return bool(self.data)

    def take(self, size):
        if len(self.data) < size:
            raise ValueError("cut off")
        head, self.data = self.data[:size], self.data[size:]
        return head

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def vector(self, size):
        """A vector whose length takes `size` bytes."""
        return Reader(self.take(self.number(size)))

    def numbers(self, size):
        """All that is left, as numbers of `size` bytes."""
        found = []
        while self:
            found.append(self.number(size))
        return found

    def end(self):
        if self.data:
            raise ValueError("bytes left over")


def only(data, size):
    """The one vector that fills all of `data`, not empty."""
    reader = Reader(data)
    vector = reader.vector(size)
    reader.end()
    if not vector:
        raise ValueError("empty vector")
    return vector


def code(number):
    return f"0x{number:04x}"


def without_grease(numbers, grease=GREASE):
    return [number for number in numbers if number not in grease]


# Records


def is_dtls(data):
    return data[1:2] == b"\xfe"


def tls_records(data):
    """(content type, fragment) of each TLS record."""
    reader = Reader(data)
    while reader:
        content = reader.number(1)
        if reader.number(2) >> 8 != 3:
            raise ValueError("not a TLS record")
        yield content, reader.vector(2).data


def tls_message(data):
    """The body of the one ClientHello that fills the TLS records."""
    joined = b""
    for content, fragment in tls_records(data):
        if content != HANDSHAKE or not fragment:
            raise ValueError("not a handshake record")
        joined += fragment
    reader = Reader(joined)
    if reader.number(1) != CLIENT_HELLO:
        raise ValueError("not a ClientHello")
    body = reader.vector(3)
    reader.end()
    return body.data


def dtls_fragments(data):
    """(message_seq, length of the whole, offset, bytes) of each fragment of a ClientHello in DTLS records."""
    reader = Reader(data)
    while reader:
        if reader.number(1) != HANDSHAKE or reader.number(2) >> 8 != 0xFE or reader.number(2) != 0:
            raise ValueError("not a DTLS handshake record of epoch 0")
        reader.take(6)
        record = reader.vector(2)
        while record:
            if record.number(1) != CLIENT_HELLO:
                raise ValueError("not a ClientHello")
            length, sequence, offset, size = (record.number(width) for width in (3, 2, 3, 3))
            yield sequence, length, offset, record.take(size)


def dtls_message(data):
    """The body of the one ClientHello in the DTLS records, put together in order."""
    fragments = list(dtls_fragments(data))
    body = b""
    for sequence, length, offset, part in fragments:
        if (sequence, length) != fragments[0][:2] or offset != len(body):
            raise ValueError("fragments that do not fit together")
        body += part
    if not fragments or len(body) != fragments[0][1]:
        raise ValueError("cut off")
    return body


# Extensions: each takes the extension's bytes and gives a dict of what they say.


def server_name(data):
    names, hosts = only(data, 2), []
    while names:
        kind, name = names.number(1), names.vector(2).data
        if kind == 0:
            hosts.append(name.decode("ascii").lower().removesuffix("."))
    if len(hosts) > 1:
        raise ValueError("two host names")
    return {"server_name": hosts[0]} if hosts else {}


def max_fragment_length(data):
    if len(data) != 1:
        raise ValueError("max_fragment_length is one byte")
    return {"max_fragment_length": data[0]}


def supported_groups(data):
    return {"supported_groups": without_grease(only(data, 2).numbers(2))}


def signature_algorithms(data):
    return {"signature_algorithms": without_grease(only(data, 2).numbers(2))}


def application_protocols(data):
    names, found = only(data, 2), []
    while names:
        name = names.vector(1).data
        if not name:
            raise ValueError("empty protocol name")
        if name not in GREASE_NAMES:
            found.append(name.decode("ascii"))
    return {"application_protocols": found}


def supported_versions(data):
    return {"supported_versions": [code(version) for version in without_grease(only(data, 1).numbers(2))]}


def psk_key_exchange_modes(data):
    return {"psk_key_exchange_modes": without_grease(only(data, 1).numbers(1), GREASE_MODES)}


def pre_shared_key(data):
    reader = Reader(data)
    offered, binders, identities, count = reader.vector(2), reader.vector(2), [], 0
    reader.end()
    while offered:
        identity, age = offered.vector(2).data, offered.number(4)
        if not identity:
            raise ValueError("empty identity")
        identities.append({"identity": identity.hex(), "obfuscated_ticket_age": age})
    while binders:
        count += 1
        if len(binders.vector(1).data) < 32:
            raise ValueError("short binder")
    if not identities or count != len(identities):
        raise ValueError("identities and binders differ in number")
    return {"psk_identities": identities}


def flag(name):
    """An extension that says all by being there, without bytes."""
    def read(data):
        Reader(data).end()
        return {name: True}
    return read


EXTENSIONS = {
    0: server_name,
    1: max_fragment_length,
    4: flag("truncated_hmac"),
    10: supported_groups,
    13: signature_algorithms,
    16: application_protocols,
    22: flag("encrypt_then_mac"),
    23: flag("extended_master_secret"),
    35: lambda data: {"session_ticket": data.hex()},
    PRE_SHARED_KEY: pre_shared_key,
    42: flag("early_data"),
    43: supported_versions,
    45: psk_key_exchange_modes,
    51: lambda data: {"key_share": True},
    0xFF01: lambda data: {"secure_renegotiation": True},
}


def read_extensions(reader):
    """(type, bytes) of each extension; none where the ClientHello ends before them."""
    found = []
    if not reader:
        return found
    extensions = reader.vector(2)
    while extensions:
        found.append((extensions.number(2), extensions.vector(2).data))
    if len(dict(found)) != len(found):
        raise ValueError("an extension twice")
    return found


# The ClientHello

ORDER = ("transport legacy_version supported_versions cipher_suites compression_methods session_id server_name "
         "extended_master_secret encrypt_then_mac truncated_hmac max_fragment_length session_ticket "
         "application_protocols supported_groups signature_algorithms psk_key_exchange_modes psk_identities "
         "pre_shared_key_last early_data key_share fallback secure_renegotiation").split()

# Written even where they are empty.
ALWAYS = {"cipher_suites", "compression_methods", "session_ticket", "pre_shared_key_last"}


def head(reader, dtls):
    """What stands before the extensions."""
    version = reader.number(2)
    reader.take(32)
    session_id = reader.vector(1).data
    if len(session_id) > 32:
        raise ValueError("long session id")
    if dtls:
        reader.vector(1)
    suites, compression = reader.vector(2).numbers(2), reader.vector(1).numbers(1)
    if not suites or not compression:
        raise ValueError("no cipher suite, or no compression method")
    return {
        "legacy_version": code(version),
        "session_id": session_id.hex(),
        "cipher_suites": [code(suite) for suite in without_grease(suites)],
        "compression_methods": compression,
        "fallback": FALLBACK_SCSV in suites,
        "secure_renegotiation": RENEGOTIATION_SCSV in suites,
    }


def parse(records):
    """The ClientHello that fills `records`, as the JSON object of the vectors file."""
    dtls = is_dtls(records)
    reader = Reader(dtls_message(records) if dtls else tls_message(records))
    hello = {"transport": "dtls" if dtls else "tls"} | head(reader, dtls)
    extensions = read_extensions(reader)
    reader.end()
    for kind, data in extensions:
        hello |= EXTENSIONS.get(kind, lambda data: {})(data)
    if any(kind == PRE_SHARED_KEY for kind, data in extensions[:-1]):
        hello["pre_shared_key_last"] = False
    return {key: hello[key] for key in ORDER if key in hello and (hello[key] or key in ALWAYS)}


if __name__ == "__main__":
    print(json.dumps(parse(bytes.fromhex(sys.argv[1])), indent=1))
