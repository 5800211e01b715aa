//! Manifests: tens of thousands of jobs from a file or standard input, as CSV or JSON lines, read in
//! constant memory. Every bad line is told with its number; none stops the reading of the next.
//! Must never hold the whole file.

mod bounded;
mod lines;
mod table;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use bounded::BoundedLines;
use lines::JsonLines;
use table::CsvTable;
pub(crate) use table::parameter;

use crate::batch::JobRequest;

/// The most bytes a line may have: as much as a whole message.
pub const LINE_BYTES_MAX: usize = valet_protocol::MESSAGE_BYTES_MAX;

/// Large reads, since a manifest is read once from start to end.
const BUFFER_BYTES: usize = 128 * 1024;

/// How a manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// One line that asks for a job, or what is wrong with it.
#[derive(Debug)]
pub struct Row {
    /// Line number, from 1; a CSV record that spans lines has its first one's.
    pub line: u64,
    /// The request.
    pub request: Result<JobRequest, LineError>,
}

/// What is wrong with one line; the others can still be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct LineError {
    /// What is wrong. Never more of the line than a field's name.
    pub problem: String,
    /// What to do.
    pub advice: &'static str,
}

/// Why a manifest cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be opened or read.
    #[error("cannot read manifest {path}")]
    Read {
        /// The path, or `-`.
        path: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The name's ending is neither of the known ones.
    #[error("manifest {path} is neither .csv nor .jsonl")]
    UnknownFormat {
        /// The path.
        path: String,
    },
    /// The CSV header has a column that means nothing, or lacks one.
    #[error("manifest {path}: {problem}")]
    Header {
        /// The path, or `-`.
        path: String,
        /// Which column.
        problem: String,
    },
}

impl ManifestError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the path and its permissions; - reads standard input",
            Self::UnknownFormat { .. } => "name it *.csv or *.jsonl, or pipe it: --manifest - < FILE",
            Self::Header { .. } => table::COLUMNS_ADVICE,
        }
    }
}

/// A manifest being read, line by line.
pub struct Manifest {
    path: String,
    rows: Rows,
}

enum Rows {
    Csv(Box<CsvTable<Source>>),
    JsonLines(JsonLines<Source>),
}

/// Where a manifest's bytes come from, with its lines bounded.
type Source = BufReader<BoundedLines<Box<dyn BufRead>>>;

impl Manifest {
    /// Opens a file by its ending, or standard input (`-`) by its first character.
    ///
    /// # Errors
    /// When it cannot be opened, or is of no known format.
    pub fn open(path: &Path) -> Result<Self, ManifestError> {
        let name = path.display().to_string();
        if name == "-" {
            let stdin: Box<dyn Read> = Box::new(io::stdin());
            return Self::read(name, stdin, None);
        }
        let format = format_of(path).ok_or_else(|| ManifestError::UnknownFormat { path: name.clone() })?;
        let opened = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
            true => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            false => Ok(file),
        });
        let file = opened.map_err(|cause| ManifestError::Read { path: name.clone(), cause })?;
        Self::read(name, Box::new(file), Some(format))
    }

    /// Reads from anywhere; `format` is guessed from the first character if it is not given.
    ///
    /// # Errors
    /// When the first bytes cannot be read, or a CSV header is wrong.
    pub fn read(path: String, bytes: Box<dyn Read>, format: Option<Format>) -> Result<Self, ManifestError> {
        let failed = |cause| ManifestError::Read { path: path.clone(), cause };
        let mut bytes: Box<dyn BufRead> = Box::new(BufReader::with_capacity(BUFFER_BYTES, bytes));
        skip_byte_order_mark(&mut bytes).map_err(failed)?;
        let format = match format {
            Some(format) => format,
            None => guess(&mut bytes).map_err(failed)?,
        };
        let source = BufReader::with_capacity(BUFFER_BYTES, BoundedLines::new(bytes, LINE_BYTES_MAX));
        let rows = match format {
            Format::Csv => Rows::Csv(Box::new(CsvTable::open(&path, source)?)),
            Format::JsonLines => Rows::JsonLines(JsonLines::new(source)),
        };
        Ok(Self { path, rows })
    }

    /// The next line that is not empty; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub fn next_row(&mut self) -> Result<Option<Row>, ManifestError> {
        let row = match &mut self.rows {
            Rows::Csv(table) => table.next_row(),
            Rows::JsonLines(lines) => lines.next_row(),
        };
        row.map_err(|cause| ManifestError::Read { path: self.path.clone(), cause })
    }

    /// The path as given.
    pub fn path(&self) -> &str {
        &self.path
    }
}

