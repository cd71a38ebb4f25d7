"""Makes docs/vectors: a report on each axis, an export, an event with its proof, and altered ones.

    make_vectors.py [DIRECTORY]

Everything is derived from fixed seeds, so a second run writes the same bytes. What must be refused is in
`refused/`, and `expected.json` says for each with which command and how the refusal begins.
"""

import copy
import json
import pathlib
import sys

import making
from making import Log, Report, compact, filter_of

T0 = 1_700_000_000_000_000
SECOND = 1_000_000
TYPES = ["agent.updated", "auth.login", "auth.login_failed", "session.created"]


def sample_event(i):
    """Some members are missing in some, texts need escapes, addresses differ in case."""
    event = {
        "event_id": f"evt-{i:03}",
        "timestamp": making.time_text(T0 + (i * 37 % 50) * SECOND),
        "event_type": TYPES[i % 4],
        "category": TYPES[i % 4].split(".")[0],
        "actor": {"type": "user", "id": f"usr_{i % 5}", "email": ["Ada@Example.com", "ada@example.com", "ÄDA@example.com"][i % 3]},
        "resource": {"type": "agent", "id": f"agt_{i % 7}", "name": 'say "hi"\n\u2028'},
        "action": "update",
        "status": "failure" if i % 4 == 2 else "success",
        "metadata": {"n": i, "text": "x" * (i * 41 % 1500), "chain": {"sequence": i}},
    }
    if i % 6 == 5:
        event["actor"] = {"type": "api_key", "name": f"key {i % 2}"}
    return event


