//! The server of Stele: a thin hyper 1 server, the command line, background jobs.