fn format_of(path: &Path) -> Option<Format> {
    let ending = PathBuf::from(path.extension()?).display().to_string().to_ascii_lowercase();
    match ending.as_str() {
        "csv" => Some(Format::Csv),
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        _ => None,
    }
}

fn skip_byte_order_mark(bytes: &mut Box<dyn BufRead>) -> io::Result<()> {
    if bytes.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        bytes.consume(3);
    }
    Ok(())
}

fn guess(bytes: &mut Box<dyn BufRead>) -> io::Result<Format> {
    let first = bytes.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
    Ok(if first == Some(b'{') { Format::JsonLines } else { Format::Csv })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(format: Option<Format>, text: &'static str) -> Vec<(u64, Result<JobRequest, String>)> {
        let mut manifest = Manifest::read("-".into(), Box::new(text.as_bytes()), format).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = manifest.next_row().unwrap() {
            rows.push((row.line, row.request.map_err(|error| error.to_string())));
        }
        rows
    }

    #[test]
    fn both_formats_say_the_same() {
        let csv = "\u{feff}input,output,preset,param.crf,tag.title,limit.memory_bytes,limit.frames\n\
             raw/a.mov,out/a.mp4,h264-720p,23,\"a, b\",2GiB,9000\n";
        let json = r#"{"input":"raw/a.mov","output":"out/a.mp4","preset":"h264-720p","params":{"crf":23},"tags":{"title":"a, b"},"limits":{"memory_bytes":"2GiB","frames":9000}}"#;
        let (from_csv, from_json) = (rows(None, csv), rows(None, json));
        assert_eq!((from_csv[0].0, from_json[0].0), (2, 1));
        assert_eq!(from_csv[0].1, from_json[0].1);
    }

    #[test]
    fn bad_lines_have_their_numbers_and_stop_nothing() {
        let text =
            "{\"input\":\"raw/a\"}\n\nnot json\n{\"input\":\"raw/b\",\"colour\":1}\n{\"input\":\"raw/c\"}\n";
        let rows = rows(Some(Format::JsonLines), text);
        let lines: Vec<_> = rows.iter().map(|(line, row)| (*line, row.is_ok())).collect();
        assert_eq!(lines, [(1, true), (3, false), (4, false), (5, true)]);
        assert!(rows[2].1.as_ref().unwrap_err().contains("colour"));
    }

    #[test]
    fn csv_lines_with_missing_cells_are_bad_and_quoted_line_breaks_count() {
        let text = "input,output\n\"raw/a\nb\",out/a\nraw/b\nraw/c,out/c\n";
        let rows = rows(Some(Format::Csv), text);
        let lines: Vec<_> = rows.iter().map(|(line, row)| (*line, row.is_ok())).collect();
        assert_eq!(lines, [(2, true), (4, false), (5, true)]);
    }

    #[test]
    fn a_line_without_end_does_not_fill_memory() {
        for format in [Format::Csv, Format::JsonLines] {
            let head: &[u8] = b"input,output\n";
            let endless = head.chain(io::repeat(b'x'));
            let mut manifest = Manifest::read("-".into(), Box::new(endless), Some(format)).unwrap();
            let ended = (0..3).find_map(|_| manifest.next_row().err());
            assert!(ended.is_some(), "{format:?}");
        }
    }

    #[test]
    fn columns_that_mean_nothing_are_refused() {
        let read = Manifest::read("m.csv".into(), Box::new("input,colour\n".as_bytes()), Some(Format::Csv));
        assert!(matches!(read, Err(ManifestError::Header { problem, .. }) if problem.contains("colour")));
    }
}
