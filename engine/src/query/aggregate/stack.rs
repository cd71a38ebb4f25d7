//! Stack traces as text: the frames where a failure came from, innermost first.
//!
//! A frame is the file and the function, both with what varies replaced (see `message`), without line
//! and column. Lines that look like no frame are passed over: messages, `Caused by: …`, source text.
//!
//! | trace | a frame's line | innermost |
//! |---|---|---|
//! | Python | `File "app/run.py", line 7, in step` | last |
//! | JavaScript | `at step (app/run.js:7:12)`, `at app/run.js:7:12`, `step@app/run.js:7:12` | first |
//! | Java, Kotlin, C# | `at app.Run.step(Run.java:7)`, `at App.Run.Step(Int32 n) in Run.cs:line 7` | first |
//! | Go | `app.step(0x1, 0x2)`, then `/src/run.go:7 +0x1d` | first |
//! | Rust | `3: app::step`, then `at ./src/run.rs:7:12` | first |
//! | PHP | `#0 /src/run.php(7): step()` | first |
//! | Ruby | `run.rb:7:in 'step'` | first |
//!
//! Frames of the machinery that only raises a failure (Rust's and Go's panic) do not count.

use super::message::normalized;

/// Frames that tell failures apart.
pub(super) const FRAMES: usize = 3;
/// Lines that are looked at from the innermost end.
const LINES_MAX: usize = 200;
const MACHINERY: [&str; 8] = [
    "rust_begin_unwind",
    "std::panicking::",
    "core::panicking::",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "runtime.",
    "panic",
];

/// The innermost frames, at most [`FRAMES`].
pub(super) fn top_frames(stack: &str) -> Vec<String> {
    if stack.lines().take(LINES_MAX).any(|line| python(line.trim()).is_some()) {
        let innermost = stack.lines().rev().take(LINES_MAX);
        return innermost.filter_map(|line| python(line.trim())).take(FRAMES).collect();
    }
    let mut lines = stack.lines().take(LINES_MAX).map(str::trim).peekable();
    let mut frames = Vec::new();
    while let Some(line) = lines.next() {
        let next = lines.peek().copied();
        let frame = two_lines(line, next).inspect(|_| {
            lines.next();
        });
        if let Some((file, function)) = frame.or_else(|| one_line(line))
            && !MACHINERY.iter().any(|raises| function.starts_with(raises))
        {
            frames.push(named(file, function));
            if frames.len() == FRAMES {
                break;
            }
        }
    }
    frames
}

fn named(file: &str, function: &str) -> String {
    let function = function.trim();
    // Rust ends mangled names in a hash of the build.
    let function =
        function.rsplit_once("::h").filter(|(_, hash)| is_build_hash(hash)).map_or(function, |(f, _)| f);
    format!("{} {}", normalized(file.trim()), normalized(function))
}

fn is_build_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn python(line: &str) -> Option<String> {
    let (file, rest) = line.strip_prefix("File \"")?.split_once("\", line ")?;
    let function = rest.split_once(", in ").map_or("", |(_, function)| function);
    Some(named(file, function))
}

/// Go and Rust say the function first and the place on the next line.
fn two_lines<'a>(line: &'a str, next: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    let next = next?;
    if let Some((number, function)) = line.split_once(": ")
        && is_number(number)
    {
        return Some((without_place(next.strip_prefix("at ")?), function));
    }
    let (file, after) = next.split_once(".go:")?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let function =
        line.strip_prefix("created by ").or_else(|| line.rsplit_once('(').map(|(name, _)| name))?;
    (digits > 0 && !file.contains(' ')).then_some((file, function))
}

fn one_line(line: &str) -> Option<(&str, &str)> {
    if let Some(call) = line.strip_prefix("at ") {
        return at(call);
    }
    php(line).or_else(|| ruby(line)).or_else(|| firefox(line)).or_else(|| rust(line))
}

/// What follows `at `: JavaScript, Java, C#.
fn at(call: &str) -> Option<(&str, &str)> {
    let call = call.strip_prefix("async ").unwrap_or(call);
    if let Some((function, file)) = call.split_once(") in ") {
        let file = file.rsplit_once(":line ").map_or(file, |(file, _)| file);
        return Some((file, function.split('(').next().unwrap_or(function)));
    }
    if let Some((function, place)) = call.strip_suffix(')').and_then(|call| call.rsplit_once('(')) {
        return Some((without_place(place), function));
    }
    let file = without_place(call);
    (file.len() < call.len()).then_some((file, ""))
}

