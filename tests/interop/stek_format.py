"""stek's formats a second time, written from FORMAT.md alone: states, tickets, derivations, rings.

Nothing here is fast, hides its timing or erases a secret. It says what the bytes are.
"""

import dataclasses
import hashlib
import hmac
import json
import struct

from Cryptodome.Cipher import AES, ChaCha20, ChaCha20_Poly1305

from suites import SUITES

TRANSPORTS = {"tls": 1, "dtls": 2, "quic": 3}
VERSIONS = {
    1: (0x0301, 0x0302, 0x0303, 0x0304),
    2: (0xFEFF, 0xFEFD, 0xFEFC),
    3: (0x0304,),
}
TLS13 = (0x0304, 0xFEFC)

HEADER = struct.Struct(">BBHHBBQ48sQI16sB")
EMS, ETM, TRUNCATED_HMAC = 1, 2, 4
SERVER_NAME, SERVER_NAME_HASH, TICKET_AGE_ADD, MAX_EARLY_DATA_SIZE, ALPN = 1, 2, 3, 4, 5
CLIENT_IDENTITY_HASH, CLIENT_IDENTITY_CHAIN, IDENTITY_EXPIRES = 6, 7, 8
APPLICATION_DATA, EXTRAS = 9, 10
# By type: name, and the size of a number or of a list's values.
EXTRA_NUMBERS = {1: ("named_group", 2), 2: ("heartbeat_mode", 1)}
EXTRA_LISTS = {3: ("signature_algorithms", 2), 4: ("supported_groups", 2),
               5: ("ec_point_formats", 1), 6: ("ffdhe_groups", 2)}
OPAQUE = 255
LARGEST = 16384


class Refused(Exception):
    """What stek refuses; the message begins with the layer that does."""

    def __init__(self, layer, reason):
        super().__init__(f"{layer}: {reason}")
        self.layer = layer


def blake2b(size, key, message):
    return hashlib.blake2b(message, digest_size=size, key=key).digest()


# Size classes


def size_classes(profile, tls13=False):
    smallest = [] if tls13 else [112 if profile == "rfc5077" else 128]
    return smallest + [256, 512, 1024, 2048, 4096, 8192, LARGEST]


def least_class(length, profile, tls13=False):
    for size in size_classes(profile, tls13):
        if length <= size:
            return size
    raise Refused("other_content", f"{length} bytes are more than the largest size class")


# Sessions


@dataclasses.dataclass
class Session:
    transport: int
    version: int
    cipher_suite: int
    issued_at: int
    authenticated_at: int
    lifetime: int
    secret: bytes
    extended_master_secret: bool = False
    encrypt_then_mac: bool = False
    max_fragment_length: int = 0
    context: bytes = bytes(16)
    server_name: bytes | None = None
    server_name_hash: bytes | None = None
    ticket_age_add: int | None = None
    max_early_data_size: int | None = None
    alpn: bytes | None = None
    client_identity_hash: bytes | None = None
    client_identity_chain: tuple | None = None
    identity_expires: int | None = None
    application_data: bytes | None = None
    extras: dict | None = None

    @property
    def tls13(self):
        return self.version in TLS13

    def options(self):
        """(type, value), in the order of their types."""
        for kind, value in (
                (SERVER_NAME, self.server_name),
                (SERVER_NAME_HASH, self.server_name_hash),
                (TICKET_AGE_ADD, number(self.ticket_age_add, 4)),
                (MAX_EARLY_DATA_SIZE, number(self.max_early_data_size, 4)),
                (ALPN, self.alpn),
                (CLIENT_IDENTITY_HASH, self.client_identity_hash),
                (CLIENT_IDENTITY_CHAIN, pack_chain(self.client_identity_chain)),
                (IDENTITY_EXPIRES, number(self.identity_expires, 8)),
                (APPLICATION_DATA, self.application_data),
                (EXTRAS, pack_extras(self.extras))):
            if value is not None:
                yield kind, value


def number(value, size):
    return None if value is None else value.to_bytes(size, "big")


