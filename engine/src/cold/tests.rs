use super::*;
use proptest::prelude::*;

fn round_trip(bodies: &[Vec<u8>]) {
    let slices: Vec<&[u8]> = bodies.iter().map(|body| &body[..]).collect();
    let packed = pack(&slices).unwrap();
    let cold = Cold::open(&packed.shapes, &packed.columns, &packed.shared, &packed.ends).unwrap();
    assert_eq!(cold.bodies(), bodies.len() as u64);
    for (number, wanted) in bodies.chunks(BLOCK_BODIES).enumerate() {
        let (at, range) = cold.place((number * BLOCK_BODIES) as u64).unwrap();
        let block = cold.block(at, &packed.blocks[range.start as usize..range.end as usize]).unwrap();
        assert_eq!((at, block.bodies()), (number, wanted.len()));
        for (at, body) in wanted.iter().enumerate() {
            let mut out = Vec::new();
            block.body(&cold, at, &mut out).unwrap();
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(body), "body {at}");
        }
    }
    assert_eq!(cold.place(cold.bodies().next_multiple_of(BLOCK_BODIES as u64)), None);
}

/// Events with everything that a plan looks for: ids that repeat, values told from others, times, UUIDs.
fn events(count: u64) -> Vec<Vec<u8>> {
    let event = |i: u64| {
        let (ms, user) = (1_795_418_880_000 + i * 37, i * 7 % 23);
        let id = format!(
            "{:08x}-{:04x}-7{:03x}-a{:03x}-{:012x}",
            ms >> 16,
            ms & 0xffff,
            i % 4096,
            i * 31 % 4096,
            i * 0x9e37_79b9
        );
        let more = match i % 4 {
            0 => format!(r#","again":"usr_{user}","list":[1,"x",null],"none":null"#),
            1 => format!(r#","items":[{{"n":{i}}},{{"n":-{user}.50}}],"on":{}"#, i.is_multiple_of(3)),
            2 => format!(r#","text":"word {i} and another word of user {user}\\n","empty":{{}},"nil":[]"#),
            _ => format!(r#","trace":"{:032x}","n":-0,"e":1e{user}"#, u128::from(i) << 70),
        };
        format!(
            r#"{{"event_id":"{id}","timestamp":"2026-11-23T07:{:02}:{:02}.{:03}Z","actor":{{"id":"usr_{user}","email":"u{user}@example.com"}},"metadata":{{"i":{i}{more}}}}}"#,
            ms / 60_000 % 60,
            ms / 1000 % 60,
            ms % 1000
        )
        .into_bytes()
    };
    (0..count).map(event).collect()
}

#[test]
fn what_comes_out_is_what_went_in() {
    for count in [0, 1, 2, 63, 64, 65, 3000] {
        round_trip(&events(count));
    }
}

#[test]
fn bodies_that_are_no_canonical_json_come_out_too() {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "5",
        "\"x\"",
        "{",
        "{}",
        "[]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":\"\\\"",
        "{\"a\":[[]]}",
        "{\"a\":[{]}",
        "{ \"a\" : 1 }",
        "{\"a\":1}x",
        "{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}",
        "{\"a\":\u{1}}",
        "\u{1}",
        "\u{2}",
        "{\"\":\"\"}",
        "{\"a\":-0}",
        "{\"a\":00}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.push(vec![0xff, 0xfe, 0]);
    bodies.push(format!("{}1{}", "{\"a\":".repeat(300), "}".repeat(300)).into_bytes());
    bodies.push(format!("{}1{}", "[".repeat(300), "]".repeat(300)).into_bytes());
    for _ in 0..6 {
        bodies.extend_from_within(..);
    }
    round_trip(&bodies);
}

#[test]
fn values_near_a_plan_keep_their_bytes() {
    let columns: [&[&str]; 5] = [
        &["2026-11-23T07:28:00Z", "2026-11-23T07:28:00.1Z", "1970-01-01T00:00:00.000000001Z"],
        &["0", "-1", "1.50", "0.05", "-0.5", "123456789012345678", "9223372036854775807"],
        &[
            "01a18a7b-60ff-7264-9f66-7e6671c9bc29",
            "00000000-0000-4000-8000-000000000000",
            "ffffffff-ffff-7fff-ffff-ffffffffffff",
        ],
        &["abc-01", "abc-02", "abc-99"],
        &["", "a", "aa"],
    ];
    let strange = ["2026-11-23T07:28:00+00:00", "-0", "01A18A7B-60FF-7264-9F66-7E6671C9BC29", "abc-1", "ä"];
    for (values, strange) in columns.iter().zip(strange) {
        for with in [false, true] {
            let quoted = |value: &str| {
                format!("{{\"timestamp\":\"2026-11-23T07:28:00Z\",\"v\":\"{value}\"}}").into_bytes()
            };
            let plain = |value: &str| format!("{{\"v\":{value}}}").into_bytes();
            let mut bodies: Vec<Vec<u8>> = (0..40).map(|i| quoted(values[i % values.len()])).collect();
            bodies.extend((0..40).map(|i| plain(values[i * 7 % values.len()])));
            if with {
                bodies.push(quoted(strange));
                bodies.push(plain(strange));
            }
            round_trip(&bodies);
        }
    }
}

#[test]
fn altered_bytes_are_an_error_or_other_bodies_but_never_a_panic() {
    let bodies = events(700);
    let slices: Vec<&[u8]> = bodies.iter().map(|body| &body[..]).collect();
    let packed = pack(&slices).unwrap();
    let parts = [&packed.shapes, &packed.columns, &packed.shared, &packed.ends, &packed.blocks];
    for (part, bytes) in parts.iter().enumerate() {
        for at in (0..bytes.len()).step_by(bytes.len() / 300 + 1) {
            for change in 0..3 {
                let mut altered: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
                match change {
                    0 => altered[part][at] ^= 1 << (at % 8),
                    1 => altered[part].truncate(at),
                    _ => altered[part].insert(at, 0xff),
                }
                read_all(&altered);
            }
        }
    }
}

fn read_all(parts: &[Vec<u8>]) {
    let Ok(cold) = Cold::open(&parts[0], &parts[1], &parts[2], &parts[3]) else { return };
    for first in (0..cold.bodies().min(2000)).step_by(BLOCK_BODIES) {
        let Some((number, range)) = cold.place(first) else { continue };
        let Some(bytes) = parts[4].get(range.start as usize..range.end as usize) else { continue };
        let Ok(block) = cold.block(number, bytes) else { continue };
        let mut out = Vec::new();
        (0..block.bodies()).for_each(|at| drop(block.body(&cold, at, &mut out)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_bodies_come_out_as_they_went_in(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..60), json in prop::collection::vec("\\{\"[ab]\":(\\[|\\{|[0-9]|\"[a-c]*\"|[\\]\\},:]){0,6}\\}", 0..200)) {
        let mut all = bodies;
        all.extend(json.into_iter().map(String::into_bytes));
        round_trip(&all);
    }
}

/// Two times that lie further apart than an i64 counts nanoseconds.
#[test]
fn the_earliest_and_the_latest_time_stand_beside_each_other() {
    let times = ["1677-09-22T00:00:00.000000001Z", "2262-04-11T00:00:00.000000001Z"];
    let body = |n: usize| format!(r#"{{"at":"{}"}}"#, times[n % 2]).into_bytes();
    round_trip(&(0..40).map(body).collect::<Vec<_>>());
}

/// Opens what stands once in a segment: 64 bodies of one shape, all holes of which are of one column.
fn of_one_shape(text: &[u8], column: &[u8]) -> Cold {
    let once = |parts: &[&[u8]]| zstd::bulk::compress(&parts.concat(), 3).unwrap();
    let holes = text.iter().filter(|byte| **byte == 1).count();
    let mut length = Vec::new();
    crate::codec::varint::put(text.len() as u64, &mut length);
    // The code of the only shape takes no bits.
    let shapes = once(&[&[64, 2, 0, 1, 1], &length, text, &vec![0; holes]]);
    Cold::open(&shapes, &once(&[&[0, 1], column]), &[], &2_u64.to_le_bytes()).unwrap()
}

/// The code of place 0 takes no bits either: a block of two bytes says that all holes are filled.
const NO_TEXT: &[u8] = &[0, 0];

#[test]
fn few_bytes_do_not_fill_memory_with_values() {
    // Words: a list of one, empty; the code has the number 0 alone.
    let cold = of_one_shape(&vec![1; 1 << 20], &[1, 1, 0, 2, 0, 1]);
    assert_eq!(cold.block(0, NO_TEXT).err().unwrap(), "the bodies of the block are larger than any");
    let cold = of_one_shape(&vec![1; 1 << 10], &[1, 1, 0, 2, 0, 1]);
    let mut out = Vec::new();
    cold.block(0, NO_TEXT).unwrap().body(&cold, 63, &mut out).unwrap();
    assert!(out.is_empty());
}

#[test]
fn few_bytes_do_not_make_a_body_larger_than_any() {
    let mut words = vec![1, 1];
    crate::codec::varint::put(1 << 20, &mut words);
    words.resize(words.len() + (1 << 20), b'x');
    words.extend([2, 0, 1]);
    for (holes, fits) in [(64, true), (65, false)] {
        let cold = of_one_shape(&vec![1; holes], &words);
        let mut out = Vec::new();
        let made = cold.block(0, NO_TEXT).unwrap().body(&cold, 0, &mut out);
        assert_eq!((made.is_ok(), out.len() <= BODY_BYTES_MAX + (1 << 20)), (fits, true));
    }
}

#[test]
fn a_text_is_not_longer_than_its_bytes_can_hold() {
    let cold = of_one_shape(b"{}", &[0, 0]);
    let mut block = Vec::new();
    crate::codec::varint::put(200 << 20, &mut block);
    block.extend([1, 9]);
    block.extend(zstd::bulk::compress(b"", 3).unwrap());
    let error = cold.block(0, &block).err().unwrap();
    assert!(error.contains("longer than its bytes can hold"), "{error}");
}

/// Numbers whose digits and decimals are one number only just, or not.
#[test]
fn numbers_as_large_as_numbers_are_come_out_too() {
    let numbers = ["9223372036854775807", "-922337203685477580", "0.12345678901234567", "1.5", "-0.1"];
    for take in 1..=numbers.len() {
        let body = |n: usize| format!(r#"{{"n":{},"i":{n}}}"#, numbers[n % take]).into_bytes();
        round_trip(&(0..2000).map(body).collect::<Vec<_>>());
        let body = |n: usize| format!(r#"{{"n":{n}.{n:03}}}"#).into_bytes();
        round_trip(&(0..900).map(body).collect::<Vec<_>>());
    }
}

/// What repeats itself is said by one symbol, and blocks do not know each other.
#[test]
fn values_that_repeat_themselves_come_out_of_each_block() {
    let body = |n: usize| {
        let id = uuid::Uuid::from_u128((n as u128 / 70) * 0x0123_4567_89ab_7def_8000_0000_0000_0001);
        let (text, code) = (n / 50, n / 33);
        format!(
            r#"{{"id":"{id}","at":"2026-11-23T07:28:0{}.{}Z","text":"some words of {text}","code":"x{:012x}"}}"#,
            n / 90 % 10,
            ["1", "25", "125"][n / 40 % 3],
            code * 0x0123_4567_89ab
        )
        .into_bytes()
    };
    round_trip(&(0..1000).map(body).collect::<Vec<_>>());
}
