"""What a client may not do, and how long it may take: limits.py STEKD STEK"""

import os
import re
import resource
import socket
import time

from daemon import BODY, JSON, SESSION, Connection, Stekd, ask, check, get, post, raw, rest_of, run, wait_until

# Out of descriptors, clang's checks of types take memory for unreadable: they try it with a pipe.
SANITIZED = 'STEKD_SANITIZED' in os.environ


def request(target=b'/v1/issue', body=BODY, more=b''):
    return (b'POST ' + target + b' HTTP/1.1\r\nHost: stekd\r\nContent-Type: application/json\r\n' + more +
            b'Content-Length: ' + str(len(body)).encode() + b'\r\n\r\n' + body)


def status_of(answer):
    found = re.match(rb'HTTP/1\.[01] (\d+)', answer)
    return int(found[1]) if found else 0


def answered(path, data):
    with raw(path) as connection:
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
        return rest_of(connection)


def sizes_have_limits(folder):
    stekd = Stekd(folder, top='deadline = "500ms"')
    check(post(stekd.shop, '/v1/issue', SESSION).status == 200, 'a request')
    answer = answered(stekd.shop, request(more=b'X: ' + b'x' * 9000 + b'\r\n'))
    check(status_of(answer) == 431 and b'header_too_large' in answer, 'a header of over 8 KiB: 431')
    check(status_of(answered(stekd.shop, request(target=b'/' + b'x' * 9000))) == 431, 'in its first line too')
    answer = answered(stekd.shop, request(body=b' ' * 70000))
    check(status_of(answer) == 413 and b'body_too_large' in answer, 'a body of over 64 KiB: 413')
    chunked = b'POST /v1/issue HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' + b'8000\r\n' + b' ' * 0x8000 + b'\r\n'
    check(status_of(answered(stekd.shop, chunked + chunked[chunked.index(b'8000'):] * 2)) == 413, 'in chunks too')
    check(post(stekd.shop, '/v1/issue', b' ' * 60000 + BODY, 'x').status == 415, 'one below is read')
    check(b'Connection: close' in answer, 'what is refused for that is closed')
    metrics = get(stekd.admin, '/metrics').body.decode()
    for status, count in ((400, 0), (413, 2), (431, 2)):
        check(f'stekd_requests_refused_total{{status="{status}"}} {count}\n' in metrics, f'each {status} is counted')
    stekd.stop()


def what_is_no_http(folder):
    stekd = Stekd(folder, top='deadline = "500ms"')
    head = b'POST /v1/issue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    for what, data in (
            ('no HTTP', b'hello\r\n\r\n'), ('HTTP/2', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), ('TLS', b'\x16\3\1\1\0\1\0'),
            ('no host', b'GET / HTTP/1.1\r\n\r\n'), ('two hosts', b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'),
            ('two lengths', head + b'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} '),
            ('a length and chunks', head + b'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
            ('a length below zero', head + b'Content-Length: -1\r\n\r\n'),
            ('a chunk of no number', head + b'Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n'),
            ('a space before the colon', b'GET / HTTP/1.1\r\nHost : x\r\n\r\n'),
            ('a zero in the target', b'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n')):
        answer = answered(stekd.shop, data)
        check(status_of(answer) == 400 and answer.count(b'\r\nDate: ') == 1, f'{what}: {answer[:60]}')
    check(status_of(answered(stekd.shop, b'GET / HTTP/1.0\r\n\r\n')) == 404, 'HTTP/1.0 needs no host')
    stekd.stop()


def forms_of_http(folder):
    stekd = Stekd(folder)
    chunks = b''.join(b'%x\r\n%s\r\n' % (len(part), part) for part in (BODY[:5], BODY[5:100], BODY[100:]))
    head = b'POST /v1/issue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n'
    check(b'"ticket"' in answered(stekd.shop, head + b'Transfer-Encoding: chunked\r\n\r\n' + chunks + b'0\r\n\r\n'),
          'a body in chunks')
    last = request(more=b'Connection: close\r\n')
    answer = answered(stekd.shop, request() * 20 + last)
    check(answer.count(b'"ticket"') == 21, 'one after the other on a connection, unasked')
    with raw(stekd.shop) as connection:
        connection.sendall(request())
        connection.shutdown(socket.SHUT_WR)
        check(b'"ticket"' in rest_of(connection), 'a client that has closed its half is answered')
    with raw(stekd.shop) as connection:
        for byte in last:
            connection.send(bytes([byte]))
        check(b'"ticket"' in rest_of(connection), 'byte by byte')
    with raw(stekd.shop) as connection:
        connection.sendall(last.replace(b'\r\n\r\n' + BODY, b'\r\nExpect: 100-continue\r\n\r\n'))
        check(connection.recv(1000) == b'HTTP/1.1 100 Continue\r\n\r\n', 'who waits for the word gets it')
        connection.sendall(BODY)
        check(b'"ticket"' in rest_of(connection), 'and the answer')
    head = get(stekd.admin, '/healthz', 'HEAD')
    check(head.status == 200 and head.headers['Content-Length'] == '3' and not head.body, 'HEAD')
    with raw(stekd.shop) as connection:
        connection.sendall(b'GET / HTTP/1.0\r\n\r\n')
        check(status_of(rest_of(connection)) == 404, 'HTTP/1.0 is closed behind its answer')
    stekd.stop()


def time_until_closed(path, send):
    """Seconds from the connection until it is closed; `send` writes to it meanwhile."""
    with raw(path) as connection:
        begin = time.monotonic()
        connection.settimeout(0.1)
        while time.monotonic() < begin + 8:
            try:
                send(connection)
                if not connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        return time.monotonic() - begin


def deadlines(folder):
    stekd = Stekd(folder, top='deadline = "1s"\nidle = "3s"')
    parts = iter(request())
    seconds = {
        'a silent one': time_until_closed(stekd.shop, lambda connection: None),
        'one that drips': time_until_closed(stekd.shop, lambda connection: connection.send(bytes([next(parts)]))),
    }
    half = [request()[:-5]]
    seconds['half a body'] = time_until_closed(stekd.shop, lambda c: half and c.sendall(half.pop()))
    for what, took in seconds.items():
        check(0.8 < took < 1.6, f'{what} is closed after a second: {took:.2f}')
    whole = [request()]
    took = time_until_closed(stekd.shop, lambda c: whole and c.sendall(whole.pop()))
    check(2.8 < took < 3.7, f'one that was served may be idle for longer: {took:.2f}')
    connection = Connection(stekd.shop)
    for pause in (0, 1.5, 1.5):
        time.sleep(pause)
        check(ask(connection, 'POST', '/v1/issue', BODY, JSON).status == 200, 'and go on')
    served = [request(), request()[:-5]]
    took = time_until_closed(stekd.shop, lambda c: served and c.sendall(served.pop(0)))
    check(0.8 < took < 2, f'its next request has a second from its first byte: {took:.2f}')
    stekd.stop()


def too_few_descriptors(folder):
    stekd = Stekd(folder, start=False)
    code, said = stekd.refusal('--allow-unlocked', preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    check(code == 1 and '64 open files' in said and 'LimitNOFILE' in said, f'with too few descriptors it does not start: {said}')
    least = int(re.search(r'(\d+) at the least', said)[1])
    stekd.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (least, least)))
    held = [raw(path) for path in (stekd.shop, stekd.blog, stekd.admin) for _ in range(30)]
    time.sleep(0.3)
    check(stekd.reload(), 'with so many as it says it can reload, however many connect')
    for connection in held:
        connection.close()
    check(wait_until(lambda: post(stekd.shop, '/v1/issue', SESSION).status == 200), 'and serve')
    check(stekd.stop() == 0, 'and stop')


