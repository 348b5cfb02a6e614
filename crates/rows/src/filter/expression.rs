//! Conditions whose names are resolved, and their truth for a row.

use std::borrow::Cow;

use super::cell::{Arithmetic, Cell, CellSet, Comparison};
use super::columns::BatchColumns;
use super::json_path;
use super::like::Pattern;

/// A condition. Chains of `and` and `or` are flat, so that only brackets make it deep.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Constant(bool),
    /// The value of a Bool.
    IsTrue(Operand),
    Compare(Operand, Comparison, Operand),
    In(Operand, Box<CellSet>),
    Like(Operand, Pattern),
    IsNull(Operand),
    /// Whether a path leads to a value, which may be null.
    Exists(Operand),
    /// Whether a list has all of some elements.
    ContainsAll(Operand, Vec<Cell<'static>>),
    /// Whether a list has one of some elements.
    ContainsAny(Operand, Box<CellSet>),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// A value of a row or a constant; columns are numbered by the fields that the filter reads.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Constant(Cell<'static>),
    Column(usize),
    /// The value at a path in JSON; without steps, the document.
    Path(usize, Vec<String>),
    Element(usize, usize),
    Length(Box<Operand>),
    Arithmetic(Box<Operand>, Arithmetic, Box<Operand>),
}

impl Condition {
    /// Returns whether the condition is true for a row; `None` if that is unknown.
    pub(super) fn holds(&self, columns: &BatchColumns<'_>, row: usize) -> Option<bool> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::IsTrue(operand) => match operand.value(columns, row) {
                Cell::Bool(value) => Some(value),
                _ => None,
            },
            Self::Compare(left, comparison, right) => {
                left.value(columns, row).compare(*comparison, &right.value(columns, row))
            }
            Self::In(operand, set) => set.contains(&operand.value(columns, row)),
            Self::Like(operand, pattern) => match operand.value(columns, row) {
                Cell::Text(text) => Some(pattern.matches(&text)),
                _ => None,
            },
            Self::IsNull(operand) => Some(operand.value(columns, row) == Cell::Unknown),
            Self::Exists(operand) => Some(match operand {
                Operand::Path(column, steps) => {
                    columns.bytes(*column, row).is_some_and(|json| json_path::find(json, steps).is_some())
                }
                other => other.value(columns, row) != Cell::Unknown,
            }),
            Self::ContainsAll(list, wanted) => {
                let Cell::List(elements) = list.value(columns, row) else { return None };
                Some(wanted.iter().all(|wanted| elements.iter().any(|element| element.equals(wanted))))
            }
            Self::ContainsAny(list, wanted) => {
                let Cell::List(elements) = list.value(columns, row) else { return None };
                Some(elements.iter().any(|element| wanted.contains(element) == Some(true)))
            }
            Self::Not(condition) => condition.holds(columns, row).map(|holds| !holds),
            Self::All(conditions) => decide(conditions, false, columns, row),
            Self::Any(conditions) => decide(conditions, true, columns, row),
        }
    }
}

/// Returns `decisive` if one condition is that, else unknown if one is unknown, else the opposite.
fn decide(conditions: &[Condition], decisive: bool, columns: &BatchColumns<'_>, row: usize) -> Option<bool> {
    let mut result = Some(!decisive);
    for condition in conditions {
        match condition.holds(columns, row) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

impl Operand {
    fn value<'a>(&'a self, columns: &BatchColumns<'a>, row: usize) -> Cell<'a> {
        match self {
            Self::Constant(Cell::Text(text)) => Cell::Text(Cow::Borrowed(text.as_ref())),
            Self::Constant(cell) => cell.clone(),
            Self::Column(column) => columns.cell(*column, row),
            Self::Path(column, steps) => {
                let found = columns.bytes(*column, row).and_then(|json| json_path::find(json, steps));
                found.map_or(Cell::Unknown, Cell::from_json)
            }
            Self::Element(column, index) => columns.element(*column, row, *index),
            Self::Length(list) => match list.value(columns, row) {
                Cell::List(elements) => i64::try_from(elements.len()).map_or(Cell::Unknown, Cell::Int),
                _ => Cell::Unknown,
            },
            Self::Arithmetic(left, arithmetic, right) => {
                left.value(columns, row).calculate(*arithmetic, &right.value(columns, row))
            }
        }
    }
}
