"""What a ticket costs, as a picture: plot.py ticket.json ticket_cost.svg

Bars of nanoseconds on a log scale, for who seals and opens. Readable on light and on dark ground.
"""

import json
import math
import sys
from html import escape

# Who stands in the picture: the name in the results, of sealing and of opening, and the name to show.
STEK = [('stek', f'{profile} issue', f'{profile} resume', f'stek, {profile}')
        for profile in ('aes256gcm', 'xchacha20poly1305', 'rfc5077')]
BARE = [('libipsec-mb', 'aes256gcm seal', 'aes256gcm open', 'bare AES-256-GCM, libipsec-mb'),
        ('libsodium', 'aes256gcm seal', 'aes256gcm open', 'bare AES-256-GCM, libsodium')]
PEERS = [(who, 'seal', 'open', who) for who in ('mbed TLS 2.28', 'BoringSSL', 'GnuTLS 3.7', 'OpenSSL 3.0', 'redis 7.0')]
LARGEST_STATE = 350

LEFT, RIGHT, TOP = 235, 70, 64
BAR, GAP, ROW = 11, 2, 40
WIDTH = 820

STYLE = '''
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .ours { font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  .ground { fill: #ffffff }
  .value { stroke: #ffffff; stroke-width: 3px; paint-order: stroke }
  .grid { stroke: #d0d7de }
  .seal { fill: #1f6feb }
  .open { fill: #bf8700 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9da7b3 }
    .ground { fill: #0d1117 }
    .value { stroke: #0d1117 }
    .grid { stroke: #3d444d }
    .seal { fill: #58a6ff }
    .open { fill: #e3b341 }
  }
'''


def row_of(results, who, what):
    """The row of the smallest state, or none."""
    rows = [row for row in results['rows'] if row['who'] == who and row['what'] == what and row['bytes'] <= LARGEST_STATE]
    return min(rows, key=lambda row: row['bytes'], default=None)


def entries(results):
    for who, seal, opens, shown in STEK + BARE + PEERS:
        pair = row_of(results, who, seal), row_of(results, who, opens)
        if None not in pair:
            yield shown, pair[0].get('note', ''), *(row['ns']['median'] for row in pair)


def scale(lowest, highest):
    """From nanoseconds to a place from left to right, and the decades between."""
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest))
    per_decade = (WIDTH - LEFT - RIGHT) / (last - first)
    return (lambda ns: LEFT + (math.log10(ns) - first) * per_decade), [10 ** n for n in range(first, last + 1)]


def shown(ns):
    return f'{ns:.0f} ns' if ns < 1000 else f'{ns / 1000:.3g} µs'


def text(x, y, what, style='', anchor='start'):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(what)}</text>'


def bar(place, y, ns, style):
    return [f'<rect class="{style}" x="{LEFT}" y="{y}" width="{place(ns) - LEFT:.1f}" height="{BAR}" rx="2"/>',
            text(place(ns) + 5, y + BAR - 1.5, shown(ns), 'small value')]


def key():
    y = TOP - 20
    return [f'<rect class="seal" x="{LEFT}" y="{y - 9}" width="11" height="11" rx="2"/>', text(LEFT + 16, y, 'sealed', 'small'),
            f'<rect class="open" x="{LEFT + 70}" y="{y - 9}" width="11" height="11" rx="2"/>', text(LEFT + 86, y, 'opened', 'small'),
            text(WIDTH - RIGHT, y, 'CPU time a ticket, log scale', 'small', 'end')]


def grid(place, decades, bottom):
    for ns in decades:
        yield f'<line class="grid" x1="{place(ns):.1f}" x2="{place(ns):.1f}" y1="{TOP - 8}" y2="{bottom}"/>'
        yield text(place(ns), bottom + 15, shown(ns), 'small', 'middle')


def picture(results):
    rows = list(entries(results))
    times = [ns for row in rows for ns in row[2:]]
    place, decades = scale(min(times), max(times))
    bottom = TOP + ROW * len(rows)
    parts = [text(12, 24, 'What a TLS session ticket costs', 'title'), *key(), *grid(place, decades, bottom)]
    for n, (name, note, seal, opens) in enumerate(rows):
        y = TOP + ROW * n + 2
        parts.append(text(LEFT - 10, y + (10 if note else 17), name, 'ours' if name.startswith('stek') else '', 'end'))
        if note:
            parts.append(text(LEFT - 10, y + 24, note, 'small', 'end'))
        parts += bar(place, y, seal, 'seal') + bar(place, y + BAR + GAP, opens, 'open')
    parts.append(text(12, bottom + 36, f'{results["machine"]["cpu"]}, Linux {results["machine"]["kernel"].split("-")[0]}. stek: the '
                      'whole path of a session of 128 bytes. re-created: the library\'s steps, by its public functions.', 'small'))
    return svg(parts, bottom + 48)


def svg(parts, height):
    body = '\n'.join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img">\n<title>What a TLS session ticket costs</title>\n<style>{STYLE}</style>\n<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>\n{body}\n</svg>\n')


if __name__ == '__main__':
    with open(sys.argv[1], encoding='utf-8') as file:
        results = json.load(file)
    with open(sys.argv[2], 'w', encoding='utf-8') as file:
        file.write(picture(results))
