use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::exports::Columns;

fn record(sequence: u64, metadata: &str) -> Record {
    let body = format!(
        r#"{{"event_id":"=e{sequence}","timestamp":"2026-11-23T07:28:00Z","event_type":"agent.updated","category":"agent","actor":{{"type":"user","id":"u"}},"resource":{{"type":"agent","id":"a"}},"action":"update","status":"success","metadata":{metadata}}}"#
    );
    let (salt, previous, hash) = ([1; 16], [2; 32], [3; 32]);
    Record { sequence, committed_us: 1, salt, previous, hash, body: body.into_bytes() }
}

fn form(format: Format) -> Form {
    Form { format, pretty: false, fields: None, compression: Compression::None, formula_guard: true }
}

fn line_of(record: &Record) -> String {
    let mut line = Vec::new();
    record.write_line(&mut line);
    String::from_utf8(line).unwrap()
}

fn written(form: &Form, records: &[Record]) -> String {
    let mut columns = Columns::default();
    for record in records {
        assert!(columns.add(&record.body));
    }
    let sheet = Sheet::new(form, &columns.names()).unwrap();
    let mut rows = sheet.begin(Vec::new()).unwrap();
    for record in records {
        rows.row(record).unwrap();
    }
    assert_eq!(rows.entries(), records.len() as u64);
    String::from_utf8(rows.end().unwrap()).unwrap()
}

/// The rows of a CSV file by column.
fn read(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let all: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    (all[0].clone(), all[1..].to_vec())
}

