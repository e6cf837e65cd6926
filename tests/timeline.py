#!/usr/bin/env python3
"""The ring's picture says what the ring does: timeline.py TIMELINE_RINGS STEK EXAMPLE

Reads what timeline_rings makes of its rings, and what the command prints of some, and works out from
`stek keys list --json` alone what has to be in it. EXAMPLE is the picture in README.md; STEK_ACCEPT=1
writes it anew.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone
from pathlib import Path

TIMELINE_RINGS, STEK, EXAMPLE = sys.argv[1:4]

MARKS = {'announced': '.', 'active': '#', 'retired': '-', 'foreign': '=', 'revoked': 'x'}
ROW = re.compile(r'([0-9a-f]{8,32})  (\w+) *(?:  (.*))?')
ORDER = ['rotation_due', 'retires', 'seals', 'expires', 'erased']
MOST_EVENTS = 14
SVG = '{http://www.w3.org/2000/svg}'


def check(holds, what):
    if not holds:
        raise AssertionError(what)


# ---- what a ring does, by its instants

def spans_of(entry, kind):
    if kind == 'keys':
        ends = [entry[at] for at in ('announced_at', 'activates_at', 'retires_at', 'expires_at')]
        spans = zip(('announced', 'active', 'retired'), ends, ends[1:])
    elif kind == 'foreign':
        spans = [('foreign', entry['imported_at'], entry['expires_at'])]
    else:
        spans = [('revoked', entry['revoked_at'], entry['until'])]
    return [span for span in spans if span[1] < span[2]]


def state_of(entry, kind, now):
    if kind == 'revoked':
        return 'revoked'
    if now >= entry['expires_at']:
        return 'expired'
    return entry['phase'] if kind == 'keys' else 'foreign'


def bars_of(ring):
    return [(entry['name'], state_of(entry, kind, ring['now']), spans_of(entry, kind))
            for kind in ('keys', 'foreign', 'revoked') for entry in ring.get(kind, [])]


def events_of(ring):
    now, lead = ring['now'], ring['schedule']['lead']
    events = [{'at': ring['next_due'], 'event': 'rotation_due'}]
    for kind in ('keys', 'foreign', 'revoked'):
        for entry in ring.get(kind, []):
            end = entry['until'] if kind == 'revoked' else entry['expires_at']
            instants = {'erased': max(end + lead, now)}
            if kind != 'revoked':
                instants['expires'] = end
            if kind == 'keys':
                instants['seals'] = entry['activates_at']
                if entry['retires_at'] < end:
                    instants['retires'] = entry['retires_at']
            events += [{'at': at, 'event': event, 'key': entry['name']} for event, at in instants.items()
                       if at > now or event == 'erased']
    return sorted(events, key=lambda event: (event['at'], ORDER.index(event['event']), event.get('key', '')))


def next_of(events):
    shown = events[:MOST_EVENTS]
    rotation = next(event for event in events if event['event'] == 'rotation_due')
    return shown if rotation in shown else [*shown[:-1], rotation]


def digits_of(bars):
    names = [name for name, _, _ in bars]
    return next(n for n in range(8, 33) if len({name[:n] for name in names}) == len(names))


def window_of(bars, now):
    """From when to when: all of stek's keys, and of others half as much more on either side."""
    own = [now] + [at for _, _, spans in bars for part, *ends in spans if part in ('announced', 'active', 'retired')
                   for at in ends]
    every = [now] + [at for _, _, spans in bars for _, *ends in spans for at in ends]
    begin, end, more = min(every), max(every), (max(own) - min(own)) // 2
    if more:
        begin, end = max(begin, min(own) - more), min(end, max(own) + more)
    return begin, max(end, begin + 1)


