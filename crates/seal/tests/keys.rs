//! Files of keys: what is taken, what is refused, and what is said about it.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use valet_seal::{FleetPrivateKey, FleetPrivateKeys, FleetPublicKeys, KeyError, KeyFileError};

fn private(kid: Option<&str>) -> (FleetPrivateKeys, Value) {
    let mut keys = FleetPrivateKeys::default();
    keys.add(FleetPrivateKey::generate(kid).unwrap()).unwrap();
    let json = serde_json::from_str(&keys.to_json()).unwrap();
    (keys, json)
}

fn read_private(json: &Value) -> Result<FleetPrivateKeys, KeyError> {
    FleetPrivateKeys::parse(json.to_string().as_bytes())
}

fn read_public(json: &Value) -> Result<FleetPublicKeys, KeyError> {
    FleetPublicKeys::parse(json.to_string().as_bytes())
}

#[test]
fn keys_come_back_from_their_files_alone_or_in_a_set() {
    let (keys, json) = private(None);
    let key = keys.iter().next().unwrap();
    assert_eq!(key.kid().len(), 43, "named by its thumbprint");
    for form in [&json, &json["keys"][0]] {
        assert_eq!(read_private(form).unwrap().iter().next().unwrap().public(), key.public());
    }
    let mut list = FleetPublicKeys::default();
    list.add(key.public()).unwrap();
    list.add(FleetPrivateKey::generate(Some("second")).unwrap().public()).unwrap();
    let again = FleetPublicKeys::parse(list.to_json().as_bytes()).unwrap();
    assert_eq!(again, list);
    assert_eq!(again.first().unwrap().kid(), key.kid(), "the first is sealed to");
    assert!(!list.to_json().contains("\"d\""));
}

#[test]
fn the_thumbprint_is_that_of_rfc_7638() {
    // Computed with Python: base64url(sha256('{"crv":"P-256","kty":"EC","x":…,"y":…}')).
    let vector: Value = serde_json::from_str(include_str!("joserfc.json")).unwrap();
    assert_eq!(vector["thumbprint"].as_str().unwrap().len(), 43);
    let keys = read_private(&vector["key"]).unwrap();
    assert_eq!(keys.iter().next().unwrap().public().thumbprint(), vector["thumbprint"].as_str().unwrap());
}

#[test]
fn what_is_no_key_of_the_fleet_is_told_by_its_rule() {
    let (_, set) = private(Some("k"));
    let good = &set["keys"][0];
    let with = |name: &str, value: Value| {
        let mut json = good.clone();
        json[name] = value;
        json
    };
    let no_point = KeyError::NoPoint { kid: "k".into() };
    let other = private(Some("k")).1;
    for (json, error) in [
        (json!("x"), KeyError::NotJwk),
        (json!({ "keys": [] }), KeyError::Empty),
        (json!({ "keys": [good, good] }), KeyError::Doubled { kid: "k".into() }),
        (with("kty", json!("OKP")), KeyError::OtherKind),
        (with("crv", json!("P-384")), KeyError::OtherKind),
        (with("alg", json!("ECDH-ES")), KeyError::OtherKind),
        (with("use", json!("sig")), KeyError::OtherKind),
        (with("kid", json!("")), KeyError::BadId),
        (with("kid", json!("a key")), KeyError::BadId),
        (with("x", json!("AA")), no_point.clone()),
        (with("y", good["x"].clone()), no_point.clone()),
        (with("d", json!("AA")), no_point.clone()),
        (with("d", other["keys"][0]["d"].clone()), no_point.clone()),
        (with("d", Value::Null), KeyError::Public { kid: "k".into() }),
    ] {
        assert_eq!(read_private(&json).unwrap_err(), error, "{error}");
    }
    assert_eq!(read_public(good), Err(KeyError::Private { kid: "k".into() }), "no private key is handed out");
}

#[test]
fn a_private_file_is_read_only_where_others_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("fleet.json");
    fs::write(&path, private(Some("k")).0.to_json().as_bytes()).unwrap();
    let with_mode = |mode| {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        FleetPrivateKeys::read(&[&path])
    };
    for mode in [0o600, 0o400, 0o440, 0o640] {
        with_mode(mode).unwrap();
    }
    for mode in [0o644, 0o604, 0o660, 0o602, 0o777] {
        let refused = with_mode(mode).unwrap_err();
        assert!(
            matches!(&refused, KeyFileError::NotPrivate { mode: found, .. } if *found == mode),
            "{refused}"
        );
        assert!(refused.advice().contains("0600"));
    }
    with_mode(0o600).unwrap();
    let twice = FleetPrivateKeys::read(&[&path, &path]).unwrap_err();
    assert!(matches!(twice, KeyFileError::Key { cause: KeyError::Doubled { .. }, .. }), "{twice}");
    fs::write(&path, vec![b' '; 70_000]).unwrap();
    assert!(matches!(FleetPrivateKeys::read(&[&path]), Err(KeyFileError::TooLarge { .. })));
    let absent = FleetPrivateKeys::read(&[folder.path().join("none")]).unwrap_err();
    assert!(matches!(absent, KeyFileError::Read { .. }), "{absent}");
}
