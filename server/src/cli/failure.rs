//! Why a command did not do what it was asked, and the exit code that says so.

use std::fmt;
use std::io;
use std::path::Path;

use super::problem::Problem;

/// How a command ended when it did not simply succeed.
#[derive(Debug)]
pub enum Failure {
    /// The answer is no: verification failed, items were rejected, nothing was found. Exit code 1.
    No(Option<String>),
    /// The command line, or a request made from it, is wrong. Exit code 2.
    Usage(String),
    /// What was named could not be reached or read. Exit code 3.
    Unreachable(String),
    /// The server answered with an error.
    Problem(Box<Problem>),
    /// Our own output could not be written.
    Output(io::Error),
    /// Ctrl-C. Exit code 130, as shells report it.
    Interrupted,
}

impl Failure {
    /// A file or directory that could not be used.
    pub fn file(path: &Path, doing: &str) -> impl FnOnce(io::Error) -> Self {
        let message = format!("{}: {doing}", path.display());
        move |source| Self::Unreachable(format!("{message}: {source}"))
    }

    /// The exit code: 0 done, 1 the answer is no, 2 wrong usage, 3 could not reach or read.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::No(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Problem(problem) => problem.exit_code(),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => 3,
            Self::Interrupted => 130,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No(None) => Ok(()),
            Self::No(Some(text)) | Self::Usage(text) | Self::Unreachable(text) => f.write_str(text),
            Self::Problem(problem) => problem.fmt(f),
            // The reader of our output went away (`stele search | head`): nothing to tell anyone.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Self::Output(error) => write!(f, "cannot write the output: {error}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let closed = Failure::Output(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.exit_code(), closed.to_string().as_str()), (0, ""));
        let full = Failure::Output(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit_code(), 3);
        assert!(full.to_string().contains("output"));
    }
}
