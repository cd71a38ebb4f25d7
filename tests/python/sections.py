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
        self.facts, self.sections, at = decoder.blob(), {}, 16
        for _ in range(decoder.number()):
            tag, offset, size, stored = decoder.number(), decoder.number(), decoder.number(), decoder.take(32)
            content = data[offset : offset + size]
            need(offset == (at + 7) // 8 * 8 and not any(data[at:offset]), f"{path}: section {tag} does not follow")
            need(blake3(content).digest() == stored, f"{path}: section {tag} does not match its hash")
            self.sections[tag], at = content, offset + size
        need(at == trailer - footer_bytes, f"{path}: the footer does not follow")
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


def column(data, seen):
    """The values of a column; every byte of it belongs to one block. Counts in `seen` what occurs."""
    unit, count = struct.unpack_from("<qQ", data, 0)
    blocks = (count + 127) // 128
    start = following = 16 + blocks * 16
    values = []
    for block in range(blocks):
        base, offset, width, exceptions, slope = struct.unpack_from("<qIBBH", data, 16 + block * 16)
        need(width <= 8 and start + offset == following, f"a column's block {block}")
        size = min(count - block * 128, 128)
        seen.update({"exceptions": exceptions, "slopes": int(slope > 0)})
        at = following + size * width
        places = range(following, at, width) if width else [at] * size
        deltas = [int.from_bytes(data[place : place + width], "little") for place in places]
        found = [base + i * slope + delta for i, delta in enumerate(deltas)]
        for _ in range(exceptions):
            i, value = struct.unpack_from("<Bq", data, at)
            need(i < size and deltas[i] == 0, "an exception of no value, or with a delta")
            found[i], at = value, at + 9
        values += [value * unit for value in found]
        following = at
    need(data[following:] == bytes(8), "a column does not end in zeros")
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


def gaps(numbers):
    """The documents that such differences give: the first one, then each less the one before less 1."""
    found, following = [], 0
    for number in numbers:
        found.append(following + number)
        following = found[-1] + 1
    return found


def varints(data, count):
    at = 0
    for _ in range(count):
        number, at = leb128(data, at)
        yield number
    need(at == len(data), "bytes are left over after a list of varints")


def rice(data, count):
    k, bits, at = data[0], int.from_bytes(data[1:], "little"), 0
    for _ in range(count):
        ones = 0
        while bits >> at & 1:
            ones, at = ones + 1, at + 1
        need(k <= 31 and ones <= 40, "a Rice code is too long")
        yield ones << k | bits >> at + 1 & (1 << k) - 1
        at += 1 + k
    need(len(data) == 1 + (at + 7) // 8 and bits >> at == 0, "bits are left over after a Rice-coded list")


def posting_list(data, at, documents):
    """The kind and the documents of a list at an offset, and where it ends."""
    head, at = leb128(data, at)
    size, at = leb128(data, at)
    count, kind, payload = head >> 2, head & 3, data[at : at + size]
    need(len(payload) == size, "a list ends early")
    if kind == 0:
        found = gaps(varints(payload, count))
    elif kind == 1:
        found = roaring(payload)
    elif kind == 2:
        need(size == (documents + 63) // 64 * 8, "a list of bits of another length")
        found = [i for i in range(8 * size) if payload[i // 8] >> (i % 8) & 1]
    else:
        found = gaps(rice(payload, count))
    need(len(found) == count, "a list has another count than it says")
    return kind, found, at + size
