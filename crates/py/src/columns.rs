//! Columns that Python holds, as the library reads them: NumPy arrays and Arrow columns where they lie, anything else value by value.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, LargeStringArray};
use arrow_schema::{DataType, TimeUnit};
use cofactor::data::ids::RawId;
use cofactor::data::read::{self, Cell, Cells, ReadOptions};
use numpy::ndarray::ArrayView1;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyString};
use pyo3_arrow::PyTable;

use crate::errors::{bad_argument, raised};

/// A column, held for as long as it is read.
pub(crate) enum Column<'py> {
    Int32(PyReadonlyArray1<'py, i32>),
    Int64(PyReadonlyArray1<'py, i64>),
    UInt64(PyReadonlyArray1<'py, u64>),
    Float32(PyReadonlyArray1<'py, f32>),
    Float64(PyReadonlyArray1<'py, f64>),
    Arrow(PyRef<'py, ArrowColumn>),
    Values(Vec<Value>),
}

/// One value of a Python sequence.
pub(crate) enum Value {
    Null,
    Integer(i64),
    Float(f64),
    Text(String),
}

impl<'py> Column<'py> {
    /// A one-dimensional array, an Arrow column, or a sequence of integers, floats, texts and `None`.
    pub(crate) fn of(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(column) = object.cast::<ArrowColumn>() {
            return Ok(Self::Arrow(column.borrow()));
        }
        if let Ok(array) = object.cast::<PyArray1<i64>>() {
            return Ok(Self::Int64(array.readonly()));
        }
        if let Ok(array) = object.cast::<PyArray1<i32>>() {
            return Ok(Self::Int32(array.readonly()));
        }
        if let Ok(array) = object.cast::<PyArray1<u64>>() {
            return Ok(Self::UInt64(array.readonly()));
        }
        if let Ok(array) = object.cast::<PyArray1<f32>>() {
            return Ok(Self::Float32(array.readonly()));
        }
        if let Ok(array) = object.cast::<PyArray1<f64>>() {
            return Ok(Self::Float64(array.readonly()));
        }
        object.try_iter()?.map(|item| Value::of(&item?)).collect::<PyResult<_>>().map(Self::Values)
    }

    /// The column as the library reads it.
    pub(crate) fn cells(&self) -> Box<dyn Cells + '_> {
        match self {
            Self::Int32(array) => Box::new(Plain(array.as_array(), |&v: &i32| Cell::Integer(v.into()))),
            Self::Int64(array) => Box::new(Plain(array.as_array(), |&v: &i64| Cell::Integer(v))),
            Self::UInt64(array) => Box::new(Plain(array.as_array(), |&v: &u64| Cell::Unsigned(v))),
            Self::Float32(array) => Box::new(Plain(array.as_array(), |&v: &f32| Cell::Float(v.into()))),
            Self::Float64(array) => Box::new(Plain(array.as_array(), |&v: &f64| Cell::Float(v))),
            Self::Values(values) => Box::new(Plain(ArrayView1::from(values), Value::cell)),
            Self::Arrow(column) => Box::new(&**column),
        }
    }

    /// The column as raw ids.
    pub(crate) fn ids(&self, py: Python<'_>, name: &str) -> PyResult<Vec<Id>> {
        let cells = self.cells();
        (0..cells.len()).map(|row| Id::of(py, name, cells.cell(row))).collect()
    }
}

/// Entries that lie in memory, at any stride.
struct Plain<'a, T>(ArrayView1<'a, T>, for<'t> fn(&'t T) -> Cell<'t>);

impl<T> Cells for Plain<'_, T> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        (self.1)(&self.0[row])
    }
}

impl Value {
    fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(Self::Null);
        }
        if let Ok(text) = object.cast::<PyString>() {
            return Ok(Self::Text(text.to_cow()?.into_owned()));
        }
        if object.is_instance_of::<PyFloat>() {
            return Ok(Self::Float(object.extract()?));
        }
        if object.is_instance_of::<PyInt>() || object.hasattr("__index__")? {
            return Ok(match object.extract::<i64>() {
                Ok(value) => Self::Integer(value),
                Err(_) => Self::Text(object.str()?.to_cow()?.into_owned()),
            });
        }
        if object.hasattr("__float__")? {
            return Ok(Self::Float(object.call_method0("__float__")?.extract()?));
        }
        let message = format!("a number or a text was expected, not {}", object.get_type().name()?);
        Err(PyTypeError::new_err(message))
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(value) => Cell::Integer(*value),
            Self::Float(value) => Cell::Float(*value),
            Self::Text(text) => Cell::Text(text.as_bytes()),
        }
    }
}

