"""Checks a running server's log with the package `tlog-scales`.

    scales.py URL KEY

Reads checkpoint and tiles, asks for inclusion and consistency proofs, and takes none of the altered copies.
"""

import base64
import json
import sys
import urllib.request

from cryptography.exceptions import InvalidSignature
from tlog_scales.backend import HttpBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, ConsistencyProof, ConsistencyProofInvalid, InclusionProof, InclusionProofInvalid

INCLUSIONS, CONSISTENCIES = 60, 25
# What the package answers with to notes that are no notes, and to those that the key did not sign.
BAD_NOTE = (InvalidSignature, RuntimeError, ValueError, IndexError)
BAD_PROOF = (ConsistencyProofInvalid, InclusionProofInvalid)


class Spoiled:
    """The tiles of a server, one of them with a bit changed."""

    def __init__(self, backend):
        self.backend, self.kept, self.spoil = backend, {}, None

    def get(self, *path):
        if path not in self.kept:
            self.kept[path] = self.backend.get(*path)
        data = self.kept[path]
        if path == self.spoil:
            at = min(33, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
        return data


def refused(faults, what, action):
    try:
        action()
    except faults:
        return 1
    raise SystemExit(f"{what}: it was accepted")


def bent(data):
    return data[:17] + bytes([data[17] ^ 1]) + data[18:]


def altered(proof):
    """Copies with one change each: a bit of each hash, a hash less, a hash more."""
    copies = [proof[:i] + [bent(proof[i])] + proof[i + 1 :] for i in range(len(proof))]
    return copies + [proof + [bytes(32)]] + ([proof[:-1]] if proof else [])


def opened(text, key):
    checkpoint = Checkpoint.from_text(text)
    checkpoint.verify(key)
    return checkpoint


def reader_of(backend, size):
    reader = TilesReader(backend)
    reader.set_size(size)
    return reader


def number_of(parts):
    """The number of a tile, of `x001`, `234` or `x001`, `234.p`, `17`."""
    if parts[-2:-1] and parts[-2].endswith(".p"):
        parts = parts[:-1]
    return int("".join(part.strip("x").replace(".p", "") for part in parts))


def path_holds(backend, tree, n):
    """Checks the proof that the tiles give for a record of which an entry bundle has the hash."""
    reader = reader_of(backend, tree.size)
    reader.get_inclusion_proof(n, tree.size).check(leaf_hash(reader.get_entry(n)), tree.root_hash)


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    url, secret = sys.argv[1:]

    def ask(path):
        request = urllib.request.Request(url + path, headers={"authorization": f"Bearer {secret}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    text_key = ask("/v1/chain")["key"]
    origin = text_key.split("+")[0]
    key = Vkey.from_string(text_key)
    backend = Spoiled(HttpBackend(f"{url}/tlog/{origin.rsplit('/', 1)[1]}"))
    note = backend.get("checkpoint").decode()
    tree = opened(note, key)
    notes = 0
    for at, character in enumerate(note):
        if character.isalnum():  # The package is lenient with line ends and dashes, which carry nothing.
            copy = note[:at] + chr(ord(character) ^ 4) + note[at + 1 :]
            notes += refused(BAD_NOTE, f"the checkpoint with character {at} changed", lambda: opened(copy, key))

    # A path through each tile, then the same with the tile changed.
    reader = reader_of(backend, tree.size)
    if reader.calculate_root_hash() != tree.root_hash:
        raise SystemExit("the tiles do not lead to the root")
    for tile in range((tree.size + 255) // 256):
        path_holds(backend, tree, tile * 256)
    used, tiles = [path for path in backend.kept if path[0] == "tile" and path[1] != "entries"], 0
    for path in used:
        level, number = int(path[1]), number_of(path[2:])
        backend.spoil = path
        # The second hash is beside the way from the first record below; a tile of one hash is beside that of the next.
        alone = len(backend.kept[path]) == 32
        record = (number * 256 + 1) * 256**level if alone else number * 256 ** (level + 1)
        tiles += refused(BAD_PROOF, f"{path} with a bit changed", lambda: path_holds(backend, tree, record))
    backend.spoil = None

    ofs = [0, 0]
    for i in range(INCLUSIONS):
        n = i * (tree.size - 1) // (INCLUSIONS - 1)
        answer = ask(f"/v1/proofs/inclusion?sequence={n}")
        signed = opened(answer["checkpoint"], key)
        hashes = [base64.b64decode(h) for h in answer["hashes"]]
        leaf, what = leaf_hash(reader.get_entry(n)), f"inclusion of {n}"
        InclusionProof(n, signed.size, hashes).check(leaf, signed.root_hash)
        for copy in altered(hashes):
            ofs[0] += refused(BAD_PROOF, what, lambda: InclusionProof(n, signed.size, copy).check(leaf, signed.root_hash))
        bad = InclusionProof(n, signed.size, hashes)
        ofs[0] += refused(BAD_PROOF, what + ", root", lambda: bad.check(leaf, bent(signed.root_hash)))
        ofs[0] += refused(BAD_PROOF, what + ", leaf", lambda: bad.check(bent(leaf), signed.root_hash))
        other = InclusionProof(n ^ 1, signed.size, hashes)
        ofs[0] += refused(BAD_PROOF, what + ", place", lambda: other.check(leaf, signed.root_hash))
    for i in range(1, CONSISTENCIES + 1):
        old = 1 << (i // 2 + 3) if i % 3 == 0 else (tree.size - 1) * i // CONSISTENCIES
        answer = ask(f"/v1/proofs/consistency?from={old}&to={tree.size}")
        hashes = [base64.b64decode(h) for h in answer["hashes"]]
        old_root, what = reader.mth(0, old), f"consistency of {old}"
        good = ConsistencyProof(old, tree.size, hashes)
        good.check(old_root, tree.root_hash)
        for copy in altered(hashes):
            bad = ConsistencyProof(old, tree.size, copy)
            ofs[1] += refused(BAD_PROOF, what, lambda: bad.check(old_root, tree.root_hash))
        ofs[1] += refused(BAD_PROOF, what + ", root", lambda: good.check(old_root, bent(tree.root_hash)))
        ofs[1] += refused(BAD_PROOF, what + ", old root", lambda: good.check(bent(old_root), tree.root_hash))
    print(
        f"tlog-scales: {tree.size} events, {len(used)} tiles, {INCLUSIONS} inclusion and {CONSISTENCIES} consistency proofs "
        f"accepted; refused: {notes} notes, {tiles} tiles, {ofs[0]} + {ofs[1]} proofs altered"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
