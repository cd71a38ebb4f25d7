#!/usr/bin/env python3
"""Checks what a Stele log gave out, without its server and without any code of the product; only Python 3.9 is needed.

    stele_verify.py report --key KEY FILE [FILE ...]             compliance reports (stele.report/v1)
    stele_verify.py export [--key KEY [--checkpoint NOTE]] FILE  events, one a line, each with its `chain`
    stele_verify.py event  --key KEY FILE                        the answer of GET /v1/events/{id}?proof=true

KEY is the verifier key, had from elsewhere than the file; FILE `-` is standard input. Exit codes: 0 all is proved, 1
something is refused, 2 wrong usage or a file that cannot be read. Written from docs/CUSTODY.md, whose words it uses.
"""
import argparse, base64, bisect, datetime, hashlib, json, re, struct, sys
from collections import namedtuple
class Refused(Exception): """Where something is wrong, and what."""
def need(holds, place, why):
    if not holds: raise Refused(f"{place}: {why}")

# BLAKE3, the hash and the keyed hash, as in its specification. The state of 4 times 4 words of 32 bits is held as four
# rows, each one integer with a word in every 64 bits, so that four columns (then the diagonals) are mixed at once.
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
START, END, PARENT, ROOT, KEYED = 1, 2, 4, 8, 16
ORDERS = [tuple(range(16))]  # which word of the message stands where, in each of the seven rounds
for _ in range(6): ORDERS.append(tuple(ORDERS[-1][i] for i in (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)))
def row(a, b, c, d): return a | b << 64 | c << 128 | d << 192
WORDS, ROW = row(*[0xFFFFFFFF] * 4), (1 << 256) - 1
def turn(r, bits): return r >> bits | r << 256 - bits & ROW
def mix(a, b, c, d, x, y):
    a = a + b + x & WORDS; d ^= a; d = (d >> 16 | d << 16) & WORDS
    c = c + d & WORDS; b ^= c; b = (b >> 12 | b << 20) & WORDS
    a = a + b + y & WORDS; d ^= a; d = (d >> 8 | d << 24) & WORDS
    c = c + d & WORDS; b ^= c
    return a, (b >> 7 | b << 25) & WORDS, c, d
def compress(chaining, block, counter, length, flags):
    w = struct.unpack("<16I", block)
    a, b, c = row(*chaining[:4]), row(*chaining[4:]), row(*IV[:4])
    d = row(counter & 0xFFFFFFFF, counter >> 32, length, flags)
    for order in ORDERS:
        m = [w[i] for i in order]
        a, b, c, d = mix(a, b, c, d, row(*m[0:8:2]), row(*m[1:8:2]))
        a, b, c, d = mix(a, turn(b, 64), turn(c, 128), turn(d, 192), row(*m[8::2]), row(*m[9::2]))
        b, c, d = turn(b, 192), turn(c, 128), turn(d, 64)
    return [r >> at & 0xFFFFFFFF for r in (a ^ c, b ^ d) for at in (0, 64, 128, 192)]