def utc(instant):
    return datetime.fromtimestamp(instant, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def relative(instant, now):
    if instant == now:
        return 'now'
    distance = abs(instant - now)
    unit, seconds = next(unit for unit in (('d', 86400), ('h', 3600), ('min', 60), ('s', 1))
                         if distance >= 2 * unit[1] or unit[1] == 1)
    text = f'{distance // seconds} {unit}'
    return f'in {text}' if instant > now else f'{text} ago'


# ---- the text

def check_text(text, ring, width):
    now, bars, events = ring['now'], bars_of(ring), events_of(ring)
    lines = text.split('\n')
    check(lines.pop() == '', 'the text ends a line')
    check(all(len(line) <= width for line in lines), f'no line is wider than {width}')
    check(all(line == line.rstrip() and line.isascii() and line.isprintable() for line in lines), 'plain lines')
    check(lines[:3] == [f'ring  {ring["id"]}', f'now   {utc(now)}', ''], 'the head')
    picture, below = lines[3:lines.index('', 3)], lines[lines.index('', 3) + 1:]
    check_picture(picture, bars, now, width)
    check_listed(below, digits_of(bars), events, now, width)


def check_picture(lines, bars, now, width):
    if not bars:
        return check(lines == ['no keys'], 'an empty ring')
    head, rows, axis, labels = lines[0], lines[1:len(bars) + 1], lines[len(bars) + 1], lines[len(bars) + 2]
    digits = digits_of(bars)
    first = digits + 13
    mark = axis.index('|')
    check(first <= mark < width, 'the now mark is inside')
    check(head.strip() == 'now' and head.index('now') <= mark < head.index('now') + 3, 'the mark is labelled')
    check(1 <= len(labels.split()) - 1 <= 16 and labels.startswith('UTC '), 'the axis is labelled')
    window = window_of(bars, now)
    for row, (name, state, spans) in zip(rows, bars):
        got = ROW.fullmatch(row)
        check(got and got[1] == name[:digits] and got[2] == state, f'the bar of {name}')
        check(row[mark] == '|', 'the now mark goes through all bars')
        check_cells(row[first:].ljust(width - first), mark - first, spans, window, now)
    legend = ''.join(lines[len(bars) + 3:])
    shown = [f'{mark} {part}' for part, mark in MARKS.items() if any(part == span[0] for _, _, spans in bars for span in spans)]
    check(legend == '  '.join(shown), 'the legend has what is shown')


def check_cells(cells, past, spans, window, now):
    begin, end = window
    check(cells[0] == '<' if spans and spans[0][1] < begin else '<' not in cells, 'what goes on before')
    check(cells[-1] == '>' if spans and spans[-1][2] > end else '>' not in cells, 'what goes on after')
    whole = cells.replace('|', '')
    check(re.fullmatch(r' *[<]?\.*#*-*=*x*[>]? *', whole), f'in order and without a gap: {cells}')
    check_side(cells[:past], spans, begin, now)
    check_side(cells[past + 1:], spans, now, end)


def check_side(cells, spans, begin, end):
    """Of all that happens on this side of now, and of nothing else, there is a cell, near where it belongs."""
    spans = [(part, max(since, begin), min(until, end)) for part, since, until in spans]
    spans = [span for span in spans if span[1] < span[2]]
    for part, mark in MARKS.items():
        here = [span for span in spans if span[0] == part]
        cut = cells.replace('<', mark, 1).replace('>', mark, 1) if here else cells
        check((mark in cut) == bool(here), f'{part} stands on its side of now')
        for _, since, until in here:
            cell = lambda at: (at - begin) * len(cells) / (end - begin)
            check(abs(cut.index(mark) - cell(since)) <= 3, f'{part} begins where it does')
            check(abs(cut.rindex(mark) + 1 - cell(until)) <= 3, f'{part} ends where it does')


def check_listed(lines, digits, events, now, width):
    expected = []
    shown = next_of(events)
    for event in shown:
        who, what = (event['key'][:digits], event['event']) if 'key' in event else ('rotation', 'due')
        instant = f'{utc(event["at"])}, {relative(event["at"], now)}'
        line = f'{who:<{digits}}  {what:<7}  {instant}'
        expected += [line] if len(line) <= width else [f'{who:<{digits}}  {what}', f'  {instant}']
    if len(events) > len(shown):
        expected.append(f'and {len(events) - len(shown)} more; --json has all')
    check(lines == expected, f'what is next:\n{lines}\n{expected}')


# ---- the picture

def check_svg(text, ring):
    bars, digits = bars_of(ring), digits_of(bars_of(ring)) if bars_of(ring) else 8
    root = ElementTree.fromstring(text)
    check(root.tag == f'{SVG}svg' and root.get('role') == 'img', 'it is a picture')
    width, height = (float(number) for number in root.get('viewBox').split()[2:])
    check([root[0].tag, root[1].tag] == [f'{SVG}title', f'{SVG}desc'] and root[0].text and root[1].text, 'title and description')
    check({element.tag for element in root.iter()} <= {SVG + tag for tag in 'svg title desc style rect text line path'.split()},
          'nothing but shapes and words')
    check(not re.search(r'href|url\(|@import|@font-face|script|\son\w+=', text), 'self-contained')
    check('prefers-color-scheme: dark' in root.find(f'{SVG}style').text, 'light and dark')
    for element in root.iter():
        check_inside(element, width, height)
    hovers = [rect.find(f'{SVG}title').text for rect in root.iter(f'{SVG}rect') if rect.find(f'{SVG}title') is not None]
    spans = [f'{name[:digits]} {part}: {utc(since)} to {utc(until)}' for name, _, spans in bars for part, since, until in spans]
    check(hovers[len(hovers) - len(spans):] == spans, 'each bar says what it is')
    words = [word.text for word in root.iter(f'{SVG}text')]
    listed = [f'{utc(event["at"])}, {relative(event["at"], ring["now"])}' for event in next_of(events_of(ring))]
    check([word for word in words if re.match(r'\d{4}-\d\d-\d\dT.*, ', word)] == listed, 'what is next')


def check_inside(element, width, height):
    at = lambda name: float(element.get(name, 0))
    if element.tag == f'{SVG}rect':
        check(at('x') >= 0 and at('x') + at('width') <= width and at('y') + at('height') <= height, 'a bar is inside')
    if element.tag == f'{SVG}text':
        room = 7.4 * len(element.text) if element.get('class') != 'title' else 9 * len(element.text)
        begin = at('x') - room / 2 if element.get('text-anchor') == 'middle' else at('x')
        check(begin >= 0 and begin + room <= width and 0 < at('y') < height, f'words are inside: {element.text}')


# ---- axis and colours

LABELS = ('%H:%M:%S', '%H:%M', '%b %-d', '%Y-%m', '%Y')


def check_ticks(ticks):
    check(1 <= len(ticks) <= 3, 'few ticks, and not none')
    for tick in ticks:
        at = datetime.fromtimestamp(tick['at'], timezone.utc)
        check(tick['label'] in [at.strftime(label) for label in LABELS], f'a tick is where it says: {tick}')
        lesser = at.strftime('%S %H:%M %d %m').split()
        if re.fullmatch(r'\d\d:\d\d', tick['label']):
            check(lesser[0] == '00', 'a round minute')
        if re.fullmatch(r'\d{4}-\d\d', tick['label']):
            check(lesser[:3] == ['00', '00:00', '01'], 'the first of a month')


def check_made(line):
    made = json.loads(line)
    ring = made['ring']
    check(made['events'] == events_of(ring), 'the events')
    check_text(made['text'], ring, made['width'])
    check(re.sub('\x1b\\[(3[1-6]|0)m', '', made['painted']) == made['text'], 'colours add nothing')
    check_svg(made['svg'], ring)
    check_ticks(made['ticks'])


# ---- the command

def stek(path, verb, *flags):
    done = subprocess.run([STEK, '--ring', str(path), 'keys', verb, *flags], capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f'stek keys {verb}: {done.stderr}')
    return done.stdout


def at_one_second(path, *flags):
    """The list and the timeline of the same second."""
    while True:
        before = json.loads(stek(path, 'list', '--json'))
        printed = stek(path, 'timeline', *flags)
        if json.loads(stek(path, 'list', '--json'))['now'] == before['now']:
            return before, printed


def check_command(path):
    ring, printed = at_one_second(path, '--json')
    check(json.loads(printed) == {**ring, 'events': events_of(ring)}, 'list and timeline agree')
    ring, printed = at_one_second(path)
    check_text(printed, ring, 80)
    ring, printed = at_one_second(path, '--width', '100')
    check_text(printed, ring, 100)
    ring, printed = at_one_second(path, '--svg')
    check_svg(printed, ring)


def check_example():
    made = subprocess.run([TIMELINE_RINGS, 'example'], capture_output=True, text=True, check=True).stdout
    if os.environ.get('STEK_ACCEPT'):
        Path(EXAMPLE).write_text(made)
    check(Path(EXAMPLE).read_text() == made, f'{EXAMPLE} is another; STEK_ACCEPT=1 writes it anew')


def main():
    made = subprocess.run([TIMELINE_RINGS], capture_output=True, text=True, check=True).stdout.splitlines()
    for number, line in enumerate(made):
        try:
            check_made(line)
        except AssertionError:
            print(f'ring {number}:\n{json.loads(line)["text"]}')
            raise
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([TIMELINE_RINGS, 'files', folder], check=True)
        files = sorted(Path(folder).glob('*.json'))
        for path in files:
            check_command(path)
    check_example()
    print(f'{len(made)} rings drawn, {len(files)} by the command')
    check(len(made) >= 1000 and len(files) >= 10, 'many rings')


main()
