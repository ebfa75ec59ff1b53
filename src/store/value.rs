//! Values that go into a statement and rows that come out. Owns [`Value`] and [`Row`]. Never converts silently.

use super::StoreError;

/// One value of a statement or of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL's null.
    Null,
    /// An integer; also times, in milliseconds since 1970.
    Integer(i64),
    /// A truth value; an integer 0 or 1 where the engine has no such type.
    Bool(bool),
    /// Text, without NUL.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}
impl From<crate::clock::Wall> for Value {
    fn from(value: crate::clock::Wall) -> Self {
        Self::Integer(value.0)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}
impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a statement, in order: `values![id, "name", now.wall]`.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::Value::from($value)),*] };
}
pub use values;

/// One row of an answer. Columns are counted from 0, as the statement names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn column(&self, index: usize) -> Result<&Value, StoreError> {
        self.0.get(index).ok_or_else(|| StoreError::Broken(format!("no column {index}")))
    }

    fn wrong<T>(index: usize, wanted: &str) -> Result<T, StoreError> {
        Err(StoreError::Broken(format!("column {index} is not {wanted}")))
    }

    /// The integer in that column.
    pub fn integer(&self, index: usize) -> Result<i64, StoreError> {
        match self.column(index)? {
            Value::Integer(value) => Ok(*value),
            _ => Self::wrong(index, "an integer"),
        }
    }

    /// The truth value in that column.
    pub fn bool(&self, index: usize) -> Result<bool, StoreError> {
        match self.column(index)? {
            Value::Bool(value) => Ok(*value),
            Value::Integer(value @ (0 | 1)) => Ok(*value == 1),
            _ => Self::wrong(index, "true or false"),
        }
    }

    /// The text in that column.
    pub fn text(&self, index: usize) -> Result<&str, StoreError> {
        match self.column(index)? {
            Value::Text(value) => Ok(value),
            _ => Self::wrong(index, "text"),
        }
    }

    /// The bytes in that column.
    pub fn bytes(&self, index: usize) -> Result<&[u8], StoreError> {
        match self.column(index)? {
            Value::Bytes(value) => Ok(value),
            _ => Self::wrong(index, "bytes"),
        }
    }

    /// What `read` makes of that column, or nothing if it is null.
    pub fn optional<'a, T>(
        &'a self,
        index: usize,
        read: impl FnOnce(&'a Self, usize) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if matches!(self.column(index)?, Value::Null) { Ok(None) } else { read(self, index).map(Some) }
    }

    /// The time in that column.
    pub fn wall(&self, index: usize) -> Result<crate::clock::Wall, StoreError> {
        self.integer(index).map(crate::clock::Wall)
    }

    /// The text in that column, read as a `T`.
    pub fn parsed<T: std::str::FromStr>(&self, index: usize) -> Result<T, StoreError> {
        self.text(index)?
            .parse()
            .map_err(|_| StoreError::Broken(format!("column {index} is not what it should be")))
    }
}