/// A raw id that Python gave.
pub(crate) enum Id {
    Integer(i64),
    Text(String),
}

impl Id {
    fn of(py: Python<'_>, name: &str, cell: Cell<'_>) -> PyResult<Self> {
        match cell {
            Cell::Integer(id) => Ok(Self::Integer(id)),
            Cell::Unsigned(id) => Ok(Self::Text(id.to_string())),
            Cell::Float(id) if id.is_finite() => Ok(Self::Text((id + 0.0).to_string())),
            Cell::Text(id) => Ok(Self::Text(String::from_utf8_lossy(id).into_owned())),
            Cell::Null => Err(bad_argument(py, name, "None", "an id")),
            Cell::Float(id) => Err(bad_argument(py, name, &id.to_string(), "an id")),
            Cell::Moment(_) => Err(bad_argument(py, name, "a time", "an id")),
        }
    }

    pub(crate) fn raw(&self) -> RawId<'_> {
        match self {
            Self::Integer(id) => RawId::Integer(*id),
            Self::Text(id) => RawId::Text(id),
        }
    }
}

/// One column of an Arrow table, in the chunks that it came in.
#[pyclass(frozen, module = "cofactor._native")]
pub(crate) struct ArrowColumn {
    chunks: Vec<Chunk>,
    /// Where each chunk begins, and where the last one ends.
    starts: Vec<usize>,
}

/// A chunk of one of the few types that are read; others have been cast to them.
struct Chunk {
    array: ArrayRef,
    value: fn(&ArrayRef, usize) -> Cell<'_>,
}

impl Chunk {
    fn of(array: &ArrayRef) -> Result<Self, String> {
        let cast = |to: &DataType| arrow_cast::cast(array, to).map_err(|error| error.to_string());
        let as_is = |value| Ok(Self { array: Arc::clone(array), value });
        match array.data_type() {
            DataType::Int32 => as_is(|a, row| Cell::Integer(a.as_primitive::<Int32Type>().value(row).into())),
            DataType::Int64 => as_is(|a, row| Cell::Integer(a.as_primitive::<Int64Type>().value(row))),
            DataType::UInt64 => as_is(|a, row| Cell::Unsigned(a.as_primitive::<UInt64Type>().value(row))),
            DataType::Float32 => {
                as_is(|a, row| Cell::Float(a.as_primitive::<Float32Type>().value(row).into()))
            }
            DataType::Float64 => as_is(|a, row| Cell::Float(a.as_primitive::<Float64Type>().value(row))),
            DataType::Utf8 => as_is(|a, row| Cell::Text(a.as_string::<i32>().value(row).as_bytes())),
            DataType::LargeUtf8 => as_is(|a, row| Cell::Text(large(a).value(row).as_bytes())),
            DataType::Utf8View => as_is(|a, row| Cell::Text(a.as_string_view().value(row).as_bytes())),
            DataType::Date32 => {
                let days = cast(&DataType::Int32)?;
                let value = |a: &ArrayRef, row| {
                    Cell::Moment(i64::from(a.as_primitive::<Int32Type>().value(row)) * 86_400)
                };
                Ok(Self { array: days, value })
            }
            DataType::Timestamp(unit, _) => Ok(Self { array: cast(&DataType::Int64)?, value: moment(*unit) }),
            DataType::Date64 => {
                Ok(Self { array: cast(&DataType::Int64)?, value: moment(TimeUnit::Millisecond) })
            }
            DataType::Dictionary(_, values) => Self::of(&cast(values)?),
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Float16 => Self::of(&cast(&DataType::Float64)?),
            DataType::Boolean => Self::of(&cast(&DataType::Int64)?),
            kind if kind.is_integer() => Self::of(&cast(&DataType::Int64)?),
            DataType::Null => as_is(|_, _| Cell::Null),
            kind => Err(format!("a column of {kind} holds neither ids, ratings nor times")),
        }
    }
}

