"""Checks a proof file of one event (c2sp.org/tlog-proof) with a log's verifier key and nothing else.

    tlog_proof.py FILE VERIFIER_KEY

Written from the standards (tlog-proof, tlog-checkpoint, signed-note, RFC 6962, RFC 8032) and
docs/CUSTODY.md. Prints the event's sequence, its id and the size of the checkpoint. Exit codes: 0 proved,
1 not proved (the reason is printed), 2 wrong usage or a missing package.
"""

import base64
import hashlib
import json
import sys

import custody

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


class NotProved(Exception):
    pass


def need(holds, why):
    if not holds:
        raise NotProved(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise NotProved(f"not base64: {text!r}") from None
    need(base64.b64encode(data).decode() == text, f"not the one spelling of base64: {text!r}")
    return data


def decimal(text):
    need(text.isascii() and text.isdigit() and str(int(text)) == text, f"not a number: {text!r}")
    return int(text)


# Ed25519 (RFC 8032, 5.1), points as (X, Y, Z, T).


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(s, p):
    q = (0, 1, 1, 0)
    while s:
        if s & 1:
            q = add(q, p)
        p, s = add(p, p), s >> 1
    return q


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    need(y < P, "not a point of the curve")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - square) % P == 0 and (x or not sign), "not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point(bytes([0x58]) + bytes([0x66]) * 31)


def signed(public, text, signature):
    if len(signature) != 64:
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(r + public + text).digest(), "little") % L
    left, right = times(s, BASE), add(point(r), times(h, point(public)))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def verifier_key(text):
    """(name, key id, public key) of `<name>+<id>+<base64>`."""
    name, key_id, encoded = text.split("+", 2)
    data = unbase64(encoded)
    need(len(data) == 33 and data[0] == 1, "not an Ed25519 key")
    need(sha256(name.encode() + b"\n" + data)[:4].hex() == key_id, "the key id is another key's")
    return name, bytes.fromhex(key_id), data[1:]


def checkpoint(note, key):
    """(size, root) of a note that the key signed."""
    name, key_id, public = key
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    need(lines.endswith("\n"), "the last signature line does not end")
    own = []
    for line in lines[:-1].split("\n"):
        dash, who, encoded = (line.split(" ") + ["", ""])[:3]
        need(dash == "\u2014" and line.count(" ") == 2, f"not a signature line: {line!r}")
        data = unbase64(encoded)
        if who == name and data[:4] == key_id:
            own.append(data[4:])
    need(len(own) == 1 and signed(public, text.encode(), own[0]), "the checkpoint is not signed by the key")
    lines = text.split("\n")
    need(len(lines) == 4 and lines[0] == name, "not a checkpoint of the key's log")
    root = unbase64(lines[2])
    need(len(root) == 32, "the root is not 32 bytes")
    return decimal(lines[1]), root


def root_of(leaf, index, size, path):
    """RFC 9162, 2.1.3.2."""
    need(index < size, "the checkpoint does not cover the event")
    fn, sn, node = index, size - 1, leaf
    for other in path:
        need(sn > 0, "the path is too long")
        if fn & 1 or fn == sn:
            node = sha256(b"\1" + other + node)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sha256(b"\1" + node + other)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "the path is too short")
    return node


def link_of(line):
    """h of an event's line, from its content and its chain."""
    try:
        chain = json.loads(line)["chain"]
        body = custody.body_of(line)
        record = custody.record_hash(bytes.fromhex(chain["salt"]), body)
        committed_us = custody.microseconds(chain["committed_at"])
        event_us = custody.microseconds(json.loads(body)["timestamp"])
        previous, sequence = bytes.fromhex(chain["previous"]), chain["sequence"]
        return sequence, custody.link(previous, sequence, committed_us, event_us, record)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise NotProved(f"extra is not an event with its chain: {error}") from None


def check(proof, key):
    try:
        head, empty, note = proof.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError:
        raise NotProved("not UTF-8") from None
    need(empty, "no empty line before the checkpoint")
    lines = head.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1", "not a proof file of version 1")
    need(len(lines) > 2 and lines[1].startswith("extra "), "no extra data: which event is proved?")
    line = unbase64(lines[1][6:]).decode("utf-8", "replace")
    need(lines[2].startswith("index "), "no index")
    index = decimal(lines[2][6:])
    path = [unbase64(text) for text in lines[3:]]
    need(all(len(node) == 32 for node in path), "a hash of the path is not 32 bytes")
    sequence, link = link_of(line)
    need(sequence == index, "the event is of another sequence than the index")
    size, root = checkpoint(note, key)
    need(root_of(sha256(b"\0" + link), index, size, path) == root, "the path does not lead to the root")
    return f"{index} {json.loads(line)['event_id']} {size}"


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    custody.check_vectors()
    with open(sys.argv[1], "rb") as file:
        proof = file.read()
    try:
        print(check(proof, verifier_key(sys.argv[2])))
        return 0
    except NotProved as why:
        print(f"not proved: {why}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
