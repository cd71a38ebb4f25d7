"""Reads the files of a log as docs/FORMAT.md describes them, and recomputes everything in them.

    read_segment.py LOG_DIRECTORY

LOG_DIRECTORY is `<data>/orgs/<log-id>` of a server that is stopped. Every byte of every segment, index
and id file is compared with what the events themselves give, and the signed checkpoints with each other and
with the catalog. Exit codes: 0 all fits, 1 something does not, 2 wrong usage or a missing package.
"""

import collections
import hashlib
import json
import pathlib
import struct
import sys
import zlib

import custody
from contents import Number
from index_file import IndexFile
from sections import Damaged, Decoder, Sections, need

class Record:
    """A record as its frame holds it, and what its event says."""

    def __init__(self, body, offset, sequence, committed_us):
        self.body, self.offset, self.sequence, self.committed_us = body, offset, sequence, committed_us
        event = json.loads(body, parse_int=Number, parse_float=Number)
        self.event_id, self.ns = event["event_id"], custody.nanoseconds(event["timestamp"])
        self.event = event
        self.hash = None

    def value(self, path):
        found = self.event
        for name in path:
            found = found.get(name) if found is not None else None
        return found


def read_secret(path):
    word, text, crc = path.read_text("ascii").removesuffix("\n").split(" ")
    secret = bytes.fromhex(text)
    need(word == "stele-secret-v1" and len(secret) == 32, f"{path}: no secret")
    need(f"{zlib.crc32(secret):08x}" == crc, f"{path}: the secret does not match its checksum")
    return secret


def read_header(path, data):
    need(len(data) >= 512 and data[:8] == b"STELELOG", f"{path}: no segment")
    version, suite, reserved, crc, first = struct.unpack_from("<HBBIQ", data, 8)
    need(zlib.crc32(data[:12] + bytes(4) + data[16:512]) == crc, f"{path}: the header does not match its checksum")
    need((version, suite, reserved, data[56:64]) == (1, 1, 0, bytes(8)), f"{path}: another version or suite")
    (size,) = struct.unpack_from("<H", data, 64)
    need(size <= 255 and not any(data[66 + size : 512]), f"{path}: the origin is not followed by zeros")
    return first, data[24:56], data[66 : 66 + size].decode("ascii")


