"""The chain of custody, written from docs/CUSTODY.md alone, to check the product from outside.

Run as a script it checks the published vectors.
"""

import datetime
import re
import sys

try:
    from blake3 import blake3
except ImportError:
    print(
        "the package `blake3` is missing: python3 -m venv tests/.venv && "
        "tests/.venv/bin/pip install -r tests/requirements.txt",
        file=sys.stderr,
    )
    sys.exit(2)

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


def tag(text):
    return text.encode("ascii").ljust(16, b"\0")


def u64(number):
    return number.to_bytes(8, "big")


def genesis(origin):
    return blake3(tag("stele/genesis/v1") + origin.encode("ascii")).digest()


def salt_key(secret):
    return blake3(tag("stele/salt/v1"), key=secret).digest()


def salt(key, event_id):
    return blake3(event_id.encode("utf-8"), key=key).digest()[:16]


def record_hash(salt_bytes, body):
    preimage = tag("stele/record/v1") + salt_bytes + u64(len(body)) + body
    return blake3(preimage + bytes(-len(preimage) % 64)).digest()


def link(previous, sequence, committed_us, event_us, record):
    return blake3(
        tag("stele/chain/v1") + previous + u64(sequence) + u64(committed_us) + u64(event_us) + record
    ).digest()


def nanoseconds(text):
    """Nanoseconds since 1970 of a stored time: UTC, up to nine decimals."""
    found = TIME.fullmatch(text)
    if not found:
        raise ValueError(f"not a stored time: {text!r}")
    whole = datetime.datetime.fromisoformat(found[1] + "+00:00") - EPOCH
    return (whole // MICROSECOND) * 1000 + int((found[2] or "").ljust(9, "0"))


def microseconds(text):
    """Microseconds since 1970, rounded down."""
    return nanoseconds(text) // 1000


def body_of(line):
    """The stored bytes: an exported line without its last member, `chain`."""
    at = line.rindex(',"chain":{')
    return (line[:at] + "}").encode("utf-8")


def check_vectors():
    head = genesis("example.com/stele/test")
    assert head.hex() == "a10e4c99f7870423663008b0eae05f904fdff44ac059e55700b8433998bd9669"
    bodies = [b"{}", b'{"event_id":"a","event_type":"auth.login"}', b"x" * 100]
    expected = [
        (
            "5043c6e9053e4840ed415018b30b312098dc5c0e33c1b3dad1f75417ed839a46",
            "27961674f3ae9d3c4d85d01e0f86b519f703c29abd6550001b9f33ea82b1ced8",
        ),
        (
            "c9757a27c14066643cdb63a0ac298074d4e89ade3ee56ab17af0f2301dcea3b8",
            "1445611f3267e58eb8af2cda7375f7a0f928e327845f0812b56245930a4e283e",
        ),
        (
            "da49b8b56d3eaf7cb8f6531d378addf428dcbcc26592332b9109f15af46e9012",
            "d0af9b46d59de92e9aef273028a9457a93b4424d6a57f400643f8afb2ebece46",
        ),
    ]
    for i, (body, (record_hex, head_hex)) in enumerate(zip(bodies, expected)):
        record = record_hash(bytes([i]) * 16, body)
        assert record.hex() == record_hex, f"r({i})"
        head = link(head, i, 1700000000000000 + min(i, 1), 1600000000000000 + i, record)
        assert head.hex() == head_hex, f"h({i})"


if __name__ == "__main__":
    check_vectors()
    print("custody: 3 records, all vectors agree")
