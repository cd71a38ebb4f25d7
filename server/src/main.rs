//! The `stele` binary: a server, and the commands that work with one.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
