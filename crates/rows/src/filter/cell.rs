//! Single values, and the rules of comparing and calculating with them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;

/// A value of a row or of the expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    /// Null, an absent key of JSON, an element behind the end of an array, or the result of an impossible calculation.
    Unknown,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, [u8]>),
    /// Microseconds since 1970.
    Time(i64),
    List(Vec<Cell<'a>>),
    /// A JSON object, which is equal to nothing.
    Object,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Returns whether a range can have both comparisons, in the same direction.
    pub(super) fn continues(self, second: Self) -> bool {
        let is_less = |comparison| matches!(comparison, Self::Less | Self::LessOrEqual);
        let is_greater = |comparison| matches!(comparison, Self::Greater | Self::GreaterOrEqual);
        is_less(self) && is_less(second) || is_greater(self) && is_greater(second)
    }
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

impl Cell<'_> {
    /// Converts JSON; null is unknown.
    pub(super) fn from_json(value: Value) -> Cell<'static> {
        match value {
            Value::Null => Cell::Unknown,
            Value::Bool(value) => Cell::Bool(value),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Cell::Int(integer),
                None => number.as_f64().map_or(Cell::Unknown, Cell::Float),
            },
            Value::String(text) => Cell::Text(Cow::Owned(text.into_bytes())),
            Value::Array(elements) => Cell::List(elements.into_iter().map(Cell::from_json).collect()),
            Value::Object(_) => Cell::Object,
        }
    }

    /// Compares two values; `None` if one is unknown, or if their types cannot be compared.
    pub(super) fn compare(&self, comparison: Comparison, other: &Cell<'_>) -> Option<bool> {
        let ordering = match (self, other) {
            (Self::Bool(left), Cell::Bool(right)) => Some(left.cmp(right)),
            (Self::Int(left), Cell::Int(right)) | (Self::Time(left), Cell::Time(right)) => {
                Some(left.cmp(right))
            }
            (Self::Float(left), Cell::Float(right)) => left.partial_cmp(right),
            (Self::Int(left), Cell::Float(right)) => compare_exactly(*left, *right),
            (Self::Float(left), Cell::Int(right)) => compare_exactly(*right, *left).map(Ordering::reverse),
            (Self::Text(left), Cell::Text(right)) => Some(left.cmp(right)),
            (Self::List(left), Cell::List(right)) => {
                let equal = left.len() == right.len()
                    && left.iter().zip(right).all(|(left, right)| left.equals(right));
                return match comparison {
                    Comparison::Equal => Some(equal),
                    Comparison::NotEqual => Some(!equal),
                    _ => None,
                };
            }
            _ => return None,
        };
        Some(match comparison {
            Comparison::Equal => ordering == Some(Ordering::Equal),
            Comparison::NotEqual => ordering != Some(Ordering::Equal),
            Comparison::Less => ordering == Some(Ordering::Less),
            Comparison::LessOrEqual => ordering.is_some_and(Ordering::is_le),
            Comparison::Greater => ordering == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
        })
    }

    /// Returns whether two values are known and equal.
    pub(super) fn equals(&self, other: &Cell<'_>) -> bool {
        self.compare(Comparison::Equal, other) == Some(true)
    }

    /// Calculates with two numbers. The result is unknown if one is none, if a divisor is 0, or if an integer exceeds
    /// 64 bits.
    pub(super) fn calculate(&self, arithmetic: Arithmetic, other: &Cell<'_>) -> Cell<'static> {
        match (self, other) {
            (Self::Int(left), Cell::Int(right)) => calculate_integers(*left, arithmetic, *right),
            (Self::Int(left), Cell::Float(right)) => calculate_floats(*left as f64, arithmetic, *right),
            (Self::Float(left), Cell::Int(right)) => calculate_floats(*left, arithmetic, *right as f64),
            (Self::Float(left), Cell::Float(right)) => calculate_floats(*left, arithmetic, *right),
            _ => Cell::Unknown,
        }
    }
}

