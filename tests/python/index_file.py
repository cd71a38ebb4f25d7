"""The sections of an index file, decoded as docs/FORMAT.md says and compared with the records."""

import struct

from contents import PATHS_MAX, Contents, Words
from sections import Decoder, Sections, column, gaps, leb128, need, posting_list

NONE, ONLY = 0xFFFFFFFF, 0x80000000
KINDS = ("lists of varints", "Roaring bitmaps", "lists of bits", "Rice-coded lists")


class Lists:
    """Section 35 and the words that name documents; remembers which bytes were read."""

    def __init__(self, data, documents, seen):
        self.data, self.documents, self.read, self.seen = data, documents, {}, seen

    def parse(self, data, at):
        kind, found, end = posting_list(data, at, self.documents)
        need(found == sorted(set(found)) and all(d < self.documents for d in found), "a list does not ascend")
        self.seen[KINDS[kind]] += 1
        return found, end

    def at(self, offset):
        found, self.read[offset] = self.parse(self.data, offset)
        return found

    def word(self, word):
        if word == NONE:
            return []
        return [word & ~ONLY] if word & ONLY else self.at(word)

    def all_read(self):
        """Lists lie without gaps, and nothing in the section is named by nobody."""
        following = 0
        for offset in sorted(self.read):
            need(offset == following, f"postings from {following} to {offset} are nobody's")
            following = self.read[offset]
        need(following == len(self.data), "postings are left over")


