//! The documents' examples, run as pasted.
//!
//! Every fenced `sh` block of README.md from "Ask it something" on, and every one of docs/API.md that
//! names `$STELE_URL`, runs under `bash -euo pipefail` in a folder that looks like a checkout with a
//! running `make run`. Not run: blocks marked `sh no-test`, and those that build or install.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use stele_tests::event::at;
use stele_tests::{ADMIN_KEY, Options, Server};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// The `sh` blocks of a document after a line, in order.
fn blocks(document: &str, after: &str) -> Vec<String> {
    let text = fs::read_to_string(top().join(document)).unwrap_or_else(|e| panic!("{document}: {e}"));
    let text = if after.is_empty() { &text } else { text.split_once(after).expect("the heading is there").1 };
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, block)) = rest.split_once("\n```sh\n") {
        let (block, after) = block.split_once("\n```").expect("a fence is closed");
        found.push(block.to_owned());
        rest = after;
    }
    found.retain(|block| !["make ", "/var/lib/", "/usr/local/"].iter().any(|word| block.contains(word)));
    found
}

/// A block with what differs in a test: the address, the key that a reader fills in, and an end for what would follow for ever.
fn adapted(block: &str, server: &Server) -> String {
    let text = block.replace("127.0.0.1:7070", &server.address.to_string()).replace("stl_…", ADMIN_KEY);
    let endless = |line: &str| line.starts_with("stele tail") || line.contains("/v1/events/stream");
    let lines = text.lines().map(|line| match endless(line) {
        true => format!("timeout --preserve-status -s INT 3 {line}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn run(script: &str, folder: &Path, server: &Server) -> String {
    let binary = stele_tests::server::binary();
    let path = format!(
        "{}:{}",
        binary.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let done = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .env("STELE_URL", format!("http://{}", server.address))
        .env("STELE_API_KEY", ADMIN_KEY)
        .output()
        .expect("bash runs");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let interrupted =
        script.contains("timeout --preserve-status") && matches!(done.status.code(), Some(0 | 130));
    assert!(done.status.success() || interrupted, "{}\n{script}\n---\n{out}\n{err}", done.status);
    assert!(!out.contains("urn:stele:problem"), "an example is refused:\n{script}\n---\n{out}");
    out.into_owned()
}

/// A folder with `docs` and `stele-data` as a user of `make run` has them.
fn checkout(dir: &Path) -> Server {
    let data = dir.join("stele-data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("demo-key"), ADMIN_KEY).unwrap();
    symlink(top().join("docs"), dir.join("docs")).unwrap();
    let server = Options::default().data(&data).start();
    let _ = server.ingest(&(0..50).map(|i| at(&format!("demo-{i}"), i)).collect::<Vec<_>>()).expect(200);
    server
}

#[test]
fn the_readme_works_as_pasted() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = checkout(dir.path());
    let found = blocks("README.md", "\n## Ask it something\n");
    assert!(found.len() >= 5, "{} blocks", found.len());
    // The blocks after the one that reads the directory itself need the server to be stopped.
    for block in &found {
        if block.contains("--data stele-data") {
            server.stop();
        }
        let said = run(&adapted(block, &server), dir.path(), &server);
        println!("{block}\n{said}");
    }
}

#[test]
fn the_api_documents_examples_work_as_pasted() {
    let dir = tempfile::tempdir().unwrap();
    let server = checkout(dir.path());
    let mut found = blocks("docs/API.md", "");
    found.retain(|block| block.contains("$STELE_URL"));
    for block in &found {
        run(&adapted(block, &server), dir.path(), &server);
    }
}
