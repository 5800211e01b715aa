//! As much of HTTP/1.1 as the proxy must understand: heads, and where a request's body ends.

use std::io::{self, BufRead, Read, Write};

/// Largest head, above what Azurite takes.
const HEAD_BYTES_MAX: u64 = 64 << 10;
const PIECE_BYTES: usize = 64 << 10;

/// First line and headers, without the empty line that ends them.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) first_line: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut limited = from.take(HEAD_BYTES_MAX);
        let first_line = read_line(&mut limited)?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(&mut limited)?;
            if line.is_empty() {
                return Ok(Self { first_line, headers });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken("a header without a colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Writes it on, with `connection: close` instead of what it said.
    pub(super) fn write_closing(&self, to: &mut impl Write) -> io::Result<()> {
        let mut text = format!("{}\r\n", self.first_line);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "connection") {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("connection: close\r\n\r\n");
        to.write_all(text.as_bytes())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The words of the first line.
    pub(super) fn word(&self, index: usize) -> &str {
        self.first_line.split(' ').nth(index).unwrap_or_default()
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }
}

/// Passes a request's body on, its framing included, up to `limit` bytes; counts into `passed`.
pub(super) fn pass_request_body(
    head: &Head,
    from: &mut impl BufRead,
    to: &mut impl Write,
    limit: u64,
    passed: &mut u64,
) -> io::Result<()> {
    if head.is_chunked() {
        return pass_chunks(from, to, limit, passed);
    }
    let length = head.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    pass(&mut from.take(length.min(limit)), to, passed, None)
}

/// Passes everything on until the end of `from`; counts into `passed`; inverts the byte at `flip`.
pub(super) fn pass(
    from: &mut impl Read,
    to: &mut impl Write,
    passed: &mut u64,
    flip: Option<u64>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        if let Some(index) = flip.and_then(|at| usize::try_from(at.checked_sub(*passed)?).ok()) {
            piece[..length].get_mut(index).into_iter().for_each(|byte| *byte = !*byte);
        }
        to.write_all(&piece[..length])?;
        *passed += length as u64;
    }
}

fn pass_chunks(from: &mut impl BufRead, to: &mut impl Write, limit: u64, passed: &mut u64) -> io::Result<()> {
    while *passed < limit {
        let line = read_line(from)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken("a chunk without a size"))?;
        write!(to, "{line}\r\n")?;
        pass(&mut from.take(size.min(limit - *passed)), to, passed, None)?;
        if *passed < limit {
            let end = read_line(from)?; // after the last chunk: the empty line, since nobody sends trailers
            write!(to, "{end}\r\n")?;
        }
        if size == 0 {
            return Ok(());
        }
    }
    Ok(())
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let text = line.strip_suffix("\r\n").ok_or_else(|| broken("a line without an end"))?;
    Ok(text.to_owned())
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(request: &str, limit: u64) -> (String, u64) {
        let mut from = request.as_bytes();
        let head = Head::read(&mut from).expect("a head");
        let (mut to, mut count) = (Vec::new(), 0);
        pass_request_body(&head, &mut from, &mut to, limit, &mut count).expect("a body");
        (String::from_utf8(to).expect("text"), count)
    }

    #[test]
    fn a_body_ends_at_its_length() {
        let request = "PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcdef";
        assert_eq!(passed(request, u64::MAX), ("abc".into(), 3));
        assert_eq!(passed(request, 2), ("ab".into(), 2));
        assert_eq!(passed("GET / HTTP/1.1\r\n\r\nabc", u64::MAX), (String::new(), 0));
    }

    #[test]
    fn a_chunked_body_ends_at_its_last_chunk() {
        let request =
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest";
        assert_eq!(passed(request, u64::MAX), ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".into(), 5));
        assert_eq!(passed(request, 4), ("3\r\nabc\r\n2\r\nd".into(), 4));
    }

    #[test]
    fn the_byte_at_the_offset_is_inverted() {
        let (mut to, mut count) = (Vec::new(), 0);
        pass(&mut &b"abc"[..], &mut to, &mut count, Some(1)).expect("memory takes it");
        assert_eq!((to.as_slice(), count), (&[b'a', !b'b', b'c'][..], 3));
    }

    #[test]
    fn a_head_without_end_is_refused() {
        assert!(Head::read(&mut &b"GET / HTTP/1.1\r\nHost: x"[..]).is_err());
    }
}
