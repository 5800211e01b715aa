//! The one fact needed of an ELF file: which dynamic loader it asks for. (The loader itself answers the rest.)

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::RootError;

/// Program headers read at most; real programs have about a dozen.
const HEADERS_MAX: u16 = 256;

/// Longest name of a loader: `PATH_MAX`.
const LOADER_BYTES_MAX: u64 = 4096;

const HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;
const PT_INTERP: u32 = 3;

/// `e_machine` of the programs that this machine runs.
const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// The loader that a program asks for; none for a static one.
pub(super) fn loader(path: &Path) -> Result<Option<PathBuf>, RootError> {
    let unreadable = |cause| RootError::Program { path: path.to_owned(), cause };
    let file = File::open(path).map_err(unreadable)?;
    let header = match read::<HEADER_BYTES>(&file, 0) {
        Ok(header) => header,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(RootError::NotElf(path.to_owned()));
        }
        Err(error) => return Err(unreadable(error)),
    };
    // The magic, then 64 bits, then little-endian.
    if header[..6] != *b"\x7fELF\x02\x01" {
        return Err(RootError::NotElf(path.to_owned()));
    }
    if u16_at(&header, 18) != MACHINE {
        return Err(RootError::OtherMachine(path.to_owned()));
    }
    let damaged = |_| RootError::NotElf(path.to_owned());
    let Some((offset, bytes)) = interpreter(&file, &header).map_err(damaged)? else { return Ok(None) };
    let mut name = vec![0; usize::try_from(bytes.min(LOADER_BYTES_MAX)).unwrap_or(0)];
    file.read_exact_at(&mut name, offset).map_err(damaged)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let name = std::str::from_utf8(&name[..end]).map_err(|_| RootError::NotElf(path.to_owned()))?;
    Ok(Some(PathBuf::from(name)))
}

/// Offset and length of the loader's name.
fn interpreter(file: &File, header: &[u8; HEADER_BYTES]) -> io::Result<Option<(u64, u64)>> {
    let (first, size, count) = (u64_at(header, 32), u16_at(header, 54), u16_at(header, 56));
    if count > HEADERS_MAX || (count > 0 && usize::from(size) < PROGRAM_HEADER_BYTES) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    for index in 0..u64::from(count) {
        let at = first.checked_add(index * u64::from(size)).ok_or(io::ErrorKind::InvalidData)?;
        let entry = read::<PROGRAM_HEADER_BYTES>(file, at)?;
        if u32_at(&entry, 0) == PT_INTERP {
            return Ok(Some((u64_at(&entry, 8), u64_at(&entry, 32))));
        }
    }
    Ok(None)
}

fn read<const N: usize>(file: &File, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

/// The offsets here are constants inside headers of constant size.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}
