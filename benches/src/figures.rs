//! Measured figures: durations to percentiles, rows to a table or JSON.

use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use serde_json::{Value, json};

/// Durations of one operation, each as measured: percentiles are exact, nearest rank.
#[derive(Clone, Debug, Default)]
pub struct Durations(Vec<u64>);

impl Durations {
    /// Adds one.
    pub fn push(&mut self, duration: Duration) {
        self.0.push(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }
    /// Adds all of another set.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
    /// The value that `permille` of 1,000 do not exceed, in milliseconds; zero when there are none.
    #[must_use]
    pub fn percentile_ms(&mut self, permille: usize) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() * permille).div_ceil(1000).max(1) - 1;
        self.0.get(rank).map_or(0.0, |ns| *ns as f64 / 1e6)
    }
    /// p50, p99 and the longest, as figures.
    #[must_use]
    pub fn figures(&mut self) -> Vec<Figure> {
        [("p50", 500), ("p99", 990), ("max", 1000)]
            .map(|(name, permille)| Figure::new(name, self.percentile_ms(permille), Unit::Ms))
            .into()
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Events a second.
    EventsPerS,
    /// Requests a second.
    RequestsPerS,
    /// Megabytes (10^6) a second.
    MbPerS,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Mebibytes.
    Mib,
    /// Bytes an event.
    BytesPerEvent,
    /// Hundredths.
    Percent,
    /// Plain numbers.
    Count,
}

impl Unit {
    const fn text(self) -> &'static str {
        match self {
            Self::EventsPerS => "events/s",
            Self::RequestsPerS => "requests/s",
            Self::MbPerS => "MB/s",
            Self::Ms => "ms",
            Self::S => "s",
            Self::Mib => "MiB",
            Self::BytesPerEvent => "bytes/event",
            Self::Percent => "%",
            Self::Count => "",
        }
    }
    const fn decimals(self) -> usize {
        match self {
            Self::EventsPerS | Self::RequestsPerS | Self::MbPerS | Self::Mib | Self::Count => 0,
            Self::BytesPerEvent | Self::Percent => 1,
            Self::S => 2,
            Self::Ms => 3,
        }
    }
}

/// One number with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Short and unique in its row, such as `p99`.
    pub name: String,
    /// The number.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

impl Figure {
    /// A figure.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { name: name.into(), value, unit }
    }
    fn text(&self) -> String {
        // Microseconds keep two digits.
        let small = self.unit == Unit::Ms && self.value < 0.1;
        let number = grouped(self.value, if small { 5 } else { self.unit.decimals() });
        format!("{} {number} {}", self.name, self.unit.text()).trim_end().to_owned()
    }
}

/// Digits in groups of three.
fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let whole = text.find('.').unwrap_or(text.len());
    let mut out = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Keeps the table narrow enough to read.
const FIGURES_A_LINE: usize = 4;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which suite measured it.
    pub suite: &'static str,
    /// What was measured.
    pub what: String,
    /// The numbers.
    pub figures: Vec<Figure>,
}

/// Everything a run measured.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order of the run.
    pub rows: Vec<Row>,
}

impl Report {
    /// Adds a row.
    pub fn add(&mut self, suite: &'static str, what: impl Into<String>, figures: Vec<Figure>) {
        self.rows.push(Row { suite, what: what.into(), figures });
    }
    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["suite", "what", "figures"]);
        for row in &self.rows {
            let figures: Vec<String> = row.figures.iter().map(Figure::text).collect();
            let lines: Vec<String> = figures.chunks(FIGURES_A_LINE).map(|line| line.join(" · ")).collect();
            table.add_row([row.suite, &row.what, &lines.join("\n")]);
        }
        table.to_string()
    }
    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            let figures: serde_json::Map<String, Value> = row
                .figures
                .iter()
                .map(|f| (f.name.clone(), json!({"value": f.value, "unit": f.unit.text()})))
                .collect();
            json!({"suite": row.suite, "what": row.what, "figures": figures})
        };
        Value::Array(self.rows.iter().map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut durations = Durations::default();
        (1..=200).rev().for_each(|ms| durations.push(Duration::from_millis(ms)));
        assert_eq!(durations.percentile_ms(500), 100.0);
        assert_eq!(durations.percentile_ms(990), 198.0);
        assert_eq!(durations.percentile_ms(1000), 200.0);
        assert_eq!(Durations::default().percentile_ms(990), 0.0);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(1_234_567.4, 0), "1,234,567");
        assert_eq!(grouped(999.0, 0), "999");
        assert_eq!(grouped(1234.5678, 3), "1,234.568");
    }
}
