"""What an index file has to say: computed from the records alone, as docs/FORMAT.md describes it."""

import unicodedata
import zlib
from decimal import Decimal

MEMBERS = {
    1: ("category",),
    2: ("status",),
    3: ("actor", "type"),
    4: ("event_type",),
    5: ("action",),
    6: ("actor", "id"),
    7: ("actor", "email"),
    8: ("actor", "name"),
    9: ("resource", "type"),
    10: ("resource", "id"),
    11: ("actor", "ip_address"),
    12: ("actor", "user_agent"),
    13: ("resource", "name"),
}
SCHEMA_ERRORS, CHANGED, UNLISTED, FIRST_PATH = 14, 15, 16, 64
PATHS_MAX, PATH_BYTES_MAX = 8192, 1024
WIDE, RARE_DOCUMENTS, WORD_BYTES_MAX, TOGETHER = 1024, 2, 128, 4


class Number:
    """A number of JSON, with the text it is written in."""

    def __init__(self, text):
        self.text = text


def folded(text):
    return "".join(c.lower() for c in text)


def joined(names):
    return b"\xff".join(name.encode() for name in names)


def values(value, path=()):
    """Every value below, with its path: objects before their members, arrays looked through."""
    if isinstance(value, list):
        for item in value:
            yield from values(item, path)
        return
    yield path, value
    if isinstance(value, dict):
        for name, member in value.items():
            yield from values(member, (*path, name))


