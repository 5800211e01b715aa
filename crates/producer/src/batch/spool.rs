//! Planned jobs between checking and sending. Small batches stay in memory, large ones go to an unnamed
//! temporary file, so that memory does not grow with the batch. Holds names, never grants.

use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use tempfile::SpooledTempFile;

use super::plan::JobPlan;

/// Plans beyond this size go to a temporary file.
const MEMORY_BYTES_MAX: usize = 1024 * 1024;

/// Takes planned jobs.
#[derive(Debug)]
pub struct Spool {
    writer: BufWriter<SpooledTempFile>,
    jobs: u64,
}

/// A whole batch of good plans, ready to be read once.
#[derive(Debug)]
pub struct Batch {
    reader: BufReader<SpooledTempFile>,
    jobs: u64,
}

/// The plans of a batch, in order.
#[derive(Debug)]
pub struct Plans {
    reader: BufReader<SpooledTempFile>,
    line: Vec<u8>,
}

impl Default for Spool {
    fn default() -> Self {
        Self { writer: BufWriter::new(tempfile::spooled_tempfile(MEMORY_BYTES_MAX)), jobs: 0 }
    }
}

impl Spool {
    /// Takes one plan.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn push(&mut self, plan: &JobPlan) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, plan)?;
        self.writer.write_all(b"\n")?;
        self.jobs += 1;
        Ok(())
    }

    /// How many plans it has.
    pub fn jobs(&self) -> u64 {
        self.jobs
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn finish(self) -> io::Result<Batch> {
        let mut file = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Batch { reader: BufReader::new(file), jobs: self.jobs })
    }
}

impl Batch {
    /// How many jobs it has.
    pub fn jobs(&self) -> u64 {
        self.jobs
    }

    /// Reads the plans.
    pub fn into_plans(self) -> Plans {
        Plans { reader: self.reader, line: Vec::new() }
    }
}

impl Iterator for Plans {
    type Item = io::Result<JobPlan>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line.clear();
        match self.reader.read_until(b'\n', &mut self.line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_slice(&self.line).map_err(io::Error::from)),
            Err(error) => Some(Err(error)),
        }
    }
}
