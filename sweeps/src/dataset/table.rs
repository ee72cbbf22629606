//! One Parquet file that grows row by row.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use reports::sweep::Manifest;

use crate::store::{StoreError, attempt};

/// Rows that are kept until they are written together: the memory does not grow with the table.
const BATCH: usize = 4096;

/// What a column holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Number,
    /// Below 2^63: signed, which every program reads.
    Count,
    Flag,
    Bytes,
    Counts,
}

/// A value, or none.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<f64>),
    Count(Option<u64>),
    Flag(Option<bool>),
    Bytes(Option<Vec<u8>>),
    Counts(Option<Vec<u64>>),
}

impl Kind {
    /// No value of this kind.
    pub(super) const fn nothing(self) -> Value {
        match self {
            Self::Text => Value::Text(None),
            Self::Number => Value::Number(None),
            Self::Count => Value::Count(None),
            Self::Flag => Value::Flag(None),
            Self::Bytes => Value::Bytes(None),
            Self::Counts => Value::Counts(None),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Number => DataType::Float64,
            Self::Count => DataType::Int64,
            Self::Flag => DataType::Boolean,
            Self::Bytes => DataType::Binary,
            Self::Counts => DataType::new_list(DataType::Int64, true),
        }
    }
}

enum Column {
    Text(StringBuilder),
    Number(Float64Builder),
    Count(Int64Builder),
    Flag(BooleanBuilder),
    Bytes(BinaryBuilder),
    Counts(ListBuilder<Int64Builder>),
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Number => Self::Number(Float64Builder::new()),
            Kind::Count => Self::Count(Int64Builder::new()),
            Kind::Flag => Self::Flag(BooleanBuilder::new()),
            Kind::Bytes => Self::Bytes(BinaryBuilder::new()),
            Kind::Counts => Self::Counts(ListBuilder::new(Int64Builder::new())),
        }
    }

    /// Appends a value; one of another kind counts as none, so that columns stay of one length.
    fn add(&mut self, value: Value) {
        match (self, value) {
            (Self::Text(column), Value::Text(text)) => column.append_option(text),
            (Self::Text(column), _) => column.append_null(),
            (Self::Number(column), Value::Number(number)) => column.append_option(number),
            (Self::Number(column), _) => column.append_null(),
            (Self::Count(column), Value::Count(count)) => column.append_option(count.map(signed)),
            (Self::Count(column), _) => column.append_null(),
            (Self::Flag(column), Value::Flag(flag)) => column.append_option(flag),
            (Self::Flag(column), _) => column.append_null(),
            (Self::Bytes(column), Value::Bytes(bytes)) => column.append_option(bytes),
            (Self::Bytes(column), _) => column.append_null(),
            (Self::Counts(column), Value::Counts(Some(counts))) => {
                column.append_value(counts.into_iter().map(|count| Some(signed(count))));
            }
            (Self::Counts(column), _) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Number(column) => Arc::new(column.finish()),
            Self::Count(column) => Arc::new(column.finish()),
            Self::Flag(column) => Arc::new(column.finish()),
            Self::Bytes(column) => Arc::new(column.finish()),
            Self::Counts(column) => Arc::new(column.finish()),
        }
    }
}

/// A table that is being written, beside its place until it is finished.
pub(super) struct Table {
    path: PathBuf,
    fresh: PathBuf,
    schema: Arc<Schema>,
    columns: Vec<Column>,
    rows: usize,
    writer: ArrowWriter<File>,
}

impl Table {
    /// An empty table.
    pub(super) fn create(
        path: &Path,
        manifest: &Manifest,
        columns: Vec<(String, Kind)>,
    ) -> Result<Self, StoreError> {
        let fresh = path.with_extension("parquet.new");
        let file = attempt("create", &fresh, File::create(&fresh))?;
        let fields: Vec<Field> =
            columns.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let about = |key: &str, value: String| KeyValue::new(format!("option30.{key}"), value);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(vec![
                about("schema", manifest.schema.to_string()),
                about("version", manifest.option30.clone()),
                about("sweep", manifest.hash.clone()),
                about("title", manifest.title.clone()),
            ]))
            .build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
        Ok(Self {
            writer: of_parquet(&fresh, writer)?,
            path: path.to_owned(),
            fresh,
            schema,
            columns: columns.into_iter().map(|(_, kind)| Column::new(kind)).collect(),
            rows: 0,
        })
    }

    /// One more row, a value for each column.
    pub(super) fn add(&mut self, values: impl Iterator<Item = Value>) -> Result<(), StoreError> {
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.add(value);
        }
        self.rows += 1;
        if self.rows == BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.rows = 0;
        let arrays = self.columns.iter_mut().map(Column::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(Into::into);
        let written = batch.and_then(|batch| self.writer.write(&batch));
        of_parquet(&self.fresh, written)
    }

    /// Puts the table in its place.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        if self.rows > 0 {
            self.flush()?;
        }
        of_parquet(&self.fresh, self.writer.close())?;
        attempt("write", &self.path, fs::rename(&self.fresh, &self.path))
    }
}

fn of_parquet<T>(path: &Path, result: parquet::errors::Result<T>) -> Result<T, StoreError> {
    attempt("write", path, result.map_err(io::Error::other))
}
