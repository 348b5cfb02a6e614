//! Parses expressions, by recursive descent over the tokens.

mod values;

use model::ids::FieldId;
use model::manifest::Schema;

use crate::filter::bind::{Kind, Names, Typed, rounded_for};
use crate::filter::cell::{Cell, CellSet, Comparison};
use crate::filter::error::{FilterError, Result};
use crate::filter::expression::{Condition, Operand};
use crate::filter::lexer::{Token, TokenKind, error_at, tokens};
use crate::filter::like::Pattern;

/// The length from which an expression is refused, in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// The number of brackets, functions and signs within each other.
const MAX_DEPTH: usize = 32;

/// Parses an expression; returns the condition and the fields that it reads, with their names.
pub(in crate::filter) fn parse(text: &str, schema: &Schema) -> Result<(Condition, Vec<(FieldId, String)>)> {
    if text.len() > MAX_LENGTH {
        return Err(error_at(text, 0, "the filter is longer than 1 MiB; use several filters"));
    }
    let tokens = tokens(text)?;
    let names = Names::new(schema);
    let mut parser = Parser { text, tokens, next: 0, names, depth: 0, arithmetic: 0 };
    if parser.kind() == &TokenKind::End {
        return Err(parser.error("the filter is empty; write a condition, such as id > 5"));
    }
    let at = parser.at();
    let parsed = parser.any()?;
    let condition = parser.condition(parsed, at)?;
    if parser.kind() != &TokenKind::End {
        return Err(parser.unexpected("an operator, such as and or =="));
    }
    Ok((condition, parser.names.into_used()))
}

/// A condition, or a value of which one may be made.
enum Parsed {
    Condition(Condition),
    Value(Typed),
}

pub(in crate::filter) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    names: Names<'a>,
    depth: usize,
    arithmetic: usize,
}

