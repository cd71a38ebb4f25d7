"""Encoded values and files of sections, read as docs/FORMAT.md says."""

import struct

from custody import blake3


class Damaged(Exception):
    """Stored bytes are not what the format says."""


def need(holds, what):
    if not holds:
        raise Damaged(what)


class Decoder:
    """One encoded value, member by member."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "an encoded value ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self):
        return self.take(1)[0]

    def number(self):
        first = self.u8()
        if first < 251:
            return first
        need(first <= 253, f"no number begins with {first}")
        return int.from_bytes(self.take({251: 2, 252: 4, 253: 8}[first]), "little")

    def signed(self):
        number = self.number()
        return (number >> 1) ^ -(number & 1)

    def blob(self):
        return self.take(self.number())

    def text(self):
        return self.blob().decode("utf-8")

    def end(self):
        need(self.at == len(self.data), "bytes are left over after an encoded value")


class Sections:
    """A file of sections; every hash is checked at once."""

    def __init__(self, path, kind):
        data = path.read_bytes()
        need(len(data) >= 64 and data[:8] == b"STELESEC" and data[-8:] == b"STELESEC", f"{path}: no file of sections")
        need(data[8:16] == b"\1" + bytes(7), f"{path}: another version, or reserved bytes are not zero")
        trailer = len(data) - 48
        (footer_bytes,) = struct.unpack_from("<Q", data, trailer)
        footer = data[trailer - footer_bytes : trailer]
        self.footer_hash = data[trailer + 8 : trailer + 40]
        need(blake3(footer).digest() == self.footer_hash, f"{path}: the footer does not match its hash")
        decoder = Decoder(footer)
        found = decoder.text()
        need(found == kind, f"{path}: is of kind {found}, expected {kind}")
        self.facts, self.sections = decoder.blob(), {}
        for _ in range(decoder.number()):
            tag, offset, size, stored = decoder.number(), decoder.number(), decoder.number(), decoder.take(32)
            content = data[offset : offset + size]
            need(offset % 8 == 0 and blake3(content).digest() == stored, f"{path}: section {tag} does not match its hash")
            self.sections[tag] = content
        decoder.end()

    def __getitem__(self, tag):
        return self.sections[tag]


def leb128(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def column(data):
    """The values of a column."""
    unit, count = struct.unpack_from("<qQ", data, 0)
    blocks = (count + 127) // 128
    values, start = [], 16 + blocks * 16
    need(data[-8:] == bytes(8), "a column does not end in zeros")
    for i in range(count):
        base, offset, width = struct.unpack_from("<qII", data, 16 + i // 128 * 16)
        at = start + offset + i % 128 * width
        values.append((base + int.from_bytes(data[at : at + width], "little")) * unit)
    return values


def roaring(data):
    """The numbers of a 32-bit Roaring bitmap in its portable serialization."""
    (cookie,) = struct.unpack_from("<I", data, 0)
    runs, at = b"", 4
    if cookie & 0xFFFF == 12347:
        count = (cookie >> 16) + 1
        runs = data[at : at + (count + 7) // 8]
        at += len(runs)
    else:
        need(cookie == 12346, "no Roaring bitmap")
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
    heads = [struct.unpack_from("<HH", data, at + 4 * i) for i in range(count)]
    at += 4 * count
    if not runs or count >= 4:
        at += 4 * count
    numbers = []
    for i, (key, less_one) in enumerate(heads):
        size, high = less_one + 1, key << 16
        if runs and runs[i // 8] >> (i % 8) & 1:
            (pairs,) = struct.unpack_from("<H", data, at)
            for k in range(pairs):
                start, more = struct.unpack_from("<HH", data, at + 2 + 4 * k)
                numbers.extend(range(high + start, high + start + more + 1))
            at += 2 + 4 * pairs
        elif size <= 4096:
            numbers.extend(high + low for low in struct.unpack_from(f"<{size}H", data, at))
            at += 2 * size
        else:
            bits = data[at : at + 8192]
            numbers.extend(high + low for low in range(65536) if bits[low // 8] >> (low % 8) & 1)
            at += 8192
    need(at == len(data), "bytes are left over after a Roaring bitmap")
    return numbers


def posting_list(data, at, documents):
    """The documents of the list at an offset of section 35."""
    head, at = leb128(data, at)
    size, at = leb128(data, at)
    count, kind, payload = head >> 2, head & 3, data[at : at + size]
    if kind == 0:
        found, place, following = [], 0, 0
        for _ in range(count):
            gap, place = leb128(payload, place)
            found.append(following + gap)
            following = found[-1] + 1
    elif kind == 1:
        found = roaring(payload)
    else:
        need(kind == 2 and len(payload) == (documents + 63) // 64 * 8, "a posting list of no known kind")
        found = [i for i in range(documents) if payload[i // 8] >> (i % 8) & 1]
    need(len(found) == count, "a posting list has another count than it says")
    return found