fn calculate_integers(left: i64, arithmetic: Arithmetic, right: i64) -> Cell<'static> {
    let result = match arithmetic {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide => left.checked_div(right),
        // The remainder of the division by -1 is 0 even where the quotient is too large.
        Arithmetic::Remainder if right == -1 => Some(0),
        Arithmetic::Remainder => left.checked_rem(right),
        Arithmetic::Power => match u32::try_from(right).ok().and_then(|right| left.checked_pow(right)) {
            Some(power) => Some(power),
            None => return calculate_floats(left as f64, arithmetic, right as f64),
        },
    };
    result.map_or(Cell::Unknown, Cell::Int)
}

fn calculate_floats(left: f64, arithmetic: Arithmetic, right: f64) -> Cell<'static> {
    let result = match arithmetic {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide if right == 0.0 => return Cell::Unknown,
        Arithmetic::Divide => left / right,
        // Milvus has remainders of integers only.
        Arithmetic::Remainder => return Cell::Unknown,
        Arithmetic::Power => left.powf(right),
    };
    if result.is_nan() { Cell::Unknown } else { Cell::Float(result) }
}

/// The first float above all 64-bit integers.
const ABOVE_INTEGERS: f64 = 9_223_372_036_854_775_808.0;

/// Returns the integer part of a float that is within the range of 64-bit integers.
fn integer_part(float: f64) -> Option<i64> {
    if !(-ABOVE_INTEGERS..ABOVE_INTEGERS).contains(&float) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the integer part is within the range")]
    let integer = float.trunc() as i64;
    Some(integer)
}

/// Compares an integer with a float without rounding; `None` if the float is not a number.
fn compare_exactly(integer: i64, float: f64) -> Option<Ordering> {
    match integer_part(float) {
        Some(part) => match integer.cmp(&part) {
            Ordering::Equal => 0.0.partial_cmp(&float.fract()),
            other => Some(other),
        },
        None => 0.0.partial_cmp(&float),
    }
}

/// The constants of a list, with a search that takes the same time for any number of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CellSet {
    bools: HashSet<bool>,
    /// Integers, and floats without a fraction.
    integers: HashSet<i64>,
    /// The bits of all other floats.
    floats: HashSet<u64>,
    texts: HashSet<Vec<u8>>,
    times: HashSet<i64>,
    lists: Vec<Cell<'static>>,
}

impl CellSet {
    /// Creates the set of some constants.
    pub(super) fn new(cells: Vec<Cell<'static>>) -> Self {
        let mut set = Self::default();
        for cell in cells {
            match cell {
                Cell::Bool(value) => _ = set.bools.insert(value),
                Cell::Int(value) => _ = set.integers.insert(value),
                Cell::Float(value) => match whole(value) {
                    Some(integer) => _ = set.integers.insert(integer),
                    None => _ = set.floats.insert(value.to_bits()),
                },
                Cell::Text(value) => _ = set.texts.insert(value.into_owned()),
                Cell::Time(value) => _ = set.times.insert(value),
                Cell::List(_) => set.lists.push(cell),
                Cell::Unknown | Cell::Object => {}
            }
        }
        set
    }

    /// Returns whether the set contains a value; `None` if it is unknown or only has constants of other types.
    pub(super) fn contains(&self, cell: &Cell<'_>) -> Option<bool> {
        let (found, comparable) = match cell {
            Cell::Unknown => return None,
            Cell::Bool(value) => (self.bools.contains(value), !self.bools.is_empty()),
            Cell::Int(value) => (self.integers.contains(value), self.has_numbers()),
            Cell::Float(value) => match whole(*value) {
                Some(integer) => (self.integers.contains(&integer), self.has_numbers()),
                None => (self.floats.contains(&value.to_bits()), self.has_numbers()),
            },
            Cell::Text(value) => (self.texts.contains(value.as_ref()), !self.texts.is_empty()),
            Cell::Time(value) => (self.times.contains(value), !self.times.is_empty()),
            Cell::List(_) => (self.lists.iter().any(|list| list.equals(cell)), !self.lists.is_empty()),
            Cell::Object => (false, false),
        };
        (comparable || *self == Self::default()).then_some(found)
    }

    fn has_numbers(&self) -> bool {
        !self.integers.is_empty() || !self.floats.is_empty()
    }
}

/// Returns the integer that a float is exactly.
fn whole(float: f64) -> Option<i64> {
    integer_part(float).filter(|_| float.fract() == 0.0)
}