class IndexFile:
    """An index file in memory, and what its records say. Counts in `seen` what occurs in it."""

    def __init__(self, path, records, seen):
        self.path, self.file, self.records, self.seen = path, Sections(path, "index"), records, seen
        self.lists = Lists(self.file[35], len(records), seen)
        self.contents = Contents(records)
        self.words = Words(self.contents)

    def need(self, holds, what):
        need(holds, f"{self.path}: {what}")

    def check(self, sealed, frames):
        self.need(sorted(self.file.sections) == [1, 2, 3, *range(32, 43)], "other sections")
        self.check_facts(sealed)
        self.check_frames(frames)
        self.check_columns()
        self.check_head()
        self.check_paths()
        self.check_words()
        self.check_rare()
        self.lists.all_read()

    def check_facts(self, sealed):
        facts = Decoder(self.file.facts)
        counts = facts.number(), facts.number(), facts.number()
        self.need(counts == (sealed["first"], sealed["count"], sealed["data_bytes"]), "facts")
        self.need(facts.take(32) == sealed["previous"] and facts.take(32) == sealed["last"], "facts")
        facts.end()
        self.need(self.file.footer_hash == sealed["index_footer"], "not the footer that the catalog names")

    def check_frames(self, frames):
        rows, document = b"", 0
        for offset, size, committed_us, members in frames:
            rows += struct.pack("<IIQQ", document, size, offset, committed_us)
            document += len(members)
        self.need(self.file[1] == rows, "frames")

    def column(self, data):
        return column(data, self.seen)

    def check_columns(self):
        file, records = self.file, self.records
        times, column = [r.ns for r in records], self.column
        self.need(column(file[2]) == [r.offset for r in records], "offsets")
        self.need(file[3] == b"".join(r.hash for r in records), "hashes")
        self.need(column(file[36]) == times, "times")
        self.need(column(file[37]) == sorted(range(len(times)), key=lambda i: (times[i], i)), "order")
        self.need(column(file[38]) == [r.committed_us for r in records], "commit times")

    def check_head(self):
        head, times = self.file[32], [r.ns for r in self.records]
        version, zero, documents, least, most, count, paths, unlisted, reserved = struct.unpack_from("<HHIqqIIII", head)
        self.need((version, zero, reserved) == (3, 0, 0), "another version of the head")
        self.need((documents, least, most) == (len(times), min(times), max(times)), "head")
        self.need(paths == len(self.contents.paths), f"{paths} paths, not {len(self.contents.paths)}")
        self.need(self.lists.word(unlisted) == sorted(self.contents.unlisted), "documents with unlisted paths")
        self.seen["documents with unlisted paths"] += len(self.contents.unlisted)
        self.seen["full tables of paths"] += paths == PATHS_MAX
        self.need(len(head) == 40 + 16 * count, "head")
        self.check_dictionaries([struct.unpack_from("<IIII", head, 40 + 16 * i) for i in range(count)])

    def check_dictionaries(self, rows):
        starts, values, places = self.column(self.file[33]), self.file[34], self.column(self.file[42])
        self.need([row[0] for row in rows] == sorted(self.contents.terms), "dictionaries")
        following = 0
        for dictionary, first, count, loose in rows:
            self.need(first == following, f"terms before dictionary {dictionary}")
            following = first + count
            found = []
            for term in range(first, following):
                half, only = divmod(places[term], 2)
                found.append((values[starts[term] : starts[term + 1]], [half] if only else self.lists.at(half)))
            self.need(found == self.contents.terms[dictionary], f"terms of dictionary {dictionary}")
            self.need(self.lists.word(loose) == self.contents.loose[dictionary], f"loose of dictionary {dictionary}")
            self.seen["loose lists"] += bool(self.contents.loose[dictionary])
        self.need((len(starts), len(places)) == (following + 1, following), "terms that are in no dictionary")
        self.need((starts[0], starts[-1]) == (0, len(values)), "values")

    def check_paths(self):
        data, expected = self.file[39], self.contents.paths
        count = len(expected)
        (size,) = struct.unpack_from("<I", data, 16 * count)
        names = data[16 * count + 4 :]
        self.need(len(names) == size == sum(map(len, expected)), "names of paths")
        rows = [struct.unpack_from("<IIII", data, 16 * i) for i in range(count)]
        ends = [row[0] for row in rows[1:]] + [size]
        for i, ((start, *lists), (name, (number, *documents))) in enumerate(zip(rows, expected.items())):
            self.need((number, names[start : ends[i]]) == (i, name), f"path {i} is {names[start:ends[i]]}, not {name}")
            self.need([self.lists.word(w) for w in lists] == [sorted(d) for d in documents], f"documents of path {i}")

    def check_words(self):
        data = self.file[40]
        (blocks,) = struct.unpack_from("<I", data)
        at, found = 4 + 4 * blocks, []
        for block in range(blocks):
            (offset,) = struct.unpack_from("<I", data, 4 + 4 * block)
            self.need(at == 4 + 4 * blocks + offset, f"words: block {block} does not follow")
            word = b""
            for _ in range(16):
                if at == len(data) and block == blocks - 1:
                    break
                word, body, at = self.read_word(data, at, word)
                found.append((word, self.read_body(word, body)))
        self.need(at == len(data), "words are left over")
        self.need([word for word, _ in found] == sorted({word for word, _ in found}), "words do not ascend")
        unknown, expected = self.words.uncertain, self.words.common
        self.seen["pairs of words"] += sum(b" " in word for word, _ in found)
        found = {word: body for word, body in found if word not in unknown}
        for word in found.keys() | expected.keys():
            said, wanted = found.get(word), expected.get(word)
            self.need(said == wanted, f"word {word}: {said}, not {wanted}")

    @staticmethod
    def read_word(data, at, before):
        shared, at = leb128(data, at)
        more, at = leb128(data, at)
        need(shared <= len(before), "a word shares more than there is")
        word = before[:shared] + data[at : at + more]
        size, at = leb128(data, at + more)
        return word, data[at : at + size], at + size

    def read_body(self, word, body):
        """The terms (None for a wide word) and the documents."""
        head, at = leb128(body, 0)
        count, wide = divmod(head, 2)
        differences = []
        for _ in range(count):
            difference, at = leb128(body, at)
            differences.append(difference)
        terms = gaps(differences)
        how, at, documents = body[at], at + 1, []
        if how == 1:
            self.need(len(body) - at <= 24, f"word {word}: a long list in its body")
            documents, at = self.lists.parse(body, at)
            self.need(len(documents) <= 24, f"word {word}: many documents in its body")
            self.seen["lists in bodies of words"] += 1
        elif how == 2:
            offset, at = leb128(body, at)
            documents = self.lists.at(offset)
            self.seen["shared lists of words"] += 1
        self.seen["wide words"] += wide
        self.need(how <= 2 and at == len(body) and not (wide and terms), f"word {word}: body")
        return None if wide else terms, documents

    def check_rare(self):
        data = self.file[41]
        (count,) = struct.unpack_from("<I", data)
        blocks = (count + 63) // 64
        at, found, key, document = 4 + 8 * blocks, [], 0, 0
        for i in range(count):
            if i % 64 == 0:
                key, offset = struct.unpack_from("<II", data, 4 + i // 64 * 8)
                document = 0
                self.need(at == 4 + 8 * blocks + offset, f"rare words: block {i // 64} does not follow")
            more, at = leb128(data, at)
            self.need(i % 64 or more == 0, "rare words: a block's first key")
            key, document = key + more, 0 if more else document
            gap, at = leb128(data, at)
            document += gap
            found.append((key, document))
        self.need(at == len(data) and found == sorted(set(found)), "rare words do not ascend, or are left over")
        self.seen["pairs of rare words"] += count
        unknown = self.words.uncertain_keys
        differing = set(found) ^ self.words.rare
        differing = sorted(pair for pair in differing if pair[0] not in unknown)
        self.need(not differing, f"rare words: {differing[:5]} of {len(differing)}")
