//! Bars and sparklines made of block characters.

use anstyle::{AnsiColor, Style};

use super::out::Out;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for `count`, where `most` is `width` characters long. What is not nothing shows.
pub fn bar(count: u64, most: u64, width: usize) -> String {
    if count == 0 || most == 0 {
        return String::new();
    }
    let eighths = scaled(count, most, width * 8).max(1);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A bar whose parts have colours of their own, in the order given.
pub fn stacked(out: &Out, parts: &[(Style, u64)], most: u64, width: usize) -> String {
    let (mut text, mut sum, mut drawn) = (String::new(), 0, 0);
    for (style, count) in parts {
        sum += count;
        let end = scaled(sum, most, width).max(drawn + usize::from(*count > 0 && drawn < width));
        text.push_str(&out.painted(&"█".repeat(end - drawn), *style));
        drawn = end;
    }
    text
}

/// One character for each count, as high as it is beside the highest.
pub fn sparkline(counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0);
    let height = |&count: &u64| match count {
        0 => ' ',
        count => HEIGHTS[scaled(count, most, HEIGHTS.len()).clamp(1, HEIGHTS.len()) - 1],
    };
    counts.iter().map(height).collect()
}

/// `count` of `most` on a scale of `width`, rounded to the nearest.
fn scaled(count: u64, most: u64, width: usize) -> usize {
    let (count, most, width) = (u128::from(count), u128::from(most.max(1)), width as u128);
    usize::try_from(((count * width * 2 + most) / (most * 2)).min(width)).unwrap_or(usize::MAX)
}

/// The colour of a value: those of a status are fixed, others take their turn.
pub fn style_of(value: &str, turn: usize) -> Style {
    const TURNS: [AnsiColor; 6] = [
        AnsiColor::Blue,
        AnsiColor::Cyan,
        AnsiColor::Magenta,
        AnsiColor::Yellow,
        AnsiColor::Green,
        AnsiColor::Red,
    ];
    let colour = match value {
        "success" => AnsiColor::Green,
        "failure" => AnsiColor::Red,
        "pending" => AnsiColor::Yellow,
        _ => TURNS[turn % TURNS.len()],
    };
    colour.on_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Look, When};

    #[test]
    fn bars_are_in_proportion_and_never_hide_something() {
        assert_eq!(bar(0, 10, 8), "");
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(5, 10, 3), "█▌");
        assert_eq!(bar(1, 1_000_000, 4), "▏");
        assert_eq!(bar(u64::MAX, u64::MAX, 2), "██");
        assert_eq!(bar(3, 0, 2), "");
    }

    #[test]
    fn parts_of_a_bar_add_up_to_it() {
        let plain = Out::with(&Look { color: When::Never, ..Look::default() });
        let parts = |a, b| [(style_of("success", 0), a), (style_of("failure", 1), b)];
        assert_eq!(stacked(&plain, &parts(6, 4), 10, 10), "██████████");
        assert_eq!(stacked(&plain, &parts(99, 1), 100, 10), "██████████");
        assert_eq!(stacked(&plain, &parts(3, 0), 10, 10), "███");
        let painted = Out::with(&Look { color: When::Always, ..Look::default() });
        let text = stacked(&painted, &parts(1, 1), 2, 2);
        assert!(text.contains("\u{1b}[32m█") && text.contains("\u{1b}[31m█"), "{text:?}");
    }

    #[test]
    fn a_sparkline_has_a_character_for_each_count() {
        assert_eq!(sparkline(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[0, 0]), "  ");
    }
}
