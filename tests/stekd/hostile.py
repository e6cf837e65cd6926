"""What is thrown at stekd by hand: hostile.py STEKD STEK [WORD]

Each row is a name, what has to come back, and what is sent. What comes back is a status for each answer that stekd gave
before it closed, so that a request that was smuggled in would show as one answer more. "closed" is a close without an
answer, and of "400|closed" either will do. A 200 stands where the row is odd, and still well-formed and harmless.

All of it has to be over within the deadline, and a good request right behind each row has to be served. With WORD, only
rows whose name has it are played.
"""

import gzip
import json
import random
import re
import socket
import struct
import sys
import time

from daemon import BODY, BYTES, HELLO, JSON, SESSION, SECRET, Connection, Stekd, ask, check, encoded, get, hello_bytes, raw, run

DEADLINE = 0.3
# A machine that builds at the same time is late.
LATE = 2.0
HALF = object()   # closes what the client sends
RESET = object()  # goes away without a word
rows = []


def row(name, expected, *sent, admin=False):
    rows.append((name, expected, sent, admin))


def length(body):
    return b'Content-Length: %d\r\n' % len(body)


def post(lines=None, body=BODY, target=b'/v1/issue', kind=b'application/json', first=None, host=b'Host: x\r\n'):
    """A request with these header lines; without any, one that is good."""
    first = first or b'POST ' + target + b' HTTP/1.1\r\n'
    kind = b'Content-Type: ' + kind + b'\r\n' if kind else b''
    return first + host + kind + (length(body) if lines is None else lines) + b'\r\n' + body


def said(what, **how):
    """With its right length, and another line before that."""
    return post(what + length(how.get('body', BODY)), **how)


GOOD = post()
LAST = said(b'Connection: close\r\n')


# ---- where a body ends


def chunk(data, size=None, more=b''):
    return (size if size is not None else b'%x' % len(data)) + more + b'\r\n' + data + b'\r\n'


END = b'0\r\n\r\n'
CHUNKED = b'Transfer-Encoding: chunked\r\n'
CHUNKS = chunk(BODY) + END


def lengths():
    n = b'%d' % len(BODY)
    row('a length, then chunks', '400', post(length(BODY) + CHUNKED))
    row('a length, then chunks, framed as chunks', '400', post(length(CHUNKS) + CHUNKED, CHUNKS))
    row('chunks, then a length', '400', post(CHUNKED + length(CHUNKS), CHUNKS))
    row('a length of the size line alone, then chunks', '400', post(b'Content-Length: 4\r\n' + CHUNKED, CHUNKS + GOOD))
    row('a length of zero, then chunks', '400', post(b'Content-Length: 0\r\n' + CHUNKED, CHUNKS))
    row('chunks, and a request behind a length that hides it', '400', post(CHUNKED + length(END + GOOD), END + GOOD))
    row('two lengths that differ', '400', post(length(BODY) + b'Content-Length: 3\r\n'))
    row('two lengths that differ, the other way', '400', post(b'Content-Length: 3\r\n' + length(BODY)))
    row('two lengths that agree', '400', post(length(BODY) * 2))
    row('a list of lengths that agree', '400', post(b'Content-Length: %s, %s\r\n' % (n, n)))
    row('a list of lengths that differ', '400', post(b'Content-Length: %s, 0\r\n' % n))
    for name, value in (
            ('with a plus', b'+' + n), ('with a minus', b'-' + n), ('of minus zero', b'-0'), ('in hexadecimal', b'0x%x' % len(BODY)),
            ('with a space in it', n[:1] + b' ' + n[1:]), ('with a point', n + b'.0'), ('with an exponent', b'1e2'),
            ('that is empty', b''), ('in letters', b'many'), ('with a semicolon', n + b';'), ('with a comma', n + b','),
            ('in quotes', b'"' + n + b'"'), ('with an underscore', b'1_0'), ('in fullwidth digits', '１２'.encode()),
            ('with a zero byte', n + b'\0'), ('with a vertical tab', b'\x0b' + n), ('with a form feed', n + b'\x0c'),
            ('of 2^64', b'18446744073709551616'), ('of 2^64 and its own size', b'%d' % (2**64 + len(BODY))),
            ('of 2^32 times 2^64', b'%d' % 2**96), ('of a thousand digits', b'9' * 1000)):
        row(f'a length {name}', '400', post(b'Content-Length: ' + value + b'\r\n'))
    for name, value in (('of 2^63', 2**63), ('of 2^64 less one', 2**64 - 1), ('of 2^32', 2**32), ('of 65537', 65537)):
        row(f'a length {name}', '413', post(b'Content-Length: %d\r\n' % value))
    row('a length with blanks around it', '200', post(b'Content-Length: \t ' + n + b' \t\r\nConnection: close\r\n'))
    row('a length with zeros before it', '200', post(b'Content-Length: 000' + n + b'\r\nConnection: close\r\n'))
    row('a length with a blank before its colon', '400', post(b'Content-Length : ' + n + b'\r\n'))
    row('a length with a tab before its colon', '400', post(b'Content-Length\t: ' + n + b'\r\n'))
    row('a length that is folded into the field before it', '415 400', post(b' Content-Length: ' + n + b'\r\n'))
    row('a length that is another field', '400 400', post(b'Content_Length: ' + n + b'\r\n'))
    row('no length', '400 400', post(b''))
    row('no length, and a request as the body', '400 200', post(b'', LAST))
    row('a length in the trailer', '400', post(CHUNKED, b'0\r\n' + length(BODY) + b'\r\n' + BODY))


