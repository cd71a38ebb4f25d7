//! The tables of docs/FORMAT.md, row by row, against bytes of this build.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use stele_engine::proof::{ENTRY_BYTES, Entry};
use stele_engine::record::{FRAME_BYTES_MAX, FrameBuilder, HEADER_BYTES, MAGIC};
use stele_engine::segment::SegmentHeader;

/// Field name → (offset, bytes) of the first table under a heading.
fn table(heading: &str) -> BTreeMap<String, (usize, usize)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/FORMAT.md");
    let text = fs::read_to_string(path).expect("the document is there");
    let section = text.split_once(&format!("\n### {heading}\n")).expect("the heading is there").1;
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let mut fields = BTreeMap::new();
    for row in rows.skip(2) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        if let (Ok(offset), Ok(bytes)) = (cells[0].parse(), cells[1].parse()) {
            let name = if fields.contains_key(cells[2]) {
                format!("{} again", cells[2])
            } else {
                cells[2].to_owned()
            };
            fields.insert(name, (offset, bytes));
        }
    }
    assert!(fields.len() >= 7, "the table under {heading} could not be read: {fields:?}");
    fields
}

/// The bytes of a field.
fn part<'a>(fields: &BTreeMap<String, (usize, usize)>, name: &str, bytes: &'a [u8]) -> &'a [u8] {
    let (offset, len) = fields[name];
    &bytes[offset..offset + len]
}

/// Every byte of the first `end` belongs to exactly one row.
fn assert_complete(fields: &BTreeMap<String, (usize, usize)>, end: usize) {
    let mut rows: Vec<(usize, usize)> = fields.values().copied().collect();
    rows.sort_unstable();
    let reached = rows.iter().fold(0, |at, &(offset, bytes)| {
        assert_eq!(offset, at, "rows follow each other without gaps");
        at + bytes
    });
    assert_eq!(reached, end);
}

#[test]
fn the_segment_header_lies_as_its_table_says() {
    let fields = table("Segment header");
    assert_complete(&fields, SegmentHeader::BYTES);
    let header =
        SegmentHeader { first: 0x0102_0304, previous: [7; 32], origin: "example.com/stele/x".to_owned() };
    let bytes = header.encode();
    assert_eq!(part(&fields, "magic", &bytes), b"STELELOG");
    assert_eq!(part(&fields, "version", &bytes), [1, 0]);
    assert_eq!(part(&fields, "suite", &bytes), [1]);
    assert_eq!(part(&fields, "first_sequence", &bytes), 0x0102_0304_u64.to_le_bytes());
    assert_eq!(part(&fields, "previous", &bytes), [7; 32]);
    assert_eq!(part(&fields, "origin_bytes", &bytes), 19_u16.to_le_bytes());
    assert!(part(&fields, "origin", &bytes).starts_with(b"example.com/stele/x\0"));
    for reserved in ["reserved", "reserved again"] {
        assert!(part(&fields, reserved, &bytes).iter().all(|&byte| byte == 0));
    }
    let crc = part(&fields, "crc", &bytes).to_vec();
    let (offset, len) = fields["crc"];
    let mut without = bytes.to_vec();
    without[offset..offset + len].fill(0);
    assert_eq!(crc, crc32(&without).to_le_bytes());
}

#[test]
fn a_frame_lies_as_its_table_says() {
    let fields = table("Frame");
    assert_complete(&fields, HEADER_BYTES);
    let mut builder = FrameBuilder::default();
    builder.push(b"{}");
    builder.push(b"{\"a\":1}");
    let frame = builder.finish(99, 77, &[9; 32]).to_vec();
    assert_eq!(part(&fields, "magic", &frame), MAGIC);
    assert_eq!(part(&fields, "payload_bytes", &frame), 17_u32.to_le_bytes());
    assert_eq!(part(&fields, "count", &frame), 2_u32.to_le_bytes());
    assert_eq!(part(&fields, "first_sequence", &frame), 99_u64.to_le_bytes());
    assert_eq!(part(&fields, "committed_us", &frame), 77_u64.to_le_bytes());
    assert_eq!(part(&fields, "link", &frame), [9; 16]);
    assert_eq!(part(&fields, "crc", &frame), crc32(&frame[8..HEADER_BYTES + 17]).to_le_bytes());
    assert_eq!(&frame[HEADER_BYTES..HEADER_BYTES + 6], b"\x02\0\0\0{}");
    assert_eq!((frame.len() % 8, FRAME_BYTES_MAX), (0, 67_108_864));
}

#[test]
fn a_checkpoint_entry_lies_as_its_table_says() {
    let fields = table("Checkpoint entry");
    assert_complete(&fields, ENTRY_BYTES);
    let entry = Entry { size: 300, signed_us: 77, root: [5; 32], key_id: [6; 4], signature: [7; 64] };
    let bytes = entry.encode(b"12345678");
    assert_eq!(part(&fields, "size", &bytes), 300_u64.to_le_bytes());
    assert_eq!(part(&fields, "signed_us", &bytes), 77_u64.to_le_bytes());
    assert_eq!(part(&fields, "root", &bytes), [5; 32]);
    assert_eq!(part(&fields, "key_id", &bytes), [6; 4]);
    assert_eq!(part(&fields, "signature", &bytes), [7; 64]);
    assert_eq!(part(&fields, "link", &bytes), b"12345678");
    assert_eq!(part(&fields, "crc", &bytes), crc32(&bytes[..124]).to_le_bytes());
}

/// CRC-32 as the document names it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
