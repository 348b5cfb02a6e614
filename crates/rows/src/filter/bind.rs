//! Resolves the names of an expression, and checks the types of its operands.

use std::fmt;

use model::ids::FieldId;
use model::manifest::{DYNAMIC_FIELD, DataType, Field, Schema};

use super::cell::Cell;
use super::expression::Operand;

/// An operand with the type of its values.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) operand: Operand,
    pub(super) kind: Kind,
}

/// The type of values that can be compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    /// Numbers; `single` if they are floats of 32 bits, to which constants are rounded like in Milvus.
    Number {
        single: bool,
    },
    Text,
    Time,
    /// A value in JSON, which may have any type.
    Json,
    /// An array field; the type is that of its elements.
    Array(DataType),
    /// A list of constants.
    List,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "a Bool",
            Self::Number { .. } => "a number",
            Self::Text => "a text",
            Self::Time => "a time",
            Self::Json => "a JSON value",
            Self::Array(_) => "an array",
            Self::List => "a list",
        })
    }
}

impl Kind {
    /// Returns the kind of a scalar type; `None` for other types.
    pub(super) fn of_scalar(data_type: DataType) -> Option<Self> {
        Some(match data_type {
            DataType::BOOL => Self::Bool,
            DataType::INT8 | DataType::INT16 | DataType::INT32 | DataType::INT64 | DataType::DOUBLE => {
                Self::Number { single: false }
            }
            DataType::FLOAT => Self::Number { single: true },
            DataType::STRING | DataType::VARCHAR => Self::Text,
            DataType::TIMESTAMPTZ => Self::Time,
            DataType::JSON => Self::Json,
            _ => return None,
        })
    }

    /// Returns the kind of an array's elements.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Array(element) => Self::of_scalar(element).unwrap_or(Self::Json),
            _ => Self::Json,
        }
    }

    /// Returns whether values of two kinds can be equal.
    pub(super) fn is_comparable(self, other: Self) -> bool {
        match (self, other) {
            (Self::Json, _)
            | (_, Self::Json)
            | (Self::Number { .. }, Self::Number { .. })
            | (Self::Array(_) | Self::List, Self::Array(_) | Self::List) => true,
            (left, right) => left == right,
        }
    }

    fn is_single(self) -> bool {
        matches!(self, Self::Number { single: true } | Self::Array(DataType::FLOAT))
    }

    /// Returns the kind of a constant.
    pub(super) fn of_constant(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Bool(_) => Self::Bool,
            Cell::Int(_) | Cell::Float(_) => Self::Number { single: false },
            Cell::Text(_) => Self::Text,
            Cell::Time(_) => Self::Time,
            Cell::List(_) => Self::List,
            Cell::Unknown | Cell::Object => Self::Json,
        }
    }
}

impl Typed {
    pub(super) fn constant(cell: Cell<'static>) -> Self {
        Self { kind: Kind::of_constant(&cell), operand: Operand::Constant(cell) }
    }

    /// Rounds a constant to the precision of the values that it is compared with.
    pub(super) fn rounded_for(self, kind: Kind) -> Operand {
        match self.operand {
            Operand::Constant(cell) => Operand::Constant(rounded_for(kind, cell)),
            other => other,
        }
    }
}

/// Rounds the numbers of a constant to 32 bits if it is compared with floats of that size.
#[expect(clippy::cast_possible_truncation, reason = "the number is rounded on purpose")]
pub(super) fn rounded_for(kind: Kind, cell: Cell<'static>) -> Cell<'static> {
    match cell {
        Cell::Float(value) if kind.is_single() => Cell::Float(f64::from(value as f32)),
        Cell::Int(value) if kind.is_single() => Cell::Float(f64::from(value as f32)),
        Cell::List(cells) if kind.is_single() => {
            Cell::List(cells.into_iter().map(|cell| rounded_for(kind, cell)).collect())
        }
        other => other,
    }
}

/// The names of a schema, and the fields that an expression used.
pub(super) struct Names<'a> {
    schema: &'a Schema,
    used: Vec<(FieldId, String)>,
}

