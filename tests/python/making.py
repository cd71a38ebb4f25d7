"""Makes what docs/CUSTODY.md describes: a log, its tree, signed checkpoints, index events and reports.

Written from that page alone, without any code of the product or of docs/stele_verify.py, so that the two can be
held against each other. Signatures are made by the package `cryptography`.
"""

import base64
import hashlib
import json
from collections import namedtuple

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import custody
from custody import tag, u64

DIMENSIONS = ["event_type", "actor_id", "category", "resource", "status", "actor_email", "actor_name", "resource_type", "actor_type"]

Record = namedtuple("Record", "seq ts ev salt prev r h body event")


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def leaf(data):
    return sha256(b"\x00" + data)


def below(count):
    """The largest power of two smaller than `count`."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def head(leaves):
    """MTH of RFC 6962 over leaf hashes."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = below(len(leaves))
    return sha256(b"\x01" + head(leaves[:k]) + head(leaves[k:]))


def path(index, leaves):
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = below(len(leaves))
    if index < k:
        return path(index, leaves[:k]) + [head(leaves[k:])]
    return path(index - k, leaves[k:]) + [head(leaves[:k])]


def multi(shown, leaves, begin=0):
    """The maximal subtrees without a leaf that is shown, depth first, left before right."""
    if not any(begin <= i < begin + len(leaves) for i in shown):
        return [head(leaves)]
    if len(leaves) == 1:
        return []
    k = below(len(leaves))
    return multi(shown, leaves[:k], begin) + multi(shown, leaves[k:], begin + k)


def values(event):
    """What an event has in each dimension."""
    actor, resource = event.get("actor", {}), event.get("resource", {})

    def pair(of):
        return [of["type"], of["id"]] if "type" in of and "id" in of else None

    found = {
        1: event.get("event_type"),
        2: pair(actor),
        3: event.get("category"),
        4: pair(resource),
        5: event.get("status"),
        6: actor.get("email"),
        7: actor.get("name"),
        8: resource.get("type"),
        9: actor.get("type"),
    }
    if found[6] is not None:
        found[6] = "".join(c.lower() for c in found[6])
    return {dim: value for dim, value in found.items() if value is not None}


def value_bytes(value):
    if isinstance(value, str):
        return value.encode()
    kind, identity = (part.encode() for part in value)
    return len(kind).to_bytes(4, "big") + kind + identity


class Key:
    """A signing key of an origin."""

    def __init__(self, origin, seed):
        self.origin = origin
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        public = b"\x01" + self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = sha256(origin.encode() + b"\n" + public)[:4]
        self.text = f"{origin}+{self.id.hex()}+{b64(public)}"

    def sign(self, lines):
        return f"\u2014 {self.origin} {b64(self.id + self.private.sign(lines.encode()))}\n"


class Index:
    """The index over records [a, b): keys, leaves, root."""

    def __init__(self, secret, a, records):
        self.a, self.b = a, a + len(records)
        epoch_key = blake3(tag("stele/index/v1") + u64(a), key=secret).digest()
        self.keys = {
            dim: blake3(tag("stele/tag/v1") + bytes([dim]), key=epoch_key).digest() for dim in range(1, 10)
        }
        self.postings = {}
        for offset, record in enumerate(records):
            for dim, value in values(record.event).items():
                self.postings.setdefault(self.tag(dim, value), []).append(offset)
        self.tags = sorted(self.postings)
        self.data = [self.leaf_data(t) for t in self.tags]
        self.leaves = [leaf(data) for data in self.data]
        self.root = head(self.leaves)
        times = [record.ev for record in records]
        self.ev = min(times), max(times)

    def tag(self, dim, value):
        return bytes([dim]) + blake3(value_bytes(value), key=self.keys[dim]).digest()[:16]

    def leaf_data(self, t):
        offsets = self.postings[t]
        listed = b"".join(offset.to_bytes(4, "big") for offset in offsets)
        return t + len(offsets).to_bytes(4, "big") + blake3(tag("stele/posting/v1") + listed).digest()

    def metadata(self, prev):
        return {
            "a": self.a, "b": self.b, "n": len(self.tags), "root": self.root.hex(),
            "kc": {str(dim): sha256(key).hex() for dim, key in self.keys.items()},
            "prev": prev, "ev_min": self.ev[0], "ev_max": self.ev[1],
        }  # fmt: skip

    def shown_leaf(self, i):
        return {"i": i, "leaf": self.data[i].hex(), "path": [b64(h) for h in path(i, self.leaves)]}

    def lookup(self, dim, value):
        wanted = self.tag(dim, value)
        if wanted in self.postings:
            shown, postings = [self.tags.index(wanted)], self.postings[wanted]
        else:
            after = sum(t < wanted for t in self.tags)
            shown, postings = [i for i in (after - 1, after) if 0 <= i < len(self.tags)], None
        return {"dim": dim, "value": value, "postings": postings, "leaves": [self.shown_leaf(i) for i in shown]}


