//! Sizes, counts, times and tables as text.

use std::time::Duration;

use wire::UtcTime;

/// A size in its largest fitting unit: `360 KiB`, `5.0 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // From here on, rounding would yield four digits.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 99.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// A count with thousands separators.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 row`, `2 rows`.
pub(super) fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = match noun {
        _ if number == 1 => noun.to_owned(),
        "index" => "indexes".to_owned(),
        "delete entry" => "delete entries".to_owned(),
        noun => format!("{noun}s"),
    };
    format!("{} {plural}", count(number))
}

/// A duration in its largest useful units: `1.4 s`, `3 min 5 s`, `2 h 10 min`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 99.95 {
        return format!("{seconds:.1} s");
    }
    let whole = duration.as_secs();
    if whole < 3600 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} h {} min", whole / 3600, whole % 3600 / 60)
    }
}

/// `2026-11-22 14:58`, in UTC.
pub(super) fn minute(time: UtcTime) -> String {
    time.format("%Y-%m-%d %H:%M")
}

/// `14:58:20`, in UTC.
pub(super) fn time_of_day(time: UtcTime) -> String {
    time.format("%H:%M:%S")
}

/// A table whose columns are as wide as their widest cell.
pub(super) fn columns<R: AsRef<[String]>>(rows: &[R]) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.as_ref().len()), 0);
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, &width) in row.as_ref().iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Aligns columns like [`columns`]; leaves out the `optional` ones, the first first, until no line is wider than `width`.
pub(super) fn fitting_columns(rows: &[Vec<String>], optional: &[usize], width: usize) -> String {
    let mut rows = rows.to_vec();
    let mut text = columns(&rows);
    for (gone, column) in optional.iter().enumerate() {
        if text.lines().all(|line| line.chars().count() <= width) {
            break;
        }
        let before = optional[..gone].iter().filter(|earlier| *earlier < column).count();
        for row in &mut rows {
            row.remove(column - before);
        }
        text = columns(&rows);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units_and_separators() {
        assert_eq!(
            [0, 1023, 1024, 368_640, 5_242_880, 1 << 30, 1_048_000].map(bytes).join(" "),
            "0 B 1023 B 1.0 KiB 360 KiB 5.0 MiB 1.0 GiB 1.0 MiB"
        );
        assert_eq!([7, 7000, 1_234_567].map(count).join(" "), "7 7,000 1,234,567");
        assert_eq!((counted(1_u64, "row"), counted(2_usize, "index")), ("1 row".into(), "2 indexes".into()));
        let text = [0.04, 3.21, 185.0, 7800.0].map(|s| duration(Duration::from_secs_f64(s))).join(", ");
        assert_eq!(text, "0.0 s, 3.2 s, 3 min 5 s, 2 h 10 min");
    }

    #[test]
    fn times_are_utc() {
        let time = UtcTime::from_ms(1_795_359_500_000).unwrap();
        assert_eq!((minute(time), time_of_day(time)), ("2026-11-22 14:58".into(), "14:58:20".into()));
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["a".to_owned(), "bb".into()], ["ccc".into(), String::new()]];
        assert_eq!(columns(&rows), "a    bb\nccc\n");
    }
}
