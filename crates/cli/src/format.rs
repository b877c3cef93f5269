//! Numbers as people read them.

use std::time::Duration;

/// `1234567` → `1,234,567`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `943 users`, `1 user`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A size in the unit that suits it: `1.5 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    let mut size = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// A duration: `0.123 s`, `12.3 s`, `3 min 20 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.3} s"),
        s if s < 100.0 => format!("{s:.1} s"),
        s => {
            let whole = Duration::from_secs_f64(s).as_secs();
            format!("{} min {} s", whole / 60, whole % 60)
        }
    }
}

/// A number with as many digits as it has meaning: `0.0012`, `42`, `1e-8`.
pub(crate) fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-5 {
        return format!("{value:e}");
    }
    format!("{}", (value * 1e6).round() / 1e6)
}

/// Breaks a text into lines of at most 100 letters, each after the first with this indentation.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    const WIDTH: usize = 100;
    let (mut lines, mut length) = (String::new(), 0);
    for word in text.split(' ') {
        let letters = word.chars().count();
        if length > 0 && indent + length + 1 + letters > WIDTH {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += letters;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(count), ["0", "12", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "rating"), "1 rating");
        assert_eq!(counted(2000, "rating"), "2,000 ratings");
    }

    #[test]
    fn sizes_and_durations_have_units() {
        assert_eq!(bytes(1000), "1000 B");
        assert_eq!(bytes(1536 * 1024), "1.5 MiB");
        assert_eq!(seconds(0.0421), "0.042 s");
        assert_eq!(seconds(200.2), "3 min 20 s");
    }

    #[test]
    fn long_texts_are_broken_at_blanks() {
        assert_eq!(wrapped("short", 4), "short");
        let text = wrapped(&"word ".repeat(50), 10);
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("          word")), "{text}");
        assert_eq!(text.split_whitespace().count(), 50);
    }

    #[test]
    fn a_number_drops_what_it_does_not_need() {
        assert_eq!([0.001, 42.0, 3.5, 1e-8, 0.0].map(number), ["0.001", "42", "3.5", "1e-8", "0"]);
    }
}
