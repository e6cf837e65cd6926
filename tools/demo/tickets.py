#!/usr/bin/env python3
"""Tickets from Python, by ctypes alone: a session leaves with a ticket, comes back, and the keys are rotated.

    tickets.py [LIBRARY]        libstek.so.0, unless another is named
"""

import ctypes
import sys
import tempfile
import time
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint8, c_uint16, \
    c_uint32, c_uint64, c_void_p

stek = ctypes.CDLL(sys.argv[1] if len(sys.argv) > 1 else 'libstek.so.0')
# Time is an argument, so that hours pass here in no time. A server has 0 in its place, which reads the clock.
now = int(time.time())
MAX_TICKET = 16450


class Struct(ctypes.Structure):
    """Begins with its size, and everything else is zero."""

    def __init__(self):
        super().__init__(size=ctypes.sizeof(self))


class Failure(Struct):
    _fields_ = [('size', c_size_t), ('error', c_int32), ('message', c_char * 500), ('hint', c_char * 256)]


class Verdict(Struct):
    _fields_ = [('size', c_size_t), ('outcome', c_int32), ('reason', c_int32), ('alert', c_int32),
                ('cipher_suite', c_uint16), ('renew', c_uint8), ('reserved', c_uint8),
                ('selected_identity', c_uint64)]  # the rest of it we do without


class Session(Struct):
    _fields_ = [('size', c_size_t), ('version', c_uint16), ('cipher_suite', c_uint16), ('transport', c_uint8),
                ('extended_master_secret', c_uint8), ('encrypt_then_mac', c_uint8), ('truncated_hmac', c_uint8),
                ('max_fragment_length', c_uint8), ('compression_method', c_uint8), ('reserved', c_uint8 * 6),
                ('issued_at', c_int64), ('authenticated_at', c_int64), ('lifetime', c_int64),
                ('context', c_uint8 * 16), ('secret', c_uint8 * 48), ('ticket_age_add', c_uint32),
                ('max_early_data_size', c_uint32), ('server_name', c_char * 256),
                ('server_name_hash', c_uint8 * 16), ('secret_size', c_uint8), ('has_ticket_age_add', c_uint8),
                ('has_max_early_data_size', c_uint8), ('has_server_name_hash', c_uint8),
                ('reserved_too', c_uint8 * 4)]  # and so here


def declare(name, *arguments, returns=c_int):
    function = getattr(stek, name)
    function.argtypes, function.restype = arguments, returns


declare('stek_version', returns=c_char_p)
for names in ('error', 'reason', 'outcome'):
    declare(f'stek_{names}_name', c_int, returns=c_char_p)
declare('stek_ring_create', c_char_p, c_void_p, c_int64, POINTER(Failure))
declare('stek_ring_promote', c_char_p, c_int64, POINTER(Failure))
declare('stek_ticketer_open', c_char_p, c_void_p, c_int64, POINTER(c_void_p), POINTER(Failure))
declare('stek_ticketer_refresh', c_void_p, c_int64, POINTER(Failure))
declare('stek_ticketer_in', c_void_p, c_char_p, c_size_t, c_void_p, c_int64, POINTER(c_void_p), POINTER(Failure))
declare('stek_ticketer_close', c_void_p, returns=None)
declare('stek_tickets_close', c_void_p, returns=None)
declare('stek_tickets_issue', c_void_p, POINTER(Session), c_int64, c_void_p, POINTER(c_size_t), POINTER(c_uint32))
declare('stek_tickets_resume', c_void_p, c_char_p, c_size_t, c_int, c_int64, POINTER(Verdict), POINTER(Session),
        c_void_p, POINTER(c_size_t))


def call(name, *arguments):
    """A call that has words for what goes wrong."""
    why = Failure()
    if getattr(stek, name)(*arguments, byref(why)) != 0:
        sys.exit(f'{name}: {why.message.decode()}\n{why.hint.decode()}')


def issue(shop, session):
    room, size, lifetime = ctypes.create_string_buffer(MAX_TICKET), c_size_t(MAX_TICKET), c_uint32()
    error = stek.stek_tickets_issue(shop, session, now, room, byref(size), byref(lifetime))
    if error != 0:
        sys.exit(stek.stek_error_name(error).decode())
    ticket = room.raw[:size.value]
    print(f'issued    {len(ticket)} bytes under key {ticket[:4].hex()}, for {lifetime.value} s')
    return ticket


def vector(width, data):
    return len(data).to_bytes(width, 'big') + data


def hello_with(ticket):
    """What a client would send: one suite, extended_master_secret (23) and session_ticket (35)."""
    extensions = b'\0\x17\0\0' + b'\0\x23' + vector(2, ticket)
    return b'\1' + vector(3, b'\3\3' + b'r' * 32 + b'\0' + vector(2, b'\xc0\x2f') + b'\1\0' + vector(2, extensions))


def resume(shop, ticket):
    verdict, session, hello = Verdict(), Session(), hello_with(ticket)
    error = stek.stek_tickets_resume(shop, hello, len(hello), 0, now, verdict, session, None, None)
    if error != 0:
        sys.exit(stek.stek_error_name(error).decode())
    print('verdict  ', stek.stek_outcome_name(verdict.outcome).decode(),
          stek.stek_reason_name(verdict.reason).decode(), '(renew)' if verdict.renew else '')
    return verdict, session


def tell_the_story(ring):
    global now
    ticketer, shop = c_void_p(), c_void_p()
    call('stek_ring_create', ring, None, now)
    call('stek_ticketer_open', ring, None, now, byref(ticketer))
    call('stek_ticketer_in', ticketer, b'shop', 4, None, now, byref(shop))

    # What the TLS library knows after a full handshake.
    session = Session()
    session.version = 0x0303       # TLS 1.2
    session.cipher_suite = 0xc02f  # TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    session.extended_master_secret = 1
    session.secret_size = 48
    session.secret[:] = b's' * 48

    ticket = issue(shop, session)
    resume(shop, ticket)

    now += 3600
    call('stek_ring_promote', ring, now)
    call('stek_ticketer_refresh', ticketer, now)
    verdict, session = resume(shop, ticket)
    if verdict.renew:
        ticket = issue(shop, session)
    resume(shop, ticket)
    resume(shop, ticket[:100] + bytes([ticket[100] ^ 1]) + ticket[101:])

    stek.stek_tickets_close(shop)
    stek.stek_ticketer_close(ticketer)


print('stek     ', stek.stek_version().decode())
with tempfile.TemporaryDirectory() as folder:
    tell_the_story(f'{folder}/ring.json'.encode())
