//! Converts shapes from the well-known binary form (WKB), which Milvus stores, to well-known text (WKT).

use std::fmt::Write as _;

/// The deepest nesting of collections that is converted.
const MAX_DEPTH: usize = 32;
/// The flags of a kind of shape in the extended form: a third coordinate, a measure, and an id of a reference system.
const HAS_Z: u32 = 0x8000_0000;
const HAS_M: u32 = 0x4000_0000;
const HAS_SYSTEM: u32 = 0x2000_0000;

/// Returns a shape as well-known text, such as `POINT (1 2.5)`; `None` if the bytes are not a shape in binary form.
///
/// The id of a reference system is left out.
pub fn geometry_text(wkb: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut reader = Reader { rest: wkb, is_little_endian: true };
    reader.write_shape(None, 0, &mut text)?;
    reader.rest.is_empty().then_some(text)
}

struct Reader<'a> {
    rest: &'a [u8],
    is_little_endian: bool,
}

/// What a shape consists of: its name in text, and the number of numbers of each position.
#[derive(Clone, Copy)]
struct Kind {
    number: u32,
    has_z: bool,
    has_m: bool,
}

impl Kind {
    fn name(self) -> Option<&'static str> {
        Some(match self.number {
            1 => "POINT",
            2 => "LINESTRING",
            3 => "POLYGON",
            4 => "MULTIPOINT",
            5 => "MULTILINESTRING",
            6 => "MULTIPOLYGON",
            7 => "GEOMETRYCOLLECTION",
            _ => return None,
        })
    }

    fn numbers(self) -> usize {
        2 + usize::from(self.has_z) + usize::from(self.has_m)
    }

    /// Returns the only kind that parts of this kind may have; `None` for collections of any kinds.
    fn part(self) -> Option<u32> {
        (self.number < 7).then(|| self.number.saturating_sub(3))
    }
}

