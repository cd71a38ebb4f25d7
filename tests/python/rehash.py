"""Recomputes every record hash and every link of a log from what its server exports.

    rehash.py URL KEY

Exit codes: 0 everything agrees, 1 something does not (all of it is named), 2 wrong usage or a missing
package.
"""

import json
import sys

import custody
from server import Server, lines_of


def check(line):
    """(sequence, previous, hash, complaint or None) of one exported line."""
    chain = json.loads(line)["chain"]
    body = custody.body_of(line)
    event = json.loads(body)
    previous = bytes.fromhex(chain["previous"])
    record = custody.record_hash(bytes.fromhex(chain["salt"]), body)
    computed = custody.link(
        previous,
        chain["sequence"],
        custody.microseconds(chain["committed_at"]),
        custody.microseconds(event["timestamp"]),
        record,
    )
    wrong = None
    if computed.hex() != chain["hash"]:
        wrong = f"sequence {chain['sequence']} ({event['event_id']}): hash is {chain['hash']}, computed {computed.hex()}"
    return chain["sequence"], chain["previous"], chain["hash"], wrong


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    custody.check_vectors()
    server = Server(sys.argv[1], sys.argv[2])
    head = server.json("/v1/chain")
    links, faults = {}, []
    for page in server.pages(order="asc", own="true", limit=1000):
        for line in lines_of(page):
            sequence, previous, computed, wrong = check(line)
            if wrong:
                faults.append(wrong)
            if sequence in links:
                faults.append(f"sequence {sequence} came twice")
            links[sequence] = (previous, computed)
    before = custody.genesis(head["origin"]).hex()
    for sequence in range(head["size"]):
        if sequence not in links:
            faults.append(f"sequence {sequence} is missing")
            before = None
            continue
        previous, computed = links[sequence]
        if before is not None and previous != before:
            faults.append(f"sequence {sequence}: previous is {previous}, the hash before is {before}")
        before = computed
    if len(links) < head["size"]:
        faults.append(f"{head['size']} events in the log, {len(links)} exported")
    if head["size"] and links.get(head["size"] - 1, ("", ""))[1] != head["hash"]:
        faults.append("the hash of the last event is not the head's")
    for fault in faults:
        print(fault)
    print(f"rehash: {len(links)} events, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
