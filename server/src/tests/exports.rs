//! Exports: asked for, written, downloaded, cancelled, and across a restart.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Got, Server, event};
use crate::jobs;
use crate::state::{ExportStatus, now_us};

/// Rows of one file in these tests.
const MOST: u64 = 40;

fn ask(server: &Server, body: &Value) -> Got {
    server.post_json("/v1/exports", &body.to_string())
}

fn asked(server: &Server, body: &Value) -> String {
    let got = ask(server, body);
    assert_eq!(got.status, 202, "{}", got.text());
    let id = got.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(got.headers["location"], format!("/v1/exports/{id}"));
    id
}

fn ended(server: &Server, id: &str) -> Value {
    let begun = Instant::now();
    loop {
        let row = server.get(&format!("/v1/exports/{id}")).json();
        if row["status"] != "pending" && row["status"] != "running" {
            return row;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{row}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn done(server: &Server, body: &Value) -> (Value, String) {
    let id = asked(server, body);
    let row = ended(server, &id);
    assert_eq!(row["status"], "done", "{row}");
    let got = server.get(&format!("/v1/exports/{id}/download"));
    assert_eq!(got.status, 200, "{}", got.text());
    (row, got.text())
}

fn at(i: usize) -> String {
    event(&format!("e-{i}")).replace("07:28:00.123Z", &format!("07:{:02}:{:02}Z", i / 60, i % 60))
}

fn filled(events: usize, most: u64) -> Server {
    let server = Server::with(|options| options.export_entries = Some(most));
    let lines: Vec<String> = (0..events).map(at).collect();
    assert_eq!(server.post_lines("/v1/events", &lines).status, 200);
    server
}

/// The event of an export's end, which follows the end.
fn told(server: &Server, id: &str) -> Value {
    let path = format!("/v1/events/stele:export_finished:{id}");
    super::tiers::eventually(server, &path, |found| found["event_id"].is_string())
}

#[test]
fn an_export_is_the_list_of_its_question_in_each_form() {
    let server = filled(30, MOST);
    let failed = event("bad").replace("\"success\"", "\"failure\"");
    server.post_json("/v1/events", &failed);
    for (order, filter) in [("desc", "&status=success"), ("asc", "&q=ada"), ("desc", "&own=true")] {
        let list = server.get(&format!("/v1/events?limit=1000&order={order}{filter}"));
        let text = list.text();
        let lines = text.strip_prefix("{\"events\":").unwrap().split_once(",\"next_cursor\"").unwrap().0;
        let mut body = json!({"order": order});
        for pair in filter.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap();
            body[name] = if value == "true" { json!(true) } else { json!(value) };
        }
        // Before its own events are there: what it is of is fixed when it is asked for.
        let (row, file) = done(&server, &body);
        assert_eq!(file.trim_end(), lines, "{body}");
        let count = list.json()["events"].as_array().unwrap().len();
        assert_eq!((&row["entries"], &row["total"]), (&json!(count), &json!(count)));
        assert_eq!(row["query"]["order"], order);
    }
    let (row, file) =
        done(&server, &json!({"format": "ndjson", "compression": "none", "status": ["failure"]}));
    let stored = server.get("/v1/events/bad").text();
    assert_eq!(file.trim_end(), stored.trim_end());
    let finished = told(&server, row["id"].as_str().unwrap());
    assert_eq!((&finished["status"], &finished["metadata"]["entries"]), (&json!("success"), &json!(1)));
    assert_eq!(finished["metadata"]["verification_hash"], row["verification_hash"]);
    let created =
        server.get(&format!("/v1/events/stele:export_created:{}", row["id"].as_str().unwrap())).json();
    assert_eq!(created["metadata"]["query"], json!({"status": ["failure"], "order": "desc"}));
    assert_eq!(server.panics(), 0);
}

#[test]
fn more_than_fits_is_refused_with_ranges_that_fit() {
    let server = filled(100, MOST);
    let got = ask(&server, &json!({"q": "status:success"}));
    assert_eq!(got.status, 422, "{}", got.text());
    let problem = got.json();
    assert_eq!(problem["type"], "urn:stele:problem/too-many-entries");
    assert_eq!(problem["matched"], 100);
    let ranges = problem["ranges"].as_array().unwrap();
    let counts: Vec<u64> = ranges.iter().map(|range| range["events"].as_u64().unwrap()).collect();
    assert_eq!(counts, [40, 40, 20]);
    let mut seen = Vec::new();
    for range in ranges {
        let (row, file) = done(&server, &json!({"from": range["from"], "to": range["to"], "order": "asc"}));
        assert_eq!(row["entries"], range["events"]);
        let rows: Vec<Value> = serde_json::from_str(&file).unwrap();
        seen.extend(rows.into_iter().map(|row| row["chain"]["sequence"].as_u64().unwrap()));
    }
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
    let lines: Vec<String> = (0..50).map(|i| event(&format!("same-{i}"))).collect();
    server.post_lines("/v1/events", &lines);
    let problem =
        ask(&server, &json!({"from": "2026-11-23T07:28:00.123Z", "to": "2026-11-23T07:28:00.124Z"})).json();
    assert!(problem["detail"].as_str().unwrap().contains("2026-11-23T07:28:00.123Z"), "{problem}");
    assert_eq!(problem["ranges"], json!([]));
}

#[test]
fn bulk_is_of_the_enterprise_plan_and_comes_in_chunks_with_a_manifest() {
    let server = filled(100, MOST);
    let body = json!({"bulk": true, "format": "csv", "order": "asc", "compression": "gzip"});
    let got = ask(&server, &body);
    assert_eq!((got.status, &got.json()["type"]), (403, &json!("urn:stele:problem/plan")));
    let put = server.call(
        "PUT",
        "/v1/retention",
        &[("content-type", "application/json")],
        br#"{"plan":"enterprise"}"#,
    );
    assert_eq!(put.status, 200, "{}", put.text());
    let id = asked(&server, &body);
    let row = ended(&server, &id);
    assert_eq!(
        (&row["status"], &row["entries"], &row["chunk_count"]),
        (&json!("done"), &json!(100), &json!(3)),
        "{row}"
    );
    assert_eq!(server.get(&format!("/v1/exports/{id}/download")).status, 400);
    let mut seen = 0;
    for (i, chunk) in row["chunks"].as_array().unwrap().iter().enumerate() {
        let got = server.get(&format!("/v1/exports/{id}/download?chunk={}", i + 1));
        assert_eq!(got.headers["content-type"], "application/gzip");
        assert!(!got.headers.contains_key("content-encoding"));
        let name = format!("attachment; filename=\"{}\"", chunk["file"].as_str().unwrap());
        assert_eq!(got.headers["content-disposition"], name);
        assert_eq!(got.headers["etag"], format!("\"{}\"", chunk["sha256"].as_str().unwrap()));
        let mut csv = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&got.body[..]), &mut csv).unwrap();
        assert_eq!(csv.len() as u64, chunk["content_bytes"].as_u64().unwrap());
        assert!(csv.starts_with("event_id,timestamp,"), "each has a header");
        seen += csv.lines().count() - 1;
    }
    assert_eq!(seen, 100);
    for bad in ["0", "4", "x"] {
        assert_eq!(server.get(&format!("/v1/exports/{id}/download?chunk={bad}")).status, 400, "{bad}");
    }
    let manifest = server.get(&format!("/v1/exports/{id}/manifest"));
    let digest = ring::digest::digest(&ring::digest::SHA256, &manifest.body);
    assert_eq!(row["verification_hash"], format!("sha256:{}", stele_engine::ids::hex(digest.as_ref())));
    let told = manifest.json();
    assert_eq!(
        (&told["manifest"], &told["entries"], &told["chunks"]),
        (&json!("stele.export/v1"), &json!(100), &row["chunks"])
    );
    assert!(told["origin"].as_str().unwrap().contains("/stele/"));
    let list = server.get("/v1/exports").json();
    assert_eq!(list["exports"][0]["id"], id.as_str());
    assert!(list["exports"][0].get("chunks").is_none());
    let (single, _) = done(&server, &json!({"q": "id:e-1"}));
    assert_eq!(server.get(&format!("/v1/exports/{}/manifest", single["id"].as_str().unwrap())).status, 404);
}