impl Reader<'_> {
    /// Appends the next shape, without its name if it is a part, whose kind is `expected`.
    fn write_shape(&mut self, expected: Option<u32>, depth: usize, text: &mut String) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let kind = self.kind()?;
        if expected.is_some_and(|expected| expected != kind.number) {
            return None;
        }
        if expected.is_none() {
            text.push_str(kind.name()?);
            text.push_str(match (kind.has_z, kind.has_m) {
                (false, false) => " ",
                (true, false) => " Z ",
                (false, true) => " M ",
                (true, true) => " ZM ",
            });
        }
        match kind.number {
            1 => self.write_point(kind, text),
            2 => self.write_positions(kind, text),
            3 => self.write_list(text, |reader, text| reader.write_positions(kind, text)),
            _ => self.write_list(text, |reader, text| reader.write_shape(kind.part(), depth + 1, text)),
        }
    }

    fn kind(&mut self) -> Option<Kind> {
        let (order, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.is_little_endian = match order {
            0 => false,
            1 => true,
            _ => return None,
        };
        let code = self.count()?;
        if code & HAS_SYSTEM != 0 {
            self.count()?;
        }
        let number = code & !(HAS_Z | HAS_M | HAS_SYSTEM);
        // The other form adds thousands for the same.
        let thousands = number / 1000;
        let kind = Kind {
            number: number % 1000,
            has_z: code & HAS_Z != 0 || matches!(thousands, 1 | 3),
            has_m: code & HAS_M != 0 || matches!(thousands, 2 | 3),
        };
        (thousands < 4 && kind.name().is_some()).then_some(kind)
    }

    /// Appends a point, which is empty if all of its numbers are NaN.
    fn write_point(&mut self, kind: Kind, text: &mut String) -> Option<()> {
        let numbers: Vec<f64> = (0..kind.numbers()).map(|_| self.number()).collect::<Option<_>>()?;
        if numbers.iter().all(|number| number.is_nan()) {
            text.push_str("EMPTY");
            return Some(());
        }
        text.push('(');
        write_numbers(&numbers, text)?;
        text.push(')');
        Some(())
    }

    fn write_positions(&mut self, kind: Kind, text: &mut String) -> Option<()> {
        self.write_list(text, |reader, text| {
            let numbers: Vec<f64> = (0..kind.numbers()).map(|_| reader.number()).collect::<Option<_>>()?;
            write_numbers(&numbers, text)
        })
    }

    /// Appends a list with its number of items before it.
    fn write_list(
        &mut self,
        text: &mut String,
        mut write: impl FnMut(&mut Self, &mut String) -> Option<()>,
    ) -> Option<()> {
        let count = self.count()?;
        if count == 0 {
            text.push_str("EMPTY");
            return Some(());
        }
        for item in 0..count {
            text.push_str(if item == 0 { "(" } else { ", " });
            write(self, text)?;
        }
        text.push(')');
        Some(())
    }

    fn count(&mut self) -> Option<u32> {
        let bytes = self.take()?;
        Some(if self.is_little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn number(&mut self) -> Option<f64> {
        let bytes = self.take()?;
        Some(if self.is_little_endian { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }
}

/// Appends the numbers of a position; fails if text cannot express one.
fn write_numbers(numbers: &[f64], text: &mut String) -> Option<()> {
    for (at, number) in numbers.iter().enumerate() {
        let separator = if at > 0 { " " } else { "" };
        write!(text, "{separator}{}", Some(number).filter(|number| number.is_finite())?).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the bytes of words: `1` and `0` are orders of bytes, `u` begins a count, `f` a number.
    fn bytes(words: &str) -> Vec<u8> {
        let word = |word: &str| match word.split_at(1) {
            ("u", count) => count.parse::<u32>().unwrap().to_le_bytes().to_vec(),
            ("f", number) => number.parse::<f64>().unwrap().to_le_bytes().to_vec(),
            (order, _) => vec![order.parse().unwrap()],
        };
        words.split_whitespace().flat_map(word).collect()
    }

    #[test]
    fn shapes_become_text() {
        for (words, text) in [
            ("1 u1 f1 f-2.5", "POINT (1 -2.5)"),
            ("1 u1 fNaN fNaN", "POINT EMPTY"),
            ("1 u1001 f1 f2 f0.1", "POINT Z (1 2 0.1)"),
            ("1 u2147483649 f1 f2 f3", "POINT Z (1 2 3)"),
            ("1 u536870913 u4326 f1 f2", "POINT (1 2)"),
            ("1 u3003 u0", "POLYGON ZM EMPTY"),
            ("1 u2 u2 f0 f0 f1e20 f1", "LINESTRING (0 0, 100000000000000000000 1)"),
            ("1 u3 u2 u1 f0 f0 u2 f1 f1 f2 f2", "POLYGON ((0 0), (1 1, 2 2))"),
            ("1 u4 u2 1 u1 f1 f2 1 u1 f3 f4", "MULTIPOINT ((1 2), (3 4))"),
            ("1 u5 u1 1 u2 u1 f1 f2", "MULTILINESTRING ((1 2))"),
            ("1 u6 u1 1 u3 u1 u1 f1 f2", "MULTIPOLYGON (((1 2)))"),
            ("1 u7 u2 1 u1 f1 f2 1 u2 u0", "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING EMPTY)"),
        ] {
            assert_eq!(geometry_text(&bytes(words)).as_deref(), Some(text));
        }
        let big_endian = [&[0, 0, 0, 0, 1][..], &1f64.to_be_bytes(), &2f64.to_be_bytes()].concat();
        assert_eq!(geometry_text(&big_endian).as_deref(), Some("POINT (1 2)"));
    }

    #[test]
    fn other_bytes_are_refused() {
        let nested = "1 u7 u1 ".repeat(1_000_000);
        for words in [
            "",
            "1",
            "1 u1 f1",
            "1 u1 f1 f2 1",
            "1 u8 u0",
            "1 u0 u0",
            "1 u4001 f1 f2",
            "1 u4 u1 1 u2 u0",
            "1 u2 u4294967295 f1 f2",
            "1 u1 f1 fNaN",
            "1 u1 finf f1",
            &nested,
        ] {
            assert_eq!(geometry_text(&bytes(words)), None, "{words:.40}");
        }
    }
}
