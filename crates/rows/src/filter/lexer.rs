//! The tokens of expressions.

use super::error::{FilterError, Result};

/// A token with its place: the byte offset of its first character.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) kind: TokenKind<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// An integer without a sign, at most 2^63.
    Integer(u64),
    Float(f64),
    Text(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    End,
}

impl TokenKind<'_> {
    /// Describes the token for a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("\"{word}\""),
            Self::Integer(_) | Self::Float(_) => "a number".to_owned(),
            Self::Text(_) => "a text".to_owned(),
            Self::Symbol(symbol) => format!("\"{symbol}\""),
            Self::End => "the end".to_owned(),
        }
    }
}

/// The operators and brackets, those that begin with others first.
const SYMBOLS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "**", "<<", ">>", "=~", "!~", "<", ">", "+", "-", "*", "/", "%", "!",
    "(", ")", "[", "]", ",",
];

/// Returns the error about the character at a byte offset of the text.
pub(super) fn error_at(text: &str, at: usize, problem: impl Into<String>) -> FilterError {
    let column = text.char_indices().take_while(|(offset, _)| *offset < at).count() + 1;
    FilterError::Expression { column, problem: problem.into() }
}

/// Splits an expression into tokens; the last one is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let rest_trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        at += rest.len() - rest_trimmed.len();
        let (kind, length) = next(text, at, rest_trimmed)?;
        let is_end = kind == TokenKind::End;
        tokens.push(Token { at, kind });
        if is_end {
            return Ok(tokens);
        }
        at += length;
    }
}

/// Reads the token at the beginning of `rest`, and its length in bytes.
fn next<'a>(text: &str, at: usize, rest: &'a str) -> Result<(TokenKind<'a>, usize)> {
    let bytes = rest.as_bytes();
    let error = |problem: &str| Err(error_at(text, at, problem));
    let Some(&first) = bytes.first() else { return Ok((TokenKind::End, 0)) };
    match (first, bytes.get(1)) {
        (b'0'..=b'9', _) | (b'.', Some(b'0'..=b'9')) => number(text, at, rest),
        (b'"' | b'\'', _) => quoted(text, at, rest, false),
        (b'r' | b'R', Some(b'"' | b'\'')) => {
            let (kind, length) = quoted(text, at + 1, rest.get(1..).unwrap_or_default(), true)?;
            Ok((kind, length + 1))
        }
        (b'a'..=b'z' | b'A'..=b'Z' | b'_', _) => Ok(word(rest, 0)),
        (b'$', _) if rest.starts_with("$meta") => Ok(word(rest, 1)),
        (b'$', _) => error("\"$\" refers to an element of an array of structs, which filters do not support"),
        (b'{', _) => error("templates such as {name} are not supported; write the value itself"),
        _ => match SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            Some(symbol @ ("=~" | "!~")) => Err(error_at(
                text,
                at,
                format!("\"{symbol}\" (regular expressions) is not supported; use like"),
            )),
            Some(symbol @ ("<<" | ">>")) => bitwise(text, at, symbol),
            Some(symbol) => Ok((TokenKind::Symbol(symbol), symbol.len())),
            None => match rest.chars().next() {
                Some('=') => error("\"=\" is not an operator; compare with \"==\""),
                Some(symbol @ ('&' | '|' | '^' | '~')) => bitwise(text, at, &symbol.to_string()),
                found => {
                    let found = found.unwrap_or_default();
                    Err(error_at(text, at, format!("unexpected character {found:?}")))
                }
            },
        },
    }
}

fn bitwise<T>(text: &str, at: usize, symbol: &str) -> Result<T> {
    let problem =
        format!("\"{symbol}\" (bitwise operators) is not supported; for conditions use and, or, not");
    Err(error_at(text, at, problem))
}

fn word(rest: &str, prefix: usize) -> (TokenKind<'_>, usize) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = prefix + rest.bytes().skip(prefix).take_while(is_part).count();
    (TokenKind::Word(rest.get(..length).unwrap_or_default()), length)
}

