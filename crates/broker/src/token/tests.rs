//! What is read of a token, and what is refused, without repeating it.

use super::*;
use std::error::Error as _;
use valet_testkit::{Folder, TokenIssuer};

const HOUR: Duration = Duration::from_secs(3600);

fn open(content: &str) -> Result<TokenFile, TokenError> {
    let folder = Folder::new("token-file");
    TokenFile::open(folder.write("token", content))
}

#[test]
fn the_login_and_the_end_are_read_of_a_token() {
    let token = TokenIssuer::new().token("valet-worker", &[], HOUR);
    assert_eq!(open(&format!("{token}\n")).unwrap().login(), "valet-worker");
    let now = Timestamp::now();
    let read = Token::parse(&token, now).unwrap();
    assert!(read.times.left(now) > HOUR - Duration::from_secs(60), "{:?}", read.times);
    assert_eq!(read.times.life(), HOUR);
}

#[test]
fn what_is_no_usable_token_is_refused_without_repeating_it() {
    let issuer = TokenIssuer::new();
    let endless = issuer.endless("c4nary", &[]);
    let nobody = issuer.token("", &[], HOUR);
    for content in ["", "c4nary", "a.c4nary.b", "e30.e30.e30", &endless, &nobody] {
        let error = open(content).unwrap_err();
        assert!(matches!(error, TokenError::Malformed { .. }), "{error:?}");
        let told = format!("{error} {error:?} {}", error.advice());
        assert!(
            !told.contains("c4nary") && !content.split('.').any(|part| part.len() > 9 && told.contains(part)),
            "{told}"
        );
    }
    assert!(open(&endless).unwrap_err().to_string().ends_with("never ends: it has no `exp`"));
    let expired = open(&issuer.expired("acme", &[])).unwrap_err();
    assert!(matches!(expired, TokenError::Expired { .. }), "{expired:?}");
    let large = open(&"x".repeat(20_000)).unwrap_err();
    assert!(matches!(large, TokenError::TooLarge { .. }), "{large:?}");
    let missing = TokenFile::open("/nowhere/at/all".into()).unwrap_err();
    assert!(missing.source().is_some(), "{missing:?}");
}

#[tokio::test]
async fn a_file_that_changes_hands_is_refused() {
    let issuer = TokenIssuer::new();
    let folder = Folder::new("token-file");
    let file = TokenFile::open(folder.write("token", issuer.token("valet-worker", &[], HOUR))).unwrap();
    folder.write("token", issuer.token("valet-producer", &[], HOUR));
    let error = file.read().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, TokenError::OtherLogin { .. }), "{error:?}");
}