def codings():
    for name, value in (
            ('chunked twice', b'chunked, chunked'), ('not chunked', b'xchunked'), ('chunked, and more', b'chunked, identity'),
            ('identity', b'identity'), ('gzip', b'gzip'), ('nothing', b''), ('chunked in quotes', b'"chunked"'),
            ('chunked with a parameter', b'chunked;q=1'), ('chunked behind a vertical tab', b'\x0bchunked'),
            ('chunked with a zero byte', b'chunked\0'), ('two codings unknown', b'x, y')):
        row(f'transfer coding: {name}', '400', post(b'Transfer-Encoding: ' + value + b'\r\n', CHUNKS))
    row('transfer coding: gzip, then chunked', '400', post(b'Transfer-Encoding: gzip, chunked\r\n', CHUNKS))
    row('transfer coding: two fields', '400', post(CHUNKED * 2, CHUNKS))
    row('transfer coding: a blank before the colon', '400', post(b'Transfer-Encoding : chunked\r\n', CHUNKS))
    row('transfer coding: folded', '200', post(b'Transfer-Encoding:\r\n chunked\r\nConnection: close\r\n', CHUNKS))
    row('transfer coding: another field', '400 400', post(b'Transfer_Encoding: chunked\r\n', CHUNKS))
    row('transfer coding: in capitals', '200', post(b'Transfer-Encoding: CHUNKED\r\nConnection: close\r\n', CHUNKS))
    row('transfer coding: in HTTP/1.0', '400', post(CHUNKED, CHUNKS, first=b'POST /v1/issue HTTP/1.0\r\n'))


def chunks():
    for name, size in (
            ('in letters', b'zz'), ('below zero', b'-1'), ('with a plus', b'+5'), ('with 0x', b'0x5'), ('that is missing', b''),
            ('of blanks', b'  '), ('with a point', b'5.'), ('with a zero byte', b'5\0'), ('of 2^64', b'1' + b'0' * 16),
            ('of 2^64 and its own', b'1%016x' % len(BODY)), ('of a hundred digits', b'f' * 100), ('in fullwidth', '５'.encode())):
        row(f'a chunk size {name}', '400', post(CHUNKED, chunk(BODY, size) + END))
    row('a chunk size behind a blank', '400', post(CHUNKED, b' ' + CHUNKS))
    row('a chunk size of 2^64 less one', '413', post(CHUNKED, chunk(BODY, b'f' * 16) + END))
    row('a chunk size of 2^63', '413', post(CHUNKED, chunk(BODY, b'8' + b'0' * 15) + END))
    row('a chunk size with many zeros before it', '200|400',
        post(CHUNKED + b'Connection: close\r\n', chunk(BODY, b'0' * 20 + b'%x' % len(BODY)) + END))
    row('a chunk size that ends in LF', '400', post(CHUNKED, b'%x\n' % len(BODY) + BODY + b'\r\n' + END))
    row('a chunk size that ends in CR', '400', post(CHUNKED, b'%x\r' % len(BODY) + BODY + b'\r\n' + END))
    row('a chunk that is longer than its size', '400', post(CHUNKED, chunk(BODY, b'5') + END))
    row('a chunk that is shorter than its size', '400', post(CHUNKED, chunk(BODY, b'%x' % (len(BODY) + 4)) + END + b'xx\r\n'))
    row('a chunk that ends in LF', '400', post(CHUNKED, b'%x\r\n' % len(BODY) + BODY + b'\n' + END))
    row('a chunk without its end', 'closed', post(CHUNKED, b'%x\r\n' % len(BODY) + BODY))
    row('chunks without the last one', 'closed', post(CHUNKED, chunk(BODY)))
    row('a last chunk without its end', 'closed', post(CHUNKED, chunk(BODY) + b'0\r\n'))
    row('chunks, then a half-close', 'closed', post(CHUNKED, chunk(BODY)), HALF)
    row('a size line, then a half-close', 'closed', post(CHUNKED, b'%x' % len(BODY)), HALF)
    row('chunks of one byte each', '200', post(CHUNKED + b'Connection: close\r\n', b''.join(chunk(bytes([b])) for b in BODY) + END))
    row('chunks of more than a body may have', '413', post(CHUNKED, chunk(b' ' * 30000) * 3 + END))
    row('no chunk but the last', '400', post(CHUNKED + b'Connection: close\r\n', END))
    for name, more in (('a name', b';a'), ('a value', b';a=b'), ('a quoted value', b';a="b;c"'), ('two', b';a=b;c=d')):
        row(f'a chunk extension: {name}', '200', post(CHUNKED + b'Connection: close\r\n', chunk(BODY, more=more) + END))
    row('a chunk extension: of 6000 bytes', '200|400|431', post(CHUNKED + b'Connection: close\r\n', chunk(BODY, more=b';' + b'a' * 6000) + END))
    row('a chunk extension: endless', '431', post(CHUNKED, b'5;' + b'a' * 1_000_000))
    row('a chunk extension: with a zero byte', '400', post(CHUNKED, chunk(BODY, more=b';a=\0') + END))
    row('a chunk extension: with LF', '400', post(CHUNKED, chunk(BODY, more=b';a=b\n') + END))
    row('a chunk extension: with CR', '400', post(CHUNKED, chunk(BODY, more=b';a=b\rc') + END))
    row('a chunk extension: without a name', '400', post(CHUNKED, chunk(BODY, more=b';;') + END))
    row('a chunk extension: an open quote', '400', post(CHUNKED, chunk(BODY, more=b';a="b') + END))
    row('each chunk with an extension', '200|400',
        post(CHUNKED + b'Connection: close\r\n', b''.join(chunk(bytes([b]), more=b';a=' + b'b' * 300) for b in BODY) + END))
    row('a trailer', '200', post(CHUNKED + b'Connection: close\r\n', chunk(BODY) + b'0\r\nX: y\r\n\r\n'))
    row('a trailer that says how the connection goes on', '200 200', post(CHUNKED, chunk(BODY) + b'0\r\nConnection: close\r\n\r\n') + LAST)
    row('a trailer with the host that the header has not', '400', post(CHUNKED, chunk(BODY) + b'0\r\nHost: x\r\n\r\n', host=b''))
    row('a trailer with another host', '200', post(CHUNKED + b'Connection: close\r\n', chunk(BODY) + b'0\r\nHost: y\r\n\r\n'))
    row('a trailer with the content type that the header has not', '415',
        post(CHUNKED + b'Connection: close\r\n', chunk(BODY) + b'0\r\nContent-Type: application/json\r\n\r\n', kind=b''))
    row('a trailer without a colon', '400', post(CHUNKED, chunk(BODY) + b'0\r\nX\r\n\r\n'))
    row('a trailer with a zero byte', '400', post(CHUNKED, chunk(BODY) + b'0\r\nX: \0\r\n\r\n'))
    row('a trailer that frames', '200|400', post(CHUNKED + b'Connection: close\r\n', chunk(BODY) + b'0\r\nTransfer-Encoding: chunked\r\n\r\n'))
    row('a trailer, endless', '431', post(CHUNKED, chunk(BODY) + b'0\r\n' + b'X: y\r\n' * 100_000))
    row('a trailer line, endless', '431', post(CHUNKED, chunk(BODY) + b'0\r\nX: ' + b'y' * 1_000_000))


