//! Tokens as a broker would read them: decoded, and verified with the public half of the key.

use std::time::Duration;

use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;
use valet_testkit::{Folder, Program};

use super::*;

/// A key made as docs/operating.md says, and its public half as DER.
fn key(options: &[&str]) -> (SigningKey, Vec<u8>) {
    let folder = Folder::new("token-key");
    let file = folder.join("private.pem");
    let openssl = |arguments: &[&str]| {
        Program::new("openssl").args(arguments).run(Duration::from_secs(60)).expect_code(0).stdout
    };
    let path = file.to_str().expect("a path in UTF-8");
    openssl(&[&["genpkey", "-out", path], options].concat());
    let public = openssl(&["pkey", "-in", path, "-pubout"]);
    let base64: String = public.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(base64).expect("PEM holds base64");
    (SigningKey::from_pem(&std::fs::read_to_string(&file).expect("a key")).expect("it is usable"), der)
}

fn claims() -> Claims {
    Claims {
        login: "acme".into(),
        scopes: vec!["rabbitmq.write:v/in.acme".into(), "rabbitmq.write:v/in.acme.low".into()],
        audience: "rabbitmq".into(),
        lifetime: Duration::from_secs(3600),
        id: "one".into(),
    }
}

fn part(token: &BrokerToken, number: usize) -> Value {
    let text = token.expose_token().split('.').nth(number).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

fn p256() -> (SigningKey, Vec<u8>) {
    key(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
}

#[test]
fn a_token_says_who_what_where_and_until_when() {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let token = BrokerToken::sign(&p256().0, "k1", &claims(), now).unwrap();
    assert_eq!(part(&token, 0), serde_json::json!({"alg": "ES256", "typ": "JWT", "kid": "k1"}));
    assert_eq!(
        part(&token, 1),
        serde_json::json!({"sub": "acme", "aud": ["rabbitmq"], "jti": "one", "iat": 1_800_000_000,
            "nbf": 1_799_999_940, "exp": 1_800_003_600,
            "scope": "rabbitmq.write:v/in.acme rabbitmq.write:v/in.acme.low"})
    );
    assert!(!format!("{token:?}").contains(token.expose_token()), "{token:?}");
}

#[test]
fn both_kinds_of_key_sign_what_their_public_halves_verify() {
    // The last bytes of a P-256 public key's DER are its point; of an RSA key's DER, PKCS#1 begins at 24.
    let (ec, rsa) = (p256(), key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]));
    let halves: [(_, &dyn ring::signature::VerificationAlgorithm, _, _); 2] = [
        (&ec.0, &ECDSA_P256_SHA256_FIXED, &ec.1[ec.1.len() - 65..], "ES256"),
        (&rsa.0, &RSA_PKCS1_2048_8192_SHA256, &rsa.1[24..], "RS256"),
    ];
    for (key, algorithm, public, name) in halves {
        let token = BrokerToken::sign(key, "k1", &claims(), Timestamp::now()).unwrap();
        let (signed, signature) = token.expose_token().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verified = UnparsedPublicKey::new(algorithm, public).verify(signed.as_bytes(), &signature);
        assert!(verified.is_ok(), "{name}");
        assert_eq!(part(&token, 0)["alg"], name);
    }
}

#[test]
fn a_life_out_of_bounds_and_rights_that_do_not_fit_are_refused() {
    let (key, _) = p256();
    for seconds in [0, 59, 7 * 86_400 + 1] {
        let claims = Claims { lifetime: Duration::from_secs(seconds), ..claims() };
        let error = BrokerToken::sign(&key, "k1", &claims, Timestamp::now()).unwrap_err();
        assert!(matches!(error, TokenError::Lifetime { .. }), "{seconds}: {error}");
    }
    let claims = Claims { scopes: vec!["rabbitmq.write:v/in.acme".into(); 200], ..claims() };
    let error = BrokerToken::sign(&key, "k1", &claims, Timestamp::now()).unwrap_err();
    assert!(matches!(error, TokenError::TooLarge { .. }), "{error}");
}

#[test]
fn what_is_no_key_is_refused_without_repeating_it() {
    for text in ["", "c4nary", "-----BEGIN PRIVATE KEY-----\nYzRuYXJ5\n-----END PRIVATE KEY-----"] {
        let error = SigningKey::from_pem(text).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("c4nary") && !told.contains("YzRuYXJ5"), "{told}");
    }
}
