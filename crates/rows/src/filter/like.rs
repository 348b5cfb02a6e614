//! The patterns of `like`.

/// A pattern: `%` matches any text, `_` one character, and a backslash makes the next character literal.
///
/// A byte that does not belong to a UTF-8 character counts as a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Byte(u8),
    AnyCharacter,
    AnyText,
}

impl Pattern {
    /// Parses a pattern; `None` if it ends with a backslash that escapes nothing.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let mut parts = Vec::with_capacity(pattern.len());
        let mut bytes = pattern.bytes();
        while let Some(byte) = bytes.next() {
            parts.push(match byte {
                b'%' if parts.last() == Some(&Part::AnyText) => continue,
                b'%' => Part::AnyText,
                b'_' => Part::AnyCharacter,
                b'\\' => Part::Byte(bytes.next()?),
                _ => Part::Byte(byte),
            });
        }
        Some(Self(parts))
    }

    /// Returns whether the pattern matches a whole text, in at most the product of both lengths of steps.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let (mut part, mut at) = (0, 0);
        // The part after the last `%`, and where it was tried last.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let step = match (self.0.get(part), text.get(at)) {
                (None, None) => return true,
                (Some(Part::AnyText), _) => {
                    part += 1;
                    if part == self.0.len() {
                        return true;
                    }
                    retry = Some((part, at));
                    continue;
                }
                (Some(Part::Byte(expected)), Some(found)) if expected == found => 1,
                (Some(Part::AnyCharacter), Some(_)) => character_length(text, at),
                _ => 0,
            };
            if step > 0 {
                part += 1;
                at += step;
                continue;
            }
            match retry {
                Some((after, tried)) if tried < text.len() => {
                    let tried = tried + character_length(text, tried);
                    (part, at, retry) = (after, tried, Some((after, tried)));
                }
                _ => return false,
            }
        }
    }
}

/// Returns the number of bytes of the character at an offset.
fn character_length(text: &[u8], at: usize) -> usize {
    let length = match text.get(at) {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    let is_character = text.get(at..at + length).is_some_and(|bytes| str::from_utf8(bytes).is_ok());
    if is_character { length } else { 1 }
}
