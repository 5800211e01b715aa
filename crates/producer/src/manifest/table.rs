//! CSV with a header line: `input,output,preset,param.crf,limit.frames,tag.title`. An empty cell counts as absent.
//! Must never quote a cell in a message.

use std::io::{self, BufRead};

use csv::{ReaderBuilder, StringRecord};
use serde_json::Value;

use super::{LineError, ManifestError, Row};
use crate::batch::JobRequest;

/// What to do about a wrong header.
pub(super) const COLUMNS_ADVICE: &str = "columns are input, output, preset, priority, ttl, wall, etag, and param.NAME, tag.NAME and \
     limit.NAME for each parameter, tag and limit; input must be there";

/// What to do about a wrong record.
const RECORD_ADVICE: &str =
    "give the line as many cells as the header; quote cells that hold commas or quotes";

/// What a column fills.
#[derive(Debug, Clone)]
enum Column {
    Input,
    Output,
    Preset,
    Priority,
    Ttl,
    Wall,
    Etag,
    Param(String),
    Tag(String),
    Limit(String),
}

/// Reads a CSV table.
pub(super) struct CsvTable<R> {
    reader: csv::Reader<R>,
    columns: Vec<Column>,
    record: StringRecord,
}

impl<R: BufRead> CsvTable<R> {
    pub(super) fn open(path: &str, source: R) -> Result<Self, ManifestError> {
        let mut reader = ReaderBuilder::new().flexible(false).from_reader(source);
        let header = reader
            .headers()
            .map_err(|error| ManifestError::Read { path: path.to_owned(), cause: io::Error::from(error) })?;
        let wrong = |problem| ManifestError::Header { path: path.to_owned(), problem };
        let columns: Vec<_> = header.iter().map(column).collect::<Result<_, _>>().map_err(wrong)?;
        if !columns.iter().any(|column| matches!(column, Column::Input)) {
            return Err(wrong("the header has no column input".to_owned()));
        }
        Ok(Self { reader, columns, record: StringRecord::new() })
    }

    pub(super) fn next_row(&mut self) -> io::Result<Option<Row>> {
        let read = self.reader.read_record(&mut self.record);
        match read {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = self.record.position().map_or(0, csv::Position::line);
                Ok(Some(Row { line, request: Ok(request(&self.columns, &self.record)) }))
            }
            Err(error) => bad_record(error),
        }
    }
}

fn bad_record(error: csv::Error) -> io::Result<Option<Row>> {
    let (problem, line) = match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => (
            format!("has {len} cells, and the header has {expected_len}"),
            pos.as_ref().map(csv::Position::line),
        ),
        csv::ErrorKind::Utf8 { pos, .. } => {
            ("is not UTF-8".to_owned(), pos.as_ref().map(csv::Position::line))
        }
        _ => return Err(io::Error::from(error)),
    };
    let request = Err(LineError { problem, advice: RECORD_ADVICE });
    Ok(Some(Row { line: line.unwrap_or(0), request }))
}

fn column(name: &str) -> Result<Column, String> {
    Ok(match name.trim() {
        "input" => Column::Input,
        "output" => Column::Output,
        "preset" => Column::Preset,
        "priority" => Column::Priority,
        "ttl" => Column::Ttl,
        "wall" => Column::Wall,
        "etag" => Column::Etag,
        other => match other.split_once('.') {
            Some(("param", name)) if !name.is_empty() => Column::Param(name.to_owned()),
            Some(("limit", name)) if !name.is_empty() => Column::Limit(name.to_owned()),
            Some(("tag", name)) if !name.is_empty() => Column::Tag(name.to_owned()),
            _ => return Err(format!("the header has an unknown column {:?}", shown(other))),
        },
    })
}

/// A manifest without a header shows its first line here; a signed URL in it must not be repeated.
fn shown(name: &str) -> String {
    name.split(['?', '&']).next().unwrap_or_default().chars().take(40).collect()
}

fn request(columns: &[Column], record: &StringRecord) -> JobRequest {
    let mut request = JobRequest::default();
    for (column, cell) in columns.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        let text = Some(cell.to_owned());
        match column {
            Column::Input => cell.clone_into(&mut request.input),
            Column::Output => request.output = text,
            Column::Preset => request.preset = text,
            Column::Priority => request.priority = text,
            Column::Ttl => request.ttl = text,
            Column::Wall => request.wall = text,
            Column::Etag => request.etag = text,
            Column::Param(name) => drop(request.params.insert(name.clone(), parameter(cell))),
            Column::Limit(name) => drop(request.limits.insert(name.clone(), parameter(cell))),
            Column::Tag(name) => drop(request.tags.insert(name.clone(), cell.to_owned())),
        }
    }
    request
}

/// A parameter as text becomes a number or a switch if it reads as one, else a word; the preset checks it.
pub(crate) fn parameter(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}