# ---- header


def fields():
    for name, line in (
            ('without a colon', b'X\r\n'), ('without a name', b': y\r\n'), ('with a zero byte in its name', b'X\0: y\r\n'),
            ('with a zero byte in its value', b'X: a\0b\r\n'), ('with a control byte in its name', b'X\1: y\r\n'),
            ('with a control byte in its value', b'X: a\1b\r\n'), ('with DEL in its value', b'X: a\x7fb\r\n'),
            ('with an escape in its value', b'X: \x1b[2J\r\n'), ('with a blank in its name', b'X y: z\r\n'),
            ('with a tab in its name', b'X\ty: z\r\n'), ('with a blank before its colon', b'X : y\r\n'),
            ('with a bracket in its name', b'X(y): z\r\n'), ('with a slash in its name', b'X/y: z\r\n'),
            ('with a high byte in its name', b'X\xe9: y\r\n'), ('of CR in its value', b'X: a\rb\r\n'),
            ('of CR CR LF', b'X: y\r\r\n'), ('of LF CR', b'X: y\n\r'), ('that ends in LF', b'X: y\n'),
            ('that ends in LF, and a length behind it', b'X: y\nContent-Length: 0\r\n')):
        row(f'a field {name}', '400', said(line))
    row('a field with a high byte in its value', '200', said(b'X: \xe9\r\nConnection: close\r\n'))
    # RFC 9112 section 5.2: "... or replace each received obs-fold with one or more SP octets".
    row('a field that is folded', '200', said(b'X: a\r\n b\r\nConnection: close\r\n'))
    row('a field that is folded with a tab', '200', said(b'X: a\r\n\tb\r\nConnection: close\r\n'))
    row('a first field that is folded', '400', post(host=b' X: y\r\nHost: x\r\n'))
    row('a field without a value', '200', said(b'X:\r\nConnection: close\r\n'))
    row('fields, a hundred', '200', said(b'X: y\r\n' * 100 + b'Connection: close\r\n'))
    row('fields, ten thousand', '431', said(b'X: y\r\n' * 10_000))
    row('fields, without an end', '431', b'GET / HTTP/1.1\r\n' + b'X: y\r\n' * 200_000)
    row('a field of 8 KiB', '431', said(b'X: ' + b'y' * 8192 + b'\r\n'))
    row('a field of 7 KiB', '200', said(b'X: ' + b'y' * 7168 + b'\r\nConnection: close\r\n'))
    row('a field without an end', '431', b'GET / HTTP/1.1\r\nX: ' + b'y' * 1_000_000)
    row('a name without an end', '400|431', b'GET / HTTP/1.1\r\n' + b'X' * 1_000_000)
    row('blanks without an end', '431', b'GET / HTTP/1.1\r\nX:' + b' ' * 1_000_000)
    row('a header that all ends in LF', '400', GOOD.replace(b'\r\n', b'\n'))
    row('a header that all ends in CR', '400', GOOD.replace(b'\r\n', b'\r'))
    row('a header that ends in LF LF', '400', GOOD.replace(b'\r\n\r\n', b'\n\n', 1))
    row('half a header', 'closed', GOOD[:50])
    row('a header without its last line', 'closed', GOOD[:GOOD.index(b'\r\n\r\n') + 2])
    row('no host', '400', post(host=b''))
    row('two hosts', '400', post(host=b'Host: x\r\nHost: x\r\n'))
    row('two hosts that differ', '400', post(host=b'Host: x\r\nhost: y\r\n'))
    row('a host with a zero byte', '400', post(host=b'Host: x\0\r\n'))
    row('a host that is folded', '200', said(b'Connection: close\r\n', host=b'Host:\r\n x\r\n'))
    row('a host that is two', '400', post(host=b'Host: x y\r\n'))
    row('a host with a slash', '400', post(host=b'Host: x/y\r\n'))
    row('a host with a user', '400', post(host=b'Host: root@x\r\n'))
    row('a host in brackets', '200', said(b'Connection: close\r\n', host=b'Host: [::1]:80\r\n'))
    row('a host without a name', '200', post(host=b'Host:\r\nConnection: close\r\n'))
    row('Connection: names the length', '200', said(b'Connection: close, Content-Length\r\n'))
    row('Connection: both', '200', said(b'Connection: close, keep-alive\r\n'))
    row('Connection: no token', '400', said(b'Connection: \0\r\n'))
    row('Upgrade to WebSocket', '200', said(b'Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AA==\r\n'))
    row('Upgrade to HTTP/2', '200', said(b'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n'))
    row('Upgrade of a GET', '404', post(b'Connection: Upgrade, close\r\nUpgrade: websocket\r\n', b'', first=b'GET / HTTP/1.1\r\n'))
    row('Expect: 100-continue, and no body', '100', post(b'Expect: 100-continue\r\n' + length(BODY), b''))
    row('Expect: 100-continue, and a half-close', '100', post(b'Expect: 100-continue\r\n' + length(BODY), b''), HALF)
    row('Expect: 100-continue, and too much', '413', post(b'Expect: 100-continue\r\nContent-Length: 99999\r\n', b''))
    row('Expect: 100-continue, in HTTP/1.0', 'closed',
        post(b'Expect: 100-continue\r\n' + length(BODY), b'', first=b'POST /v1/issue HTTP/1.0\r\n'))
    row('Expect: 100-continue, with the body', '200|100 200', said(b'Expect: 100-continue\r\nConnection: close\r\n'))
    row('Expect: what nobody knows', '200|417', said(b'Expect: 200-ok\r\nConnection: close\r\n'))
    row('an override of the method', '405', said(b'X-HTTP-Method-Override: POST\r\nConnection: close\r\n', first=b'PUT /v1/issue HTTP/1.1\r\n'))
    row('forwarded for somebody', '200', said(b'X-Forwarded-For: 127.0.0.1\r\nForwarded: for=_root\r\nConnection: close\r\n'))


