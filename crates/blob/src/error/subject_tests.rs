//! Every known answer, judged for a reader and for a writer.

use jiff::SignedDuration;
use valet_grant::BlobPath;

use super::*;
use table::{ROWS, row_for};

fn now() -> Timestamp {
    "2026-01-15T10:00:00Z".parse().unwrap()
}

fn subject(operation: Operation, rights: &str) -> Subject {
    let blob = BlobPath { account: "acct".into(), container: "media".into(), blob: "a.mov".into() };
    let validity = Validity {
        start: Some(now() - SignedDuration::from_mins(15)),
        expiry: now() + SignedDuration::from_hours(1),
    };
    Subject::new(operation, &blob, Rights::parse(rights).unwrap(), validity, 7)
}

fn kind(subject: &Subject, status: u16, code: &str, now: Timestamp) -> StorageErrorKind {
    let code = Some(code.to_owned()).filter(|code| !code.is_empty());
    subject.answered(Answer { status, code, ..Answer::default() }, now).error.kind
}

/// (status, code, what a reader with sp=r meets, what a writer with sp=c meets)
fn expected() -> Vec<(u16, &'static str, StorageErrorKind, StorageErrorKind)> {
    use StorageErrorKind::*;
    let both = |status, code, kind: StorageErrorKind| (status, code, kind.clone(), kind);
    let unknown = |status, code: &'static str| Unexpected { status, code: code.into() };
    let too_large = || TooLarge { bytes: 7, bytes_max: PUT_BYTES_MAX };
    vec![
        both(400, "Md5Mismatch", Md5Mismatch),
        both(400, "InvalidMd5", Md5Mismatch),
        both(401, "", GrantInvalid),
        both(401, "NoAuthenticationInformation", GrantInvalid),
        both(401, "InvalidAuthenticationInfo", GrantInvalid),
        both(403, "", GrantInvalid),
        both(403, "AuthenticationFailed", GrantInvalid),
        both(403, "AuthorizationFailure", GrantInvalid),
        both(403, "KeyBasedAuthenticationNotPermitted", GrantInvalid),
        both(403, "AccountIsDisabled", unknown(403, "AccountIsDisabled")),
        (403, "AuthorizationPermissionMismatch", WrongRight, NameCollision),
        (403, "AuthorizationResourceTypeMismatch", WrongRight, NameCollision),
        (403, "AuthorizationServiceMismatch", WrongRight, NameCollision),
        (403, "InsufficientAccountPermissions", WrongRight, NameCollision),
        (403, "UnauthorizedBlobOverwrite", unknown(403, "UnauthorizedBlobOverwrite"), NameCollision),
        both(403, "AuthorizationSourceIPMismatch", WrongAddress(None)),
        both(403, "AuthorizationProtocolMismatch", WrongProtocol),
        (404, "", BlobMissing, ContainerMissing),
        (404, "BlobNotFound", BlobMissing, ContainerMissing),
        both(404, "ContainerNotFound", ContainerMissing),
        both(404, "ResourceNotFound", ContainerMissing),
        both(408, "", Unavailable),
        (409, "BlobAlreadyExists", unknown(409, "BlobAlreadyExists"), NameCollision),
        (409, "BlobImmutableDueToPolicy", unknown(409, "BlobImmutableDueToPolicy"), NameCollision),
        (409, "InvalidBlobType", unknown(409, "InvalidBlobType"), NameCollision),
        both(409, "BlobArchived", BlobArchived),
        both(409, "BlobBeingRehydrated", BlobArchived),
        both(409, "ContainerBeingDeleted", ContainerMissing),
        both(409, "ContainerDisabled", ContainerMissing),
        both(409, "PublicAccessNotPermitted", GrantInvalid),
        both(409, "AccountBeingCreated", Unavailable),
        (412, "", InputChanged, NameCollision),
        (412, "ConditionNotMet", InputChanged, NameCollision),
        (412, "LeaseIdMissing", unknown(412, "LeaseIdMissing"), NameCollision),
        both(413, "", too_large()),
        both(413, "RequestBodyTooLarge", too_large()),
        both(429, "", Throttled),
        both(429, "TooManyRequests", Throttled),
        both(500, "", Unavailable),
        both(500, "InternalError", Unavailable),
        both(500, "OperationTimedOut", Unavailable),
        both(500, "FeatureNotSupported", unknown(500, "FeatureNotSupported")),
        both(502, "", Unavailable),
        both(503, "", Unavailable),
        both(503, "ServerBusy", Throttled),
        both(504, "", Unavailable),
    ]
}

