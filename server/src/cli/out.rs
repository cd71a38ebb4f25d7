//! Where answers go: tables for people on a terminal, NDJSON for programs.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anstyle::Style;
use clap::{Args, ValueEnum};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;

use super::failure::Failure;
use super::text::printable;

/// How an answer is shown.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Look {
    /// NDJSON also on a terminal
    #[arg(long)]
    pub json: bool,
    /// A table also in a pipe
    #[arg(long, conflicts_with = "json")]
    pub table: bool,
    /// Colours: where standard output is a terminal and NO_COLOR is not set, or as told
    #[arg(long, alias = "colour", value_enum, default_value_t, value_name = "WHEN")]
    pub color: When,
}

/// When to use colours.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// In pipes too.
    Always,
    /// Not at all.
    Never,
}

/// Standard output, and for whom it is.
pub struct Out {
    writer: BufWriter<StdoutLock<'static>>,
    /// True for NDJSON.
    pub json: bool,
    /// True where colours are welcome.
    pub colour: bool,
}

impl Out {
    /// Takes standard output. NDJSON when it is no terminal, or when asked for.
    pub fn new(json: bool) -> Self {
        Self::with(&Look { json, ..Look::default() })
    }

    /// The same, as told.
    pub fn with(look: &Look) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let colour = match look.color {
            When::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            When::Always => true,
            When::Never => false,
        };
        let json = look.json || !(terminal || look.table);
        Self { writer: BufWriter::with_capacity(64 << 10, stdout.lock()), json, colour }
    }

    /// Writes one line of text.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.writer
            .write_all(text.as_bytes())
            .and_then(|()| self.writer.write_all(b"\n"))
            .map_err(Failure::Output)
    }

    /// Writes one value as a line of JSON.
    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.writer, value).map_err(|e| Failure::Output(e.into()))?;
        self.writer.write_all(b"\n").map_err(Failure::Output)
    }

    /// A text in a style, where styles are welcome.
    pub fn painted(&self, text: &str, style: Style) -> String {
        if self.colour && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Writes a table.
    pub fn table(&mut self, table: &Table) -> Result<(), Failure> {
        for line in table.lines() {
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Characters of a line of the terminal; plenty where there is none.
    pub fn width(&self) -> usize {
        Table::new().width().map_or(200, usize::from)
    }

    /// An empty table with a header, in the one style of this program.
    pub fn new_table(&self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if header.is_empty() {
            return table;
        }
        table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        table
    }

    /// Hands everything to the reader now.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(Failure::Output)
    }
}

/// A table cell of stored text.
pub fn cell(text: &str) -> Cell {
    Cell::new(printable(text))
}

/// A table cell of a status, in its colour.
pub fn status_cell(status: &str) -> Cell {
    let cell = cell(status);
    match status {
        "success" | "active" | "ok" => cell.fg(Color::Green),
        "failure" | "revoked" | "failed" => cell.fg(Color::Red),
        "pending" => cell.fg(Color::Yellow),
        _ => cell,
    }
}
