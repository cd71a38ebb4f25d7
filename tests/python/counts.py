"""Compares the server's counts with a plain scan of the events that were sent to it.

    counts.py URL KEY EVENTS.ndjson

Exit codes: 0 all counts agree, 1 some do not (all are named), 2 wrong usage or a missing package.
"""

import collections
import datetime
import json
import sys

import custody
from server import Server

COMMON = 12


def nanoseconds(text):
    """Nanoseconds of a time with any offset, as a sender writes it."""
    zone = 1 if text[-1] in "Zz" else 6
    bare, offset = text[:-zone].replace("t", "T").replace(" ", "T"), text[-zone:]
    if zone == 1:
        return custody.nanoseconds(bare + "Z")
    sign = -1 if offset[0] == "-" else 1
    minutes = sign * (int(offset[1:3]) * 60 + int(offset[4:6]))
    return custody.nanoseconds(bare + "Z") - minutes * 60 * 10**9


def stamp(ns):
    whole = custody.EPOCH + datetime.timedelta(seconds=ns // 10**9)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09}Z"


class Event:
    def __init__(self, line):
        event = json.loads(line)
        self.ns = nanoseconds(event["timestamp"])
        actor, resource = event["actor"], event["resource"]
        self.values = {
            "category": event["category"],
            "event_type": event["event_type"],
            "status": event["status"],
            "action": event["action"],
            "actor_type": actor["type"],
            "actor_id": actor.get("id"),
            "actor_email": (actor.get("email") or "").lower() or None,
            "resource_type": resource["type"],
            "resource_id": resource["id"],
        }

    def matches(self, question):
        if "from" in question and self.ns < question["from"]:
            return False
        if "to" in question and self.ns >= question["to"]:
            return False
        return all(
            self.values[name] in values for name, values in question.items() if name not in ("from", "to")
        )


def questions(events):
    """Filters worth asking: common and rare values of each dimension, pairs, and time ranges."""
    asked = [{}]
    for name in events[0].values:
        found = collections.Counter(e.values[name] for e in events if e.values[name] is not None).most_common()
        for value, _ in found[:COMMON] + found[-COMMON:]:
            asked.append({name: [value]})
        asked.append({name: [value for value, _ in found[:3]]})
    categories = sorted({e.values["category"] for e in events})
    for category in categories:
        for status in ("success", "failure", "pending"):
            asked.append({"category": [category], "status": [status]})
    times = sorted(e.ns for e in events)
    for i in range(20):
        start, end = times[len(times) * i // 20], times[len(times) * (i + 1) // 20 - 1]
        asked.append({"from": start, "to": end})
        asked.append({"from": start, "to": end + 1, "category": [categories[i % len(categories)]]})
        asked.append({"to": start, "status": ["failure", "pending"]})
    for event in events[:: max(1, len(events) // 40)]:
        pair = ("resource_type", "resource_id")
        asked.append({name: [event.values[name]] for name in pair})
        asked.append({"from": event.ns, "to": event.ns + 1})
    return asked


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    server = Server(sys.argv[1], sys.argv[2])
    with open(sys.argv[3], encoding="utf-8") as file:
        events = [Event(line) for line in file.read().split("\n") if line.strip()]
    faults = 0
    asked = questions(events)
    for question in asked:
        parameters = {k: stamp(v) if k in ("from", "to") else v for k, v in question.items()}
        matched = server.json("/v1/events", count="exact", limit=1, **parameters)["matched"]
        expected = sum(event.matches(question) for event in events)
        if matched != expected:
            faults += 1
            print(f"{parameters}: the server counts {matched}, the scan {expected}")
    print(f"counts: {len(asked)} questions, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