def sample_log():
    log = Log("example.com/stele/test", bytes([7]) * 32, bytes(range(32)))
    clock = T0 + 100 * SECOND
    for i in range(48):
        # Two in a row are committed in the same microsecond.
        log.add(sample_event(i), clock + i // 2 * SECOND)
        if i in (15, 33):
            log.add_index(len(log.records), making.time_text(clock + i // 2 * SECOND), clock + i // 2 * SECOND)
    log.add_index(len(log.records), making.time_text(clock + 60 * SECOND), clock + 60 * SECOND)
    log.add(sample_event(48), clock + 61 * SECOND)
    log.add(sample_event(49), clock + 62 * SECOND)
    return log


def event_filter(**more):
    return filter_of("event", T0 + 5 * SECOND, T0 + 30 * SECOND, **more)


def reports(log):
    commit_from, commit_to = T0 + 110 * SECOND, T0 + 120 * SECOND
    two = {"event_type": ["auth.login", "auth.never"], "actor_email": ["ada@example.com", "äda@example.com"]}
    return {
        "report-event": Report(log, event_filter(**two)),
        "report-pairs": Report(log, event_filter(actor_id=[["robot", "x"], ["user", "usr_2"]], status=["failure", "success"])),
        "report-commit": Report(log, filter_of("commit", commit_from, commit_to, category=["agent", "auth"])),
        "report-all": Report(log, filter_of("commit", commit_from, commit_to)),
        "report-none": Report(log, event_filter(actor_name=["nobody"])),
    }


def omissions(log):
    """Reports that leave something out and are well formed otherwise: proof and hash are made to fit."""
    found = {}

    def case(name, expected, kind, bend):
        report = reports(log)[kind]
        report.epochs = copy.deepcopy(report.epochs)
        bend(report)
        found[name] = (expected, report.sealed())

    def to_headers(report):
        report.headers.add(report.entries.pop(2))

    def cut_posting(report):
        gone = report.entries.pop(0)
        for seq, epoch in zip(report.index_seqs, report.epochs):
            if log.indexes[seq].a <= gone < log.indexes[seq].b:
                epoch["lookups"][0]["postings"].remove(gone - log.indexes[seq].a)

    def absent(report):
        """Says that no record has the value, with the neighbours of its leaf."""
        first = log.indexes[report.index_seqs[0]]
        lookup = report.epochs[0]["lookups"][0]
        at = lookup["leaves"][0]["i"]
        near = [i for i in (at - 1, at + 1) if 0 <= i < len(first.tags)]
        lookup.update(postings=None, leaves=[first.shown_leaf(i) for i in near])
        report.entries = [seq for seq in report.entries if seq >= first.b]

    def later(report):
        """An entry after the last index event, which no lookup covers."""
        report.entries.append(len(log.records) - 1)
        report.headers.discard(len(log.records) - 1)

    def filtered(**new):
        def bend(report):
            report.filter = compact({**json.loads(report.filter), **new})

        return bend

    def drop_index(at):
        def bend(report):
            del report.index_seqs[at], report.epochs[at]

        return bend

    def extra(report):
        wrong = next(s for s in range(len(log.records)) if s not in report.entries and s not in report.index_seqs)
        report.headers.discard(wrong)
        report.entries = sorted(report.entries + [wrong])

    case("left-out-event", "step 6", "report-event", lambda r: r.entries.pop(1))
    case("left-out-commit", "step 6", "report-commit", lambda r: r.entries.pop(1))
    case("left-out-all", "step 6", "report-all", lambda r: r.entries.pop(1))
    case("moved-to-headers", "step 6", "report-event", to_headers)
    case("cut-from-postings", "step 5", "report-event", cut_posting)
    case("said-to-be-absent", "step 5", "report-event", absent)
    case("extra-record", "step 3", "report-event", extra)
    case("uncovered-record", "step 7", "report-event", lambda r: (filtered(to_us=T0 + 99 * SECOND)(r), beyond(r, log)))
    case("narrowed-range", "step 3", "report-event", filtered(to_us=T0 + 15 * SECOND))
    case("narrowed-commit-range", "step 3", "report-commit", filtered(from_us=T0 + 113 * SECOND))
    case("widened-range", "step 6", "report-event", filtered(to_us=T0 + 45 * SECOND))
    case("widened-commit-range", "step 6", "report-commit", filtered(to_us=T0 + 150 * SECOND))
    case("range-beyond-the-index", "step 4", "report-commit", filtered(to_us=T0 + 161 * SECOND))
    case("first-index-dropped", "step 4", "report-event", drop_index(0))
    case("middle-index-dropped", "step 4", "report-event", drop_index(1))
    case("last-index-dropped", "step 7", "report-event", drop_index(2))
    case("last-index-dropped-commit", "step 4", "report-commit", drop_index(-1))
    case("header-dropped", "step 6", "report-event", lambda r: r.headers.pop())
    case("lookup-dropped", "step 5", "report-event", lambda r: r.epochs[0]["lookups"].pop())
    case("lookups-dropped", "step 5", "report-event", lambda r: r.epochs[1].update(lookups=[], keys={}))
    case("epoch-dropped", "step 4", "report-event", lambda r: r.epochs.pop(1))
    case("values-not-in-order", "step 3", "report-event", filtered(event_type=["auth.never", "auth.login"]))
    case("email-not-folded", "step 3", "report-event", filtered(actor_email=["ADA@example.com"]))
    case("bare-actor", "step 3", "report-event", filtered(actor=["usr_1"]))
    return found


def beyond(report, log):
    """Replaces headers that the wider range made into hits by entries, and adds one that no index event covers."""
    wanted = {seq for seq in report.headers if 5 * SECOND <= log.records[seq].ev - T0 < 99 * SECOND}
    report.headers -= wanted
    report.entries = sorted(set(report.entries) | wanted)
    report.entries.append(len(log.records) - 1)


def damage(log):
    """One change each to a report that is right."""
    right = reports(log)["report-event"].sealed()
    found = {}

    def case(name, expected, bend):
        report = copy.deepcopy(right)
        bend(report)
        found[name] = (expected, report)

    def entry(**new):
        return lambda report: report["entries"][0].update(new)

    first = right["entries"][0]
    note = right["checkpoint"]
    other = making.Key(log.origin, bytes(32))
    lines = log.checkpoint_lines()
    case("body-changed", "step 2", entry(body=first["body"].replace("success", "failure")))
    case("time-changed", "step 2", entry(ts=first["ts"] + 1))
    case("salt-changed", "step 2", entry(salt="00" * 16))
    case("sequence-changed", "step 2", entry(seq=first["seq"] + 1))
    case("time-is-true", "form", entry(ts=True))
    case("time-is-a-float", "form", entry(ts=float(first["ts"])))
    case("time-is-negative", "form", entry(ts=-1))
    case("time-is-huge", "form", entry(ts=2**64))
    case("salt-in-capitals", "form", entry(salt=first["salt"].upper()))
    case("more-members", "form", lambda r: r.update(more=1))
    case("format-of-later", "form", lambda r: r.update(format="stele.report/v2"))
    case("hash-changed", "step 3", lambda r: r.update(verification_hash="00" * 32))
    case("proof-shortened", "step 2", lambda r: r["proof"].pop())
    case("proof-lengthened", "step 2", lambda r: r["proof"].append(r["proof"][0]))
    case("root-changed", "step 1", lambda r: r.update(checkpoint=note.replace(note.split("\n")[2], making.b64(bytes(32)))))
    case("size-changed", "step 1", lambda r: r.update(checkpoint=note.replace("\n53\n", "\n54\n")))
    case("signature-gone", "step 1", lambda r: r.update(checkpoint=lines + "\n"))
    case("signed-by-another", "step 1", lambda r: r.update(checkpoint=f"{lines}\n{other.sign(lines)}"))
    case("key-of-another", "step 1", lambda r: r.update(key=other.text))
    case("tag-key-changed", "step 5", lambda r: r["epochs"][0]["keys"].update({"1": "00" * 32}))
    case("leaf-moved", "step 5", lambda r: r["epochs"][0]["lookups"][0]["leaves"][0].update(i=0))
    case("lookups-in-another-order", "step 5", lambda r: r["epochs"][0]["lookups"].reverse())
    case("posting-added", "step 5", lambda r: r["epochs"][0]["lookups"][0]["postings"].append(15))
    return found


def exports(log):
    """(name, expected, text): exports with one change each."""
    lines = [log.line(seq) for seq in range(len(log.records))]
    changed = lines[:]
    changed[7] = changed[7].replace('"action":"update"', '"action":"delete"')
    swapped = lines[:]
    swapped[9] = swapped[9].replace('"sequence":9,"committed_at"', '"sequence":10,"committed_at"')
    forged = Log(log.origin, log.secret, bytes(range(32)))
    for record in log.records:
        event = dict(record.event, status="pending") if record.seq == 30 else record.event
        forged.add(event, record.ts)
    return [
        ("line-changed", "line 8", changed),
        ("line-moved", "line 10", swapped),
        ("line-twice", "line 54", lines + lines[3:4]),
        ("line-left-out", "checkpoint", lines[:20] + lines[21:]),
        ("cut-short", "checkpoint", lines[:40]),
        ("rewritten", "checkpoint", [forged.line(seq) for seq in range(len(lines))]),
        ("two-members-of-one-name", "line 1", [lines[0].replace('{"event_id"', '{"action":"x","event_id"')]),
        ("not-a-number", "line 1", [lines[0].replace('"n":0', '"n":NaN')]),
    ]


def write(folder):
    log = sample_log()
    refused, expected = folder / "refused", {}
    refused.mkdir(parents=True, exist_ok=True)

    def put(path, text):
        path.write_bytes(text.encode())

    def put_refused(name, command, begin, text):
        put(refused / name, text)
        expected[name] = {"command": command, "refused": begin}

    put(folder / "key.txt", log.key.text + "\n")
    put(folder / "checkpoint.txt", log.checkpoint())
    put(folder / "export.ndjson", "".join(log.line(seq) + "\n" for seq in range(len(log.records))))
    for name, report in reports(log).items():
        put(folder / f"{name}.json", compact(report.sealed()))
    for name, (begin, report) in {**omissions(log), **damage(log)}.items():
        put_refused(f"{name}.json", "report", begin, compact(report))
    good = compact(reports(log)["report-event"].sealed())
    put_refused("two-formats.json", "report", "form", good.replace("{", '{"format":"x",', 1))
    put_refused("cut-short.json", "report", "form", good[: len(good) // 2])
    for name, begin, lines in exports(log):
        put_refused(f"{name}.ndjson", "export", begin, "".join(line + "\n" for line in lines))
    put(folder / "expected.json", json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    write(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "docs" / "vectors")