def last_step(data, counter, key, mode):
    """What is left to compress for these bytes, the first of which are in chunk `counter`."""
    if len(data) > 1024:  # More than a chunk: the left half has the largest power of two of chunks.
        left = split((len(data) + 1023) // 1024)
        halves = (data[:left * 1024], counter), (data[left * 1024:], counter + left)
        both = [word for half, at in halves for word in compress(*last_step(half, at, key, mode))]
        return key, struct.pack("<16I", *both), 0, 64, mode | PARENT
    chaining, start, last = key, START, max(len(data) - 1, 0) // 64 * 64
    for at in range(0, last, 64): chaining, start = compress(chaining, data[at:at + 64], counter, 64, mode | start), 0
    return chaining, data[last:].ljust(64, b"\0"), counter, len(data) - last, mode | start | END
def blake3(data, key=None):
    *step, flags = last_step(data, 0, *((struct.unpack("<8I", key), KEYED) if key else (IV, 0)))
    return struct.pack("<8I", *compress(*step, flags | ROOT))

# Ed25519, as in RFC 8032.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_1 = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)
def add(p, q):
    t = D * p[0] * p[1] * q[0] * q[1]
    x, y = (p[0] * q[1] + p[1] * q[0]) * pow(1 + t, -1, P), (p[1] * q[1] + p[0] * q[0]) * pow(1 - t, -1, P)
    return x % P, y % P
def times(number, point):
    if number == 0: return 0, 1
    half = times(number // 2, add(point, point))
    return add(half, point) if number & 1 else half
def unpacked(data):
    """The point (x, y), or None where these bytes are no point, or not its one form."""
    sign, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square: x = x * ROOT_OF_MINUS_1 % P
    if x & 1 != sign: x = -x % P
    return (x, y) if y < P and x * x % P == square and x & 1 == sign else None
BASE = unpacked((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
def signature_holds(public, message, signature):
    r, s, key = unpacked(signature[:32]), int.from_bytes(signature[32:], "little"), unpacked(public)
    if r is None or key is None or s >= L or times(8, key) == (0, 1): return False  # S not reduced, key of small order
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return times(s, BASE) == add(r, times(k, key))

# The tree of RFC 6962 and RFC 9162; its proofs by the recursion there, `take` giving the next hash of a proof.
def sha256(data): return hashlib.sha256(data).digest()
def node(left, right): return sha256(b"\1" + left + right)
def split(count): return 1 << (count - 1).bit_length() - 1  # the largest power of two below
def root_of(level):
    while len(level) > 1:  # A last one without a partner moves up as it is.
        level = [node(*level[i:i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0] if level else sha256(b"")
def by_proof(proof, place, walk, *of):
    """What `walk` makes of a proof, of which it must take every hash."""
    rest = proof[::-1]
    try: found = walk(*of, rest.pop)
    except IndexError: raise Refused(f"{place}: it has too few hashes") from None
    need(not rest, place, "it has too many hashes")
    return found
def included(index, count, leaf, take):
    """The root over `count` leaves, of which this is one."""
    if count == 1: return leaf
    left = split(count)
    if index < left: return node(included(index, left, leaf, take), take())
    right = included(index - left, count - left, leaf, take)
    return node(take(), right)
def all_included(leaves, order, begin, count, low, high, take):
    """The root over `count` leaves, of which those in `order[low:high]` are known."""
    if low == high or count == 1: return leaves[order[low]] if low < high else take()
    left = split(count)
    middle = bisect.bisect_left(order, begin + left, low, high)
    before = all_included(leaves, order, begin, left, low, middle, take)
    return node(before, all_included(leaves, order, begin + left, count - left, middle, high, take))

# Reading: nothing is taken that is not written as it must be.
def members(pairs):
    if len(dict(pairs)) != len(pairs): raise ValueError("an object has two members of one name")
    return dict(pairs)
def number(text):  # What is no integer from 0 to 2^64 - 1 becomes bytes, which nothing below takes.
    return int(text) if text.isdigit() and len(text) <= 20 and int(text) < 2**64 else text.encode()
def constant(name): raise ValueError(f"there is no {name} in JSON")
JSON = json.JSONDecoder(object_pairs_hook=members, parse_int=number, parse_float=str.encode, parse_constant=constant)
def parse(text, place):
    try: return JSON.decode(text)
    except (ValueError, RecursionError) as fault: raise Refused(f"{place}: no JSON: {fault}") from None
HASH, WORDING = "base64", {int: "an integer from 0 to 2^64 - 1", str: "a string", dict: "an object", list: "an array"}
def read(value, kind, place):
    """The value; it must be {these members: kinds}, [kind], (kind or null), hex of so many bytes, HASH, or of a type."""
    if type(kind) is dict:
        need(type(value) is dict and set(value) == set(kind), place, "must be an object of " + ", ".join(kind))
        return [read(value[name], kind[name], f"{place}.{name}") for name in kind]
    if type(kind) is list: return [read(item, kind[0], f"{place}[{i}]") for i, item in enumerate(read(value, list, place))]
    if type(kind) is tuple: return None if value is None else read(value, kind[0], place)
    if kind == HASH: return unbase64(value, 32, place)
    if type(kind) is int:
        right = type(value) is str and re.fullmatch("[0-9a-f]{%d}" % (2 * kind), value)
        need(right, place, f"must be {kind} bytes in lower-case hex")
        return bytes.fromhex(value)
    need(kind is object or type(value) is kind, place, f"must be {WORDING.get(kind)}")
    return value
def unbase64(text, length, place):
    raw = base64.b64decode(text) if type(text) is str and re.fullmatch("([A-Za-z0-9+/=]{4})+", text) else b""
    need(len(raw) == length and base64.b64encode(raw).decode() == text, place, f"must be base64 of {length} bytes")
    return raw
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
def microseconds(value, place):
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", read(value, str, place), re.ASCII)
    need(found and value >= "1970", place, "must be a time in UTC such as 2026-11-23T07:28:00.123456Z")
    try: since = datetime.datetime.fromisoformat(found[1] + "+00:00") - EPOCH
    except ValueError as fault: raise Refused(f"{place}: {fault}") from None
    return (since.days * 86400 + since.seconds) * 1000000 + int((found[2] or "").ljust(6, "0")[:6])

# Signed notes, records, the chain.
def verifier_key(text):
    """(origin, id, public key)."""
    found = re.fullmatch(r"([!-*,-~]{1,255})\+([0-9a-f]{8})\+(\S+)", text)
    need(found, "--key", "must be <origin>+<8 digits of hex>+<base64>")
    public = unbase64(found[3], 33, "--key")
    need(public[0] == 1 and found[2] == sha256(found[1].encode() + b"\n" + public)[:4].hex(), "--key", "its id is wrong")
    return found[1], bytes.fromhex(found[2]), public[1:]
def checkpoint(note, key, place):
    """(size, root, the three lines) of a note that the key signed."""
    lines, _, signatures = note.partition("\n\n")
    found = re.fullmatch(r"(.*)\n(0|[1-9][0-9]{0,18})\n(.*)", lines)
    need(found and signatures.endswith("\n"), place, "must be a note: origin, size, root, an empty line, signatures")
    need(found[1] == key[0], place, f"it is of {ascii(found[1])}, the key of {key[0]}")
    root, lines, ours = unbase64(found[3], 32, place), (lines + "\n").encode(), 0
    for line in signatures[:-1].split("\n"):
        signed = re.fullmatch(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]{8,}=*)", line)
        need(signed, place, "one of its signature lines is none")
        if signed[1] == key[0] and base64.b64decode(signed[2][:8])[:4] == key[1]:  # Lines of other keys say nothing here.
            signature, ours = unbase64(signed[2], 68, place), ours + 1
            need(signature_holds(key[2], lines, signature[4:]), place, "its signature is false")
    need(ours, place, "it has no signature of this key")
    return int(found[2]), root, lines
def tag(text): return text.encode().ljust(16, b"\0")
def leaf_of(data): return sha256(b"\0" + data)
def genesis(origin): return blake3(tag("stele/genesis/v1") + origin.encode())
Record = namedtuple("Record", "seq ts ev prev hash event")
def record(seq, ts, ev, prev, r, event=None):
    return Record(seq, ts, ev, prev, blake3(tag("stele/chain/v1") + prev + struct.pack(">QQQ", seq, ts, ev) + r), event)
def record_hash(salt, body):
    preimage = tag("stele/record/v1") + salt + struct.pack(">Q", len(body)) + body
    return blake3(preimage + bytes(-len(preimage) % 64))
def disclosed(seq, ts, salt, prev, body, place):
    event, body = read(parse(body, place + ", body"), dict, place + ", body"), body.encode()
    return record(seq, ts, microseconds(event.get("timestamp"), place + ", timestamp"), prev, record_hash(salt, body), event)
def exported(line, place):
    """The record of a line: its body is the line without the last member, `chain`."""
    body, cut, rest = line.rpartition(',"chain":{')
    need(cut and rest.endswith("}}"), place, "it does not end with `chain`")
    kinds = {"sequence": int, "committed_at": str, "salt": 16, "previous": 32, "hash": 32}
    seq, committed, salt, prev, claimed = read(parse("{" + rest[:-1], place), kinds, place + ", chain")
    found = disclosed(seq, microseconds(committed, place + ", committed_at"), salt, prev, body + "}", place)
    need(found.hash == claimed, place, f"sequence {seq}: the hash is {found.hash.hex()}, the line says {claimed.hex()}")
    return found

# Reports: the steps are those of docs/CUSTODY.md, "How a verifier proceeds".
NAMES = "event_type actor_id category resource status actor_email actor_name resource_type actor_type".split()
PAIRS, EMAIL = ("actor_id", "resource"), "actor_email"
def fold(text): return "".join(character.lower() for character in text)  # each alone, without regard to its neighbours
def values_of(event):
    """What an event has in each dimension, as it stands in a filter."""
    found = {name: event.get(name) for name in ("event_type", "category", "status")}
    for name, part in ((name, event.get(name)) for name in ("actor", "resource") if type(event.get(name)) is dict):
        found.update({f"{name}_{member}": part.get(member) for member in ("type", "name", "email")})
        found["actor_id" if name == "actor" else name] = part.get("type"), part.get("id")
    if type(found.get(EMAIL)) is str: found[EMAIL] = fold(found[EMAIL])
    return found
def read_filter(text, place):
    """The members of a filter, which must be in its one form; pairs as tuples."""
    found = read(parse(text, place), dict, place)
    need(found.get("axis") in ("event", "commit"), place, "its axis is neither event nor commit")
    form = {"axis": found["axis"], **{name: read(found.get(name), int, place) for name in ("from_us", "to_us")}}
    for name in filter(found.get, NAMES):
        values = read(found[name], [list if name in PAIRS else str], f"{place}.{name}")
        pairs = name not in PAIRS or all(list(map(type, value)) == [str, str] for value in values)
        need(pairs, f"{place}.{name}", "must be pairs of type and id")
        form[name] = sorted({tuple(value) if name in PAIRS else fold(value) if name == EMAIL else value for value in values})
    need(json.dumps(form, ensure_ascii=False, separators=(",", ":")) == text, place, "it is not in its one form")
    return form
Index = namedtuple("Index", "a b n root kc prev ev_min ev_max")
COMMITTED = dict(a=int, b=int, n=int, root=32, kc={str(dim): 32 for dim in range(1, 10)}, prev=(int,), ev_min=int, ev_max=int)
def index_of(found, place):
    """What an index event commits to."""
    index = Index(*read(found.event.get("metadata"), COMMITTED, place + ", metadata"))
    name = found.event.get("event_type"), found.event.get("event_id")
    need(name == ("stele.index", f"stele:index:{index.a}"), place, "it is no index event")
    need(index.a < index.b <= min(index.a + 65536, found.seq), place, f"it cannot cover {index.a} to {index.b}")
    need((index.prev is None) == (index.a == 0), place, "prev is null in the first index event, and in no other")
    return index
def look_up(index, key, dim, value, postings, leaves, place):
    """Step 5: the offsets that have a value."""
    raw = value.encode() if type(value) is str else struct.pack(">I", len(value[0].encode())) + "".join(value).encode()
    wanted, at, tags = bytes([dim]) + blake3(raw, key)[:16], [], []
    for i, leaf, path in leaves:
        need(i < index.n, place, f"there is no leaf {i}")
        root = by_proof(path, f"{place}, leaf {i}", included, i, index.n, leaf_of(leaf))
        need(root == index.root, place, f"the path of leaf {i} does not lead to the root of the index event")
        at, tags = at + [i], tags + [leaf[:17]]
    if postings is None:
        between = len(at) == 2 and at[1] == at[0] + 1 and tags[0] < wanted < tags[1]
        outside = at == [0] and wanted < tags[0] or at == [index.n - 1] and tags[0] < wanted
        empty = index.n == 0 and not at and index.root == root_of([])
        need(between or outside or empty, place, "its leaves do not show that no record has the value")
        return set()
    need(postings and max(postings) < index.b - index.a, place, "postings must be there, and lie within the index event")
    need(all(a < b for a, b in zip(postings, postings[1:])), place, "postings must ascend")
    hashed = blake3(tag("stele/posting/v1") + struct.pack(f">{len(postings)}I", *postings))
    right = len(at) == 1 and leaf == wanted + struct.pack(">I", len(postings)) + hashed
    need(right, place, "its leaf is not that of the value and these postings")
    return set(postings)
FULL, SHORT = dict(seq=int, ts=int, salt=16, prev=32, body=str), dict(seq=int, ts=int, ev=int, prev=32, r=32)
LOOKUP = dict(dim=int, value=object, postings=([int],), leaves=[dict(i=int, leaf=53, path=[HASH])])
REPORT = dict(format=str, checkpoint=str, key=str, filter=str, entries=[FULL], headers=[SHORT], index_records=[FULL],
              epochs=[dict(seq=int, keys=dict, lookups=[LOOKUP])], proof=[HASH], verification_hash=32)
def report(text, key_text):
    """Goes through all steps; returns what to say in one line, and in full."""
    form, note, own_key, asked, *lists, epochs, proof, claimed = read(parse(text, "form"), REPORT, "form")
    need(form == "stele.report/v1", "form.format", "must be stele.report/v1")
    need(own_key == key_text, "step 1, key", "it is not the key given")
    key = verifier_key(key_text)
    size, root, lines = checkpoint(note, key, "step 1, checkpoint")
    shown, leaves = {}, {-1: leaf_of(genesis(key[0]))}
    for name, listed in zip(("entries", "headers", "index_records"), lists):
        for i, parts in enumerate(listed):
            place, seq = f"step 2, {name}[{i}] (sequence {parts[0]})", parts[0]
            listed[i] = found = record(*parts) if name == "headers" else disclosed(*parts, place)
            need(seq < size, place, f"the checkpoint covers {size} records")
            need(i == 0 or listed[i - 1].seq < seq, place, "sequences must ascend")
            need(seq not in shown or name == "index_records" and shown[seq].event, place, "a header stands in no other list")
            for at, leaf in ((seq, leaf_of(found.hash)), (seq - 1, leaf_of(found.prev))):
                need(leaves.setdefault(at, leaf) == leaf, place, f"it does not fit what else is shown of sequence {at}")
            shown[seq] = found
    del leaves[-1]
    computed = by_proof(proof, "step 2, proof", all_included, leaves, sorted(leaves), 0, size, 0, len(leaves))
    need(computed == root, "step 2, proof", "records and proof do not lead to the root of the checkpoint")
    ordered, (entries, _, indexes) = [shown[seq] for seq in sorted(shown)], lists
    for before, after in zip(ordered, ordered[1:]):
        need(before.ts <= after.ts, f"step 2, sequence {after.seq}", "its commit time is before that of an earlier record")
    wanted = read_filter(asked, "step 3, filter")
    axis, start, end = (wanted.pop(name) for name in ("axis", "from_us", "to_us"))
    def inside(found): return start <= (found.ev if axis == "event" else found.ts) < end
    for i, found in enumerate(entries):
        place, has = f"step 3, entries[{i}] (sequence {found.seq})", values_of(found.event)
        need(inside(found), place, "it is outside the range")
        need(all(has.get(name) in values for name, values in wanted.items()), place, "it does not match the filter")
    head = root_of([leaf_of(found.hash) for found in entries])
    summed = sha256(tag("stele/report/v1") + sha256(lines) + sha256(asked.encode()) + struct.pack(">Q", len(entries)) + head)
    need(summed == claimed, "step 3, verification_hash", f"it is {summed.hex()}")
    stretches = [index_of(found, f"step 4, index_records[{i}]") for i, found in enumerate(indexes)]
    need(stretches, "step 4, index_records", "without an index event nothing is covered")
    for i, index in enumerate(stretches[1:]):
        right = (index.a, index.prev) == (stretches[i].b, indexes[i].seq)
        need(right, f"step 4, index_records[{i + 1}]", "it does not follow the one before")
    a, b, low, high = stretches[0].a, stretches[-1].b, -1, size
    if axis == "commit":  # Commit times never fall: what lies below `low` or above `high` is outside the range.
        low = max((found.seq for found in ordered if found.ts < start), default=-1)
        high = min((found.seq for found in ordered if found.ts >= end), default=size)
        need(b in shown and high <= b, "step 4, index_records", f"record {b} is not shown to lie past the range")
    need(a == 0 or a - 1 in shown and low >= a - 1, "step 4, index_records", f"records below {a} may be left out")
    need([epoch[0] for epoch in epochs] == [found.seq for found in indexes], "step 4, epochs", "they are not those of index_records")
    numbers, entered, covered = {name: NAMES.index(name) + 1 for name in wanted}, {found.seq for found in entries}, set()
    for i, (index, (_, keys, lookups)) in enumerate(zip(stretches, epochs)):
        if axis == "event" and (index.ev_max < start or index.ev_min >= end) and not keys and not lookups: continue
        place, pending = f"step 5, epochs[{i}]", [(numbers[name], value) for name in wanted for value in wanted[name]]
        keys = dict(zip(numbers.values(), read(keys, {str(dim): 32 for dim in numbers.values()}, place + ".keys")))
        need(all(sha256(keys[dim]) == index.kc[dim - 1] for dim in keys), place, "a key is not that of the index event")
        sets = {dim: set() for dim in keys}
        for j, (dim, value, postings, proofs) in enumerate(lookups):
            asked_for = dim, tuple(value) if type(value) is list else value
            need(asked_for in pending, f"{place}.lookups[{j}]", "the filter does not ask for it, or it came before")
            pending.remove(asked_for)
            sets[dim] |= look_up(index, keys[dim], *asked_for, postings, proofs, f"{place}.lookups[{j}]")
        need(not pending, place, "a value of the filter is not looked up")
        hits = set.intersection(*sets.values()) if sets else range(index.b - index.a)
        for seq in (index.a + offset for offset in hits):
            covered.add(seq)
            need(seq in shown or seq < low or seq > high, f"step 6, sequence {seq}", "it matches and is not shown")
            right = seq in entered or seq not in shown or not inside(shown[seq])
            need(right, f"step 6, sequence {seq}", "it matches, is in the range, and is no entry")
    for i, found in enumerate(entries): need(found.seq in covered, f"step 7, entries[{i}]", "no lookup covers it")
    return f"{len(entries)} entries, {axis} axis, as of sequence {b}, stele1:{summed.hex()}", f"""proved: {len(entries)} entries are \
unaltered records of the log {key[0]}, as signed in the checkpoint of {size}
  records; and of its sequences {a} to {b - 1} they are all that the signed index says match. Of later ones nothing is said.
filter: {ascii(asked)[1:-1]}
range: {time_text(start)} to {time_text(end)} (not included), by {dict(event="timestamp", commit="time of commit")[axis]}
also shown: {len(lists[1])} headers, {len(indexes)} index events (as of sequence {b})
verification hash: stele1:{summed.hex()}
not proved: that the index is right (`stele verify --deep` recomputes it), that what events say is true, that no other log
  was signed with this key (compare checkpoints with those that were kept elsewhere)"""
def time_text(us): return (EPOCH + datetime.timedelta(microseconds=us)).isoformat() if us < 2**57 else f"{us} us"

# Exports, single events, the command line.
def export(data, key_text, note):
    """Prints all that is wrong, then what is proved; returns whether all is right."""
    key, seen, faults = key_text and verifier_key(key_text), {}, []
    for i, line in enumerate(data.split(b"\n"), 1):
        try:
            if line.strip():
                found = exported(line.rstrip(b"\r").decode(), f"line {i}")
                need(found.seq not in seen, f"line {i}", f"sequence {found.seq} came before")
                seen[found.seq] = found._replace(event=i)
        except (Refused, ValueError) as fault: faults.append(f"{fault}" if type(fault) is Refused else f"line {i}: {fault}")
    ordered = [seen[seq] for seq in sorted(seen)]
    if key and 0 in seen: ordered.insert(0, Record(-1, 0, 0, b"", genesis(key[0]), 0))
    for before, after in zip(ordered, ordered[1:]):
        if before.seq + 1 < after.seq: print(f"gap: sequences {before.seq + 1} to {after.seq - 1} are not here")
        elif before.hash != after.prev: faults.append(f"line {after.event}: previous is not the hash of sequence {before.seq}")
        if before.ts > after.ts: faults.append(f"line {after.event}: committed before sequence {before.seq}")
    whole = next(size for size in range(len(seen) + 1) if size not in seen)
    proved = "nothing about a log: no signed tree covers these events (give --key and --checkpoint)"
    try:
        if note is not None:
            size, root, _ = checkpoint(note, key, "checkpoint")
            need(whole >= size, "checkpoint", f"it covers {size} events; this export begins with {whole} without a gap")
            need(root_of([leaf_of(seen[seq].hash) for seq in range(size)]) == root, "checkpoint", "its root is another")
            proved = f"sequences 0 to {size - 1} are the log {key[0]} that this key signed, whole and unaltered"
            if len(seen) > size: proved += f"; {len(seen) - size} events after them are in no signed tree"
    except Refused as fault: faults.append(f"{fault}")
    for fault in faults: print(f"refused: {fault}")
    print(f"{len(seen)} events hold together in themselves: hashes" + ("" if faults else ", links and times"))
    print("proved: " + ("nothing, for what is refused above" if faults else proved))
    return not faults
def event(text, key_text):
    """The answer for one event: its line and its inclusion, as they came."""
    line, cut, proof = text.strip().rpartition(',"inclusion":')
    need(cut and line.startswith('{"event":') and proof.endswith("}"), "form", 'must be {"event":…,"inclusion":…}')
    kinds = dict(sequence=int, tree_size=int, leaf_hash=HASH, hashes=[HASH], checkpoint=str)
    seq, size, leaf, path, note = read(parse(proof[:-1], "inclusion"), kinds, "inclusion")
    found, key = exported(line[9:], "event"), verifier_key(key_text)
    signed, root, _ = checkpoint(note, key, "inclusion.checkpoint")
    need((seq, size, leaf) == (found.seq, signed, leaf_of(found.hash)) and seq < size, "inclusion", "it is of another record or tree")
    right = by_proof(path, "inclusion.hashes", included, seq, size, leaf) == root
    need(right, "inclusion.hashes", "they do not lead to the root of the checkpoint")
    said = f"sequence {seq} of {size}, event {ascii(found.event.get('event_id'))}"
    return said, f"proved: {said}, is a record of the log {key[0]} that this key signed, unaltered"
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("report", "export", "event"))
    parser.add_argument("--key"), parser.add_argument("--checkpoint"), parser.add_argument("file", nargs="+")
    given, results = parser.parse_args(), []
    if given.command != "export" and not given.key: parser.error("--key is missing")
    if given.checkpoint and not given.key: parser.error("--checkpoint needs --key")
    if given.command == "export" and len(given.file) > 1: parser.error("one export at a time")
    sys.stdout.reconfigure(errors="backslashreplace")
    for name in given.file:
        try:
            data = sys.stdin.buffer.read() if name == "-" else open(name, "rb").read()
            note = open(given.checkpoint, "rb").read().decode() if given.checkpoint else None
            if given.command == "export": results.append(0 if export(data, given.key, note) else 1); continue
            line, full = {"report": report, "event": event}[given.command](data.decode(), given.key)
            print(f"ok {name}: {line}" if len(given.file) > 1 else f"ok\n{full}")
            results.append(0)
        except OSError as fault: results.append(2); print(f"{name}: {fault.strerror}", file=sys.stderr)
        except Refused as fault: results.append(1); print(f"refused: {fault}" if len(given.file) == 1 else f"refused: {name}: {fault}")
        except ValueError as fault: results.append(1); print(f"refused: form: {fault}")
    return max(results)
if __name__ == "__main__": sys.exit(main())
