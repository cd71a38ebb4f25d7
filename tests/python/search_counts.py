"""Compares counts of the query language with a plain scan of the events that were sent.

    search_counts.py URL KEY EVENTS.ndjson

Sends events of its own too: the changes between events about one resource, since few events of other
systems say what was before. The scan is written from docs/QUERY.md alone.

Exit codes: 0 all counts agree, 1 some do not (all are named), 2 wrong usage or a missing package.
"""

import collections
import ipaddress
import itertools
import json
import random
import re
import sys
import unicodedata
import urllib.error
import urllib.request
from decimal import Decimal

import counts
from server import Server

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
ASCII_GAP = re.compile(r"[^0-9a-z]+")
CHANGES = 400


class Number(str):
    """A number, as written."""


def decoded(line):
    return json.loads(line, parse_int=Number, parse_float=Number)


def folded(text):
    return text.lower() if text.isascii() else "".join(c.lower() for c in text)


def in_word(c):
    return unicodedata.category(c)[0] in "LMN"


def words(text):
    text = folded(text)
    if text.isascii():
        return ASCII_GAP.sub(" ", text).split()
    return "".join(c if in_word(c) else " " for c in text).split(" ")


def spaced(text):
    """The words of a value between blanks, so that a phrase is a substring."""
    return f" {' '.join(w for w in words(text) if w)} "


class Event:
    def __init__(self, line):
        self.json = event = decoded(line)
        self.ns = counts.nanoseconds(event["timestamp"])
        self.actor = {k: v for k, v in event["actor"].items() if v is not None}
        self.resource = {k: v for k, v in event["resource"].items() if v is not None}
        self.metadata = event.get("metadata") or {}
        # Every value by its path, the names joined by dots: so any split of the names is the same.
        self.paths = collections.defaultdict(list)
        self.visit(self.metadata, "")
        seen = [event[name] for name in ("event_type", "category", "action", "status")]
        seen += [*self.actor.values(), *self.resource.values()]
        seen += [v for values in self.paths.values() for v in values if isinstance(v, str)]
        self.text = "\n".join(spaced(value) for value in seen)
        network = self.actor.get("ip_address")
        self.address = ipaddress.ip_address(network) if network else None

    def visit(self, value, path):
        if isinstance(value, dict):
            if path:
                self.paths[path].append(value)
            for name, inner in value.items():
                self.visit(inner, f"{path}.{name}" if path else name)
        elif isinstance(value, list):
            for item in value:
                self.visit(item, path)
        else:
            self.paths[path].append(value)

    def changed(self):
        """Paths, joined by dots, whose values differ between before and after."""
        changes = self.metadata.get("changes")
        if not isinstance(changes, dict):
            return set()
        before, after = states(changes.get("before")), states(changes.get("after"))
        return {".".join(p) for p in before.keys() | after.keys() if before.get(p) != after.get(p)}


def states(state):
    found = collections.defaultdict(list)

    def visit(value, path):
        if isinstance(value, list):
            for item in value:
                visit(item, path)
        elif isinstance(value, dict):
            for name, inner in value.items():
                if inner is not None:
                    found[(*path, name)].append(comparable(inner))
                    visit(inner, (*path, name))

    if isinstance(state, dict):
        visit(state, ())
    return found


def comparable(value):
    if isinstance(value, Number):
        return ("number", Decimal(value))
    if isinstance(value, dict):
        return ("object", sorted((k, comparable(v)) for k, v in value.items() if v is not None))
    if isinstance(value, list):
        return ("list", [comparable(v) for v in value])
    return (type(value).__name__, value)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def at(path):
    names = path.split(".")
    if all(NAME.fullmatch(name) for name in names):
        return "@" + path
    return None


def is_text(value):
    return isinstance(value, str) and not isinstance(value, Number)


def has(path, test):
    return lambda e: any(test(value) for value in e.paths.get(path, ()))


def phrase(text):
    wanted = spaced(text)
    return lambda e: wanted in e.text


def beginning(text):
    wanted = spaced(text)[:-1]
    return lambda e: wanted in e.text


def negated(question):
    text, test = question
    return (f"NOT ({text})", lambda e: not test(e))


def numeric(value):
    if isinstance(value, str) and JSON_NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def order(value, low, high):
    number = numeric(value)
    return number is not None and low <= number <= high