#[test]
fn json_is_one_array_of_the_lines() {
    let records = [record(1, r#"{"n":1.0}"#), record(2, "{}")];
    let lines: Vec<String> = records.iter().map(line_of).collect();
    assert_eq!(written(&form(Format::Json), &records), format!("[{}]\n", lines.join(",")));
    assert_eq!(written(&form(Format::Ndjson), &records), format!("{}\n", lines.join("\n")));
    let pretty = Form { pretty: true, ..form(Format::Json) };
    let text = written(&pretty, &records);
    assert!(
        text.starts_with("[\n  {\n    \"event_id\": \"=e1\",\n") && text.ends_with("\n  }\n]\n"),
        "{text}"
    );
    assert!(text.contains("\"n\": 1.0\n"));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(&format!("[{}]", lines.join(","))).unwrap());
    assert_eq!(
        (written(&pretty, &[]), written(&form(Format::Ndjson), &[])),
        ("[]\n".to_owned(), String::new())
    );
}

#[test]
fn chosen_fields_come_in_their_order_and_only_where_they_are() {
    let records = [record(1, r#"{"n":1.0,"o":{"p":[1]}}"#), record(2, "{}")];
    let fields = Some(["@n", "status", "metadata.o", "sequence"].map(str::to_owned).to_vec());
    let text = written(&Form { fields: fields.clone(), ..form(Format::Json) }, &records);
    let expected = r#"[{"metadata.n":1.0,"status":"success","metadata.o":{"p":[1]},"chain.sequence":1},{"status":"success","chain.sequence":2}]"#;
    assert_eq!(text.trim_end(), expected);
    let text = written(&Form { fields, ..form(Format::Csv) }, &records);
    assert_eq!(
        text,
        "metadata.n,status,metadata.o,chain.sequence\r\n1.0,success,\"{\"\"p\"\":[1]}\",1\r\n,success,,2\r\n"
    );
    assert!(Sheet::new(&Form { fields: Some(vec!["colour".to_owned()]), ..form(Format::Csv) }, &[]).is_err());
}

#[test]
fn csv_shows_every_value_under_its_path() {
    let records = [
        record(
            1,
            r#"{"n":1.50,"big":12345678901234567890.10,"neg":-5,"t":"-5","deep":{"a b":[1,"=x"]},"off":null,"yes":true}"#,
        ),
        record(2, r#"{"n":{"inner":"@x"}}"#),
    ];
    let text = written(&form(Format::Csv), &records);
    assert!(text.ends_with("\r\n") && text.matches("\r\n").count() == 3, "{text}");
    let (head, rows) = read(&text);
    let cell = |row: usize, name: &str| rows[row][head.iter().position(|own| own == name).unwrap()].as_str();
    assert_eq!((cell(0, "metadata.n"), cell(0, "metadata.big")), ("1.50", "12345678901234567890.10"));
    assert_eq!((cell(0, "metadata.neg"), cell(0, "metadata.t")), ("-5", "'-5"), "a number is no formula");
    assert_eq!(cell(0, r#"metadata.deep."a b""#), r#"[1,"=x"]"#);
    assert_eq!((cell(0, "metadata.off"), cell(0, "metadata.yes"), cell(0, "actor.name")), ("", "true", ""));
    assert_eq!((cell(1, "metadata.n"), cell(1, "metadata.n.inner")), ("", "'@x"));
    assert_eq!((cell(0, "event_id"), cell(1, "chain.sequence")), ("'=e1", "2"));
    let text = written(&Form { formula_guard: false, ..form(Format::Csv) }, &records);
    let (head, rows) = read(&text);
    assert_eq!(rows[0][head.iter().position(|own| own == "event_id").unwrap()], "=e1");
}

#[test]
fn bytes_that_are_no_event_are_an_error_and_no_panic() {
    for body in [&b"\xff"[..], b"{", b"", b"[]", b"{\"a\":}"] {
        let mut broken = record(7, "{}");
        broken.body = body.to_vec();
        let csv = Form { fields: Some(vec!["status".to_owned()]), ..form(Format::Csv) };
        let sheet = Sheet::new(&csv, &[]).unwrap();
        let error = sheet.begin(Vec::new()).unwrap().row(&broken).unwrap_err();
        assert!(error.to_string().contains("sequence 7"), "{error}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[=+@',;\"\\PC\t\r\n-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c.\" \\\\=ß]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn metadata() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c.\" \\\\=ß]{0,3}", value(), 0..5)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// The cell that a value should be.
fn expected(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text.into()).into_owned(),
        other => other.to_string(),
    }
}

/// The values of metadata by their paths, told without the code under test but for the spelling.
fn flat(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value.as_object().filter(|members| !members.is_empty()) {
        Some(members) => {
            for (name, value) in members {
                let mut path = path.to_owned();
                crate::exports::path::push(&mut path, name);
                flat(&path, value, out);
            }
        }
        None => out.push((path.to_owned(), expected(value))),
    }
}

proptest! {
    #[test]
    fn every_value_reads_back_from_csv(all in prop::collection::vec(metadata(), 1..5)) {
        let records: Vec<Record> =
            all.iter().enumerate().map(|(i, metadata)| record(i as u64, &metadata.to_string())).collect();
        let (head, rows) = read(&written(&form(Format::Csv), &records));
        prop_assert_eq!(rows.len(), all.len());
        let mut names = head.clone();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), head.len());
        for (metadata, row) in all.iter().zip(&rows) {
            let mut values = Vec::new();
            flat("metadata", metadata, &mut values);
            values.retain(|(path, _)| path != "metadata");
            for (path, value) in &values {
                let at = head.iter().position(|name| name == path).unwrap();
                prop_assert_eq!(&row[at], value);
            }
            let filled = head.iter().zip(row).filter(|(name, cell)| name.starts_with("metadata") && !cell.is_empty());
            prop_assert_eq!(filled.count(), values.iter().filter(|(_, value)| !value.is_empty()).count());
            // The same by choosing: each path is found in the line, whatever its names hold.
            let fields = Some(values.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>());
            if values.is_empty() { continue; }
            let at = rows.iter().position(|other| std::ptr::eq(other, row)).unwrap();
            let (_, chosen) = read(&written(&Form { fields, ..form(Format::Csv) }, &records[at..=at]));
            let told: Vec<&String> = values.iter().map(|(_, value)| value).collect();
            prop_assert_eq!(chosen[0].iter().collect::<Vec<_>>(), told);
        }
    }

    #[test]
    fn pretty_json_is_the_same_json(metadata in metadata()) {
        let records = [record(1, &metadata.to_string())];
        let text = written(&Form { pretty: true, ..form(Format::Json) }, &records);
        let rows: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&rows[0]["metadata"], &metadata);
        prop_assert_eq!(rows.as_array().unwrap().len(), 1);
        prop_assert_eq!(&rows[0]["chain"]["sequence"], &json!(1));
    }
}