def pack_chain(chain):
    if chain is None:
        return None
    return b"".join(number(len(certificate), 3) + certificate for certificate in chain)


def pack_extras(extras):
    if extras is None:
        return None
    packed = b""
    for kind, (name, size) in (EXTRA_NUMBERS | EXTRA_LISTS).items():
        if name in extras:
            values = extras[name] if kind in EXTRA_LISTS else (extras[name],)
            packed += pack_option(kind, b"".join(number(value, size) for value in values))
    return packed


def server_name_hash(name):
    return blake2b(16, b"stek/1 server name", name)


def secret_length(suite, tls13):
    """Of a PSK, what the suite's hash gives; of a master secret, 48."""
    return 32 if tls13 and not SUITES[suite].endswith("SHA384") else 48


def pack_option(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def pack_session(session):
    """Header and options, unpadded and unchecked."""
    flags = EMS * session.extended_master_secret | ETM * session.encrypt_then_mac
    return HEADER.pack(
        1, session.transport, session.version, session.cipher_suite, flags,
        session.max_fragment_length, session.issued_at, session.secret,
        session.authenticated_at, session.lifetime, session.context, 0,
    ) + b"".join(pack_option(*option) for option in session.options())


def demand(condition, reason):
    if not condition:
        raise Refused("other_content", reason)


def check_session(session):
    demand(session.transport in VERSIONS, "transport is not known")
    demand(session.version in VERSIONS[session.transport], "version is not of the transport")
    demand(session.cipher_suite in SUITES, "cipher suite is not in the registry")
    suite = SUITES[session.cipher_suite]
    demand(session.tls13 == ("_WITH_" not in suite or "_MGM_" in suite), "cipher suite is not one of the version")

    demand(len(session.secret) == 48 and any(session.secret), "secret is all zero")
    behind = session.secret[secret_length(session.cipher_suite, session.tls13):]
    demand(not any(behind), "something stands behind a PSK of 32 bytes")

    demand(not session.encrypt_then_mac or "_CBC_" in suite, "encrypt_then_mac without CBC")
    demand(not session.extended_master_secret or not session.tls13,
           "extended_master_secret in TLS 1.3")
    demand(session.max_fragment_length <= 4, "max_fragment_length is over 4")
    demand(session.lifetime <= 604800, "lifetime is over 604800")
    demand(session.issued_at < 2**40, "issued_at is 2^40 or more")
    demand(session.authenticated_at <= session.issued_at, "authenticated_at is after issued_at")
    demand(len(session.context) == 16, "context is not 16 bytes")

    demand((session.ticket_age_add is not None) == session.tls13,
           "ticket_age_add goes with TLS 1.3")
    demand((session.max_early_data_size is not None) == session.tls13,
           "max_early_data_size goes with TLS 1.3")
    check_early_data(session)
    check_identity(session)
    for field in (session.alpn, session.application_data):
        demand(field is None or field, "an empty option")
    demand(session.alpn is None or len(session.alpn) <= 255, "alpn is over 255 bytes")
    if session.extras is not None:
        check_extras(session.extras)
    name, hashed = session.server_name, session.server_name_hash
    demand(name is None or hashed is None, "both server names")
    demand(hashed is None or len(hashed) == 16, "server_name_hash is not 16 bytes")
    if name is not None:
        demand(1 <= len(name) <= 255, "server name is empty or too long")
        demand(all(0x21 <= byte <= 0x7E for byte in name), "server name is not printable ASCII")
        demand(name == name.lower(), "server name has upper case")
        demand(not name.endswith(b"."), "server name has a trailing dot")


def check_early_data(session):
    if session.transport == TRANSPORTS["quic"]:
        demand(session.max_early_data_size in (0, 0xFFFFFFFF), "max_early_data_size of QUIC")


def check_identity(session):
    hashed, chain = session.client_identity_hash, session.client_identity_chain
    demand(hashed is None or chain is None, "both client identities")
    demand(hashed is None or len(hashed) == 32, "client_identity_hash is not 32 bytes")
    demand(chain is None or chain, "no certificate")
    demand(all(chain or ()), "a certificate is empty")
    if hashed is None and chain is None:
        demand(session.identity_expires is None, "identity_expires without an identity")
    else:
        demand(session.identity_expires is not None, "an identity without identity_expires")
        demand(session.identity_expires < 2**40, "identity_expires is 2^40 or more")
        demand(any(session.context), "an identity without a context")


def check_extras(extras):
    demand(extras, "no extras")
    for name, _ in EXTRA_LISTS.values():
        demand(1 <= len(extras.get(name, (0,))) <= 255, "a list is empty, or of over 255 values")
    demand(extras.get("heartbeat_mode", 1) in (1, 2), "heartbeat_mode is not known")


def encode_session(session, profile):
    check_session(session)
    packed = pack_session(session)
    return packed.ljust(least_class(len(packed), profile, session.tls13), b"\0")


def split_options(data, at, largest):
    """The options by type, and where the padding begins."""
    options = {}
    while at < len(data) and data[at] != 0:
        kind = data[at]
        demand(kind <= largest, "option of unknown type")
        demand(kind > max(options, default=0), "options out of order, or twice")
        demand(at + 3 <= len(data), "option's length is past the end")
        begin = at + 3
        at = begin + int.from_bytes(data[at + 1:begin], "big")
        demand(at <= len(data), "option is past the end")
        options[kind] = data[begin:at]
    return options, at


def unpack_number(options, kind, size):
    if kind not in options:
        return None
    demand(len(options[kind]) == size, f"option {kind} is not {size} bytes")
    return int.from_bytes(options[kind], "big")


def unpack_chain(data):
    if data is None:
        return None
    chain, at = [], 0
    while at < len(data):
        begin = at + 3
        demand(begin <= len(data), "a certificate's length is past the end")
        at = begin + int.from_bytes(data[at:begin], "big")
        demand(at <= len(data), "a certificate is past the end")
        chain.append(data[begin:at])
    return tuple(chain)


def unpack_extras(data):
    if data is None:
        return None
    options, end = split_options(data, 0, max(EXTRA_LISTS))
    demand(end == len(data), "something stands behind the extras")
    extras = {name: unpack_number(options, kind, size)
              for kind, (name, size) in EXTRA_NUMBERS.items() if kind in options}
    for kind, (name, size) in EXTRA_LISTS.items():
        if kind in options:
            values = options[kind]
            demand(len(values) % size == 0, "a list ends within a value")
            extras[name] = tuple(int.from_bytes(values[at:at + size], "big")
                                 for at in range(0, len(values), size))
    return extras


def check_padding(state, end, profile, tls13=False):
    demand(not any(state[end:]), "padding is not zero")
    demand(len(state) == least_class(end, profile, tls13), "not the least size class")


def decode_session(state, profile):
    demand(len(state) in size_classes(profile), "not a size class")
    (state_version, transport, version, suite, flags, max_fragment_length, issued_at, secret,
     authenticated_at, lifetime, context, compression_method) = HEADER.unpack_from(state)
    demand(state_version == 1, "state_version is not 1")
    demand(transport in VERSIONS, "transport is not known")
    demand(flags & ~(EMS | ETM) == 0, "a flag that is refused or has no meaning")
    demand(compression_method == 0, "compression_method is not 0")
    options, end = split_options(state, HEADER.size, EXTRAS)
    session = Session(
        transport, version, suite, issued_at, authenticated_at, lifetime, secret,
        bool(flags & EMS), bool(flags & ETM), max_fragment_length, context,
        options.get(SERVER_NAME), options.get(SERVER_NAME_HASH),
        unpack_number(options, TICKET_AGE_ADD, 4),
        unpack_number(options, MAX_EARLY_DATA_SIZE, 4),
        options.get(ALPN), options.get(CLIENT_IDENTITY_HASH),
        unpack_chain(options.get(CLIENT_IDENTITY_CHAIN)),
        unpack_number(options, IDENTITY_EXPIRES, 8),
        options.get(APPLICATION_DATA), unpack_extras(options.get(EXTRAS)),
    )
    check_session(session)
    check_padding(state, end, profile, session.tls13)
    return session


# Sessions as JSON

VERSION_NAMES = {0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
                 0xFEFF: "DTLS 1.0", 0xFEFD: "DTLS 1.2", 0xFEFC: "DTLS 1.3"}
TRANSPORT_NAMES = {number: name for name, number in TRANSPORTS.items()}


def text_of_alpn(name):
    printable = all(0x20 <= byte <= 0x7E for byte in name) and not name.startswith(b"0x")
    return name.decode("ascii") if printable else "0x" + name.hex()


def json_of(session):
    """With names for numbers, the secret cut to its length, and the server name as text."""
    fields = {name: value for name, value in vars(session).items() if value is not None}
    fields |= {
        "transport": TRANSPORT_NAMES[session.transport],
        "version": VERSION_NAMES[session.version],
        "cipher_suite": SUITES[session.cipher_suite],
        "secret": session.secret[:secret_length(session.cipher_suite, session.tls13)],
        "truncated_hmac": False,
        "compression_method": 0,
    }
    if session.server_name is not None:
        fields["server_name"] = session.server_name.decode("ascii")
    if session.alpn is not None:
        fields["alpn"] = text_of_alpn(session.alpn)
    if session.client_identity_chain is not None:
        fields["client_identity_chain"] = [der.hex() for der in session.client_identity_chain]
    if session.extras is not None:
        fields["extras"] = {name: list(value) if isinstance(value, tuple) else value
                            for name, value in session.extras.items()}
    return {name: value.hex() if isinstance(value, bytes) else value
            for name, value in fields.items()}


# Opaque states


def pack_opaque(label, data):
    return (struct.pack(">BBB", 1, OPAQUE, len(label)) + label
            + struct.pack(">H", len(data)) + data)


def encode_opaque(label, data, profile):
    demand(1 <= len(label) <= 32, "label is not of 1 to 32 bytes")
    demand(len(data) <= 16347, "data is longer than 16347 bytes")
    packed = pack_opaque(label, data)
    return packed.ljust(least_class(len(packed), profile), b"\0")


def decode_opaque(state, label, profile):
    demand(len(state) in size_classes(profile), "not a size class")
    demand(state[0] == 1, "state_version is not 1")
    demand(state[1] == OPAQUE, "not an opaque state")
    demand(1 <= state[2] <= 32, "label is not of 1 to 32 bytes")
    at = 3 + state[2]
    demand(state[3:at] == label, "another label")
    begin = at + 2
    end = begin + int.from_bytes(state[at:begin], "big")
    demand(end - begin <= 16347 and end <= len(state), "data is past the end")
    check_padding(state, end, profile)
    return state[begin:end]


# Keys


def key_name(stek):
    return blake2b(16, stek, b"stek/1 name")


def domain_key(stek, domain):
    return blake2b(32, stek, b"stek/1 domain" + bytes([len(domain)]) + domain)


def subkey(k_dom, purpose, lane=0):
    return blake2b(32, k_dom, b"stek/1 subkey" + bytes([len(purpose)]) + purpose + bytes([lane]))


# Tickets

NONCE_LENGTH = {"aes256gcm": 13, "xchacha20poly1305": 24, "rfc5077": 16}
OVERHEAD = {"aes256gcm": 45, "xchacha20poly1305": 56, "rfc5077": 66}


def subkeys(profile, k_dom, nonce):
    """By the names that vectors give them."""
    if profile == "aes256gcm":
        return {"subkey": subkey(k_dom, b"aes256gcm", lane=nonce[0])}
    if profile == "xchacha20poly1305":
        return {"subkey": subkey(k_dom, b"xchacha20poly1305")}
    return {"cipher_subkey": subkey(k_dom, b"rfc5077 cipher"),
            "mac_subkey": subkey(k_dom, b"rfc5077 mac")}


def aead(profile, key, nonce, associated_data):
    if profile == "aes256gcm":
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce[1:], mac_len=16)
    else:
        cipher = ChaCha20_Poly1305.new(key=key, nonce=nonce)
    cipher.update(associated_data)
    return cipher