class Questions:
    def __init__(self, events):
        self.events = events
        self.rng = random.Random(3)
        self.asked = []
        self.values = collections.defaultdict(list)
        for event in events:
            for path, values in event.paths.items():
                if at(path):
                    self.values[path].extend(values)

    def ask(self, text, test):
        self.asked.append((text, test))

    def some(self, things, count):
        things = list(things)
        return self.rng.sample(things, min(count, len(things)))

    def spread(self, counter, count):
        """The most frequent, and others from everywhere down to those that occur once."""
        ranked = [thing for thing, _ in counter.most_common()]
        return ranked[: count // 3] + self.some(ranked[count // 3 :], count - count // 3)

    def typed(self, test, count):
        """Paths whose values pass a test, each with such a value."""
        paths = collections.Counter()
        for path, values in self.values.items():
            paths[path] = sum(map(test, values))
        for path in self.spread(+paths, count):
            yield path, self.rng.choice([v for v in self.values[path] if test(v)])

    def words(self):
        frequency = collections.Counter()
        for event in self.events:
            frequency.update(set(event.text.split()))
        for word in self.spread(frequency, 36):
            self.ask(quoted(word), phrase(word))
        for word in self.spread(frequency, 18):
            cut = word[: max(1, len(word) * 2 // 3)]
            self.ask(quoted(cut) + "*", beginning(cut))
        lines = [line.split() for event in self.some(self.events, 60) for line in event.text.split("\n")]
        for line in self.some([line for line in lines if len(line) > 2], 24):
            start = self.rng.randrange(len(line) - 1)
            some = " ".join(line[start : start + self.rng.choice((2, 3))])
            self.ask(quoted(some), phrase(some))
            self.ask(quoted(some[:-1]) + "*", beginning(some[:-1].strip()) if some[-2] != " " else phrase("\0"))
        self.asked = [(text, test) for text, test in self.asked if not text.endswith(' "*')]

    def strings(self):
        short = lambda v: is_text(v) and 0 < len(v) <= 60 and spaced(v) != "  "
        for path, value in self.typed(short, 30):
            wanted = spaced(value)
            self.ask(f"{at(path)}:{quoted(value)}", has(path, lambda v, w=wanted: is_text(v) and w in spaced(v)))
        for path, value in self.typed(short, 24):
            self.ask(f"{at(path)}={quoted(value)}", has(path, lambda v, w=value: is_text(v) and v == w or number_is(v, w)))
            self.ask(f"{at(path)}!={quoted(value)}", lambda e, t=has(path, lambda v, w=value: is_text(v) and v == w or number_is(v, w)): not t(e))
        for path, value in self.typed(short, 16):
            part = folded(value[len(value) // 3 :])
            self.ask(f"{at(path)}~{quoted(part)}", has(path, lambda v, w=part: is_text(v) and w in folded(v)))

    def numbers(self):
        number = lambda v: isinstance(v, Number)
        for path, value in self.typed(number, 14):
            n = Decimal(value)
            infinite = Decimal("Infinity")
            for text, low, high in (
                (f">={value}", n, infinite),
                (f"<={value}", -infinite, n),
                (f":[{value} TO {value}0]", n, Decimal(value + "0")),
            ):
                if "e" not in value.lower() and n != 0:
                    self.ask(at(path) + text, has(path, lambda v, a=low, b=high: order(v, a, b)))
            self.ask(f"{at(path)}={value}", has(path, lambda v, w=value: v == w or number_is(v, w)))
            more = has(path, lambda v, w=n: numeric(v) is not None and numeric(v) > w)
            self.ask(f"NOT {at(path)}>{value}", lambda e, t=more: not t(e))

    def flags(self):
        for path, _ in self.typed(lambda v: isinstance(v, bool), 12):
            for flag in (True, False):
                test = has(path, lambda v, w=flag: v is w or (is_text(v) and f" {str(w).lower()} " in spaced(v)))
                self.ask(f"{at(path)}:{str(flag).lower()}", test)

    def presence(self):
        for path, _ in self.typed(lambda v: True, 20):
            test = has(path, lambda v: v is not None)
            self.ask(f"{at(path)}:*", test)
            self.asked.append(negated(self.asked[-1]))
        for member in ("email", "name", "ip_address", "user_agent", "id"):
            self.ask(f"actor.{member}:*", lambda e, m=member: m in e.actor)
        self.ask("-resource.name:*", lambda e: "name" not in e.resource)

    def addresses(self):
        known = [e.address for e in self.events if e.address]
        for address in self.some(known, 16):
            for prefix in (8, 16, 24, 32) if address.version == 4 else (32, 64, 128):
                network = ipaddress.ip_network((address, prefix), strict=False)
                inside = lambda e, n=network: e.address is not None and e.address in n
                self.ask(f"ip:{network}", inside)
            self.ask(f"ip:{address}", lambda e, a=address: e.address == a)
        v4 = sorted({a for a in known if a.version == 4})
        for _ in range(6):
            low, high = sorted(self.some(v4, 2))
            self.ask(
                f"ip:[{low} TO {high}]",
                lambda e, a=low, b=high: e.address is not None and e.address.version == 4 and a <= e.address <= b,
            )

    def times(self):
        for event in self.some(self.events, 12):
            stored = counts.stamp(event.ns)
            for end, pattern in ((4, "year"), (7, "month"), (10, "day"), (13, "hour"), (16, "minute"), (19, "second")):
                text = stored[:end] + ("Z" if end > 10 else "")
                if pattern == "hour":
                    continue
                unit = stored[:end]
                self.ask(f"timestamp:{text}", lambda e, u=unit: counts.stamp(e.ns).startswith(u))
            exact = stored
            self.ask(f"ts>={exact}", lambda e, n=event.ns: e.ns >= n)
            self.ask(f"ts<{exact}", lambda e, n=event.ns: e.ns < n)
            self.ask(f"timestamp:>{stored[:10]}", lambda e, d=stored[:10]: counts.stamp(e.ns)[:10] > d)
            self.ask(f"timestamp:<={stored[:7]}", lambda e, d=stored[:7]: counts.stamp(e.ns)[:7] <= d)

    def keywords(self):
        kinds = collections.Counter(e.json["event_type"] for e in self.events)
        for kind in self.spread(kinds, 10):
            head = kind.split(".")[0]
            self.ask(f"type:{head}", lambda e, h=head: e.json["event_type"].startswith(h + "."))
            self.ask(f"event_type:{kind[:-2]}*", lambda e, k=kind[:-2]: e.json["event_type"].startswith(k))
            self.ask(f"event_type~{kind[-4:]}", lambda e, k=kind[-4:]: k in e.json["event_type"])
        for category in ("api", "security", "agent"):
            for status in ("success", "failure"):
                self.ask(
                    f"category:{category.upper()} status:{status}",
                    lambda e, c=category, s=status: (e.json["category"], e.json["status"]) == (c, s),
                )
        self.ask("cat:(security OR auth)", lambda e: e.json["category"] in ("security", "auth"))
        for event in self.some([e for e in self.events if 0 < len(e.resource["id"]) < 60], 10):
            wanted = folded(event.resource["id"])
            self.ask(f"resource.id:{quoted(wanted)}", lambda e, w=wanted: folded(e.resource["id"]) == w)
            self.ask(f"target={quoted(event.resource['id'])}", lambda e, w=event.resource["id"]: w in (e.resource["id"], e.resource["type"]))
        for event in self.some([e for e in self.events if "id" in e.actor and len(e.actor["id"]) < 60], 10):
            wanted = folded(event.actor["id"])
            who = lambda e, w=wanted: any(folded(e.actor.get(m, "\0")) == w for m in ("id", "email", "name"))
            self.ask(f"actor:{quoted(wanted)}", who)

    def changes(self):
        paths = collections.Counter(itertools.chain.from_iterable(e.changed() for e in self.events))
        changed = {id(e): e.changed() for e in self.events}
        for path in self.spread(collections.Counter({p: n for p, n in paths.items() if at(p)}), 16):
            self.ask(f"changed:{path}", lambda e, p=path: p in changed[id(e)])
        self.ask("changed:*", lambda e: bool(changed[id(e)]))

    def pairs(self):
        for one, two in zip(self.some(self.asked, 30), self.some(self.asked, 30)):
            (a, first), (b, second) = one, two
            self.ask(f"({a}) AND ({b})", lambda e, f=first, g=second: f(e) and g(e))
            self.ask(f"{a} OR NOT {b}" if " " not in b else f"({a}) OR NOT ({b})", lambda e, f=first, g=second: f(e) or not g(e))

    def all(self):
        for kind in (self.words, self.strings, self.numbers, self.flags, self.presence, self.addresses, self.times, self.keywords, self.changes, self.pairs):
            kind()
        return self.asked


def number_is(value, text):
    return isinstance(value, Number) and JSON_NUMBER.fullmatch(text) is not None and Decimal(value) == Decimal(text)


def change_lines(lines):
    """Events that say what changed between events about one resource."""
    last, made = {}, []
    for line in lines:
        event = json.loads(line)
        key = (event["resource"]["type"], event["resource"]["id"])
        before, last[key] = last.get(key), event
        if before is None or len(line) > 20_000 or len(made) == CHANGES:
            continue
        event["event_id"] = f"change-{len(made)}"
        event["event_type"] = "resource.changed"
        event["metadata"] = {"changes": {"before": before["metadata"], "after": event["metadata"]}}
        made.append(json.dumps(event, ensure_ascii=False))
        last[key] = None
    return made


def send(url, key, lines):
    headers = {"authorization": f"Bearer {key}", "content-type": "application/x-ndjson"}
    body = "\n".join(lines).encode("utf-8")
    request = urllib.request.Request(f"{url.rstrip('/')}/v1/events", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        told = json.load(answer)
    assert told["accepted"] == len(lines), told["errors"][:3]


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    url, key, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file.read().split("\n") if line.strip()]
    changes = change_lines(lines)
    send(url, key, changes)
    events = [Event(line) for line in lines + changes]
    server = Server(url, key)
    asked = Questions(events).all()
    faults = found = 0
    for text, test in asked:
        expected = sum(map(test, events))
        try:
            matched = server.json("/v1/events", q=text, count="exact", limit=1)["matched"]
        except urllib.error.HTTPError as error:
            matched = error.read().decode("utf-8")
        found += expected > 0
        if matched != expected:
            faults += 1
            print(f"{text}: the server counts {matched}, the scan {expected}")
    print(f"search_counts: {len(asked)} questions, {found} with matches, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