def is_loose(value, documents, dictionary):
    may = dictionary in (12, 13, 14, 16) or dictionary >= FIRST_PATH and dictionary % 2 == 0
    return may and documents * (len(value) // 6 + 4) < len(value) + 8


class Contents:
    """The dictionaries, paths and words of the records of one segment.

    `terms` has for each dictionary (value, documents) in their order, `loose` the documents of values
    that are no terms, `paths` for each path the documents with something, with true and with false.
    """

    def __init__(self, records):
        self.documents = len(records)
        self.paths, self.unlisted, self.found, self.changes_loose = {}, set(), {}, []
        for document, record in enumerate(records):
            self.add_envelope(document, record)
            self.add_metadata(document, record.event["metadata"])
        if self.changes_loose:
            self.found.setdefault(CHANGED, {})
        self.terms, self.loose, self.loose_values = {}, {}, []
        for dictionary in sorted(self.found):
            self.divide(dictionary, self.found[dictionary])

    def add(self, dictionary, value, document):
        self.found.setdefault(dictionary, {}).setdefault(value, set()).add(document)

    def add_envelope(self, document, record):
        for dictionary, member in MEMBERS.items():
            value = record.value(member)
            if value is not None:
                self.add(dictionary, value.encode(), document)
        for _, value in values(record.event.get("schema_errors", [])):
            if isinstance(value, str):
                self.add(SCHEMA_ERRORS, value.encode(), document)
        changed = [joined(path) for path in changed_paths(record.event["metadata"])]
        if sum(len(path) + 1 for path in changed) > len(metadata_text(record.body)):
            self.changes_loose.append(document)
        else:
            for path in changed:
                self.add(CHANGED, path, document)

    def add_metadata(self, document, metadata):
        for path, value in values(metadata):
            if path and value is not None:
                self.add_value(document, joined(path), value)

    def add_value(self, document, name, value):
        if name not in self.paths and len(self.paths) < PATHS_MAX and len(name) <= PATH_BYTES_MAX:
            self.paths[name] = (len(self.paths), set(), set(), set())
        # At unlisted paths only the documents are told, not what is true and false.
        number, present, true, false = self.paths.get(name, (None, self.unlisted, set(), set()))
        present.add(document)
        if value is True:
            true.add(document)
        elif value is False:
            false.add(document)
        elif isinstance(value, str):
            self.add(UNLISTED if number is None else FIRST_PATH + 2 * number, value.encode(), document)
        elif isinstance(value, Number):
            dictionary = UNLISTED if number is None else FIRST_PATH + 1 + 2 * number
            self.add(dictionary, value.text.encode(), document)

    def divide(self, dictionary, found):
        def order(value):
            if dictionary > FIRST_PATH and dictionary % 2:
                return Decimal(value.decode()), value
            # A changed path of several names is not UTF-8, and not folded.
            return value if b"\xff" in value else folded(value.decode()).encode(), value

        loose = {value for value, documents in found.items() if is_loose(value, len(documents), dictionary)}
        terms = sorted(found.keys() - loose, key=order)
        self.terms[dictionary] = [(value, sorted(found[value])) for value in terms]
        self.loose[dictionary] = sorted(set().union(*(found[value] for value in loose)))
        if dictionary == CHANGED:
            self.loose[dictionary] = self.changes_loose
        else:
            self.loose_values += [(value, found[value]) for value in loose]


def metadata_text(body):
    """The metadata as it stands in a canonical line, in whose strings every quote is escaped."""
    start = body.index(b',"metadata":') + len(b',"metadata":')
    marked = body.endswith(b"]}")
    return body[start : body.rindex(b',"schema_errors":[') if marked else len(body) - 1]


def changed_paths(metadata):
    """The paths below `changes.before` and `changes.after` whose lists of values differ."""
    changes = metadata.get("changes")
    if not isinstance(changes, dict):
        return set()
    sides = (changes.get(name) for name in ("before", "after"))
    before, after = ([comparable(side)] if isinstance(side, dict) else [] for side in sides)
    return set(differing(before, after, ()))


def comparable(value):
    """The value so that `==` is equality of JSON: numbers by value, null members left out."""
    if isinstance(value, Number):
        return "number", Decimal(value.text)
    if isinstance(value, bool):
        return "flag", value
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {name: comparable(member) for name, member in value.items() if member is not None}
    return value


def differing(before, after, path):
    before, after = elements(before), elements(after)
    for name in {name for item in before + after if isinstance(item, dict) for name in item}:
        old, new = (members(side, name) for side in (before, after))
        if old != new:
            yield (*path, name)
            yield from differing(old, new, (*path, name))


def members(items, name):
    return [item[name] for item in items if isinstance(item, dict) and name in item]


def elements(items):
    flat = []
    for item in items:
        flat += elements(item) if isinstance(item, list) else [item]
    return flat


class Words:
    """The words of all terms (numbered from 0 through all dictionaries) and loose values.

    `common` has for each word its terms and its documents in loose values, or None and all documents, and
    for each pair of words its documents; `rare` the (key, document) pairs. Characters that this Python's
    Unicode does not know may be letters or not: words at them are `uncertain`, and nothing is said of them.
    """

    def __init__(self, contents):
        self.uncertain, self.terms, self.loose, term, documents_of = set(), {}, {}, 0, []
        for dictionary, terms in contents.terms.items():
            for value, documents in terms:
                documents_of.append(documents)
                if dictionary != CHANGED:
                    for word in self.words(value):
                        self.terms.setdefault(word, []).append(term)
                term += 1
        for value, documents in contents.loose_values:
            for word in self.words(value):
                self.loose.setdefault(word, []).append(documents)
        self.common, self.rare = {}, set()
        for word in (self.terms.keys() | self.loose.keys()) - self.uncertain:
            self.place(word, documents_of)
        self.uncertain_keys = {rare_key(word) for word in self.uncertain}
        self.pairs = {}
        self.place_pairs(contents)

    def place_pairs(self, contents):
        """Where two words stand one behind the other in a loose value, if many documents should have both."""
        loose = {word: len(loose) for word, (terms, loose) in self.common.items() if terms is not None}
        least = TOGETHER * contents.documents
        for value, documents in contents.loose_values:
            text = folded(value.decode())
            if any(kind(c) == "C" for c in text):
                parts = [part.encode() for part in split(text, "LMN") + split(text, "LMNC")]
                unknown = {first + b" " + second for first in parts for second in parts}
                self.uncertain |= unknown
                self.uncertain_keys |= {pair_key(pair) for pair in unknown}
                continue
            run = [word.encode() for word in split(text, "LMN")]
            for first, second in set(zip(run, run[1:])):
                if loose.get(first, 0) * loose.get(second, 0) > least:
                    self.pairs.setdefault(first + b" " + second, []).append(documents)
        for pair, documents in self.pairs.items():
            everywhere = sorted(set().union(*documents))
            if sum(map(len, documents)) <= RARE_DOCUMENTS:
                self.rare |= {(pair_key(pair), document) for document in everywhere}
            elif pair not in self.uncertain:
                self.common[pair] = ([], everywhere)

    def words(self, value):
        runs = "".join(c if kind(c) in "LMNC" else " " for c in folded(value.decode())).split(" ")
        found = set()
        for run in filter(None, runs):
            parts = {part.encode() for part in "".join(" " if kind(c) == "C" else c for c in run).split(" ") if part}
            if parts != {run.encode()}:
                self.uncertain |= parts | {run.encode()}
            found |= parts
        return found

    def place(self, word, documents_of):
        terms, loose = self.terms.get(word, []), self.loose.get(word, [])
        of_terms = [documents_of[term] for term in terms]
        count = sum(len(documents) for documents in of_terms + loose)
        loose = set().union(*loose)
        everywhere = loose.union(*of_terms)
        if count <= RARE_DOCUMENTS or len(word) > WORD_BYTES_MAX:
            key = rare_key(word)
            self.rare |= {(key, document) for document in everywhere}
        elif len(terms) > WIDE:
            self.common[word] = (None, sorted(everywhere))
        else:
            self.common[word] = (terms, sorted(loose))


def kind(c):
    """L, M or N; C where Unicode's newer versions may have a letter; else -."""
    category = unicodedata.category(c)
    return "C" if category == "Cn" else category[0] if category[0] in "LMN" else "-"


def split(text, kinds):
    """The runs of characters of these kinds, in order."""
    return [run for run in "".join(c if kind(c) in kinds else " " for c in text).split(" ") if run]


def pair_key(pair):
    return 63 << 26 | zlib.crc32(pair) & (1 << 26) - 1


def rare_key(word):
    prefix = 0
    for byte in (word + bytes(4))[:4]:
        if byte >= 128:
            six = 37 + (byte - 128) // 8
        elif byte >= ord("a"):
            six = 11 + byte - ord("a")
        else:
            six = 1 + byte - ord("0") if byte else 0
        prefix = prefix << 6 | six
    return prefix << 8 | zlib.crc32(word) & 0xFF