def xchacha20(key, iv, text):
    return ChaCha20.new(key=key, nonce=iv + bytes(8)).encrypt(text)


def seal(profile, stek, domain, nonce, state):
    keys = subkeys(profile, domain_key(stek, domain), nonce)
    head = key_name(stek) + nonce
    if profile == "rfc5077":
        body = head + struct.pack(">H", len(state)) + xchacha20(keys["cipher_subkey"], nonce, state)
        return body + hmac.digest(keys["mac_subkey"], body, "sha256")
    ciphertext, tag = aead(profile, keys["subkey"], nonce, head).encrypt_and_digest(state)
    return head + ciphertext + tag


def open_ticket(keys, domain, ticket):
    """`keys` has (profile, stek) by key name. Gives (profile, state)."""
    if len(ticket) < 16:
        raise Refused("ticket_length", "too short for a key's name")
    if ticket[:16] not in keys:
        raise Refused("unknown_key", ticket[:16].hex())
    profile, stek = keys[ticket[:16]]
    if len(ticket) - OVERHEAD[profile] not in size_classes(profile):
        raise Refused("ticket_length", f"{len(ticket)} bytes leave no size class")

    behind_nonce = 16 + NONCE_LENGTH[profile]
    head, nonce = ticket[:behind_nonce], ticket[16:behind_nonce]
    derived = subkeys(profile, domain_key(stek, domain), nonce)
    if profile == "rfc5077":
        body, mac = ticket[:-32], ticket[-32:]
        if not hmac.compare_digest(hmac.digest(derived["mac_subkey"], body, "sha256"), mac):
            raise Refused("altered", "the mac does not fit")
        if int.from_bytes(body[32:34], "big") != len(body) - 34:
            raise Refused("altered", "the length field contradicts the ticket's length")
        return profile, xchacha20(derived["cipher_subkey"], nonce, body[34:])
    try:
        return profile, aead(profile, derived["subkey"], nonce, head).decrypt_and_verify(
            ticket[behind_nonce:-16], ticket[-16:])
    except ValueError:
        raise Refused("altered", "the tag does not fit") from None