#[test]
fn every_row_of_the_table_is_judged_as_promised() {
    let (reader, writer) = (subject(Operation::Fetch, "r"), subject(Operation::Store, "c"));
    for (status, code, reading, storing) in expected() {
        assert_eq!(kind(&reader, status, code, now()), reading, "{status} {code} for a reader");
        assert_eq!(kind(&writer, status, code, now()), storing, "{status} {code} for a writer");
    }
}

#[test]
fn every_row_of_the_table_has_its_promise() {
    let promised: Vec<_> = expected().iter().map(|(status, code, ..)| (*status, *code)).collect();
    let rows: Vec<_> = ROWS.iter().map(|row| (row.status, row.code)).collect();
    assert_eq!(rows, promised);
}

#[test]
fn an_unknown_code_is_not_explained_away() {
    for status in [400, 401, 403, 404, 409, 412, 416, 307] {
        assert!(row_for(status, "SomethingNew").is_none(), "{status}");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        let kind = kind(&subject(Operation::Fetch, "r"), status, "SomethingNew", now());
        assert!(kind.is_transient(), "{status}: {kind:?}");
    }
}

#[test]
fn a_missing_right_is_a_collision_only_for_create_alone() {
    for (rights, expected) in [
        ("c", StorageErrorKind::NameCollision),
        ("rc", StorageErrorKind::NameCollision),
        ("cw", StorageErrorKind::WrongRight),
        ("w", StorageErrorKind::WrongRight),
        ("r", StorageErrorKind::WrongRight),
    ] {
        let writer = subject(Operation::Store, rights);
        assert_eq!(kind(&writer, 403, "AuthorizationPermissionMismatch", now()), expected, "{rights}");
    }
}

#[test]
fn our_clock_tells_expired_from_invalid() {
    let reader = subject(Operation::Open, "r");
    for (at, expected) in [
        ("2026-01-15T09:44:59Z", StorageErrorKind::GrantNotYetValid),
        ("2026-01-15T09:45:00Z", StorageErrorKind::GrantInvalid),
        ("2026-01-15T10:59:59Z", StorageErrorKind::GrantInvalid),
        ("2026-01-15T11:00:00Z", StorageErrorKind::GrantExpired),
    ] {
        for code in ["AuthenticationFailed", "AuthorizationFailure"] {
            assert_eq!(kind(&reader, 403, code, at.parse().unwrap()), expected, "{code} at {at}");
        }
    }
}

#[test]
fn storage_with_another_clock_is_believed_when_it_says_so() {
    let reader = subject(Operation::Open, "r");
    let refused = |at: &str| {
        let answer = Answer { status: 403, out_of_time: true, ..Answer::default() };
        reader.answered(answer, at.parse().unwrap()).error.kind
    };
    assert_eq!(refused("2026-01-15T10:58:00Z"), StorageErrorKind::GrantExpired);
    assert_eq!(refused("2026-01-15T09:46:00Z"), StorageErrorKind::GrantNotYetValid);
}

#[test]
fn only_an_open_end_makes_a_write_unresolved() {
    let writer = subject(Operation::Store, "c");
    for (status, code, unresolved) in [
        (500, Some("OperationTimedOut"), true),
        (503, None, true),
        (503, Some("ServerBusy"), false),
        (429, None, false),
        (403, Some("UnauthorizedBlobOverwrite"), false),
    ] {
        let answer = Answer { status, code: code.map(str::to_owned), ..Answer::default() };
        assert_eq!(writer.answered(answer, now()).unresolved, unresolved, "{status} {code:?}");
    }
}

#[test]
fn errors_read_well_and_say_what_to_do() {
    let reader = subject(Operation::Fetch, "r");
    let answer = Answer {
        status: 403,
        code: Some("AuthorizationFailure".into()),
        request_id: Some("5b9f".into()),
        ..Answer::default()
    };
    let error = reader.answered(answer, now()).error;
    assert_eq!(
        error.to_string(),
        "cannot read acct/media/a.mov: storage does not accept the grant (HTTP 403, AuthorizationFailure, request 5b9f)"
    );
    assert!(error.advice().contains("firewall"), "{}", error.advice());
    let error = reader.error(StorageErrorKind::TooLarge { bytes: 9, bytes_max: 8 });
    assert_eq!(error.to_string(), "cannot read acct/media/a.mov: 9 bytes are more than the 8 allowed");
}

#[test]
fn a_full_disk_is_told_from_a_broken_one() {
    let reader = subject(Operation::Fetch, "r");
    for (errno, expected) in [
        (28, StorageErrorKind::ScratchFull),
        (122, StorageErrorKind::ScratchFull),
        (5, StorageErrorKind::Scratch),
    ] {
        assert_eq!(reader.scratch(&io::Error::from_raw_os_error(errno)).kind, expected, "errno {errno}");
    }
}