def read_frames(path, data, sequence, previous, committed_before, key):
    """The frames as (offset, bytes, committed_us, records), every hash recomputed."""
    frames, at = [], 512
    while data[at : at + 4] == b"SFRM":
        crc, size, count, first, committed_us = struct.unpack_from("<IIIQQ", data, at + 4)
        place, end = f"{path} at byte {at}", at + 48 + size
        need(end <= len(data) and zlib.crc32(data[at + 8 : end]) == crc, f"{place}: checksum")
        need(first == sequence and committed_us >= committed_before, f"{place}: sequence or commit time")
        need(data[at + 32 : at + 48] == previous[:16], f"{place}: link")
        records, body_at = [], at + 48
        while body_at < end:
            (length,) = struct.unpack_from("<I", data, body_at)
            record = Record(data[body_at + 4 : body_at + 4 + length], body_at + 4, sequence, committed_us)
            hashed = custody.record_hash(custody.salt(key, record.event_id), record.body)
            previous = custody.link(previous, sequence, committed_us, record.ns // 1000, hashed)
            record.hash = previous
            records.append(record)
            sequence, body_at = sequence + 1, body_at + 4 + length
        need(body_at == end and len(records) == count, f"{place}: lengths")
        padded = at + (48 + size + 7) // 8 * 8
        need(not any(data[end:padded]), f"{place}: padding")
        frames.append((at, padded - at, committed_us, records))
        at, committed_before = padded, committed_us
    need(not any(data[at:]), f"{path}: bytes that are no frame at {at}")
    return frames, at


def read_catalog(path):
    """The entries as (variant, members)."""
    data, at, entries = path.read_bytes(), 8, []
    need(data[:8] == b"STELECAT", f"{path}: no catalog")
    tie = custody.blake3(custody.tag("stele/catalog")).digest()[:16]
    while at < len(data):
        size, crc = struct.unpack_from("<II", data, at)
        payload = data[at + 8 : at + 8 + size]
        need(zlib.crc32(data[at : at + 4] + payload) == crc, f"{path} at byte {at}: checksum")
        need(payload[0] == 1, f"{path} at byte {at}: version")
        decoder = Decoder(payload[1:])
        need(decoder.take(16) == tie, f"{path} at byte {at}: does not tie to the record before")
        entries.append(read_entry(decoder))
        decoder.end()
        tie = custody.blake3(data[at : at + 8 + size]).digest()[:16]
        at += 8 + size
    return entries


def read_entry(decoder):
    variant = decoder.number()
    number, blob = decoder.number, lambda: decoder.take(32)
    if variant == 0:
        return "created", {"origin": decoder.text(), "suite": decoder.u8()}
    if variant == 1:
        names = ["first", "count", "data_bytes", "previous", "last", "committed_first_us", "committed_last_us"]
        readers = [number, number, number, blob, blob, number, number]
        members = {name: read() for name, read in zip(names, readers)}
        members.update(time_min_ns=decoder.signed(), time_max_ns=decoder.signed(), index_footer=blob())
        return "sealed", members
    if variant == 2:
        return "closed", {"size": number(), "head": blob(), "committed_us": number()}
    if variant == 3:
        return "opened", {}
    if variant == 4:
        return "reindexed", {"first": number(), "index_footer": blob()}
    need(variant == 5, f"catalog entry of variant {variant}")
    return "checkpoints", {"signed": number(), "size": number()}


def check_checkpoints(path, noted):
    """Reads the file of signed checkpoints, and holds it against what the catalog noted of it."""
    data = path.read_bytes()
    need(data[:10] == b"STELECKP\1\0", f"{path}: no file of checkpoints")
    need((len(data) - 16) % 128 == 0, f"{path}: torn")
    signed, size, before = int.from_bytes(data[10:16], "little"), 0, data[:16]
    for at in range(16, len(data), 128):
        entry = data[at : at + 128]
        (crc,) = struct.unpack_from("<I", entry, 124)
        need(zlib.crc32(entry[:124]) == crc, f"{path} at byte {at}: checksum")
        need(entry[116:124] == hashlib.sha256(before).digest()[:8], f"{path} at byte {at}: link")
        (entry_size,) = struct.unpack_from("<Q", entry)
        need(entry_size >= size, f"{path} at byte {at}: sizes fall")
        signed, size, before = signed + 1, entry_size, entry
    need(signed >= noted["signed"] and size >= noted["size"], f"{path}: checkpoints are missing")
    return signed


def check_ids(path, records, key):
    """Compares an id file with the ids of the records it covers."""
    first, end = (int(number) for number in path.stem.split("-"))
    file = Sections(path, "ids")
    facts = Decoder(file.facts)
    need((facts.number(), facts.number()) == (first, end - first), f"{path}: facts")
    facts.end()
    entries = sorted(
        (int.from_bytes(custody.blake3(r.event_id.encode(), key=key).digest()[16:24], "big"), r.sequence - first)
        for r in records[first:end]
    )
    need(file[1] == b"".join(struct.pack("<QI", *entry) for entry in entries), f"{path}: entries")
    count = end - first
    bits = 0 if count < 16 else count.bit_length() - 1 - 2
    tops = [fingerprint >> (64 - bits) for fingerprint, _ in entries]
    directory, at = [], 0
    for top in range(1 << bits):
        while at < count and tops[at] < top:
            at += 1
        directory.append(at)
    need(file[2] == struct.pack(f"<{len(directory) + 1}I", *directory, count), f"{path}: directory")
    return count


def check_log(directory):
    key = custody.salt_key(read_secret(directory / "secret"))
    entries = read_catalog(directory / "catalog")
    noted = [members for name, members in entries if name == "checkpoints"]
    signed = check_checkpoints(directory / "checkpoints", (noted or [{"signed": 0, "size": 0}])[-1])
    need(entries[0][0] == "created", "the catalog does not begin with the log's making")
    origin = entries[0][1]["origin"]
    sealed = {members["first"]: members for name, members in entries if name == "sealed"}
    for name, members in entries:
        if name == "reindexed":
            sealed[members["first"]]["index_footer"] = members["index_footer"]
    sequence, head, committed_us, records, indexed = 0, custody.genesis(origin), 0, [], 0
    seen = collections.Counter()
    for path in sorted((directory / "segments").glob("*.log")):
        data = path.read_bytes()
        first, previous, name = read_header(path, data)
        need((name, first, previous) == (origin, sequence, head), f"{path}: does not follow")
        need(path.name == f"{first:020}.log", f"{path}: name")
        frames, end = read_frames(path, data, sequence, head, committed_us, key)
        found = [record for frame in frames for record in frame[3]]
        if found:
            head, committed_us = found[-1].hash, found[-1].committed_us
        sequence += len(found)
        records += found
        if first in sealed:
            claim = sealed[first]
            times = [r.ns for r in found]
            need((claim["count"], claim["data_bytes"]) == (len(found), len(data)) and end == len(data), f"{path}: size")
            need((claim["previous"], claim["last"]) == (previous, head), f"{path}: catalog")
            need((claim["time_min_ns"], claim["time_max_ns"]) == (min(times), max(times)), f"{path}: catalog times")
            commits = claim["committed_first_us"], claim["committed_last_us"]
            need(commits == (frames[0][2], frames[-1][2]), f"{path}: commits")
            IndexFile(path.with_suffix(".idx"), found, seen).check(claim, frames)
            indexed += 1
    if entries[-1][0] == "closed":
        closed = entries[-1][1]
        need((closed["size"], closed["head"]) == (sequence, head), "the clean-shutdown mark is about another end")
    ids = sum(check_ids(path, records, key) for path in sorted((directory / "ids").glob("*.ids")))
    print(f"read_segment: {sequence} records, {indexed} sealed segments, {ids} ids in files, {signed} checkpoints, head {head.hex()}")
    print("read_segment:", ", ".join(f"{count} {what}" for what, count in sorted(seen.items()) if count))


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        check_log(pathlib.Path(sys.argv[1]))
    except (Damaged, ValueError, LookupError, struct.error) as damage:
        print(f"read_segment: {damage!r}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
