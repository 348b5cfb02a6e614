//! Parses the values of expressions: constants, fields, functions and calculations with them.

use super::{MAX_DEPTH, Parsed, Parser, is_keyword};
use crate::filter::bind::{Kind, Step, Typed};
use crate::filter::cell::{Arithmetic, Cell};
use crate::filter::error::Result;
use crate::filter::expression::{Condition, Operand};
use crate::filter::functions::{self, Function};
use crate::filter::lexer::TokenKind;

/// The number of arithmetic operators in an expression, which may all be within each other.
const MAX_ARITHMETIC: usize = 256;

impl<'a> Parser<'a> {
    pub(super) fn sum(&mut self) -> Result<Parsed> {
        self.arithmetic(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<Parsed> {
        self.arithmetic(&["*", "/", "%"], Self::signed)
    }

    fn arithmetic(
        &mut self,
        symbols: &[&'static str],
        part: impl Fn(&mut Self) -> Result<Parsed>,
    ) -> Result<Parsed> {
        let at = self.at();
        let mut left = part(self)?;
        while let Some(symbol) = self.take_symbol(symbols) {
            let right_at = self.at();
            let right = part(self)?;
            let (typed, right) = (self.value(left, at)?, self.value(right, right_at)?);
            left = Parsed::Value(self.calculation(typed, symbol, right, at)?);
        }
        Ok(left)
    }

    fn calculation(&mut self, left: Typed, symbol: &str, right: Typed, at: usize) -> Result<Typed> {
        self.arithmetic += 1;
        if self.arithmetic > MAX_ARITHMETIC {
            return Err(
                self.error_at(at, format!("the filter has more than {MAX_ARITHMETIC} arithmetic operators"))
            );
        }
        for kind in [left.kind, right.kind] {
            if !matches!(kind, Kind::Number { .. } | Kind::Json) {
                return Err(
                    self.error_at(at, format!("{symbol:?} calculates with numbers, and this is {kind}"))
                );
            }
        }
        let arithmetic = match symbol {
            "+" => Arithmetic::Add,
            "-" => Arithmetic::Subtract,
            "*" => Arithmetic::Multiply,
            "/" => Arithmetic::Divide,
            "%" => Arithmetic::Remainder,
            _ => Arithmetic::Power,
        };
        if let (Operand::Constant(left), Operand::Constant(right)) = (&left.operand, &right.operand) {
            return match left.calculate(arithmetic, right) {
                Cell::Unknown => {
                    let problem = "the calculation has no result: it divides by 0, exceeds 64 bits, or takes \
                                   the remainder of a float";
                    Err(self.error_at(at, problem))
                }
                cell => Ok(Typed::constant(cell)),
            };
        }
        let operand = Operand::Arithmetic(Box::new(left.operand), arithmetic, Box::new(right.operand));
        Ok(Typed { operand, kind: Kind::Number { single: false } })
    }

    fn signed(&mut self) -> Result<Parsed> {
        let at = self.at();
        let Some(sign) = self.take_symbol(&["+", "-"]) else { return self.power() };
        let following = self.tokens.get(self.next + 1).map(|token| &token.kind);
        // The smallest integer has no positive counterpart.
        if let (TokenKind::Integer(value), "-") = (self.kind(), sign)
            && following != Some(&TokenKind::Symbol("**"))
        {
            let value = 0_i64.checked_sub_unsigned(*value);
            self.next += 1;
            let value = value.ok_or_else(|| self.error_at(at, "the integer exceeds 64 bits"))?;
            return Ok(Parsed::Value(Typed::constant(Cell::Int(value))));
        }
        let parsed = self.nested(Self::signed)?;
        let value = self.value(parsed, at)?;
        self.calculation(Typed::constant(Cell::Int(0)), sign, value, at).map(Parsed::Value)
    }

    fn power(&mut self) -> Result<Parsed> {
        let at = self.at();
        let base = self.primary()?;
        if self.take_symbol(&["**"]).is_none() {
            return Ok(base);
        }
        let exponent_at = self.at();
        let exponent = self.nested(Self::signed)?;
        let (base, exponent) = (self.value(base, at)?, self.value(exponent, exponent_at)?);
        self.calculation(base, "**", exponent, at).map(Parsed::Value)
    }

    fn primary(&mut self) -> Result<Parsed> {
        let at = self.at();
        let constant = |cell| Ok(Parsed::Value(Typed::constant(cell)));
        let kind = self.kind().clone();
        if !matches!(kind, TokenKind::End) {
            self.next += 1;
        }
        match kind {
            TokenKind::Integer(value) => match i64::try_from(value) {
                Ok(value) => constant(Cell::Int(value)),
                Err(_) => Err(self.error_at(at, "the integer exceeds 64 bits; write a float, such as 1e19")),
            },
            TokenKind::Float(value) => constant(Cell::Float(value)),
            TokenKind::Text(text) => constant(Cell::Text(text.into_bytes().into())),
            TokenKind::Symbol("[") => {
                let cells = self.nested(Self::list)?;
                constant(Cell::List(cells))
            }
            TokenKind::Symbol("(") => {
                let parsed = self.nested(Self::any)?;
                self.expect_symbol(")")?;
                Ok(parsed)
            }
            TokenKind::Word(word) => self.word(word, at),
            _ => {
                self.next -= usize::from(kind != TokenKind::End);
                Err(self.unexpected("a field, a value or a condition"))
            }
        }
    }

    fn word(&mut self, word: &'a str, at: usize) -> Result<Parsed> {
        let kind = TokenKind::Word(word);
        let is = |keyword| is_keyword(&kind, keyword);
        if is("true") || word == "True" {
            return Ok(Parsed::Value(Typed::constant(Cell::Bool(true))));
        }
        if is("false") || word == "False" {
            return Ok(Parsed::Value(Typed::constant(Cell::Bool(false))));
        }
        if is("exists") {
            let parsed = self.nested(Self::primary)?;
            return match self.value(parsed, at)?.operand {
                operand @ Operand::Path(..) => Ok(Parsed::Condition(Condition::Exists(operand))),
                _ => Err(self.error_at(at, "exists asks for a key of JSON; for fields use is not null")),
            };
        }
        if is("iso")
            && let TokenKind::Text(text) = self.kind()
        {
            let time = text.parse::<jiff::Timestamp>().map(|time| Cell::Time(time.as_microsecond()));
            let problem = "invalid time; write it with its offset, such as ISO '2026-01-31T12:00:00Z'";
            let time = time.map_err(|_| self.error(problem))?;
            self.next += 1;
            return Ok(Parsed::Value(Typed::constant(time)));
        }
        if self.take_symbol(&["("]).is_some() {
            return match functions::find(word) {
                Some(Function::Length) => functions::length(self).map(Parsed::Value),
                Some(function) => functions::contains(self, function).map(Parsed::Condition),
                None => Err(self.error_at(at, functions::unsupported(word))),
            };
        }
        if ["and", "or", "in", "like", "is", "not", "null", "interval"].into_iter().any(is) {
            self.next -= 1;
            return Err(self.unexpected("a field, a value or a condition"));
        }
        self.reference(word, at).map(Parsed::Value)
    }

    /// Parses the brackets after a name.
    fn reference(&mut self, name: &str, at: usize) -> Result<Typed> {
        let mut steps = Vec::new();
        while self.take_symbol(&["["]).is_some() {
            let step = match self.kind() {
                TokenKind::Text(key) => Some(Step::Key(key.clone())),
                TokenKind::Integer(index) => usize::try_from(*index).ok().map(Step::Index),
                _ => None,
            };
            steps.push(step.ok_or_else(|| self.unexpected("a key in quotes or an index from 0"))?);
            self.next += 1;
            self.expect_symbol("]")?;
            if steps.len() > MAX_DEPTH {
                return Err(self.error_at(at, format!("the path has more than {MAX_DEPTH} steps")));
            }
        }
        self.names.resolve(name, steps).map_err(|problem| self.error_at(at, problem))
    }

    /// Parses a value that is an argument of a function.
    pub(in crate::filter) fn argument(&mut self) -> Result<Typed> {
        let at = self.at();
        let parsed = self.nested(Self::sum)?;
        self.value(parsed, at)
    }
}