def out_of_descriptors(folder):
    stekd = Stekd(folder, top='deadline = "30s"',
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)))
    held = [raw(stekd.shop) for _ in range(150)]
    time.sleep(0.3)
    check(post(stekd.blog, '/v1/issue', SESSION).status == 200, 'who holds connections at one socket holds nobody up at another')
    check(post(stekd.admin, '/v1/rotate?force', '', None).status == 200, 'nor who administers, and the ring can be written')
    check(post(stekd.blog, '/v1/issue', SESSION).status == 200, 'which is read')
    for _ in range(4):
        check(stekd.reload(), 'it reloads')
        time.sleep(0.2)
    check(post(stekd.blog, '/v1/issue', SESSION).status == 200, 'nor are there more of them by reloads')
    before = cpu_of(stekd.process.pid)
    time.sleep(5)
    used = (cpu_of(stekd.process.pid) - before) / 5
    check(used < 0.02, f'out of descriptors, it does not spin: {used:.3f} of a core')
    for connection in held:
        connection.close()
    begin = time.monotonic()
    check(post(stekd.shop, '/v1/issue', SESSION).status == 200, 'it serves again')
    check(time.monotonic() - begin < 1, 'at once')
    check(stekd.stop() == 0, 'and stops')


def cpu_of(pid):
    fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def idle_ones_are_small(folder):
    stekd = Stekd(folder, top='idle = "30s"')

    def memory():
        return int(open(f'/proc/{stekd.process.pid}/status').read().split('VmRSS:')[1].split()[0]) * 1024

    head = b'POST /v1/issue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
    large = head + b'%x;' % len(BODY) + b'a' * 60000 + b'\r\n' + BODY + b'\r\n0\r\n\r\n'
    before, held = memory(), []
    for _ in range(300):
        held.append(raw(stekd.shop))
        held[-1].sendall(large)
        check(status_of(held[-1].recv(65536)) == 200, 'a large request')
    check(memory() - before < 300 * 16384, f'the room of large requests is given back: {(memory() - before) // 300} bytes each')
    stekd.stop()


def idle_ones_are_in_nobodys_way(folder):
    stekd = Stekd(folder, top='deadline = "30s"')
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    held = [raw(stekd.shop) for _ in range(400)]
    check(wait_until(lambda: 'stekd_connections 400\n' in get(stekd.admin, '/metrics').body.decode()), 'they are counted')
    connection, begin = Connection(stekd.shop), time.monotonic()
    for _ in range(200):
        ask(connection, 'POST', '/v1/issue', BODY, JSON)
    check(time.monotonic() - begin < 2, 'others are served meanwhile')
    for one in held:
        one.close()
    connection.close()
    check(wait_until(lambda: 'stekd_connections 0\n' in get(stekd.admin, '/metrics').body.decode()), 'and forgotten')
    stekd.stop()


run(sizes_have_limits, what_is_no_http, forms_of_http, deadlines, *([] if SANITIZED else [too_few_descriptors, out_of_descriptors, idle_ones_are_small]), idle_ones_are_in_nobodys_way)