# Rings

RESERVED = tuple(map(bytes.fromhex, (
    "1bc15e0f8d0f1e6c8a4d53b7296e2c4a5f7390d8be41a6c2f35d7e9180b4c6da",
    "74a9c83e5d021fb69047de6a31c8f5020b9e4d87a653c1f83e29507dbca46f18",
)))
RING = {"stek_ring", "id", "generation", "written_at", "schedule", "keys"}
RING_MAY_HAVE = {"created_at", "foreign", "revoked", "domain"}
SCHEDULE = {"profile", "lead", "sealing", "accepting", "lifetime", "skew", "ahead"}
KEY = {"name", "profile", "announced_at", "activates_at", "retires_at", "expires_at"}
FOREIGN = {"name", "file_size", "imported_at", "expires_at"}
TOMBSTONE = {"name", "revoked_at", "until"}


def build_ring(public, secrets):
    body = json.dumps(public).encode() + b"\0" + b"".join(secrets)
    return body + hashlib.blake2b(body, digest_size=32).digest()


def demand_ring(condition, reason):
    if not condition:
        raise Refused("ring", reason)


def parse_ring(document):
    """The JSON object and the secrets, of a document that does not contradict itself."""
    body, digest = document[:-32], document[-32:]
    demand_ring(hashlib.blake2b(body, digest_size=32).digest() == digest, "the hash does not fit")
    text, zero, tail = body.partition(b"\0")
    demand_ring(zero, "no zero byte behind the JSON object")
    try:
        public = json.loads(text)
    except ValueError as error:
        raise Refused("ring", str(error)) from None
    demand_ring(RING <= public.keys() <= RING | RING_MAY_HAVE and public["stek_ring"] == 1,
                "not a ring of version 1")
    check_schedule(public["schedule"])
    secrets = split_secrets(public, tail)
    check_keys(public, secrets)
    check_others(public)
    return public, secrets


