//! Writes the table of the page's files, `$OUT_DIR/page.rs`: what `npm run build` left in `web/dist`.
//!
//! Never builds the page itself. Without `web/dist` the server has a placeholder in its place, or, where
//! `STELE_REQUIRE_UI=1` says so, the build fails.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=STELE_REQUIRE_UI");
    println!("cargo::rerun-if-changed=build.rs");
    let web = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("web");
    let dist = web.join("dist");
    let built = dist.join("index.html").is_file();
    // A path that is absent would run this, and compile the crate, at every build: the folder above it
    // changes when it comes.
    let watched = if dist.is_dir() { &dist } else { &web };
    println!("cargo::rerun-if-changed={}", watched.display());
    if !built && env::var_os("STELE_REQUIRE_UI").is_some_and(|value| value == "1") {
        println!(
            "cargo::error=STELE_REQUIRE_UI=1, and {} has no index.html: build the page first (`make web`)",
            dist.display()
        );
        return Ok(());
    }
    let files = if built { files(&dist)? } else { Vec::new() };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("page.rs");
    fs::write(out, table(&dist, &files))
}

/// All files below `dir`, in the order of their names.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Rust text: a slice of `File`s. A sibling with `.br` or `.gz` behind its name is no file of its own.
fn table(dist: &Path, files: &[PathBuf]) -> String {
    let mut out = String::from("&[\n");
    for file in files {
        let packed = |ending: &str| {
            let mut name = file.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let is_packed = matches!(file.extension().and_then(|e| e.to_str()), Some("br" | "gz"));
        if is_packed && files.contains(&file.with_extension("")) {
            continue;
        }
        let Ok(below) = file.strip_prefix(dist) else { continue };
        let name: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let sibling = |path: PathBuf| if files.contains(&path) { Some(path) } else { None };
        let (brotli, gzip) = (sibling(packed(".br")), sibling(packed(".gz")));
        let _ = writeln!(
            out,
            "    File {{ path: {:?}, plain: include_bytes!({file:?}), brotli: {}, gzip: {} }},",
            format!("/{}", name.join("/")),
            included(brotli.as_deref()),
            included(gzip.as_deref()),
        );
    }
    out.push_str("]\n");
    out
}

fn included(file: Option<&Path>) -> String {
    file.map_or_else(|| "None".to_owned(), |path| format!("Some(include_bytes!({path:?}))"))
}