class Log:
    """A log in memory."""

    def __init__(self, origin, secret, seed):
        self.origin, self.secret, self.key = origin, secret, Key(origin, seed)
        self.salt_key = custody.salt_key(secret)
        self.records, self.indexes = [], {}

    def add(self, event, committed_us):
        seq, body = len(self.records), compact(event)
        prev = self.records[-1].h if self.records else custody.genesis(self.origin)
        salt = custody.salt(self.salt_key, event["event_id"])
        ev, r = custody.microseconds(event["timestamp"]), custody.record_hash(salt, body.encode())
        h = custody.link(prev, seq, committed_us, ev, r)
        self.records.append(Record(seq, committed_us, ev, salt, prev, r, h, body, event))
        return seq

    def add_index(self, b, timestamp, committed_us):
        last = max(self.indexes, default=None)
        a = self.indexes[last].b if self.indexes else 0
        index = Index(self.secret, a, self.records[a:b])
        event = {
            "event_id": f"stele:index:{a}", "timestamp": timestamp, "event_type": "stele.index",
            "category": "system", "actor": {"type": "system"}, "resource": {"type": "log", "id": "log"},
            "action": "index", "status": "success", "metadata": index.metadata(last),
        }  # fmt: skip
        seq = self.add(event, committed_us)
        self.indexes[seq] = index
        return seq

    def leaves(self, size=None):
        return [leaf(record.h) for record in self.records[:size]]

    def checkpoint_lines(self, size=None):
        leaves = self.leaves(size)
        return f"{self.origin}\n{len(leaves)}\n{b64(head(leaves))}\n"

    def checkpoint(self, size=None):
        lines = self.checkpoint_lines(size)
        return f"{lines}\n{self.key.sign(lines)}"

    def line(self, seq):
        record = self.records[seq]
        chain = {
            "sequence": seq,
            "committed_at": time_text(record.ts),
            "salt": record.salt.hex(),
            "previous": record.prev.hex(),
            "hash": record.h.hex(),
        }
        return f'{record.body[:-1]},"chain":{compact(chain)}}}'


def time_text(microseconds):
    return (custody.EPOCH + microseconds * custody.MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def filter_of(axis, from_us, to_us, **dimensions):
    ordered = {name: dimensions[name] for name in DIMENSIONS if name in dimensions}
    return {"axis": axis, "from_us": from_us, "to_us": to_us, **ordered}


class Report:
    """A report in parts, which a test may bend before it is put together; `sealed` makes proof and hash fit."""

    def __init__(self, log, asked):
        self.log, self.filter = log, compact(asked)
        self.axis, start, end = asked["axis"], asked["from_us"], asked["to_us"]
        wanted = {dim: asked[name] for dim, name in enumerate(DIMENSIONS, 1) if name in asked}
        time = (lambda r: r.ev) if self.axis == "event" else (lambda r: r.ts)
        index_seqs = sorted(log.indexes)
        if self.axis == "commit":
            index_seqs = self.around(index_seqs, start, end)
        self.entries, self.headers, self.index_seqs = [], set(), index_seqs
        self.epochs = []
        for seq in index_seqs:
            index, lookups = log.indexes[seq], []
            touched = self.axis == "commit" or index.ev[0] < end and index.ev[1] >= start
            if touched:
                lookups = [index.lookup(dim, value) for dim, listed in wanted.items() for value in listed]
                for record in log.records[index.a : index.b]:
                    has = values(record.event)
                    if all(has.get(dim) in listed for dim, listed in wanted.items()):
                        if start <= time(record) < end:
                            self.entries.append(record.seq)
                        elif self.axis == "event":
                            self.headers.add(record.seq)
            keys = {str(dim): index.keys[dim].hex() for dim in wanted} if touched else {}
            self.epochs.append({"seq": seq, "keys": keys, "lookups": lookups})
        if self.axis == "commit":
            first, last = log.indexes[index_seqs[0]].a, log.indexes[index_seqs[-1]].b
            self.headers |= {last} if first == 0 else {first - 1, last}
            self.headers |= set(self.edges(start, end, first, last))
        self.headers -= set(self.entries) | set(index_seqs)
        self.changes = {}

    def around(self, seqs, start, end):
        """The index events from the last that begins behind a record before the range, to the first that ends past it."""
        records, indexes = self.log.records, self.log.indexes
        first = max([s for s in seqs if indexes[s].a and records[indexes[s].a - 1].ts < start], default=seqs[0])
        last = next(s for s in seqs if records[indexes[s].b].ts >= end)
        return [s for s in seqs if first <= s <= last]

    def edges(self, start, end, first, last):
        """The last record before the range and the first after it: what lies beyond them need not be shown."""
        ts = {r.seq: r.ts for r in self.log.records[first : last + 1]}
        before, after = [s for s in ts if ts[s] < start], [s for s in ts if ts[s] >= end]
        return before[-1:] + after[:1]

    def shown(self, seq):
        r = self.log.records[seq]
        return {"seq": seq, "ts": r.ts, "salt": r.salt.hex(), "prev": r.prev.hex(), "body": r.body}

    def header(self, seq):
        r = self.log.records[seq]
        return {"seq": seq, "ts": r.ts, "ev": r.ev, "prev": r.prev.hex(), "r": r.r.hex()}

    def sealed(self):
        """The report, its proof and its verification hash made for what stands in it."""
        log, listed = self.log, set(self.entries) | self.headers | set(self.index_seqs)
        leaves = log.leaves()
        tied = {seq - 1 for seq in listed if seq}
        lines = sha256(log.checkpoint_lines().encode())
        mth = head([leaves[seq] for seq in self.entries])
        summed = tag("stele/report/v1") + lines + sha256(self.filter.encode()) + u64(len(self.entries)) + mth
        return {
            "format": "stele.report/v1",
            "checkpoint": log.checkpoint(),
            "key": log.key.text,
            "filter": self.filter,
            "entries": [self.shown(seq) for seq in self.entries],
            "headers": [self.header(seq) for seq in sorted(self.headers)],
            "index_records": [self.shown(seq) for seq in self.index_seqs],
            "epochs": self.epochs,
            "proof": [b64(h) for h in multi(listed | tied, leaves)],
            "verification_hash": sha256(summed).hex(),
        }
