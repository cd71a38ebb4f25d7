//! Files that a server made: fetched whole, hashed on the way, and put where they belong.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use stele_engine::ids::hex;
use ureq::http::Method;

use super::client::Client;
use super::failure::Failure;
use super::text::printable;

/// Opens a file of the server.
///
/// # Errors
/// The server cannot be reached, or refuses.
pub fn open(client: &Client, path: &str) -> Result<Box<dyn Read>, Failure> {
    let opened = client.stream(Method::GET, path, &[], None);
    match opened.map_err(|error| client.unreachable(&error))? {
        Ok(file) => Ok(file),
        Err(answer) => Err(answer.into_failure()),
    }
}

/// Writes a file beside its place, then moves it there: what stands there is whole and, where a SHA-256 is
/// given, the one that the server told of.
///
/// # Errors
/// It cannot be written, or has another hash: nothing stands there then.
pub fn save(path: &Path, from: &mut dyn Read, sha256: Option<&str>, doing: &str) -> Result<(), Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|mut file| {
        let hash = copy(from, &mut file)?;
        file.sync_all()?;
        Ok(hash)
    });
    let placed = match written {
        Ok(hash) => same(&path.display().to_string(), sha256, &hash)
            .and_then(|()| std::fs::rename(&part, path).map_err(Failure::file(path, doing))),
        Err(error) => Err(Failure::file(path, doing)(error)),
    };
    if placed.is_err() {
        // What was fetched is of no use to anyone.
        let _ = std::fs::remove_file(&part);
        return placed;
    }
    eprintln!("{}", printable(&path.display().to_string()));
    Ok(())
}

/// Writes a file to standard output. It is out before its hash is known: another one is told at the end.
///
/// # Errors
/// It cannot be written, or has another hash.
pub fn print(from: &mut dyn Read, sha256: Option<&str>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let hash = copy(from, &mut out).and_then(|hash| out.flush().map(|()| hash)).map_err(Failure::Output)?;
    same("standard output", sha256, &hash)
}

fn same(name: &str, expected: Option<&str>, found: &str) -> Result<(), Failure> {
    match expected {
        Some(expected) if expected != found => Err(Failure::No(Some(format!(
            "{}: what arrived has SHA-256 {found}, the server says {}: fetch it again",
            printable(name),
            printable(expected)
        )))),
        _ => Ok(()),
    }
}

/// Copies all there is; gives its SHA-256 in hex.
fn copy(from: &mut dyn Read, out: &mut dyn Write) -> io::Result<String> {
    let (mut hash, mut chunk) = (Context::new(&SHA256), vec![0; 64 << 10]);
    loop {
        let bytes = match from.read(&mut chunk)? {
            0 => return Ok(hex(hash.finish().as_ref())),
            count => chunk.get(..count).unwrap_or_default(),
        };
        hash.update(bytes);
        out.write_all(bytes)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_hash_stands_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let refused = save(&path, &mut &b"abd"[..], Some(hash), "writing").unwrap_err();
        assert!(refused.exit_code() == 1 && refused.to_string().contains("fetch it again"), "{refused}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        save(&path, &mut &b"abc"[..], Some(hash), "writing").unwrap();
        save(&path, &mut &b"abd"[..], None, "writing").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abd");
    }
}
