//! As much of DNS' packets (RFC 1035) as a scripted server needs. Never compresses a name, never reads beyond the
//! first question.

use std::net::IpAddr;

const HEADER_BYTES: usize = 12;
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
/// A response to a recursive question, by a server that recurses.
const RESPONSE: u16 = 0x8180;
const TRUNCATED: u16 = 0x0200;

/// The first question of a packet.
pub(super) struct Question {
    id: [u8; 2],
    /// In lower case, without the last dot.
    pub(super) name: String,
    pub(super) is_v6: bool,
    /// Name, type and class as they came.
    raw: Vec<u8>,
}

/// What to say.
#[derive(Default)]
pub(super) struct Reply {
    flags: u16,
    records: Vec<(String, Data)>,
}

enum Data {
    Address(IpAddr),
    Alias(String),
}

impl Question {
    /// Nothing for what is no question.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let id = packet.get(..2)?.try_into().ok()?;
        let body = packet.get(HEADER_BYTES..)?;
        let (mut labels, mut at) = (Vec::new(), 0);
        loop {
            let length = usize::from(*body.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(body.get(at..at + length)?).to_ascii_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?);
        Some(Self { id, name: labels.join("."), is_v6: kind == AAAA, raw: body.get(..at + 4)?.to_vec() })
    }
}

impl Reply {
    pub(super) fn addresses(name: &str, addresses: &[IpAddr]) -> Self {
        let records = addresses.iter().map(|address| (name.to_owned(), Data::Address(*address)));
        Self { flags: 0, records: records.collect() }
    }

    pub(super) fn alias(name: &str, to: &str) -> Self {
        Self { flags: 0, records: vec![(name.to_owned(), Data::Alias(to.to_owned()))] }
    }

    /// With a response code.
    pub(super) fn failed(code: u16) -> Self {
        Self { flags: code, records: Vec::new() }
    }

    pub(super) fn truncated() -> Self {
        Self { flags: TRUNCATED, records: Vec::new() }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.records.extend(other.records);
        self
    }

    /// The packet; addresses of the kind that was not asked for are left out.
    pub(super) fn write(&self, question: &Question) -> Vec<u8> {
        let fits = |data: &Data| match data {
            Data::Address(address) => address.is_ipv6() == question.is_v6,
            Data::Alias(_) => true,
        };
        let records: Vec<Vec<u8>> = self
            .records
            .iter()
            .filter(|(_, data)| fits(data))
            .map(|(name, data)| record(name, data))
            .collect();
        let count = u16::try_from(records.len()).expect("scripts are short");
        let mut packet = question.id.to_vec();
        packet.extend([RESPONSE | self.flags, 1, count, 0, 0].map(u16::to_be_bytes).concat());
        packet.extend(&question.raw);
        packet.extend(records.concat());
        packet
    }
}

fn record(name: &str, data: &Data) -> Vec<u8> {
    let (kind, data) = match data {
        Data::Address(IpAddr::V4(address)) => (A, address.octets().to_vec()),
        Data::Address(IpAddr::V6(address)) => (AAAA, address.octets().to_vec()),
        Data::Alias(to) => (CNAME, encoded(to)),
    };
    let mut record = encoded(name);
    // Class IN, TTL 0.
    record.extend([kind, 1, 0, 0].map(u16::to_be_bytes).concat());
    record.extend(u16::try_from(data.len()).expect("names are short").to_be_bytes());
    record.extend(data);
    record
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("labels are short"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