# ---- first line


def first_lines():
    def get_of(line, more=b''):
        return line + b'\r\nHost: x\r\nConnection: close\r\n' + more + b'\r\n'

    for name, target in (
            ('in absolute form of elsewhere', b'http://169.254.169.254/'),
            ('of a file', b'file:///etc/shadow'), ('in authority form', b'x:443'), ('of a star', b'*'), ('that climbs', b'/../../etc/shadow'),
            ('that climbs inside', b'/v1/../v1/issue'), ('with a dot', b'/v1/./issue'), ('of %2e%2e', b'/%2e%2e/%2e%2e/etc/shadow'),
            ('of %252e', b'/%252e%252e/etc/shadow'), ('of %00', b'/v1/issue%00'), ('of %zz', b'/v1/%zz'), ('with two slashes', b'/v1//issue'),
            ('that begins with two slashes', b'//v1/issue'), ('in capitals', b'/V1/ISSUE'), ('in percents', b'/v1/%69ssue'),
            ('with a slash behind it', b'/v1/issue/'), ('with parameters', b'/v1/issue;count=2'), ('of the admin socket', b'/v1/rotate'),
            ('of 7000 bytes', b'/' + b'a' * 7000), ('without its slash', b'v1/issue')):
        row(f'a target {name}', '404|400', said(b'Connection: close\r\n', target=target))
    for name, target in (
            ('with a zero byte', b'/v1/issue\0'), ('with DEL', b'/v1/issue\x7f'), ('with a tab', b'/v1/issue\tx'), ('with a blank', b'/v1/issue x'),
            ('with a control byte', b'/v1/\1'), ('that is missing', b'')):
        row(f'a target {name}', '400', said(b'Connection: close\r\n', target=target))
    for target in (b'http://x/v1/issue', b'HTTP://elsewhere:80/v1/issue?count=1', b'https://x/v1/issue'):
        row(f'a target in absolute form, {target.decode()}', '200', said(b'Connection: close\r\n', target=target))
    for target in (b'http://x', b'http://', b'http:///', b'http://x?count=1', b'http:/v1/issue', b'ftp://x/v1/issue', b'a?http://x/v1/issue'):
        row(f'a target in some absolute form, {target.decode()}', '404|400', said(b'Connection: close\r\n', target=target))
    row('a target with a fragment', '400|404', said(b'Connection: close\r\n', target=b'/v1/issue#x'))
    row('a target with a backslash', '400|404', said(b'Connection: close\r\n', target=b'\\v1\\issue'))
    row('a target with high bytes', '400|404', said(b'Connection: close\r\n', target='/v1/issué'.encode()))
    row('a target of 9000 bytes', '431', said(b'Connection: close\r\n', target=b'/' + b'a' * 9000))
    row('a target without an end', '431', b'GET /' + b'a' * 1_000_000)
    for name, query in (
            ('that counts twice', b'count=1&count=2'), ('that counts none', b'count='), ('that counts below one', b'count=-1'), ('of zero', b'count=0'),
            ('that counts too far', b'count=9'), ('that overflows', b'count=%d' % 2**64), ('in percents', b'count=%31'), ('of a zero byte', b'count=1%00'),
            ('with a plus', b'count=+1'), ('with a point', b'count=1.0'), ('in hexadecimal', b'count=0x1'), ('of another name', b'domain=blog'),
            ('of another case', b'Count=1'), ('of six kilobytes', b'a' * 6000)):
        row(f'a query {name}', '400', said(b'Connection: close\r\n', target=b'/v1/issue?' + query))
    row('a query that is empty', '200', said(b'Connection: close\r\n', target=b'/v1/issue?'))
    for name, method in (('GET', b'GET'), ('PUT', b'PUT'), ('DELETE', b'DELETE'), ('TRACE', b'TRACE'), ('OPTIONS', b'OPTIONS'), ('unknown', b'BREW'),
                         ('in small letters', b'post'), ('longer', b'POSTS'), ('of a kilobyte', b'P' * 1024)):
        row(f'a method, {name}', '405|400', said(b'Connection: close\r\n', first=method + b' /v1/issue HTTP/1.1\r\n'))
    row('a method, CONNECT', '400|404|405', get_of(b'CONNECT x:443 HTTP/1.1'))
    row('a method, HEAD', '405', get_of(b'HEAD /v1/issue HTTP/1.1'))
    for name, method in (('that is missing', b''), ('with a zero byte', b'PO\0ST'), ('with a colon', b'POST:'), ('with high bytes', b'P\xd6ST'),
                         ('behind a blank', b' POST'), ('behind a tab', b'\tPOST')):
        row(f'a method {name}', '400', get_of(method + b' /v1/issue HTTP/1.1'))
    row('a method without an end', '400|431', b'P' * 1_000_000)
    for name, line in (
            ('HTTP/0.9', b'GET /'), ('HTTP/0.9 of a number', b'GET / HTTP/0.9'), ('HTTP/2.0', b'GET / HTTP/2.0'), ('HTTP/1.10', b'GET / HTTP/1.10'), ('HTTP/1', b'GET / HTTP/1'),
            ('http/1.1', b'GET / http/1.1'), ('HTTP/01.1', b'GET / HTTP/01.1'), ('HTP/1.1', b'GET / HTP/1.1'), ('HTTP/1.1 and more', b'GET / HTTP/1.1 x'),
            ('HTTP/-1.1', b'GET / HTTP/-1.1'), ('HTTP/1,1', b'GET / HTTP/1,1'), ('none behind a blank', b'GET / '), ('HTTP/65537.1', b'GET / HTTP/65537.1')):
        row(f'a version, {name}', '400', get_of(line))
    row('a version, HTTP/1.0 that keeps alive', '200', said(b'Connection: keep-alive\r\n', first=b'POST /v1/issue HTTP/1.0\r\n'))
    row('a version, HTTP/1.0 in a row', '200', said(b'', first=b'POST /v1/issue HTTP/1.0\r\n') * 2)
    row('a version, HTTP/1.9', '400|404|505', get_of(b'GET / HTTP/1.9'))
    row('a first line of tabs', '400', get_of(b'GET\t/\tHTTP/1.1'))
    row('a first line with two blanks', '400', get_of(b'GET  / HTTP/1.1'))
    row('a first line with two blanks behind', '400', get_of(b'GET /  HTTP/1.1'))
    row('a first line with a blank at its end', '400', get_of(b'GET / HTTP/1.1 '))
    row('an empty line before the first', '200|400', b'\r\n' + LAST)
    row('an empty line of LF before the first', '400', b'\n' + LAST)
    row('an answer as a request', '400', b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')


# ---- what is not HTTP


def other_protocols():
    picked = random.Random(9)
    for name, data in (
            ('TLS', b'\x16\3\1\0\xc8' + hello_bytes()), ('TLS, cut', b'\x16\3\1\2\0\1\0\1\xfc\3\3'), ('a TLS alert', b'\x15\3\3\0\2\2\x28'),
            ('SSH', b'SSH-2.0-OpenSSH_9.2\r\n'), ('HTTP/2', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0'), ('SMTP', b'EHLO x\r\n'),
            ('Redis', b'*1\r\n$4\r\nPING\r\n'), ('PROXY', b'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n' + GOOD),
            ('PROXY 2', b'\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c' + bytes(12) + GOOD), ('FastCGI', b'\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0'),
            ('zeros', bytes(100_000)), ('ones', b'\xff' * 100_000), ('blanks', b' ' * 100_000), ('UTF-16', GOOD.decode().encode('utf-16')),
            ('a byte order mark', b'\xef\xbb\xbf' + GOOD), ('gzip', gzip.compress(GOOD)), ('a shell', b'() { :; }; /bin/sh\r\n\r\n'),
            ('a format', b'%n%n%n%s%s%s\r\n\r\n'), ('random bytes', picked.randbytes(4096)), ('random bytes, many', picked.randbytes(200_000)),
            ('random text', bytes(picked.choices(b'\r\n :GETPOSTHTTP/1.0\t', k=4096)))):
        row(f'another protocol: {name}', '400|431', data)
    row('another protocol: empty lines', '400|closed', b'\r\n' * 50_000)
    row('one byte that could begin a request', 'closed', b'P')
    row('nothing', 'closed')


# ---- connections


def connections():
    row('a good one, then a bad one', '200 400', GOOD + b'x\r\n\r\n')
    row('a good one, then half of one', '200', GOOD + GOOD[:-9])
    row('thirty good ones, then zeros', ' '.join(['200'] * 30 + ['400']), GOOD * 30 + bytes(100))
    row('a bad one, then a good one', '400', b'x\r\n\r\n' + GOOD)
    row('a method that is not allowed, then a good one', '405 200', post(first=b'PUT /v1/issue HTTP/1.1\r\n') + LAST)
    row('a body that is a request', '400', post(body=GOOD, lines=length(GOOD) + b'Connection: close\r\n'))
    row('a GET with a request as its body', '404', post(first=b'GET / HTTP/1.1\r\n', body=GOOD, lines=length(GOOD) + b'Connection: close\r\n'))
    row('a HEAD with a request as its body', '405', said(b'Connection: close\r\n', first=b'HEAD /v1/issue HTTP/1.1\r\n', body=GOOD))
    row('a request behind the one that closes', '200', LAST + GOOD)
    row('a body that is longer than its length', '200 400', GOOD + b'{"more": 1}\r\n\r\n')
    row('a body that is shorter than its length', 'closed', post(b'Content-Length: %d\r\n' % (len(BODY) + 1)))
    row('a body that is shorter, then a good one', '400 400', post(b'Content-Length: %d\r\n' % (len(BODY) + 10)) + GOOD)
    row('a body that never comes', 'closed', post(length(BODY), b''))
    row('a body, half of it', 'closed', post()[:-20])
    row('a body of which half comes late', 'closed', post()[:-20], 0.6, BODY[-20:])
    row('a body that drips', 'closed', post()[:-60], *[part for byte in BODY[-60:] for part in (0.02, bytes([byte]))])
    row('a header that drips', 'closed', *[part for byte in GOOD[:60] for part in (0.02, bytes([byte]))])
    row('a body of 64 KiB and a byte', '413', post(body=b' ' * 65537))
    row('a body of a megabyte', '413', post(body=b' ' * 1_000_000))
    row('a body of 20 megabytes', '413|413 closed|closed', post(body=b' ' * 20_000_000))
    row('a half-close before all', 'closed', HALF)
    row('a half-close in the first line', 'closed', GOOD[:9], HALF)
    row('a half-close in the header', 'closed', GOOD[:40], HALF)
    row('a half-close behind the header', 'closed', post(length(BODY), b''), HALF)
    row('a half-close in the body', 'closed', GOOD[:-9], HALF)
    row('a half-close behind the request', '200', GOOD, HALF)
    row('a half-close behind a bad one', '400', b'x\r\n\r\n', HALF)
    row('gone before all', 'closed', RESET)
    row('gone in the header', 'closed', GOOD[:40], RESET)
    row('gone in the body', 'closed', GOOD[:-9], RESET)
    row('gone before the answer', '200|closed', GOOD, RESET)
    row('gone before a hundred answers', '200|closed', GOOD * 100, RESET)


# ---- bodies


def json_bodies():
    def member(name, value):
        return json.dumps({**SESSION, name: value}).encode()

    def with_text(text):
        return BODY[:-1] + b', ' + text + b'}'

    closing = b'Connection: close\r\n'
    for name, body in (
            ('nothing', b''), ('a blank', b' '), ('an array', b'[]'), ('a text', b'"x"'), ('a number', b'7'), ('null', b'null'), ('true', b'true'),
            ('an empty object', b'{}'), ('half an object', BODY[:-1]), ('two objects', BODY + BODY), ('something behind it', BODY + b'x'),
            ('a zero byte behind it', BODY + b'\0'), ('60,000 arrays', b'[' * 60_000), ('30,000 arrays that end', b'[' * 30_000 + b']' * 30_000),
            ('10,000 objects', b'{"a":' * 10_000 + b'1' + b'}' * 10_000), ('arrays in a member', with_text(b'"x": ' + b'[' * 30_000)),
            ('arrays in a member that end', with_text(b'"alpn": ' + b'[' * 20_000 + b']' * 20_000)), ('a comma at the end', BODY[:-1] + b',}'),
            ('a comment', b'/* x */' + BODY), ('apostrophes', BODY.replace(b'"', b"'")), ('a byte order mark in UTF-16', b'\xff\xfe' + BODY),
            ('UTF-16', BODY.decode().encode('utf-16-le')), ('a member twice', with_text(b'"version": "TLS 1.3"')), ('the same member twice', with_text(b'"version": "TLS 1.2"')),
            ('the secret twice', with_text(b'"secret": "' + b'11' * 48 + b'"')), ('an unknown member', with_text(b'"domain": "blog"')),
            ('5,000 unknown members', with_text(b', '.join(b'"m%d": 1' % i for i in range(5000)))), ('a name of 50,000 bytes', with_text(b'"' + b'a' * 50_000 + b'": 1')),
            ('an empty name', with_text(b'"": 1')), ('NaN', with_text(b'"lifetime": NaN')), ('Infinity', with_text(b'"lifetime": Infinity')),
            ('1e999', with_text(b'"lifetime": 1e999')), ('50,000 digits', with_text(b'"lifetime": ' + b'9' * 50_000)), ('2^64', with_text(b'"lifetime": 18446744073709551616')),
            ('2^63', with_text(b'"lifetime": 9223372036854775808')), ('a negative lifetime', with_text(b'"lifetime": -1')), ('half a second', with_text(b'"lifetime": 0.5')),
            ('a number with a zero before it', with_text(b'"lifetime": 07')), ('a plus', with_text(b'"lifetime": +7')), ('invalid UTF-8', with_text(b'"server_name": "\xff\xfe"')),
            ('overlong UTF-8', with_text(b'"server_name": "\xc0\xaf"')), ('a surrogate in UTF-8', with_text(b'"server_name": "\xed\xa0\x80"')), ('half a surrogate', with_text(b'"server_name": "\\ud800"')),
            ('a wrong escape', with_text(b'"server_name": "\\x41"')), ('a control byte in a text', with_text(b'"server_name": "a\nb"')), ('a zero in an escape', member('server_name', 'a\0b')),
            ('a name of 60,000 letters', member('server_name', 'a' * 60_000)), ('a secret that is no hex', member('secret', 'x' * 96)), ('a secret of odd digits', member('secret', SECRET[1:])),
            ('a secret that is a number', member('secret', 7)), ('a secret that is an array', member('secret', [7] * 48)), ('a secret with a blank', member('secret', ' ' + SECRET[:-2])),
            ('a version that there is not', member('version', 'TLS 9.9')), ('a suite that there is not', member('cipher_suite', 'TLS_X')),
            ('a truth that is a text', member('extended_master_secret', 'true')), ('text that is no JSON', b'version=TLS+1.2'), ('XML', b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>')):
        row(f'JSON: {name}', '400', said(closing, body=body))
    for name, body in (
            ('no secret', json.dumps({k: v for k, v in SESSION.items() if k != 'secret'}).encode()), ('an empty secret', member('secret', '')),
            ('a secret that is too short', member('secret', SECRET[2:])), ('a secret that is too long', member('secret', SECRET + '00')),
            ('a secret of zeros', member('secret', '00' * 48)), ('issued in the year 9999', member('issued_at', '9999-12-31T23:59:59Z'))):
        row(f'JSON: {name}', '400|422', said(closing, body=body))
    row('JSON: a version in its number', '200', said(closing, body=member('version', 771)))
    row('JSON: a byte order mark', '200|400', said(closing, body=b'\xef\xbb\xbf' + BODY))
    row('JSON: escapes in a name', '200', said(closing, body=BODY.replace(b'"version"', b'"\\u0076ersion"')))
    row('JSON: an escape that doubles a name', '400', said(closing, body=with_text(b'"\\u0076ersion": "TLS 1.3"')))
    row('JSON: 60,000 blanks', '200', said(closing, body=b' ' * 60_000 + BODY))
    row('JSON: blanks that it does not know', '400', said(closing, body=b'\x0b' + BODY))


def offers():
    def resume(ticket, hello=HELLO, **more):
        return said(b'Connection: close\r\n', target=b'/v1/resume', body=json.dumps({'ticket': ticket, 'hello': hello, **more}).encode())

    for name, ticket in (
            ('that is no base64', '*'), ('of three letters', 'AAA'), ('that is padded too much', 'AA======'), ('that is not padded', 'AA'), ('in base64 of URLs', '-_-_'),
            ('with an end of line', 'AAAA\nAAAA'), ('with a blank', 'AAAA AAA'), ('with a zero byte', 'AAA\0'), ('with bits behind its end', 'AB=='), ('of a number', 7),
            ('of an array', []), ('of null', None), ('of an object', {})):
        row(f'a ticket {name}', '400', resume(ticket))
    row('a ticket of 45,000 bytes', '200', resume(encoded(bytes(45_000))))
    row('a ticket of nothing', '200', resume(''))
    hello = hello_bytes()
    for name, given in (
            ('of a number', 7), ('of null', None), ('of an array', []), ('that is no base64', '*'), ('that is empty', ''), ('of zeros', encoded(bytes(100))),
            ('that is cut', encoded(hello[:-1])), ('with a byte behind it', encoded(hello + b'\0')), ('that is a server hello', encoded(b'\2' + hello[1:])),
            ('that says it is longer', encoded(hello[:3] + bytes([hello[3] + 1]) + hello[4:])), ('with a session id of 33 bytes', encoded(hello[:38] + b'\x21' + hello[39:])),
            ('with suites of odd size', encoded(hello[:39] + b'\0\1' + hello[41:])), ('with extensions that end early', encoded(hello[:-9] + b'\xff' * 9)),
            ('in a record that says less', encoded(b'\x16\3\1\0\5' + hello)), ('with an unknown member', {**HELLO, 'domain': 'blog'}),
            ('with suites of 65536', {**HELLO, 'cipher_suites': [65536]}), ('with suites below zero', {**HELLO, 'cipher_suites': [-1]}),
            ('with suites that are texts', {**HELLO, 'cipher_suites': 'all'})):
        row(f'a hello {name}', '400', resume('AAAA', given))
    row('a hello with one extension twice', '400', resume('AAAA', encoded(twice_extended(hello))))
    row('a hello of no suites', '200|400', resume('AAAA', {**HELLO, 'cipher_suites': []}))
    row('a hello of 9,000 suites', '200', resume('AAAA', {**HELLO, 'cipher_suites': [0xc02f] * 9_000}))
    row('a hello with 3,000 identities', '200', resume('', {
        'legacy_version': 'TLS 1.2', 'supported_versions': ['TLS 1.3'], 'cipher_suites': [0x1301], 'psk_key_exchange_modes': [1], 'key_share': True,
        'psk_identities': [{'identity': '00', 'obfuscated_ticket_age': 1}] * 1000}))
    row('an offer with an unknown member', '400', resume('AAAA', domain='blog'))
    row('an offer without a hello', '400', said(b'Connection: close\r\n', target=b'/v1/resume', body=b'{"ticket": "AAAA"}'))


def twice_extended(hello):
    """With its extended_master_secret once more."""
    extra = struct.pack('>HH', 23, 0)
    body = bytearray(hello + extra)
    body[1:4] = (len(body) - 4).to_bytes(3, 'big')
    at = 4 + 2 + 32 + 1 + 2 + 2 + 2
    body[at:at + 2] = (struct.unpack_from('>H', hello, at)[0] + len(extra)).to_bytes(2, 'big')
    return bytes(body)


def byte_bodies():
    def send(target, body):
        return said(b'Connection: close\r\n', target=target, kind=BYTES.encode(), body=body)

    for name, body in (
            ('nothing', b''), ('a byte', b'\1'), ('127 bytes', bytes(127)), ('129 bytes', bytes(129)), ('128 zeros', bytes(128)), ('128 ones', b'\xff' * 128),
            ('256 zeros', bytes(256)), ('16384 ones', b'\xff' * 16384), ('60,000 zeros', bytes(60_000)), ('JSON', BODY), ('a version that there is not', b'\2' + bytes(127))):
        row(f'a state of {name}', '400', send(b'/v1/issue', body))
    for name, body in (
            ('nothing', b''), ('a byte', b'\0'), ('no hello', b'\0\0'), ('a ticket that goes past the end', b'\xff\xff' + hello_bytes()),
            ('a ticket that takes all', struct.pack('>H', len(hello_bytes())) + hello_bytes()), ('a hello that is cut', b'\0\0' + hello_bytes()[:-1]),
            ('zeros', bytes(60_000)), ('ones', b'\xff' * 60_000), ('JSON', BODY)):
        row(f'an offer of {name}', '400', send(b'/v1/resume', body))
    for name, label in (('that is empty', b'\0'), ('that is missing', b''), ('that is cut', b'\7pike/'), ('of 33 bytes', b'\x21' + b'a' * 33), ('of 255 bytes', b'\xff' + b'a' * 255)):
        row(f'a label {name}, to seal', '400', send(b'/v1/seal', label))
        row(f'a label {name}, to open', '400', send(b'/v1/open', label))
    for name, label in (('of zeros', b'\6' + bytes(6)), ('of another case', b'\6PIKE/1'), ('of high bytes', b'\6' + b'\xff' * 6), ('that only begins so', b'\5pike/'), ('that goes on', b'\7pike/10')):
        row(f'a label {name}', '403', send(b'/v1/seal', label))
    row('a label and nothing to open', '200', send(b'/v1/open', b'\6pike/1'))
    row('a label and zeros to open', '200', send(b'/v1/open', b'\6pike/1' + bytes(60_000)))
    row('a label and more than fits', '422', send(b'/v1/seal', b'\6pike/1' + bytes(60_000)))


def kinds():
    for name, kind in (('none', b''), ('of text', b'text/plain'), ('of a form', b'application/x-www-form-urlencoded'), ('of several parts', b'multipart/form-data; boundary=x'),
                       ('that begins right', b'application/jsonx'), ('that ends right', b'x-application/json'), ('of problems', b'application/problem+json'), ('of both', b'application/json, application/octet-stream'),
                       ('of a parameter alone', b';charset=utf-8'), ('with a blank in it', b'application/ json'), ('of five kilobytes', b'a' * 5000)):
        row(f'a content type {name}', '415', said(b'Connection: close\r\n', kind=kind))
    row('a content type with a charset', '200', said(b'Connection: close\r\n', kind=b'application/json ; charset=utf-16'))
    row('a content type in capitals', '200|415', said(b'Connection: close\r\n', kind=b'APPLICATION/JSON'))
    row('a content type twice', '200|400|415', said(b'Content-Type: application/octet-stream\r\nConnection: close\r\n'))
    row('a body in gzip', '400|415', said(b'Content-Encoding: gzip\r\nConnection: close\r\n', body=gzip.compress(BODY)))
    row('a bomb in gzip', '400|415', said(b'Content-Encoding: gzip\r\nConnection: close\r\n', body=gzip.compress(bytes(50_000_000))))
    row('a range', '200', said(b'Range: bytes=0-1\r\nConnection: close\r\n'))


# ---- the admin socket


def of_the_admin():
    def send(first, body=b'', kind=b'application/json'):
        return said(b'Connection: close\r\n', first=first + b' HTTP/1.1\r\n', body=body, kind=kind)

    for name, first, body, expected in (
            ('a rotation by GET', b'GET /v1/rotate', b'', '405'), ('a rotation by HEAD', b'HEAD /v1/rotate', b'', '405'), ('a revocation by GET', b'GET /v1/revoke', b'', '405'),
            ('a ring by DELETE', b'DELETE /v1/ring', b'', '405'), ('a ring by PUT', b'PUT /v1/ring', b'{}', '405'), ('the page by POST', b'POST /', b'', '405'),
            ('metrics by TRACE', b'TRACE /metrics', b'', '405'), ('a file', b'GET /../../etc/shadow', b'', '404'), ('a file in percents', b'GET /%2e%2e/etc/shadow', b'', '404'),
            ('tickets', b'POST /v1/issue', BODY, '404'), ('a revocation of nothing', b'POST /v1/revoke', b'', '400'), ('a revocation of an array', b'POST /v1/revoke', b'[]', '400'),
            ('a revocation of no one', b'POST /v1/revoke', b'{}', '400'), ('a revocation of a number', b'POST /v1/revoke', b'{"name": 7}', '400'),
            ('a revocation of a path', b'POST /v1/revoke', b'{"name": "../x"}', '400|404|422'), ('a revocation of all, said half', b'POST /v1/revoke', b'{"all": false}', '400'),
            ('a revocation of all, in words', b'POST /v1/revoke', b'{"all": "true"}', '400'), ('a revocation of both', b'POST /v1/revoke', b'{"all": true, "name": "00"}', '400'),
            ('a revocation with more', b'POST /v1/revoke', b'{"all": true, "x": 1}', '400'), ('a revocation of all, twice', b'POST /v1/revoke', b'{"all": false, "all": true}', '400'),
            ('a revocation of 30,000 arrays', b'POST /v1/revoke', b'[' * 30_000, '400'), ('a revocation by an empty name', b'POST /v1/revoke', b'{"name": ""}', '400|404|422')):
        row(f'admin: {name}', expected, send(first, body), admin=True)
    row('admin: a script in the target', '404', send(b'GET /<script>alert(1)</script>'), admin=True)
    row('admin: zeros', '400', bytes(1000), admin=True)


# ---- play


def exchange(path, sent):
    """What came back until it was closed, and in how many seconds."""
    begin = time.monotonic()
    got = b''
    with raw(path) as connection:
        connection.settimeout(DEADLINE + LATE)
        try:
            for part in sent:
                if part is HALF:
                    connection.shutdown(socket.SHUT_WR)
                elif part is RESET:
                    return b'', 0.0
                elif isinstance(part, float):
                    time.sleep(part)
                else:
                    connection.sendall(part)
        except ConnectionError:
            pass
        except TimeoutError:
            return b'', time.monotonic() - begin
        try:
            while part := connection.recv(1 << 20):
                got += part
        except ConnectionError:
            pass
        except TimeoutError:
            got += b'(not closed)'
    pauses = sum(part for part in sent if isinstance(part, float))
    return got, time.monotonic() - begin - min(pauses, DEADLINE)


def statuses_in(got, only_head):
    """Of each answer. What is no whole answer of HTTP/1.1 shows as itself."""
    found = []
    while got:
        head = re.match(rb'HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n', got)
        if not head:
            return found + [repr(got[:60])]
        status, lines, got = head[1].decode(), head[2].lower(), got[head.end():]
        found.append(status)
        if status == '100':
            continue
        sizes = re.findall(rb'^content-length: (\d+)\r$', lines, re.M)
        if len(sizes) != 1 or lines.count(b'date: ') != 1:
            return found + [repr(lines)]
        size = 0 if only_head else int(sizes[0])
        if len(got) < size:
            return found + ['cut short']
        got = got[size:]
    return found or ['closed']


def every_row(folder):
    for group in (lengths, codings, chunks, fields, first_lines, other_protocols, connections, json_bodies, offers, byte_bodies, kinds,
                  of_the_admin):
        group()
    names = [name for name, *_ in rows]
    check(len(set(names)) == len(names) >= 200, f'{len(names)} rows, each with a name of its own')
    seconds = f'"{int(DEADLINE * 1000)}ms"'
    stekd = Stekd(folder, top=f'deadline = {seconds}\nidle = {seconds}')
    words, slowest, tally = sys.argv[3:], 0.0, {}
    for name, expected, sent, admin in rows:
        if words and not any(word in name for word in words):
            continue
        got, took = exchange(stekd.admin if admin else stekd.shop, sent)
        only_head = any(isinstance(part, bytes) and part.startswith(b'HEAD') for part in sent)
        came = ' '.join(statuses_in(got, only_head)) if RESET not in sent else expected.split('|')[0]
        check(came in expected.split('|'), f'{name}: {expected} expected, {came}')
        check(took < DEADLINE + LATE, f'{name}: {took:.2f} s')
        slowest = max(slowest, took)
        tally[came.split()[-1]] = tally.get(came.split()[-1], 0) + 1
        check(served(stekd), f'{name}: the next one is served')
        if stekd.process.poll() is not None:
            print(stekd.log())
            return check(False, f'{name}: stekd has ended')
        if words:
            print(f'{name}: {came}, {took:.3f} s')
    print(f'{len(rows)} rows, ended by {dict(sorted(tally.items()))}, the slowest in {slowest:.2f} s')
    if not words:
        bodies_cut_anywhere(stekd)
        check(get(stekd.admin, '/v1/ring').json['generation'] == 1, 'and the ring is as it was')
    check(stekd.stop() == 0, 'it ends well')
    check(SECRET not in stekd.log() and 'Sanitizer' not in stekd.log(), 'and its log says nothing of it')


def served(stekd):
    try:
        connection = Connection(stekd.shop)
        answer = ask(connection, 'POST', '/v1/issue', BODY, JSON)
        connection.close()
    except OSError:
        return False
    return answer.status == 200 and 'ticket' in answer.json


def bodies_cut_anywhere(stekd):
    """At every length, and with each of its bytes turned, on connections that stay."""
    ticket = stekd.issue()
    state = bytes.fromhex(SECRET)
    connection = Connection(stekd.shop)
    offer = json.dumps({'ticket': ticket, 'hello': HELLO}).encode()
    for target, kind, body in (('/v1/issue', JSON, BODY), ('/v1/resume', JSON, offer), ('/v1/seal', JSON, b'{"label":"pike/1","data":"AAAA"}'),
                               ('/v1/resume', BYTES, b'\0\0' + hello_bytes()), ('/v1/open', BYTES, b'\6pike/1' + state)):
        cut = {ask(connection, 'POST', target, body[:size], kind).status for size in range(len(body))}
        check(cut <= {200, 400, 403} and (kind == BYTES or cut == {400}), f'{target}, {kind}, cut: {cut}')
        turned = set()
        for at in range(len(body)):
            changed = bytearray(body)
            changed[at] ^= 0x80 if at % 2 else 0x01
            turned.add(ask(connection, 'POST', target, bytes(changed), kind).status)
        check(turned <= {200, 400, 403, 422}, f'{target}, {kind}, turned: {turned}')
    connection.close()
    check(served(stekd), 'and the next one is served')


run(every_row)