fn large(array: &ArrayRef) -> &LargeStringArray {
    array.as_string::<i64>()
}

fn moment(unit: TimeUnit) -> fn(&ArrayRef, usize) -> Cell<'_> {
    fn at<const PER_SECOND: i64>(array: &ArrayRef, row: usize) -> Cell<'_> {
        Cell::Moment(array.as_primitive::<Int64Type>().value(row).div_euclid(PER_SECOND))
    }
    match unit {
        TimeUnit::Second => at::<1>,
        TimeUnit::Millisecond => at::<1_000>,
        TimeUnit::Microsecond => at::<1_000_000>,
        TimeUnit::Nanosecond => at::<1_000_000_000>,
    }
}

impl ArrowColumn {
    fn of(chunks: &[ArrayRef]) -> Result<Self, String> {
        let chunks = chunks.iter().map(Chunk::of).collect::<Result<Vec<_>, _>>()?;
        let mut starts = vec![0];
        for chunk in &chunks {
            starts.push(starts[starts.len() - 1] + chunk.array.len());
        }
        Ok(Self { chunks, starts })
    }
}

impl Cells for &ArrowColumn {
    fn len(&self) -> usize {
        self.starts[self.chunks.len()]
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        let chunk = self.starts.partition_point(|&start| start <= row) - 1;
        let (Chunk { array, value }, row) = (&self.chunks[chunk], row - self.starts[chunk]);
        if array.is_null(row) { Cell::Null } else { value(array, row) }
    }
}

/// Some columns of anything that has `__arrow_c_stream__`, by name. `find` is given all names and says which.
#[pyfunction]
pub(crate) fn arrow_columns(
    py: Python<'_>,
    table: PyTable,
    find: &Bound<'_, PyAny>,
) -> PyResult<Vec<Option<ArrowColumn>>> {
    let (batches, schema) = table.into_inner();
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let positions: Vec<Option<usize>> = find.call1((names,))?.extract()?;
    let column = |position: usize| {
        let chunks: Vec<ArrayRef> = batches.iter().map(|batch| Arc::clone(batch.column(position))).collect();
        ArrowColumn::of(&chunks).map_err(|problem| {
            let name = schema.field(position).name();
            raised(py, &cofactor::Error::unsupported(format!("column '{name}': {problem}"), ""))
        })
    };
    positions.into_iter().map(|position| position.map(column).transpose()).collect()
}

/// Which columns hold users, items, ratings and times, as positions counted from 0.
#[pyfunction]
#[pyo3(signature = (table, names, user, item, rating, time, constant))]
#[expect(clippy::too_many_arguments, reason = "each one a column, by name")]
pub(crate) fn find_columns(
    py: Python<'_>,
    table: &str,
    names: Vec<String>,
    user: Option<String>,
    item: Option<String>,
    rating: Option<String>,
    time: Option<String>,
    constant: bool,
) -> PyResult<(usize, usize, Option<usize>, Option<usize>)> {
    let named = |name: Option<String>| name.map(read::ColumnRef::Name);
    let options = ReadOptions {
        user: named(user),
        item: named(item),
        rating: named(rating),
        time: named(time),
        constant: constant.then_some(1.0),
        ..ReadOptions::default()
    };
    let found = read::find_columns(table, &names, &options).map_err(|error| raised(py, &error))?;
    let position = |column: read::Column| column.position - 1;
    Ok((position(found.user), position(found.item), found.rating.map(position), found.time.map(position)))
}