impl<'a> Names<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        Self { schema, used: Vec::new() }
    }

    /// Returns the fields that were used, with their names.
    pub(super) fn into_used(self) -> Vec<(FieldId, String)> {
        self.used
    }

    /// Resolves a name with the steps in brackets after it; the error is the problem.
    pub(super) fn resolve(&mut self, name: &str, steps: Vec<Step>) -> Result<Typed, String> {
        if name == DYNAMIC_FIELD {
            if steps.is_empty() {
                return Err("name a key of the dynamic field, such as $meta[\"key\"]".to_owned());
            }
            return self
                .dynamic(steps)
                .ok_or_else(|| "the collection has no dynamic field, so there is no $meta".to_owned());
        }
        let schema = self.schema;
        if let Some(field) = schema.fields.iter().find(|field| field.name == name && !field.is_dynamic) {
            return self.field(field, steps);
        }
        let first = Step::Key(name.to_owned());
        let steps = std::iter::once(first).chain(steps).collect();
        self.dynamic(steps).ok_or_else(|| self.unknown(name))
    }

    fn field(&mut self, field: &Field, steps: Vec<Step>) -> Result<Typed, String> {
        let name = &field.name;
        match field.data_type {
            DataType::JSON => Ok(self.path(FieldId(field.id), name, steps)),
            DataType::ARRAY => {
                let kind = Kind::Array(field.element_type);
                if Kind::of_scalar(field.element_type).is_none() {
                    return Err(format!(
                        "filters cannot read the elements of {name:?} ({})",
                        field.element_type
                    ));
                }
                let column = self.column(FieldId(field.id), name);
                match steps.as_slice() {
                    [] => Ok(Typed { operand: Operand::Column(column), kind }),
                    [Step::Index(index)] => {
                        Ok(Typed { operand: Operand::Element(column, *index), kind: kind.element() })
                    }
                    _ => Err(format!("{name:?} is an array: write one index, such as {name}[0]")),
                }
            }
            data_type => {
                let Some(kind) = Kind::of_scalar(data_type) else {
                    return Err(format!(
                        "{name:?} has the type {data_type}, which filters cannot read; use scalar fields"
                    ));
                };
                if !steps.is_empty() {
                    return Err(format!("{name:?} has the type {data_type}: only JSON and arrays have [ ]"));
                }
                Ok(Typed { operand: Operand::Column(self.column(FieldId(field.id), name)), kind })
            }
        }
    }

    fn dynamic(&mut self, steps: Vec<Step>) -> Option<Typed> {
        let id = self.schema.dynamic_field()?;
        Some(self.path(id, DYNAMIC_FIELD, steps))
    }

    fn path(&mut self, id: FieldId, name: &str, steps: Vec<Step>) -> Typed {
        let steps = steps.into_iter().map(|step| match step {
            Step::Key(key) => key,
            Step::Index(index) => index.to_string(),
        });
        Typed { operand: Operand::Path(self.column(id, name), steps.collect()), kind: Kind::Json }
    }

    /// Returns the number of a column, and notes that it is used.
    fn column(&mut self, id: FieldId, name: &str) -> usize {
        let found = self.used.iter().position(|(used, _)| *used == id);
        found.unwrap_or_else(|| {
            self.used.push((id, name.to_owned()));
            self.used.len() - 1
        })
    }

    fn unknown(&self, name: &str) -> String {
        let known = || self.schema.fields.iter().map(|field| field.name.as_str());
        let similar = model::most_similar(name, known());
        let similar =
            similar.map_or_else(|| ".".to_owned(), |similar| format!("; did you mean {similar:?}?"));
        let known = known().collect::<Vec<_>>().join(", ");
        format!("the collection has no field {name:?} and no dynamic field{similar} Its fields are: {known}")
    }
}

/// What is in the brackets after a name.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}