#[test]
fn files_are_downloaded_in_ranges_and_by_their_tag() {
    let server = filled(20, MOST);
    let (row, file) = done(&server, &json!({"format": "ndjson"}));
    let path = format!("/v1/exports/{}/download", row["id"].as_str().unwrap());
    let tag = format!("\"{}\"", row["chunks"][0]["sha256"].as_str().unwrap());
    let part = |headers: &[(&str, &str)]| server.call("GET", &path, headers, b"");
    let got = part(&[("range", "bytes=10-19"), ("if-range", &tag)]);
    assert_eq!((got.status, got.text().as_str()), (206, &file[10..20]));
    assert_eq!(got.headers["content-range"], format!("bytes 10-19/{}", file.len()));
    assert_eq!(
        (got.headers["content-length"].as_str(), got.headers["accept-ranges"].as_str()),
        ("10", "bytes")
    );
    let got = part(&[("range", "bytes=-7")]);
    assert_eq!((got.status, got.text().as_str()), (206, &file[file.len() - 7..]));
    let got = part(&[("range", "bytes=10-19"), ("if-range", "\"old\"")]);
    assert_eq!((got.status, got.text()), (200, file.clone()));
    let got = part(&[("range", "bytes=99999999-")]);
    assert_eq!((got.status, got.headers["content-range"].clone()), (416, format!("bytes */{}", file.len())));
    assert_eq!(part(&[("if-none-match", &tag)]).status, 304);
    let head = server.call("HEAD", &path, &[], b"");
    assert_eq!((head.status, head.headers["content-length"].clone()), (200, file.len().to_string()));
    assert!(head.body.is_empty());
}