def check_schedule(schedule):
    demand_ring(schedule.keys() == SCHEDULE, "members of the schedule")
    demand_ring(schedule["profile"] in NONCE_LENGTH, "profile is not known")
    demand_ring(schedule["accepting"] >= schedule["lifetime"] + schedule["skew"]
                and schedule["lifetime"] <= 604800 and schedule["lead"] < schedule["sealing"],
                "the schedule breaks its rules")


def split_secrets(public, tail):
    sizes = [32] * len(public["keys"])
    sizes += [key["file_size"] - 16 for key in public.get("foreign", [])]
    demand_ring(len(tail) == sum(sizes), "not one secret for each key")
    ends = [sum(sizes[:i + 1]) for i in range(len(sizes))]
    return [tail[end - size:end] for end, size in zip(ends, sizes)]


def check_keys(public, secrets):
    keys, schedule = public["keys"], public["schedule"]
    pieces = [secret[at:at + 16] for secret in secrets for at in range(0, len(secret), 16)]
    demand_ring(len(set(pieces)) == len(pieces), "secrets share a piece")
    for key, secret in zip(keys, secrets):
        demand_ring(key.keys() == KEY, "members of a key")
        demand_ring(secret not in RESERVED and len(set(secret)) > 1, "a weak secret")
        demand_ring("domain" in public or key["name"] == key_name(secret).hex(),
                    "a name that is not its secret's")
        demand_ring(key["profile"] == schedule["profile"], "another profile than the schedule's")
        demand_ring(key["announced_at"] <= key["activates_at"] < key["retires_at"]
                    <= key["expires_at"], "instants out of order")
    for before, after in zip(keys, keys[1:]):
        demand_ring(before["activates_at"] <= after["activates_at"], "keys out of order")
        demand_ring(before["retires_at"] <= after["activates_at"], "two keys seal at once")


