//! The checks that are written in another language than the product.

use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The interpreter of the environment of `tests/requirements.txt`.
///
/// # Panics
/// When the environment is absent, with how to make it.
#[must_use]
#[track_caller]
pub fn interpreter() -> PathBuf {
    let python = folder().join(".venv/bin/python");
    assert!(
        python.exists(),
        "{} is absent: run `make venv` (`make test` does): python3 -m venv tests/.venv && \
         tests/.venv/bin/pip install -r tests/requirements.txt",
        python.display()
    );
    python
}

/// Where a script of `tests/python` is.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    folder().join("python").join(name)
}

/// Runs a script of `tests/python` in the environment of `tests/requirements.txt`; returns what it printed.
///
/// # Panics
/// As [`ask`], and when the script's answer is no.
#[track_caller]
pub fn run(script: &str, args: &[&str]) -> String {
    let (code, said) = ask(script, args);
    assert_eq!(code, 0, "{script}: {said}");
    said
}

/// The same; returns the exit code (0 yes, 1 no) and what was printed.
///
/// # Panics
/// When the environment is absent (with how to make it), and when the script fails by itself.
#[track_caller]
pub fn ask(script: &str, args: &[&str]) -> (i32, String) {
    let python = interpreter();
    let done =
        Command::new(&python).arg("-B").arg(self::script(script)).args(args).output().expect("python runs");
    let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let code = done.status.code().unwrap_or(-1);
    assert!(complained.is_empty() && matches!(code, 0 | 1), "{script}: {}\n{said}{complained}", done.status);
    (code, said.into_owned())
}