#[test]
fn csv_of_too_many_paths_asks_for_fields() {
    let server = Server::new();
    let lines: Vec<String> = (0..3_000)
        .map(|i| {
            event(&format!("e-{i}"))
                .replace("\"n\":1.0", &format!("\"n{}\":1", if i < 1_500 { i } else { 0 }))
        })
        .collect();
    assert_eq!(server.post_lines("/v1/events", &lines).status, 200);
    // The first rows have one path, the later ones too many: the job finds out.
    let id = asked(&server, &json!({"format": "csv"}));
    let row = ended(&server, &id);
    assert_eq!(row["status"], "failed", "{row}");
    assert!(row["error"].as_str().unwrap().contains("`fields`"), "{row}");
    assert_eq!(told(&server, &id)["status"], "failure");
    let got = server.get(&format!("/v1/exports/{id}/download"));
    assert_eq!((got.status, &got.json()["type"]), (409, &json!("urn:stele:problem/not-ready")));
    let got = ask(&server, &json!({"format": "csv", "order": "asc"}));
    let problem = got.json();
    assert_eq!((got.status, &problem["errors"][0]["pointer"]), (422, &json!("/fields")), "{problem}");
    let (_, csv) = done(&server, &json!({"format": "csv", "fields": ["event_id", "@n1"], "q": "id:e-1"}));
    assert_eq!(csv, "event_id,metadata.n1\r\ne-1,1\r\n");
}