def check_others(public):
    foreign, revoked = public.get("foreign", []), public.get("revoked", [])
    for key in foreign:
        demand_ring(key.keys() == FOREIGN and key["file_size"] in (48, 80), "a foreign key")
    for tombstone in revoked:
        demand_ring(tombstone.keys() == TOMBSTONE, "members of a tombstone")
    names = [entry["name"] for entry in (*public["keys"], *foreign, *revoked)]
    demand_ring(len(set(names)) == len(names), "a name stands twice")
    demand_ring("domain" not in public or not foreign, "foreign keys in a ring of one domain")


SEALED = struct.Struct(">8sB8s16sQ24s")


def kek_id(kek):
    return blake2b(16, kek, b"stek/1 kek")[:8]


def sealing_key(kek, ring_id):
    return blake2b(32, kek, b"stek/1 ring" + ring_id)


def seal_ring(document, kek, nonce):
    public, _ = parse_ring(document)
    ring_id = bytes.fromhex(public["id"])
    header = SEALED.pack(b"stekring", 1, kek_id(kek), ring_id, public["generation"], nonce)
    cipher = ChaCha20_Poly1305.new(key=sealing_key(kek, ring_id), nonce=nonce)
    cipher.update(header)
    return header + b"".join(cipher.encrypt_and_digest(document))


def open_ring(blob, kek):
    """The document of a sealed ring."""
    magic, version, its_kek, ring_id, generation, nonce = SEALED.unpack(blob[:SEALED.size])
    demand_ring(magic == b"stekring" and version == 1, "not a sealed ring of version 1")
    demand_ring(its_kek == kek_id(kek), "sealed under another KEK")
    cipher = ChaCha20_Poly1305.new(key=sealing_key(kek, ring_id), nonce=nonce)
    cipher.update(blob[:SEALED.size])
    try:
        document = cipher.decrypt_and_verify(blob[SEALED.size:-16], blob[-16:])
    except ValueError:
        raise Refused("ring", "altered") from None
    public, _ = parse_ring(document)
    demand_ring((public["id"], public["generation"]) == (ring_id.hex(), generation),
                "the header is not that of the ring")
    return document
