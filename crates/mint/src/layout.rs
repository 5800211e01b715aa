//! The strings-to-sign of every SAS version, as data.
//!
//! Source: the official SDKs (azure-storage-blob for Python 12.31.1, @azure/storage-blob 12.33.0); the
//! documentation's tables of 2019 to 2021 differ in places and are wrong there. Never signs by itself.

use crate::version::SasVersion;

/// One line of a string-to-sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Rights,
    Start,
    Expiry,
    Resource,
    Policy,
    KeyObject,
    KeyTenant,
    KeyStart,
    KeyExpiry,
    KeyService,
    KeyVersion,
    AuthorizedObject,
    UnauthorizedObject,
    Correlation,
    DelegatedTenant,
    DelegatedObject,
    Ip,
    Protocol,
    Version,
    ResourceKind,
    Snapshot,
    EncryptionScope,
    RequestHeaders,
    RequestQuery,
    CacheControl,
    ContentDisposition,
    ContentEncoding,
    ContentLanguage,
    ContentType,
}

use Line::*;

const RESPONSE: [Line; 5] = [CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType];

/// The first four lines of every SAS.
const HEAD: [Line; 4] = [Rights, Start, Expiry, Resource];

/// The user delegation key's own fields.
const KEY: [Line; 6] = [KeyObject, KeyTenant, KeyStart, KeyExpiry, KeyService, KeyVersion];

/// A part of a layout, and the first version that has it.
type Part = (SasVersion, &'static [Line]);

/// The first version of a part that every version has.
const ALWAYS: SasVersion = SasVersion::OLDEST;

/// Service SAS: 13 lines, 15 from 2018-11-09, 16 from 2020-12-06.
const SERVICE: &[Part] = &[
    (ALWAYS, &HEAD),
    (ALWAYS, &[Policy, Ip, Protocol, Version]),
    (SasVersion::of("2018-11-09"), &[ResourceKind, Snapshot]),
    (SasVersion::of("2020-12-06"), &[EncryptionScope]),
    (ALWAYS, &RESPONSE),
];

/// User delegation SAS: 20 lines from 2018-11-09, 23, 24, 26, and 28 from 2026-04-06.
const DELEGATION: &[Part] = &[
    (ALWAYS, &HEAD),
    (ALWAYS, &KEY),
    (SasVersion::of("2020-02-10"), &[AuthorizedObject, UnauthorizedObject, Correlation]),
    (SasVersion::of("2025-07-05"), &[DelegatedTenant, DelegatedObject]),
    (ALWAYS, &[Ip, Protocol, Version, ResourceKind, Snapshot]),
    (SasVersion::of("2020-12-06"), &[EncryptionScope]),
    (SasVersion::of("2026-04-06"), &[RequestHeaders, RequestQuery]),
    (ALWAYS, &RESPONSE),
];

/// The lines of a service SAS of `version`, in order.
pub(crate) fn service(version: SasVersion) -> impl Iterator<Item = &'static [Line]> {
    parts(SERVICE, version)
}

/// The lines of a user delegation SAS of `version`, in order.
pub(crate) fn delegation(version: SasVersion) -> impl Iterator<Item = &'static [Line]> {
    parts(DELEGATION, version)
}

fn parts(parts: &'static [Part], version: SasVersion) -> impl Iterator<Item = &'static [Line]> {
    parts.iter().filter(move |(since, _)| *since <= version).map(|(_, lines)| *lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_have_the_documented_number_of_lines() {
        let of = |layout, version| parts(layout, SasVersion::parse(version).unwrap()).flatten().count();
        for (version, expected) in [
            ("2015-04-05", 13),
            ("2018-11-09", 15),
            ("2020-10-02", 15),
            ("2020-12-06", 16),
            ("2026-10-06", 16),
        ] {
            assert_eq!(of(SERVICE, version), expected, "service {version}");
        }
        for (version, expected) in [
            ("2019-12-12", 20),
            ("2020-02-10", 23),
            ("2020-12-06", 24),
            ("2025-05-05", 24),
            ("2025-07-05", 26),
            ("2026-02-06", 26),
            ("2026-04-06", 28),
        ] {
            assert_eq!(of(DELEGATION, version), expected, "delegation {version}");
        }
    }
}