#[test]
fn the_eleventh_export_of_an_hour_waits_also_across_a_restart() {
    let server = filled(3, MOST);
    for _ in 0..10 {
        asked(&server, &json!({}));
    }
    let refused = |server: &Server| {
        let got = ask(server, &json!({}));
        assert_eq!((got.status, &got.json()["type"]), (429, &json!("urn:stele:problem/rate-limited")));
        let wait: u64 = got.headers["retry-after"].parse().unwrap();
        assert!((3_500..=3_600).contains(&wait), "{wait}");
    };
    refused(&server);
    let server = server.restart();
    refused(&server);
    let preview = server.post_json("/v1/exports/preview", "{}");
    assert_eq!(preview.status, 200, "a preview is none");
    let rows = server.app().state.exports("default", None, 100).unwrap();
    assert_eq!(rows.len(), 10);
    for mut row in rows {
        row.created_us -= 3_600_000_000;
        server.app().state.put_export("default", &row).unwrap();
    }
    asked(&server, &json!({}));
}

#[test]
fn a_cancelled_export_leaves_no_file_and_says_who() {
    let server = filled(5, MOST);
    let org = "default";
    let id = asked(&server, &json!({}));
    let row = ended(&server, &id);
    assert_eq!(row["status"], "done");
    let cancel = |id: &str| server.post_json(&format!("/v1/exports/{id}/cancel"), "");
    assert_eq!(cancel(&id).status, 409, "it has ended");
    assert_eq!(cancel("exp_1").status, 404);
    // One that waits: the desk never saw its ticket.
    let mut row = server.app().state.export(org, &id).unwrap().unwrap();
    row.id = "exp_00000000000000000000000000000000".to_owned();
    (row.status, row.told, row.chunks) = (ExportStatus::Pending, false, Vec::new());
    server.app().state.put_export(org, &row).unwrap();
    let got = cancel(&row.id);
    assert_eq!((got.status, &got.json()["status"]), (200, &json!("cancelled")), "{}", got.text());
    assert_eq!(got.json()["cancelled_by"]["type"], "api_key");
    assert_eq!(cancel(&row.id).status, 200, "twice is once");
    let told = told(&server, &row.id);
    assert_eq!((&told["action"], &told["metadata"]["status"]), (&json!("cancel"), &json!("cancelled")));
    assert_eq!(server.get(&format!("/v1/exports/{}/download", row.id)).status, 409);
}

#[test]
fn files_are_kept_for_seven_days() {
    let server = filled(5, MOST);
    let (row, _) = done(&server, &json!({}));
    let id = row["id"].as_str().unwrap();
    let dir = dir_of(&server);
    std::fs::write(dir.join("exp_unknown.json.tmp"), "x").unwrap();
    let day = 86_400_000_000;
    jobs::expire_exports(server.app(), now_us() + 6 * day).unwrap();
    assert_eq!(server.get(&format!("/v1/exports/{id}/download")).status, 200);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "what belongs to none is gone");
    jobs::expire_exports(server.app(), now_us() + 8 * day).unwrap();
    let got = server.get(&format!("/v1/exports/{id}/download"));
    assert_eq!((got.status, &got.json()["type"]), (410, &json!("urn:stele:problem/gone")));
    assert_eq!(server.get(&format!("/v1/exports/{id}")).json()["status"], "expired");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