impl<'a> Parser<'a> {
    fn kind(&self) -> &TokenKind<'a> {
        self.tokens.get(self.next).map_or(&TokenKind::End, |token| &token.kind)
    }

    /// Returns the place of the next token.
    pub(super) fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.at)
    }

    fn error(&self, problem: impl Into<String>) -> FilterError {
        self.error_at(self.at(), problem)
    }

    pub(super) fn error_at(&self, at: usize, problem: impl Into<String>) -> FilterError {
        error_at(self.text, at, problem)
    }

    fn unexpected(&self, expected: &str) -> FilterError {
        self.error(format!("expected {expected}, found {}", self.kind().describe()))
    }

    fn take_symbol(&mut self, symbols: &[&'static str]) -> Option<&'static str> {
        let TokenKind::Symbol(found) = *self.kind() else { return None };
        let found = symbols.iter().find(|symbol| **symbol == found)?;
        self.next += 1;
        Some(found)
    }

    pub(super) fn expect_symbol(&mut self, symbol: &'static str) -> Result<()> {
        match self.take_symbol(&[symbol]) {
            Some(_) => Ok(()),
            None => Err(self.unexpected(&format!("{symbol:?}"))),
        }
    }

    /// Takes a keyword, which is written in small or in capital letters.
    fn take_word(&mut self, keyword: &str) -> bool {
        let found = is_keyword(self.kind(), keyword);
        self.next += usize::from(found);
        found
    }

    /// Parses what is nested, if it is not nested too deeply.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err(
                self.error(format!("the filter is nested more than {MAX_DEPTH} times; remove brackets"))
            );
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn any(&mut self) -> Result<Parsed> {
        self.chain(["||", "or"], Self::all, Condition::Any)
    }

    fn all(&mut self) -> Result<Parsed> {
        self.chain(["&&", "and"], Self::negation, Condition::All)
    }

    fn chain(
        &mut self,
        [symbol, word]: [&'static str; 2],
        part: impl Fn(&mut Self) -> Result<Parsed>,
        join: impl Fn(Vec<Condition>) -> Condition,
    ) -> Result<Parsed> {
        let mut at = self.at();
        let mut last = part(self)?;
        let mut parts = Vec::new();
        while self.take_symbol(&[symbol]).is_some() || self.take_word(word) {
            parts.push(self.condition(last, at)?);
            at = self.at();
            last = part(self)?;
        }
        if parts.is_empty() {
            return Ok(last);
        }
        parts.push(self.condition(last, at)?);
        Ok(Parsed::Condition(join(parts)))
    }

    fn negation(&mut self) -> Result<Parsed> {
        if self.take_symbol(&["!"]).is_none() && !self.take_word("not") {
            return self.comparison();
        }
        let at = self.at();
        let parsed = self.nested(Self::negation)?;
        let condition = self.condition(parsed, at)?;
        Ok(Parsed::Condition(Condition::Not(Box::new(condition))))
    }

    /// Parses a comparison, a range such as `1 < a <= 5`, or one of `in`, `like` and `is null`.
    fn comparison(&mut self) -> Result<Parsed> {
        let at = self.at();
        let left = self.sum()?;
        let condition = if let Some(first) = self.take_comparison() {
            let left = self.value(left, at)?;
            self.range(left, first, at)?
        } else if self.take_word("in") {
            let left = self.value(left, at)?;
            self.membership(left)?
        } else if is_keyword(self.kind(), "not") {
            self.next += 1;
            if !self.take_word("in") {
                return Err(self.unexpected("\"in\" after \"not\""));
            }
            let left = self.value(left, at)?;
            Condition::Not(Box::new(self.membership(left)?))
        } else if self.take_word("like") {
            let left = self.value(left, at)?;
            self.pattern(left, at)?
        } else if self.take_word("is") {
            let negated = self.take_word("not");
            if !self.take_word("null") {
                return Err(self.unexpected("\"null\" or \"not null\" after \"is\""));
            }
            let operand = self.value(left, at)?.operand;
            if !matches!(operand, Operand::Column(_) | Operand::Path(..) | Operand::Element(..)) {
                return Err(self.error_at(at, "only fields and their elements can be null"));
            }
            let is_null = Condition::IsNull(operand);
            if negated { Condition::Not(Box::new(is_null)) } else { is_null }
        } else {
            return Ok(left);
        };
        Ok(Parsed::Condition(condition))
    }

    fn take_comparison(&mut self) -> Option<Comparison> {
        Some(match self.take_symbol(&["==", "!=", "<", "<=", ">", ">="])? {
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            _ => Comparison::GreaterOrEqual,
        })
    }

    fn range(&mut self, left: Typed, first: Comparison, at: usize) -> Result<Condition> {
        let middle_at = self.at();
        let middle = self.sum()?;
        let middle = self.value(middle, middle_at)?;
        let second_at = self.at();
        let Some(second) = self.take_comparison() else { return self.compare(left, first, middle, at) };
        if !first.continues(second) {
            let problem =
                "a range has < and <=, or > and >=, such as 1 < a <= 5; join other comparisons by and";
            return Err(self.error_at(second_at, problem));
        }
        let right_at = self.at();
        let right = self.sum()?;
        let right = self.value(right, right_at)?;
        let lower = self.compare(left, first, middle.clone(), at)?;
        let upper = self.compare(middle, second, right, second_at)?;
        Ok(Condition::All(vec![lower, upper]))
    }

    fn compare(&self, left: Typed, comparison: Comparison, right: Typed, at: usize) -> Result<Condition> {
        let (left_kind, right_kind) = (left.kind, right.kind);
        if !left_kind.is_comparable(right_kind) {
            let hint = match (left_kind, right_kind) {
                (Kind::Time, Kind::Text) | (Kind::Text, Kind::Time) => {
                    "; write a time as ISO '2026-01-31T00:00:00Z'"
                }
                (Kind::Text, _) | (_, Kind::Text) => "; only texts have quotes",
                _ => "",
            };
            return Err(self.error_at(at, format!("cannot compare {left_kind} with {right_kind}{hint}")));
        }
        let has_order = !matches!(left_kind, Kind::Bool | Kind::Array(_) | Kind::List)
            && !matches!(right_kind, Kind::Bool | Kind::Array(_) | Kind::List);
        if !has_order && !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            return Err(self.error_at(at, format!("{left_kind} has no order: compare it with == or !=")));
        }
        if let (Operand::Constant(left), Operand::Constant(right)) = (&left.operand, &right.operand) {
            return Ok(Condition::Constant(left.compare(comparison, right) == Some(true)));
        }
        Ok(Condition::Compare(left.rounded_for(right_kind), comparison, right.rounded_for(left_kind)))
    }

    fn membership(&mut self, left: Typed) -> Result<Condition> {
        let at = self.at();
        let cells = self.constants(left.kind)?;
        if matches!(left.kind, Kind::Array(_)) {
            return Err(self.error_at(at, "an array is in no list; use array_contains"));
        }
        Ok(Condition::In(left.operand, Box::new(CellSet::new(cells))))
    }

    /// Parses a list of constants that are compared with values of a kind.
    pub(super) fn constants(&mut self, kind: Kind) -> Result<Vec<Cell<'static>>> {
        let at = self.at();
        if self.take_symbol(&["["]).is_none() {
            return Err(self.unexpected("a list in brackets, such as [1, 2]"));
        }
        let cells = self.list()?;
        for cell in &cells {
            let found = Kind::of_constant(cell);
            if !kind.is_comparable(found) {
                return Err(
                    self.error_at(at, format!("cannot compare {kind} with {found}, which the list contains"))
                );
            }
        }
        Ok(cells.into_iter().map(|cell| rounded_for(kind, cell)).collect())
    }

    /// Parses the rest of a list after its bracket.
    fn list(&mut self) -> Result<Vec<Cell<'static>>> {
        let mut cells = Vec::new();
        while self.take_symbol(&["]"]).is_none() {
            cells.push(self.constant()?);
            if self.take_symbol(&[","]).is_none() {
                self.expect_symbol("]")?;
                break;
            }
        }
        Ok(cells)
    }

    pub(super) fn constant(&mut self) -> Result<Cell<'static>> {
        let at = self.at();
        let parsed = self.nested(Self::sum)?;
        match self.value(parsed, at)?.operand {
            Operand::Constant(cell) => Ok(cell),
            _ => Err(self.error_at(at, "expected a constant; fields are compared by and, or")),
        }
    }

    fn pattern(&mut self, left: Typed, at: usize) -> Result<Condition> {
        if !matches!(left.kind, Kind::Text | Kind::Json) {
            return Err(self.error_at(at, format!("like compares texts, and this is {}", left.kind)));
        }
        let pattern = match self.kind() {
            TokenKind::Text(pattern) => Pattern::parse(pattern),
            _ => return Err(self.unexpected("a pattern in quotes, such as \"a%\"")),
        };
        let problem = "the pattern ends with an escape; write a backslash as \\\\\\\\";
        let pattern = pattern.ok_or_else(|| self.error(problem))?;
        self.next += 1;
        Ok(Condition::Like(left.operand, pattern))
    }

    fn value(&self, parsed: Parsed, at: usize) -> Result<Typed> {
        match parsed {
            Parsed::Value(typed) => Ok(typed),
            Parsed::Condition(_) => {
                let problem = "this is a condition, not a value; join conditions by and, or, not";
                Err(self.error_at(at, problem))
            }
        }
    }

    fn condition(&self, parsed: Parsed, at: usize) -> Result<Condition> {
        match parsed {
            Parsed::Condition(condition) => Ok(condition),
            Parsed::Value(Typed { operand: Operand::Constant(Cell::Bool(value)), .. }) => {
                Ok(Condition::Constant(value))
            }
            Parsed::Value(Typed { operand, kind: Kind::Bool }) => Ok(Condition::IsTrue(operand)),
            Parsed::Value(Typed { kind, .. }) => {
                let problem = format!("expected a condition, found {kind}; compare it, such as with ==");
                Err(self.error_at(at, problem))
            }
        }
    }
}

fn is_keyword(kind: &TokenKind<'_>, keyword: &str) -> bool {
    match kind {
        TokenKind::Word(word) => {
            word.eq_ignore_ascii_case(keyword)
                && (word.bytes().all(|b| b.is_ascii_lowercase())
                    || word.bytes().all(|b| b.is_ascii_uppercase()))
        }
        _ => false,
    }
}
