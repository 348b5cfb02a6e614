//! The functions of expressions.

use super::bind::{Kind, Typed};
use super::cell::{Cell, CellSet};
use super::error::Result;
use super::expression::{Condition, Operand};
use super::parser::Parser;

/// A function on lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Contains,
    ContainsAll,
    ContainsAny,
    Length,
}

/// Finds a function by its name, in any case of letters; `None` if there is none.
pub(super) fn find(name: &str) -> Option<Function> {
    Some(match name.to_ascii_lowercase().as_str() {
        "json_contains" | "array_contains" => Function::Contains,
        "json_contains_all" | "array_contains_all" => Function::ContainsAll,
        "json_contains_any" | "array_contains_any" => Function::ContainsAny,
        "array_length" => Function::Length,
        _ => return None,
    })
}

/// Says why a function cannot be used.
pub(super) fn unsupported(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let way_out = if lower.ends_with("_match") || lower == "text_match" {
        "use like, such as text like \"%word%\""
    } else if lower.starts_with("st_") {
        "shapes cannot be compared; use other fields"
    } else {
        "filters have json_contains, json_contains_all, json_contains_any, the same with array_, and array_length"
    };
    format!("the function {name:?} is not supported: {way_out}")
}

/// Parses the arguments of `array_length` after the bracket.
pub(super) fn length(parser: &mut Parser<'_>) -> Result<Typed> {
    let list = list_argument(parser)?;
    parser.expect_symbol(")")?;
    Ok(Typed { operand: Operand::Length(Box::new(list.operand)), kind: Kind::Number { single: false } })
}

/// Parses the arguments of a function that looks for elements, after the bracket.
pub(super) fn contains(parser: &mut Parser<'_>, function: Function) -> Result<Condition> {
    let list = list_argument(parser)?;
    parser.expect_symbol(",")?;
    let element = list.kind.element();
    let wanted = if function == Function::Contains {
        let at = parser.at();
        let wanted = parser.constant()?;
        let found = Kind::of_constant(&wanted);
        if !element.is_comparable(found) {
            return Err(parser.error_at(at, format!("cannot compare {element}, the element, with {found}")));
        }
        vec![super::bind::rounded_for(element, wanted)]
    } else {
        parser.constants(element)?
    };
    parser.expect_symbol(")")?;
    Ok(match function {
        Function::ContainsAny => Condition::ContainsAny(list.operand, Box::new(CellSet::new(wanted))),
        _ => Condition::ContainsAll(list.operand, wanted),
    })
}

fn list_argument(parser: &mut Parser<'_>) -> Result<Typed> {
    let at = parser.at();
    let list = parser.argument()?;
    match (&list.operand, list.kind) {
        (Operand::Constant(Cell::List(_)), _) | (_, Kind::Json | Kind::Array(_)) => Ok(list),
        (_, kind) => Err(parser.error_at(at, format!("expected an array or a key of JSON, found {kind}"))),
    }
}