/// Goal: what a stop cuts off is gone on with, from the snapshot that was fixed, and ends with the same bytes.
/// Method: a bulk export whose second chunk is missing, as after a stop; more events arrive; start again.
#[test]
fn a_stopped_export_goes_on_behind_its_finished_chunks() {
    let server = filled(100, MOST);
    server.call("PUT", "/v1/retention", &[("content-type", "application/json")], br#"{"plan":"enterprise"}"#);
    let id = asked(&server, &json!({"bulk": true, "format": "csv", "order": "asc"}));
    let first = ended(&server, &id);
    let mut row = server.app().state.export("default", &id).unwrap().unwrap();
    row.chunks.truncate(1);
    (row.status, row.told, row.finished_us, row.verification_hash) =
        (ExportStatus::Running, false, None, None);
    server.app().state.put_export("default", &row).unwrap();
    let dir = dir_of(&server);
    let kept = std::fs::metadata(dir.join(&row.chunks[0].file)).unwrap().modified().unwrap();
    std::fs::write(dir.join(format!("{}.tmp", row.file(2))), "half").unwrap();
    std::fs::remove_file(dir.join(row.file(2))).unwrap();
    // Matches of the question that are none of the snapshot, before and behind.
    let late: Vec<String> = (0..50)
        .map(|i| event(&format!("late-{i}")).replace("2026-11-23T07:28", "2026-11-23T06:00"))
        .collect();
    assert_eq!(server.post_lines("/v1/events", &late).status, 200);
    // And a second one that is only said to be finished, as by a backup, which has no files.
    row.chunks.push(crate::state::ChunkRow { file: row.file(2), ..row.chunks[0].clone() });
    server.app().state.put_export("default", &row).unwrap();
    let server = server.restart_with(|options| options.export_entries = Some(7));
    let again = ended(&server, &id);
    assert_eq!(
        (&again["chunks"], &again["verification_hash"]),
        (&first["chunks"], &first["verification_hash"])
    );
    assert_eq!(std::fs::metadata(dir_of(&server).join(row.file(1))).unwrap().modified().unwrap(), kept);
    assert!(!dir_of(&server).join(format!("{}.tmp", row.file(2))).exists());
    std::fs::remove_file(dir_of(&server).join(row.file(3))).unwrap();
    let got = server.get(&format!("/v1/exports/{id}/download?chunk=3"));
    assert_eq!((got.status, &got.json()["type"]), (410, &json!("urn:stele:problem/gone")));
}

fn dir_of(server: &Server) -> std::path::PathBuf {
    let log_id = server.app().tenant("default").unwrap().org.log_id.clone();
    crate::exports::files::dir(&crate::serve::start::log_dir(&server.app().options.data, &log_id))
}

#[test]
fn a_preview_shows_five_rows_as_the_file_has_them() {
    let server = filled(8, MOST);
    let preview = |body: Value| server.post_json("/v1/exports/preview", &body.to_string()).json();
    let csv = preview(json!({"format": "csv", "order": "asc", "compression": "gzip"}));
    assert_eq!((&csv["matched"], &csv["total_cap"]), (&json!(8), &json!(MOST)));
    let (_, file) = done(&server, &json!({"format": "csv", "order": "asc"}));
    let lines: Vec<&str> = file.lines().take(6).collect();
    assert_eq!(csv["rows"].as_str().unwrap().lines().collect::<Vec<_>>(), lines);
    assert!(csv["fields"].as_array().unwrap().contains(&json!("metadata.method")));
    let fields = preview(json!({"fields": ["@n", "status"], "q": "id:e-1"}));
    assert_eq!(fields["rows"], "[{\"metadata.n\":1.0,\"status\":\"success\"}]\n");
    assert_eq!(fields["fields"], json!(["metadata.n", "status"]));
    assert_eq!(server.app().state.exports("default", None, 9).unwrap().len(), 1, "previews write nothing");
}

#[test]
fn previews_and_downloads_are_reads_where_they_are_recorded() {
    let server = filled(3, MOST);
    let put = server.call(
        "PUT",
        "/v1/settings",
        &[("content-type", "application/json")],
        br#"{"record_reads":true}"#,
    );
    assert_eq!(put.status, 200);
    server.post_json("/v1/exports/preview", r#"{"q":"id:e-1"}"#);
    let (row, _) = done(&server, &json!({}));
    let read = server.get("/v1/events?event_type=stele.read&order=asc").json();
    let told: Vec<(&str, &Value)> = read["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["action"].as_str().unwrap(), event))
        .collect();
    assert_eq!((told[0].0, &told[0].1["metadata"]["asked"]), ("preview_export", &json!({"q": "id:e-1"})));
    assert_eq!((told[1].0, &told[1].1["resource"]["id"]), ("download_export", &row["id"]));
}

#[test]
fn a_log_that_takes_no_events_exports_none() {
    let server = filled(1, MOST);
    server.app().tenant("default").unwrap().log.close().unwrap();
    assert_eq!(ask(&server, &json!({})).status, 503);
}
