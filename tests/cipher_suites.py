"""The table of cipher suites against IANA's list, OpenSSL's and GnuTLS's: every row that they know.

    cipher_suites.py TABLE_PROGRAM SOURCE_ROOT

IANA's list is tls-parameters-4.csv in $STEK_IANA, or in ../shared/iana beside the sources. What is
missing is skipped, but in CI, where it fails.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PROGRAM, ROOT = sys.argv[1], Path(sys.argv[2]).resolve()
SKIPPED = 77


class Suite(NamedTuple):
    value: int
    name: str
    version: str
    dtls_ok: str
    key_exchange: str
    authentication: str
    cipher: str
    mode: str
    key_bits: str
    tag_size: str
    mac: str
    hash: str


def our_table():
    rows = (line.split() for line in subprocess.check_output([PROGRAM], text=True).splitlines())
    return {int(row[0], 16): Suite(int(row[0], 16), *row[1:]) for row in rows}


# ---- IANA

NOT_OURS = {'TLS_NULL_WITH_NULL_NULL', 'TLS_EMPTY_RENEGOTIATION_INFO_SCSV', 'TLS_FALLBACK_SCSV'}


def iana_rows():
    folder = Path(os.environ.get('STEK_IANA', ROOT.parent / 'shared' / 'iana'))
    path = folder / 'tls-parameters-4.csv'
    if not path.exists():
        return None
    with path.open(newline='') as file:
        rows = [row for row in csv.DictReader(file) if row['Description'].startswith('TLS_')]
    return [(int(row['Value'].replace('0x', '').replace(',', ''), 16), row['Description'],
             row['DTLS-OK']) for row in rows if row['Description'] not in NOT_OURS]


def compare_with_iana(ours, rows):
    theirs = {value: (name, dtls_ok) for value, name, dtls_ok in rows}
    for value in sorted(ours.keys() | theirs.keys()):
        mine = (ours[value].name, ours[value].dtls_ok) if value in ours else None
        yield value, mine, theirs.get(value)


# ---- OpenSSL

OPENSSL_KEY_EXCHANGE = {
    'any': 'any', 'rsa': 'RSA', 'dhe': 'DH', 'ecdhe': 'ECDH', 'psk': 'PSK', 'rsa_psk': 'RSAPSK',
    'dhe_psk': 'DHEPSK', 'ecdhe_psk': 'ECDHEPSK', 'srp': 'SRP',
}
OPENSSL_AUTHENTICATION = {
    'any': 'any', 'anonymous': 'None', 'rsa': 'RSA', 'dss': 'DSS', 'ecdsa': 'ECDSA', 'psk': 'PSK',
    'srp': 'SRP',
}
OPENSSL_CIPHER = {
    ('aes', 'cbc'): 'AES', ('aes', 'gcm'): 'AESGCM', ('aes', 'ccm'): 'AESCCM',
    ('aria', 'gcm'): 'ARIAGCM', ('camellia', 'cbc'): 'Camellia',
    ('chacha20', 'poly1305'): 'CHACHA20/POLY1305',
}


def as_openssl_says(suite):
    cipher = 'None'
    if suite.cipher != 'null':
        cipher = OPENSSL_CIPHER[suite.cipher, suite.mode]
        cipher += '8' if suite.tag_size == '8' else ''
        cipher += f'({suite.key_bits})'
    return (suite.version == 'tls13', OPENSSL_KEY_EXCHANGE[suite.key_exchange],
            OPENSSL_AUTHENTICATION[suite.authentication], cipher, suite.mac.upper())


def openssl_rows():
    if not shutil.which('openssl'):
        return None
    listing = subprocess.check_output(['openssl', 'ciphers', '-V', 'ALL:COMPLEMENTOFALL'], text=True)
    row = re.compile(r'\s*0x(..),0x(..) - \S+\s+(\S+)\s+Kx=(\S+)\s+Au=(\S+)\s+Enc=(\S+)\s+Mac=(\S+)')
    return [row.match(line).groups() for line in listing.splitlines()]


def compare_with_openssl(ours, rows):
    for high, low, version, *words in rows:
        value = int(high + low, 16)
        yield value, as_openssl_says(ours[value]), (version == 'TLSv1.3', *words)


# ---- GnuTLS

GNUTLS_EXCHANGE = {
    ('rsa', 'rsa'): 'RSA_', ('dhe', 'dss'): 'DHE_DSS_', ('dhe', 'rsa'): 'DHE_RSA_',
    ('dhe', 'anonymous'): 'DH_ANON_', ('ecdhe', 'rsa'): 'ECDHE_RSA_',
    ('ecdhe', 'ecdsa'): 'ECDHE_ECDSA_', ('ecdhe', 'anonymous'): 'ECDH_ANON_', ('psk', 'psk'): 'PSK_',
    ('rsa_psk', 'rsa'): 'RSA_PSK_', ('dhe_psk', 'psk'): 'DHE_PSK_',
    ('ecdhe_psk', 'psk'): 'ECDHE_PSK_', ('srp', 'srp'): 'SRP_SHA_', ('srp', 'rsa'): 'SRP_SHA_RSA_',
    ('srp', 'dss'): 'SRP_SHA_DSS_', ('gost', 'gost'): 'GOSTR341112_256_', ('any', 'any'): '',
}
GNUTLS_CIPHER = {
    'null': 'NULL', 'rc4': 'ARCFOUR_128', 'triple_des': '3DES_EDE', 'gost28147': '28147',
}
GNUTLS_MODE = {
    'null': '', 'stream': '', 'cbc': '_CBC', 'gcm': '_GCM', 'ccm': '_CCM', 'poly1305': '_POLY1305',
}


def as_gnutls_names(suite):
    cipher = GNUTLS_CIPHER.get(suite.cipher) or f'{suite.cipher.upper()}_{suite.key_bits}'
    cipher = cipher.replace('CHACHA20_256', 'CHACHA20') + GNUTLS_MODE[suite.mode]
    if suite.mode == 'ccm' and suite.tag_size == '8':
        cipher += '_8'
    end = '_' + suite.mac.upper()
    if suite.mac == 'imit':
        end = '_CNT_IMIT'
    elif suite.mac == 'aead':
        named = suite.mode == 'gcm' or suite.version == 'tls13'
        end = '_' + suite.hash.upper() if named else ''
    return 'TLS_' + GNUTLS_EXCHANGE[suite.key_exchange, suite.authentication] + cipher + end


def gnutls_rows():
    if not shutil.which('gnutls-cli'):
        return None
    listing = subprocess.check_output(['gnutls-cli', '-l'], text=True)
    return re.findall(r'^(TLS_\S+)\s+0x(..), 0x(..)\s+TLS(\S+)$', listing, re.MULTILINE)


# DHE_DSS with RC4, of a draft: IANA has reserved the number and never assigned it.
NEVER_ASSIGNED = {0x0066}


def compare_with_gnutls(ours, rows):
    for name, high, low, version in rows:
        value = int(high + low, 16)
        if value in NEVER_ASSIGNED:
            continue
        suite = ours[value]
        yield value, (as_gnutls_names(suite), suite.version == 'tls13'), (name, version == '1.3')


# ----


def main():
    ours = our_table()
    status = 0
    for source, rows, compare, least in (
            ('IANA', iana_rows(), compare_with_iana, 349),
            ('OpenSSL', openssl_rows(), compare_with_openssl, 150),
            ('GnuTLS', gnutls_rows(), compare_with_gnutls, 180)):
        if rows is None:
            print(f'{source}: not here')
            status = max(status, 1 if os.environ.get('CI') else SKIPPED, key=(0, SKIPPED, 1).index)
            continue
        pairs = list(compare(ours, rows))
        differing = [(value, mine, theirs) for value, mine, theirs in pairs if mine != theirs]
        print(f'{source}: {len(pairs)} suites compared, {len(differing)} differ')
        for value, mine, theirs in differing:
            print(f'  0x{value:04x}: {mine} here, {theirs} there')
        if differing or len(pairs) < least:
            status = 1
    return status


sys.exit(main())