/// Reads a decimal, hexadecimal, binary or octal integer, or a decimal float.
fn number<'a>(text: &str, at: usize, rest: &str) -> Result<(TokenKind<'a>, usize)> {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let length = if matches!(bytes, [b'0', b'x' | b'X' | b'b' | b'B', ..]) {
        2 + bytes.iter().skip(2).take_while(|byte| byte.is_ascii_hexdigit()).count()
    } else {
        let mut length = digits(0);
        if bytes.get(length) == Some(&b'.') {
            length += 1 + digits(length + 1);
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            match digits(length + 1 + sign) {
                0 => {}
                exponent => length += 1 + sign + exponent,
            }
        }
        length
    };
    let literal = rest.get(..length).unwrap_or_default();
    let invalid = || error_at(text, at, "invalid number");
    if matches!(bytes.get(length), Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.')) {
        return Err(invalid());
    }
    let kind = if let Some(hexadecimal) = literal.strip_prefix("0x").or_else(|| literal.strip_prefix("0X")) {
        integer(hexadecimal, 16)
    } else if let Some(binary) = literal.strip_prefix("0b").or_else(|| literal.strip_prefix("0B")) {
        integer(binary, 2)
    } else if literal.contains(['.', 'e', 'E']) {
        literal.parse().ok().filter(|float: &f64| float.is_finite()).map(TokenKind::Float)
    } else if literal.len() > 1 && literal.starts_with('0') {
        integer(literal, 8)
    } else {
        return match integer(literal, 10) {
            Some(kind) => Ok((kind, length)),
            None => Err(error_at(text, at, "the integer exceeds 64 bits; write a float, such as 1e19")),
        };
    };
    Ok((kind.ok_or_else(invalid)?, length))
}

fn integer<'a>(digits: &str, radix: u32) -> Option<TokenKind<'a>> {
    let value = u64::from_str_radix(digits, radix).ok()?;
    (value <= 1 << 63).then_some(TokenKind::Integer(value))
}

/// Reads a text in quotes; in a raw one, backslashes have no meaning besides keeping a quote in the text.
fn quoted<'a>(text: &str, at: usize, rest: &str, raw: bool) -> Result<(TokenKind<'a>, usize)> {
    let mut chars = rest.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    let mut value = String::new();
    while let Some((offset, found)) = chars.next() {
        match found {
            _ if Some(found) == quote => return Ok((TokenKind::Text(value), offset + 1)),
            '\\' if raw => {
                value.push(found);
                value.extend(chars.next().map(|(_, next)| next));
            }
            '\\' => match escaped(&mut chars) {
                Some(Escape::Char(found)) => value.push(found),
                // Patterns of `like` need the backslash.
                Some(Escape::Unknown(found)) => value.extend(['\\', found]),
                None => return Err(error_at(text, at + offset, "invalid escape; write a backslash as \\\\")),
            },
            _ => value.push(found),
        }
    }
    Err(error_at(text, at, "the text has no closing quote"))
}

enum Escape {
    Char(char),
    Unknown(char),
}

fn escaped(chars: &mut std::str::CharIndices<'_>) -> Option<Escape> {
    let (_, found) = chars.next()?;
    let mut code = |first: u32, radix: u32, digits: usize| {
        let value = (0..digits)
            .try_fold(first, |value, _| Some(value.checked_mul(radix)? + chars.next()?.1.to_digit(radix)?));
        value.and_then(char::from_u32).map(Escape::Char)
    };
    match found {
        'x' => code(0, 16, 2),
        'u' => code(0, 16, 4),
        'U' => code(0, 16, 8),
        '0'..='7' => code(found.to_digit(8)?, 8, 2),
        other => Some(match other {
            'a' => Escape::Char('\x07'),
            'b' => Escape::Char('\x08'),
            'f' => Escape::Char('\x0c'),
            'n' => Escape::Char('\n'),
            'r' => Escape::Char('\r'),
            't' => Escape::Char('\t'),
            'v' => Escape::Char('\x0b'),
            '\\' | '\'' | '"' | '?' => Escape::Char(other),
            _ => Escape::Unknown(other),
        }),
    }
}
