#!/usr/bin/env python3
"""Checks what a Stele log gave out, without its server and without any code of the product; only Python 3.9 is needed.
    stele_verify.py report --key KEY FILE [FILE ...]             compliance reports (stele.report/v1)
    stele_verify.py export [--key KEY [--checkpoint NOTE]] FILE  events, one a line, each with its `chain`
KEY is the verifier key, had from elsewhere than the file; FILE `-` is standard input. Exit codes: 0 all is proved, 1
something is refused, 2 wrong usage or a file that cannot be read. Written from docs/CUSTODY.md, whose words it uses.
"""
import argparse, base64, bisect, collections, datetime, hashlib, json, re, struct, sys
class Refused(ValueError): """Where something is wrong, and what."""
def need(holds, place, why):
    if not holds: raise Refused(f"{place}: {why}")

# BLAKE3, the hash and the keyed hash, as in its specification. A word is turned by writing it twice, side by side.
IV = struct.pack("<8I", 0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
START, END, PARENT, ROOT, KEYED = 1, 2, 4, 8, 16
LANES = [(i, 4 + (i + s) % 4, 8 + (i + 2 * s) % 4, 12 + (i + 3 * s) % 4) for s in (0, 1) for i in range(4)]
ORDERS = [range(16)]  # which word of the message stands where, in each of the seven rounds
for _ in range(6): ORDERS.append([ORDERS[-1][i] for i in (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)])
HALVES = [(*lane, order[2 * i + half], *turns) for order in ORDERS for i, lane in enumerate(LANES)
          for half, turns in enumerate(((16, 12), (8, 7)))]
def compress(chaining, block, counter, length, flags):
    v = list(struct.unpack("<16I", chaining + IV[:16] + struct.pack("<QII", counter, length, flags)))
    message = struct.unpack("<16I", block)
    for a, b, c, d, word, first, second in HALVES:
        v[a] = v[a] + v[b] + message[word] & 0xFFFFFFFF
        v[d] = (v[d] ^ v[a]) * 0x100000001 >> first & 0xFFFFFFFF
        v[c] = v[c] + v[d] & 0xFFFFFFFF
        v[b] = (v[b] ^ v[c]) * 0x100000001 >> second & 0xFFFFFFFF
    return struct.pack("<8I", *(v[i] ^ v[i + 8] for i in range(8)))
def subtree(data, counter, value, mode, root=0):
    if len(data) > 1024:  # More than a chunk: the left half has the largest power of two of chunks.
        left = split((len(data) + 1023) // 1024)
        halves = (data[:left * 1024], counter), (data[left * 1024:], counter + left)
        return compress(value, b"".join(subtree(*half, value, mode) for half in halves), 0, 64, mode | PARENT | root)
    blocks = [data[at:at + 64] for at in range(0, len(data), 64)] or [b""]
    for i, block in enumerate(blocks):
        flags = mode | (START if i == 0 else 0) | (END | root if i == len(blocks) - 1 else 0)
        value = compress(value, block.ljust(64, b"\0"), counter, len(block), flags)
    return value
def blake3(data, key=None): return subtree(data, 0, key or IV, KEYED if key else 0, ROOT)

# Ed25519, as in RFC 8032.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_1 = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)
def add(p, q):
    t = D * p[0] * p[1] * q[0] * q[1]
    return (p[0] * q[1] + p[1] * q[0]) * pow(1 + t, -1, P) % P, (p[1] * q[1] + p[0] * q[0]) * pow(1 - t, -1, P) % P
def times(number, point):
    half = times(number // 2, add(point, point)) if number else (0, 1)
    return add(half, point) if number & 1 else half
def unpacked(data):  # the point (x, y), or None where these bytes are no point, or not its one form
    sign, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    roots = [x % P for x in (root, -root, root * ROOT_OF_MINUS_1, -root * ROOT_OF_MINUS_1) if x * x % P == square]
    return next(((x, y) for x in roots if x & 1 == sign and y < P), None)
BASE = unpacked((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
def signature_holds(public, message, signature):  # S must be reduced, the key not of small order
    r, s, key = unpacked(signature[:32]), int.from_bytes(signature[32:], "little"), unpacked(public)
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little")
    return r and key and s < L and times(8, key) != (0, 1) and times(s, BASE) == add(r, times(k % L, key))

# The tree of RFC 6962 and RFC 9162. Leaves that are known are pairs of place and hash, and ascend.
def sha256(data): return hashlib.sha256(data).digest()
def leaf_of(data): return sha256(b"\0" + data)
def split(count): return 1 << (count - 1).bit_length() - 1  # the largest power of two below
def over(known, begin, count, take, path):  # `take` gives the next hash of a proof; a path has those from below first
    if not known or count == 1: return known[0][1] if known else take() if count else sha256(b"")
    middle, cut = begin + split(count), bisect.bisect(known, (begin + split(count),))
    halves = [(known[:cut], begin, middle - begin), (known[cut:], middle, begin + count - middle)]
    hashes = {i: over(*halves[i], take, path) for i in ((1, 0) if path and cut == 0 else (0, 1))}
    return sha256(b"\1" + hashes[0] + hashes[1])
def root_of(leaves): return over(list(enumerate(leaves)), 0, len(leaves), None, False)
def prove(root, size, known, proof, place, path=False):
    rest = proof[::-1]
    need(all(at < size for at, _ in known), place, f"the tree has only {size} leaves")
    try: found = over(known, 0, size, rest.pop, path)
    except IndexError: raise Refused(f"{place}: leaves or hashes are missing") from None
    need(found == root and not rest, place, "it has too many hashes" if rest else "it does not lead to the root")

# Reading: nothing is taken that is not written as it must be.
def members(pairs):
    need(len(dict(pairs)) == len(pairs), "an object", "it has two members of one name")
    return dict(pairs)
def number(text):  # What is no integer from 0 to 2^64 - 1 becomes bytes, which nothing below takes; NaN is refused.
    return int(text) if text.isdigit() and len(text) <= 20 and int(text) < 2**64 else text.encode()
JSON = json.JSONDecoder(object_pairs_hook=members, parse_int=number, parse_float=str.encode, parse_constant=int)
def parse(data, kind, place):
    try: value = JSON.decode((data.encode() if type(data) is str else data).decode())  # No halves of surrogate pairs.
    except (ValueError, RecursionError) as fault: raise Refused(f"{place}: no JSON: {fault}") from None
    return read(value, kind, place)
def read(value, kind, place):  # {member: kind, …}, [kind, …], (kind or null), hex of so many bytes, or as named
    if type(kind) is dict:
        need(type(value) is dict and set(value) == set(kind), place, "must be an object of " + ", ".join(kind))
        return [read(value[name], kind[name], f"{place}.{name}") for name in kind]
    if type(kind) is list:
        return [read(item, kind[0], f"{place}[{i}]") for i, item in enumerate(read(value, list, place))]
    if type(kind) is tuple: return None if value is None else read(value, kind[0], place)
    if type(kind) is int: return decoded(value, kind, place, "hex")
    if kind == "base64": return decoded(value, 32, place)
    if kind == "time": return microseconds(value, place)
    need(kind is object or type(value) is kind, place, f"must be of type {kind.__name__} (integers: 0 to 2^64 - 1)")
    return value
def decoded(text, length, place, form="base64"):
    try: raw = bytes.fromhex(text) if form == "hex" else base64.b64decode(text)
    except (TypeError, ValueError): raw = b""
    again = raw.hex() if form == "hex" else base64.b64encode(raw).decode()
    need(len(raw) == length and again == text, place, f"must be {length} bytes in {form}")
    return raw
def microseconds(value, place):
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", read(value, str, place), re.ASCII)
    need(found and value >= "1970", place, "must be a time in UTC such as 2026-11-23T07:28:00.123456Z")
    try: seconds = int(datetime.datetime.fromisoformat(found[1] + "+00:00").timestamp())
    except ValueError as fault: raise Refused(f"{place}: {fault}") from None
    return seconds * 1000000 + int((found[2] or "").ljust(6, "0")[:6])

# Signed notes, records, the chain.
def verifier_key(text):  # (origin, id, public key)
    found = re.fullmatch(r"([!-*,-~]{1,255})\+([0-9a-f]{8})\+(\S+)", text)
    need(found, "--key", "must be <origin>+<8 digits of hex>+<base64>")
    public = decoded(found[3], 33, "--key")
    need(public[0] == 1 and found[2] == sha256(found[1].encode() + b"\n" + public)[:4].hex(), "--key", "wrong id")
    return found[1], bytes.fromhex(found[2]), public[1:]
def checkpoint(note, key, place):  # (size, root, the three lines) of a note that the key signed
    found = re.fullmatch(r"((.*)\n(0|[1-9][0-9]{0,18})\n(.*)\n)\n((?:\u2014 [^\s+]+ [A-Za-z0-9+/]{8,}=*\n)+)", note)
    need(found, place, "must be a note: origin, size, root, an empty line, signature lines")
    need(found[2] == key[0], place, f"it is of {ascii(found[2])}, the key of {key[0]}")
    root, lines, signed = decoded(found[4], 32, place), found[1].encode(), re.findall(r"(\S+) (\S+)\n", found[5])
    ours = [raw for name, raw in signed if name == key[0] and base64.b64decode(raw[:8])[:4] == key[1]]
    need(ours, place, "it has no signature of this key")  # Those of other keys say nothing here.
    for raw in ours: need(signature_holds(key[2], lines, decoded(raw, 68, place)[4:]), place, "a signature is false")
    return int(found[3]), root, lines
def tag(text): return text.encode().ljust(16, b"\0")
def genesis(origin): return blake3(tag("stele/genesis/v1") + origin.encode())
Record = collections.namedtuple("Record", "seq ts ev prev hash event")
def record(seq, ts, ev, prev, r, event=None):
    return Record(seq, ts, ev, prev, blake3(tag("stele/chain/v1") + prev + struct.pack(">QQQ", seq, ts, ev) + r), event)
def disclosed(seq, ts, salt, prev, body, place):
    event, body = parse(body, dict, place + ", body"), body.encode() if type(body) is str else body
    preimage = tag("stele/record/v1") + salt + struct.pack(">Q", len(body)) + body
    r, ev = blake3(preimage + bytes(-len(preimage) % 64)), microseconds(event.get("timestamp"), place + ", timestamp")
    return record(seq, ts, ev, prev, r, event)
CHAIN = dict(sequence=int, committed_at="time", salt=16, previous=32, hash=32)
def exported(line, place):  # the record of a line, whose body is the line without the last member, `chain`
    body, cut, rest = line.rpartition(b',"chain":{')
    need(cut and rest.endswith(b"}}"), place, "it does not end with `chain`")
    *parts, claimed = parse(b"{" + rest[:-1], CHAIN, place + ", chain")
    found = disclosed(*parts, body + b"}", place)
    need(found.hash == claimed, place, f"sequence {found.seq}: its hash is {found.hash.hex()}, not what it says")
    return found

# Reports: the steps are those of docs/CUSTODY.md, "How a verifier proceeds".
NAMES = "event_type actor_id category resource status actor_email actor_name resource_type actor_type".split()
PAIRS, EMAIL = ("actor_id", "resource"), "actor_email"
def fold(text): return "".join(map(str.lower, text)) if type(text) is str else None  # each character by itself
def values_of(event):  # what an event has in each dimension, as it stands in a filter
    actor, resource = (event.get(name) if type(event.get(name)) is dict else {} for name in ("actor", "resource"))
    who, what = [actor.get("type"), actor.get("id")], [resource.get("type"), resource.get("id")]
    return dict(zip(NAMES, (event.get("event_type"), who, event.get("category"), what, event.get("status"),
                            fold(actor.get("email")), actor.get("name"), what[0], who[0])))
def read_filter(text, place):  # its members; it must be in its one form
    found = parse(text, dict, place)
    need(found.get("axis") in ("event", "commit"), place, "its axis is neither event nor commit")
    form = {"axis": found["axis"], **{name: read(found.get(name), int, place) for name in ("from_us", "to_us")}}
    for name in filter(found.get, NAMES):
        values = read(found[name], [[str]] if name in PAIRS else [str], f"{place}.{name}")
        need(name not in PAIRS or {*map(len, values)} == {2}, place, f"{name} must be pairs of type and id")
        form[name] = sorted(set(map(tuple if name in PAIRS else fold if name == EMAIL else str, values)))
    need(json.dumps(form, ensure_ascii=False, separators=(",", ":")) == text, place, "it is not in its one form")
    return found
COMMITTED = dict(a=int, b=int, n=int, root=32, kc={i: 32 for i in "123456789"}, prev=(int,), ev_min=int, ev_max=int)
Index = collections.namedtuple("Index", COMMITTED)
def u32(*numbers): return struct.pack(f">{len(numbers)}I", *numbers)
def look_up(index, key, dim, value, postings, leaves, place):  # the offsets that have a value
    raw = value.encode() if type(value) is str else u32(len(value[0].encode())) + "".join(value).encode()
    wanted = bytes([dim]) + blake3(raw, key)[:16]
    at, shown, tags = [i for i, *_ in leaves], [leaf for _, leaf, _ in leaves], [leaf[:17] for _, leaf, _ in leaves]
    for i, leaf, path in leaves: prove(index.root, index.n, [(i, leaf_of(leaf))], path, f"{place}, leaf {i}", path=True)
    if postings is None:
        between = len(at) == 2 and at[1] == at[0] + 1 and tags[0] < wanted < tags[1]
        outside = at == [0] and wanted < tags[0] or at == [index.n - 1] and tags[0] < wanted
        need(between or outside or index.n == 0 and index.root == sha256(b""), place, "its leaves do not show absence")
        return set()
    right = postings and postings == sorted(set(postings)) and postings[-1] < index.b - index.a
    need(right, place, "postings must be there, ascend, and lie within the index event")
    leaf = wanted + u32(len(postings)) + blake3(tag("stele/posting/v1") + u32(*postings))
    need(shown == [leaf], place, "its leaf is not that of the value and these postings")
    return set(postings)
FULL, SHORT = dict(seq=int, ts=int, salt=16, prev=32, body=str), dict(seq=int, ts=int, ev=int, prev=32, r=32)
LOOKUP = dict(dim=int, value=object, postings=([int],), leaves=[dict(i=int, leaf=53, path=["base64"])])
REPORT = dict(format=str, checkpoint=str, key=str, filter=str, entries=[FULL], headers=[SHORT], index_records=[FULL],
              epochs=[dict(seq=int, keys=dict, lookups=[LOOKUP])], proof=["base64"], verification_hash=32)
def report(data, key_text):  # goes through all steps; returns what is proved, the sum of it in the first line
    form, note, own_key, asked, *lists, epochs, proof, claimed = parse(data, REPORT, "form")
    need(form == "stele.report/v1", "form.format", "must be stele.report/v1")
    need(own_key == key_text, "step 1, key", "it is not the key given")
    key = verifier_key(key_text)
    size, root, lines = checkpoint(note, key, "step 1, checkpoint")
    shown, leaves = {}, {-1: leaf_of(genesis(key[0]))}
    for name, listed in zip(("entries", "headers", "index_records"), lists):
        for i, parts in enumerate(listed):
            place, seq = f"step 2, {name}[{i}] (sequence {parts[0]})", parts[0]
            listed[i] = found = record(*parts) if name == "headers" else disclosed(*parts, place)
            need(i == 0 or listed[i - 1].seq < seq, place, "sequences must ascend")
            need(seq not in shown or name == "index_records" and shown[seq].event, place, "it is a header as well")
            for at, leaf in ((seq, leaf_of(found.hash)), (seq - 1, leaf_of(found.prev))):
                need(leaves.setdefault(at, leaf) == leaf, place, f"it does not fit what else is shown of sequence {at}")
            shown[seq] = found
    prove(root, size, sorted(leaves.items())[1:], proof, "step 2, proof")
    ordered, (entries, _, indexes) = [shown[seq] for seq in sorted(shown)], lists
    for before, after in zip(ordered, ordered[1:]):
        need(before.ts <= after.ts, f"step 2, sequence {after.seq}", "its commit time is before an earlier record's")
    wanted = read_filter(asked, "step 3, filter")
    axis, start, end = (wanted.pop(name) for name in ("axis", "from_us", "to_us"))
    def inside(found): return start <= (found.ev if axis == "event" else found.ts) < end
    for i, found in enumerate(entries):
        right = inside(found) and all(values_of(found.event)[name] in values for name, values in wanted.items())
        need(right, f"step 3, entries[{i}] (sequence {found.seq})", "outside the range, or of other values")
    preimage = tag("stele/report/v1") + sha256(lines) + sha256(asked.encode()) + struct.pack(">Q", len(entries))
    summed = sha256(preimage + root_of([leaf_of(found.hash) for found in entries]))
    need(summed == claimed, "step 3, verification_hash", f"it is {summed.hex()}")
    stretches, before = [], None
    for i, found in enumerate(indexes):
        place, named = f"step 4, index_records[{i}]", (found.event.get("event_type"), found.event.get("event_id"))
        index = Index(*read(found.event.get("metadata"), COMMITTED, place + ", metadata"))
        need(named == ("stele.index", f"stele:index:{index.a}"), place, "it is no index event")
        need(index.a < index.b <= min(index.a + 65536, found.seq), place, f"it cannot cover {index.a} to {index.b}")
        right = (index.prev is None) == (index.a == 0) and before in (None, (index.a, index.prev))
        need(right, place, "it does not follow the one before, by a and prev")
        stretches, before = stretches + [index], (index.b, found.seq)
    need(stretches, "step 4, index_records", "without an index event nothing is covered")
    a, b = stretches[0].a, stretches[-1].b  # Times never fall: below `low` and above `high` all is outside the range.
    low = max((found.seq for found in ordered if axis == "commit" and found.ts < start), default=-1)
    high = min((found.seq for found in ordered if axis == "commit" and found.ts >= end), default=size)
    need(axis == "event" or b in shown and high <= b, "step 4, index_records", f"record {b} must be past the range")
    need(a == 0 or a - 1 in shown and low >= a - 1, "step 4, index_records", f"records below {a} may be left out")
    need([seq for seq, *_ in epochs] == [found.seq for found in indexes], "step 4, epochs", "not those shown")
    dims = {NAMES.index(name) + 1: values for name, values in wanted.items()}
    expected = [[dim, value] for dim in dims for value in dims[dim]]
    entered, covered = {found.seq for found in entries}, set()
    for i, (index, (_, keys, lookups)) in enumerate(zip(stretches, epochs)):
        if axis == "event" and (index.ev_max < start or index.ev_min >= end) and not keys and not lookups: continue
        place, sets = f"step 5, epochs[{i}]", {dim: set() for dim in dims}
        keys = dict(zip(dims, read(keys, {str(dim): 32 for dim in dims}, place + ".keys")))
        need(all(sha256(keys[dim]) == index.kc[dim - 1] for dim in dims), place, "a key is not that of the index event")
        need([[dim, value] for dim, value, *_ in lookups] == expected, place, "lookups must be the filter's")
        for j, (dim, *rest) in enumerate(lookups):
            sets[dim] |= look_up(index, keys[dim], dim, *rest, f"{place}.lookups[{j}]")
        hits = set.intersection(*sets.values()) if sets else range(index.b - index.a)
        covered.update(index.a + offset for offset in hits)
        for seq in sorted({index.a + offset for offset in hits} - entered):
            outside = not inside(shown[seq]) if seq in shown else not low <= seq <= high
            need(outside, f"step 6, sequence {seq}", "it matches, and is no entry nor shown to be outside the range")
    need(entered <= covered, "step 7, entries", f"no lookup covers the sequences {sorted(entered - covered)}")
    return f"""{len(entries)} entries, {axis} axis, as of sequence {b}, stele1:{summed.hex()}
proved: they are unaltered records of the log {key[0]}, as signed in its checkpoint of {size} records, and they
  are all that the signed index of sequences {a} to {b - 1} says match {ascii(asked)[1:-1]}
not proved: anything of later records, that the index is right (`stele verify --deep`), that what events say is true,
  that no other log was signed with this key (compare checkpoints with those that were kept elsewhere)"""

# Exports, and the command line.
def export(data, key_text, note):
    key, seen, faults = key_text and verifier_key(key_text), {}, []
    lines = [(f"line {i}", line.rstrip(b"\r")) for i, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    for place, line in lines:
        try:
            found = exported(line, place)
            need(found.seq not in seen, place, f"sequence {found.seq} came before")
            seen[found.seq] = found._replace(event=place)
        except Refused as fault: faults.append(f"{fault}")
    ordered = [seen[seq] for seq in sorted(seen)]
    if key and 0 in seen: ordered.insert(0, Record(-1, 0, 0, b"", genesis(key[0]), 0))
    for before, after in zip(ordered, ordered[1:]):
        if before.seq + 1 < after.seq: print(f"gap: sequences {before.seq + 1} to {after.seq - 1} are not here")
        elif before.hash != after.prev: faults.append(f"{after.event}: previous is not the hash of {before.seq}")
        if before.ts > after.ts: faults.append(f"{after.event}: committed before sequence {before.seq}")
    if faults: raise Refused("\nrefused: ".join(faults))
    if note is None: return f"{len(seen)} events hold together (hashes, links, times); nothing about a log is proved"
    size, root, _ = checkpoint(open(note, "rb").read().decode(), key, "checkpoint")
    prove(root, size, [(seq, leaf_of(seen[seq].hash)) for seq in sorted(seen) if seq < size], [], "checkpoint")
    rest = f"; {len(seen) - size} events after them fit, but are in no signed tree" if len(seen) > size else ""
    return f"proved: sequences 0 to {size - 1} are the log {key[0]} that this key signed, whole and unaltered{rest}"
def judge(command, name, key, note, many):  # prints what there is to say; returns the exit code
    try:
        data = sys.stdin.buffer.read() if name == "-" else open(name, "rb").read()
        said = report(data, key) if command == "report" else export(data, key, note)
        code, said = 0, f"ok {name!a}: " + said.split("\n")[0] if many else f"ok\n{said}"
    except OSError as fault: code, said = 2, f"not read: {fault}"
    except ValueError as fault: code, said = 1, f"refused: {name!a}: {fault}" if many else f"refused: {fault}"
    print(said)
    return code
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("report", "export"))
    for name, more in (("--key", {}), ("--checkpoint", {}), ("file", {"nargs": "+"})): parser.add_argument(name, **more)
    given = parser.parse_args()
    if not given.key and (given.command == "report" or given.checkpoint): parser.error("--key is missing")
    return max([judge(given.command, name, given.key, given.checkpoint, len(given.file) > 1) for name in given.file])
if __name__ == "__main__": sys.exit(main())
