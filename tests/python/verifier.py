"""Holds docs/stele_verify.py against published vectors, against docs/vectors, and against an independent maker.

BLAKE3 is compared with the package `blake3`, Ed25519 with RFC 8032 and the package `cryptography`; records, trees and
reports with making.py. Exit codes: 0 everything agrees, 1 something does not.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import make_vectors
import making

HERE = pathlib.Path(__file__).resolve().parents[2]
VERIFIER, VECTORS = HERE / "docs" / "stele_verify.py", HERE / "docs" / "vectors"
sys.path.insert(0, str(VERIFIER.parent))
import stele_verify as verify  # noqa: E402

# RFC 8032, 7.1: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# BLAKE3's official test vectors (input: bytes 0, 1, … 250, 0, 1, …): length, hash, keyed hash.
BLAKE3_KEY = b"whats the Elvish word for friend"
BLAKE3_OFFICIAL = [
    (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262", "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"),
    (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213", "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b"),
    (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7", "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4"),
    (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444", "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69"),
]  # fmt: skip


def check_blake3():
    stream = bytes(i % 251 for i in range(102_400))
    for length, plain, keyed in BLAKE3_OFFICIAL:
        assert verify.blake3(stream[:length]).hex() == plain, f"BLAKE3 of {length} bytes"
        assert verify.blake3(stream[:length], BLAKE3_KEY).hex() == keyed, f"keyed BLAKE3 of {length} bytes"
    lengths = [2, 3, 7, 8, 63, 64, 65, 127, 128, 129, 1023, 2047, 2048, 2049, 3072, 3073, 4096, 4097, 5120, 6145]
    lengths += [7168, 8192, 8193, 16384, 31744, 102_400] + [random.randrange(20_000) for _ in range(40)]
    for length in lengths:
        data = stream[:length]
        assert verify.blake3(data) == blake3(data).digest(), f"BLAKE3 of {length} bytes"
        assert verify.blake3(data, BLAKE3_KEY) == blake3(data, key=BLAKE3_KEY).digest(), f"keyed BLAKE3 of {length} bytes"
    return len(BLAKE3_OFFICIAL) + len(lengths)


def check_ed25519():
    cases = [tuple(map(bytes.fromhex, case)) for case in RFC_8032]
    for i in range(8):
        private = Ed25519PrivateKey.generate()
        message = bytes(range(i * 9))
        cases.append((private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), message, private.sign(message)))
    for public, message, signature in cases:
        assert verify.signature_holds(public, message, signature)
        assert not verify.signature_holds(public, message + b"x", signature)
        for at in (0, 31, 32, 62):
            bent = bytearray(signature)
            bent[at] ^= 1
            assert not verify.signature_holds(public, message, bytes(bent)), f"signature with byte {at} changed"
        s = int.from_bytes(signature[32:], "little") + verify.L
        longer = signature[:32] + s.to_bytes(32, "little")
        assert not verify.signature_holds(public, message, longer), "S + L in place of S"
    # y = 1 (the neutral point, of small order), its form y = p + 1, x = 0 with a sign, y = p, points not on the curve.
    one, p = (1).to_bytes(32, "little"), 2**255 - 19
    forms = [p.to_bytes(32, "little"), (p + 1).to_bytes(32, "little"), (1 | 1 << 255).to_bytes(32, "little")]
    for data in forms + [bytes([255]) * 32, (2).to_bytes(32, "little")]:
        assert verify.unpacked(data) is None, data.hex()
        assert not verify.signature_holds(data, b"", data + bytes(32))
    assert verify.unpacked(one) == (0, 1)
    assert not verify.signature_holds(one, b"anything", one + bytes(32)), "a key of small order signs anything"
    return len(cases)


def check_custody():
    """The vectors of docs/CUSTODY.md."""
    making.custody.check_vectors()
    origin, head, hashes = "example.com/stele/test", verify.genesis("example.com/stele/test"), []
    bodies = [b"{}", b'{"event_id":"a","event_type":"auth.login"}', b"x" * 100]
    for i, body in enumerate(bodies):
        preimage = verify.tag("stele/record/v1") + bytes([i]) * 16 + len(body).to_bytes(8, "big") + body
        r = verify.blake3(preimage + bytes(-len(preimage) % 64))
        head = verify.record(i, 1_700_000_000_000_000 + min(i, 1), 1_600_000_000_000_000 + i, head, r).hash
        hashes.append(head)
    assert hashes[2].hex() == "d0af9b46d59de92e9aef273028a9457a93b4424d6a57f400643f8afb2ebece46"
    roots = [
        "44372a0b423f26c726ac9c4f2c089aebc6dd1a2ec67f2085b5f5cedc2adc630f",
        "bffaa02f1a65c726cd9e1846901185cee649ff21a48a3726038f1fa36f3a017f",
        "b95c88ba19987c68caa664a20592a802fdffbef53d2d4366c7fb998927e5a0f1",
    ]
    for size, root in enumerate(roots, 1):
        assert verify.root_of([verify.leaf_of(h) for h in hashes[:size]]).hex() == root, f"root {size}"
    key = verify.verifier_key(f"{origin}+4489043c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")
    signed = "RIkEPDyjL2JMj5havbnNhbhUym+26Hqu6qxNCglsHqsM+E7O6dqrK6kHxnD6yxSbC6TKXFladZ55hxag148LAQr13Qw="
    lines = f"{origin}\n3\n{making.b64(bytes.fromhex(roots[2]))}\n"
    assert verify.checkpoint(f"{lines}\n— {origin} {signed}\n", key, "note") == (3, bytes.fromhex(roots[2]), lines.encode())
    template = (
        '{"event_id":"e<i>","timestamp":"2026-11-23T07:28:0<i>Z","event_type":"agent.updated","category":"agent",'
        '"actor":{"type":"user","id":"usr_<u>","email":"Ada@Example.com"},"resource":{"type":"agent","id":"agt_<a>"},'
        '"action":"update","status":"success","metadata":{}}'
    )
    log = making.Log(origin, bytes([7]) * 32, bytes(range(32)))
    for i in range(10):
        body = template.replace("<i>", str(i)).replace("<u>", str(i % 3)).replace("<a>", str(i % 5))
        log.add(json.loads(body), i)
        assert log.records[i].body == body
    index = making.Index(log.secret, 100, log.records)
    assert len(index.tags) == 14
    assert index.root.hex() == "f1fc7929147e69e331911bad0e5e4d8cf8888cdfa2eba309577e923b4beca1b4", index.root.hex()


def check_trees():
    """Inclusion, and several leaves at once, in trees of all sizes to 40."""
    count = 0
    for size in range(1, 41):
        leaves = [making.leaf(bytes([i])) for i in range(size)]
        root = making.head(leaves)
        assert verify.root_of(leaves) == root, f"root of {size}"
        for i in range(size):
            path = making.path(i, leaves)
            prove(root, size, [(i, leaves[i])], path, path=True)
            refused(lambda: prove(root, size, [(i, leaves[i])], path + [root], path=True))
            refused(lambda: prove(root, size, [(i + size, leaves[i])], path, path=True))
            if path:
                refused(lambda: prove(root, size, [(i, leaves[i])], path[1:], path=True))
                refused(lambda: prove(root, size, [(i, leaves[i])], path[:-1] + [bytes(32)], path=True))
        for _ in range(10):
            shown = sorted(random.sample(range(size), random.randrange(size + 1)))
            proof = making.multi(set(shown), leaves)
            known = [(i, leaves[i]) for i in shown]
            prove(root, size, known, proof)
            refused(lambda: prove(root, size, known, proof + [root]))
            refused(lambda: prove(bytes(32), size, known, proof))
            if proof:
                refused(lambda: prove(root, size, known, proof[:-1]))
            count += 1
    return count


def prove(root, size, known, proof, path=False):
    verify.prove(root, size, known, proof, "proof", path)


def check_absence():
    """No record has the value: between two leaves, before the first, behind the last, and without any leaf."""
    log, edges, count = make_vectors.sample_log(), set(), 0
    for i in range(40):
        asked = make_vectors.event_filter(**{["event_type", "actor_type"][i % 2]: [f"none.{i}"]})
        report = making.Report(log, asked)
        for seq, epoch in zip(report.index_seqs, report.epochs):
            first, last = (epoch["lookups"][0]["leaves"][at]["i"] for at in (0, -1))
            edges.add("between" if first < last else "before" if first == 0 else "behind")
        verify.report(making.compact(report.sealed()), log.key.text)
        count += 1
    assert edges == {"between", "before", "behind"}, edges
    bare = making.Log("example.com/stele/bare", bytes(32), bytes(32))
    for i in range(3):
        bare.add({"event_id": f"e{i}", "timestamp": making.time_text(make_vectors.T0 + i)}, i)
    bare.add_index(3, making.time_text(make_vectors.T0), 3)
    asked = making.filter_of("event", 0, 2**64 - 1, event_type=["a.b"])
    report = making.Report(bare, asked)
    assert report.epochs[0]["lookups"][0]["leaves"] == []
    verify.report(making.compact(report.sealed()), bare.key.text)
    report.epochs[0]["lookups"][0]["postings"] = [0]
    refused(lambda: verify.report(making.compact(report.sealed()), bare.key.text))
    return count + 1


def refused(action):
    try:
        action()
    except verify.Refused:
        return
    raise AssertionError("it was not refused")


def run(*args, stdin=None):
    """(exit code, output) of the verifier as a user runs it: alone, with no package beside it."""
    done = subprocess.run([sys.executable, "-I", "-S", str(VERIFIER), *args], input=stdin, capture_output=True)
    assert b"Traceback" not in done.stderr, f"{args}: {done.stderr.decode()}"
    return done.returncode, done.stdout.decode() + done.stderr.decode()


def check_vectors():
    """The files are those that the maker makes, the right ones pass, each altered one is refused in its place."""
    with tempfile.TemporaryDirectory() as made:
        make_vectors.write(pathlib.Path(made))
        fresh = {str(p.relative_to(made)): p.read_bytes() for p in pathlib.Path(made).rglob("*") if p.is_file()}
    kept = {str(p.relative_to(VECTORS)): p.read_bytes() for p in VECTORS.rglob("*") if p.is_file()}
    kept.pop("README.md", None)
    assert fresh == kept, "docs/vectors is not what tests/python/make_vectors.py makes: run it"
    key, note = kept["key.txt"].decode().strip(), str(VECTORS / "checkpoint.txt")
    good = sorted(str(path) for path in VECTORS.glob("report-*.json"))
    assert run("report", "--key", key, *good)[0] == 0
    for path in good:
        code, said = run("report", "--key", key, path)
        assert code == 0 and json.loads(kept[pathlib.Path(path).name])["verification_hash"] in said, said
    assert run("report", "--key", key, "-", stdin=kept["report-event.json"])[0] == 0
    code, said = run("export", "--key", key, "--checkpoint", note, str(VECTORS / "export.ndjson"))
    assert code == 0 and "whole and unaltered" in said, said
    code, said = run("export", str(VECTORS / "export.ndjson"))
    assert code == 0 and "nothing about a log is proved" in said, said
    code, said = run("export", "-", stdin=b"".join(kept["export.ndjson"].splitlines(True)[5:9:3]))
    assert code == 0 and "gap: sequences 6 to 7" in said, said
    changed = kept["export.ndjson"].replace(b"success", b"pending", 1)
    changed = changed.replace(b'"status":"failure"', b'"status":"success"', 1)
    code, said = run("export", "--key", key, "--checkpoint", note, "-", stdin=changed)
    assert code == 1 and said.count("refused: line ") == 2, said
    code, said = run("export", "--key", key, "--checkpoint", str(VECTORS / "key.txt"), "-", stdin=kept["export.ndjson"])
    assert code == 1 and "refused: checkpoint: must be a note" in said, said
    expected = json.loads(kept["expected.json"])
    for name, case in expected.items():
        more = ["--checkpoint", note] if case["command"] == "export" else []
        code, said = run(case["command"], "--key", key, *more, str(VECTORS / "refused" / name))
        assert code == 1 and f"refused: {case['refused']}" in said, f"{name}: exit {code}: {said}"
    assert run("report", "--key", key, *good, str(VECTORS / "refused" / "left-out-event.json"))[0] == 1
    assert run("report", "--key", key, "no such file")[0] == 2
    assert run("report", good[0])[0] == 2 and run("export", "--checkpoint", note, good[0])[0] == 2
    half = kept["report-event.json"].replace(b'"body":"{', b'"body":"\\ud800{', 1)
    assert "refused: step 2, entries[0]" in run("report", "--key", key, "-", stdin=half)[1]
    other = making.Key("example.com/stele/test", bytes(32)).text
    assert "step 1, key" in run("report", "--key", other, good[0])[1]
    return len(good) + 2, len(expected)


def check_every_value(log):
    """Every single value of a report changed, every element dropped: all are refused, none ends in a traceback.

    One in ten of these changes, drawn anew each time; all of them with STELE_SOAK.
    """
    share = 1 if os.environ.get("STELE_SOAK") else 0.1
    text = making.compact(make_vectors.reports(log)["report-event"].sealed())
    key, count = log.key.text, 0
    strange = [None, True, -1, 1.5, 2**70, "", "x", [], {}, [[]], 0, "\ud800"]
    for path in paths(json.loads(text)):
        report = json.loads(text)
        holder = report
        for step in path[:-1]:
            holder = holder[step]
        right = holder[path[-1]]
        for wrong in strange + [bent(right)]:
            if wrong == right and type(wrong) is type(right) or random.random() >= share:
                continue
            holder[path[-1]] = wrong
            must_refuse(report, key, path, wrong)
            count += 1
        del holder[path[-1]]
        must_refuse(report, key, path, "(dropped)")
        count += 1
    return count


def must_refuse(report, key, path, wrong):
    try:
        verify.report(json.dumps(report), key)
    except verify.Refused:
        return
    raise AssertionError(f"accepted with {wrong!r} at {path}")


def paths(value, path=()):
    if isinstance(value, dict):
        for name in value:
            yield path + (name,)
            yield from paths(value[name], path + (name,))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield path + (i,)
            yield from paths(item, path + (i,))


def bent(value):
    """The value with one thing changed, of the same kind."""
    if isinstance(value, str):
        at = len(value) // 2
        return value[:at] + ("1" if value[at : at + 1] == "0" else "0") + value[at + 1 :]
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return value + value[:1] or [0]
    return {**value, "more": 0} if value is not None else 0


def check_speed():
    """Records a second, with bodies of about 400 bytes, in Python alone."""
    log = making.Log("example.com/stele/speed", bytes(32), bytes(32))
    for i in range(600):
        event = make_vectors.sample_event(i)
        log.add({**event, "event_id": f"e{i}", "metadata": {"text": "x" * 60}}, i)
    lines = [log.line(seq).encode() for seq in range(600)]
    start = time.process_time()
    for line in lines:
        verify.exported(line, "line")
    return int(len(lines) / (time.process_time() - start)), sum(map(len, lines)) // len(lines)


def check_length():
    """It is there to be read by someone who has an hour: short, and without lines that run on."""
    lines = VERIFIER.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 300, f"docs/stele_verify.py has {len(lines)} lines, which must be fewer than 300"
    for at, line in enumerate(lines, 1):
        assert len(line) <= 120, f"docs/stele_verify.py, line {at}: {len(line)} characters, which must be 120 at most"
    return len(lines)


def main():
    length = check_length()
    hashes, signatures = check_blake3(), check_ed25519()
    check_custody()
    trees = check_trees()
    absent = check_absence()
    good, bad = check_vectors()
    changed = check_every_value(make_vectors.sample_log())
    rate, size = check_speed()
    print(
        f"verifier: {length} lines; BLAKE3 of {hashes} lengths, {signatures} signatures, {trees} proofs, {absent} absences; {good} vectors proved, {bad} refused; "
        f"{changed} changes to a report refused; {rate} records a second (lines of {size} bytes)"
    )


if __name__ == "__main__":
    sys.exit(main())