fn php(line: &str) -> Option<(&str, &str)> {
    let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
    let (file, function) = rest.split_once("): ")?;
    let (file, row) = file.rsplit_once('(')?;
    (is_number(number) && is_number(row)).then(|| (file, function.split('(').next().unwrap_or(function)))
}

fn ruby(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("from ").unwrap_or(line);
    let (place, function) = line.split_once(":in ")?;
    let file = without_place(place);
    // The quotes around it would hide it from the comparison.
    (file.len() < place.len()).then(|| (file, function.trim_matches(['`', '\''])))
}

fn firefox(line: &str) -> Option<(&str, &str)> {
    let (function, place) = line.split_once('@')?;
    let file = without_place(place);
    (file.len() < place.len() && !function.contains(' ')).then_some((file, function))
}

/// A frame of Rust whose place is not known.
fn rust(line: &str) -> Option<(&str, &str)> {
    let (number, function) = line.split_once(": ")?;
    (is_number(number) && function.contains("::")).then_some(("", function))
}

/// Without `:7` or `:7:12` at the end.
fn without_place(text: &str) -> &str {
    let cut = |text| match str::rsplit_once(text, ':') {
        Some((file, number)) if is_number(number) => file,
        _ => text,
    };
    cut(cut(text))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_language_are_file_and_function_innermost_first() {
        for (stack, wanted) in [
            (
                "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    run()\n  File \"/app/run.py\", line 7, in run\n    step()\n  File \"/app/step.py\", line 9, in step\n    return 1 / 0\nZeroDivisionError: division by zero",
                &["/app/step.py step", "/app/run.py run", "/app/main.py <module>"][..],
            ),
            (
                "TypeError: x is undefined\n    at step (/app/run.js:7:12)\n    at async Object.run (/app/run.js:20:3)\n    at /app/main.js:1:1\n    at node:internal/x:2:2",
                &["/app/run.js step", "/app/run.js Object.run", "/app/main.js "],
            ),
            (
                "step@http://x.io/run.js:7:12\nrun@http://x.io/run.js:8:1",
                &["http://x.io/run.js step", "http://x.io/run.js run"],
            ),
            (
                "java.lang.IllegalStateException: no\n\tat app.Run.step(Run.java:7)\n\tat app.Run.main(Run.java:3)\n\t... 5 more",
                &["Run.java app.Run.step", "Run.java app.Run.main"],
            ),
            (
                "System.Exception: no\n   at App.Run.Step(Int32 n) in /src/Run.cs:line 7\n   at App.Run.Main()",
                &["/src/Run.cs App.Run.Step", " App.Run.Main"],
            ),
            (
                "goroutine 1 [running]:\npanic(0x1, 0x2)\n\t/go/src/runtime/panic.go:88 +0x1\nmain.(*T).step(0xc00001)\n\t/src/run.go:7 +0x1d\nmain.main()\n\t/src/run.go:3 +0x2",
                &["/src/run main.(*T).step", "/src/run main.main"],
            ),
            (
                "stack backtrace:\n   0: rust_begin_unwind\n             at /rustc/1/library/std/src/panicking.rs:1:1\n   1: core::panicking::panic_fmt\n   2: app::step::h0123456789abcdef\n             at ./src/run.rs:7:12\n   3: app::main\n             at ./src/main.rs:3:5",
                &["./src/run.rs app::step", "./src/main.rs app::main"],
            ),
            (
                "#0 /src/run.php(7): step()\n#1 /src/main.php(3): Run->run(1)\n#2 {main}",
                &["/src/run.php step", "/src/main.php Run->run"],
            ),
            (
                "run.rb:7:in `step': no (RuntimeError)\n\tfrom main.rb:3:in `main'",
                &["run.rb step': no (RuntimeError)", "main.rb main"],
            ),
            ("it failed\nfor no reason: none", &[]),
            ("", &[]),
        ] {
            assert_eq!(top_frames(stack), wanted, "{stack}");
        }
    }

    #[test]
    fn lines_and_what_varies_in_names_do_not_tell_frames_apart() {
        let first = "E\n at f (/app/main.3f2a1b9c.js:7:12)\n at g (/app/b.js:1)";
        let second = "E: other\n at f (/app/main.77aa01ce.js:70:1)\n at g (/app/b.js:2)";
        assert_eq!(top_frames(first), top_frames(second));
        assert_ne!(top_frames(first), top_frames("E\n at h (/app/b.js:1)"));
    }
}
