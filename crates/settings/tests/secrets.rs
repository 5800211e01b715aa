//! Secrets come as a value or as a file, never as both, and never print.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

use valet_settings::{Layers, Reader, SECRET_FILE_BYTES_MAX, Secret};

fn layers(given: &[(&str, &str)]) -> Layers {
    let mut layers = Layers::default();
    layers
        .environment
        .extend(given.iter().map(|(key, value)| (valet_settings::variable(key), (*value).to_owned())));
    layers
}

fn read(given: &[(&str, &str)]) -> Result<Option<Secret>, String> {
    let mut reader = Reader::new(layers(given));
    let secret = reader.secret_optional("broker.password");
    reader.finish().map(|()| secret).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn a_secret_is_given_directly_or_by_a_file_that_is_trimmed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "  from file\r\n").unwrap();
    let direct = read(&[("broker.password", "direct")]).unwrap().unwrap();
    let file = read(&[("broker.password_file", path.to_str().unwrap())]).unwrap().unwrap();
    assert_eq!((direct.expose_secret(), file.expose_secret()), ("direct", "from file"));
    assert!(read(&[]).unwrap().is_none());
}

#[test]
fn both_at_once_are_a_mistake() {
    let told = read(&[("broker.password", "c4nary"), ("broker.password_file", "/x")]).unwrap_err();
    assert_eq!(
        told,
        "a mistake in the settings:\n  broker.password (from VALET_BROKER_PASSWORD): is given as well as \
         broker.password_file (from VALET_BROKER_PASSWORD_FILE); give one of the two"
    );
}

#[test]
fn a_required_secret_that_is_missing_says_how_to_give_it() {
    let mut reader = Reader::new(Layers::default());
    assert!(reader.secret("broker.password").is_none());
    let told = reader.finish().unwrap_err().to_string();
    assert!(told.contains("broker.password: is missing; set VALET_BROKER_PASSWORD"), "{told}");
    assert!(told.contains("VALET_BROKER_PASSWORD_FILE"), "{told}");
}

#[test]
fn files_that_hold_no_secret_are_refused_without_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let large = vec![b'c'; SECRET_FILE_BYTES_MAX as usize + 1];
    let cases: [(&str, &[u8], &str); 3] = [
        ("empty", b" \n", "is empty"),
        ("binary", b"c4nary\xff", "not UTF-8"),
        ("large", &large, "larger than 8192 bytes"),
    ];
    for (name, content, problem) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let told = read(&[("broker.password_file", path.to_str().unwrap())]).unwrap_err();
        assert!(told.contains(problem) && told.contains(name) && !told.contains("c4nary"), "{told}");
    }
    let told = read(&[("broker.password_file", "/nowhere/password")]).unwrap_err();
    assert!(told.contains("cannot be read: entity not found"), "{told}");
}

#[test]
fn a_file_of_exactly_the_limit_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, vec![b'c'; SECRET_FILE_BYTES_MAX as usize]).unwrap();
    let secret = read(&[("broker.password_file", path.to_str().unwrap())]).unwrap().unwrap();
    assert_eq!(secret.expose_secret().len() as u64, SECRET_FILE_BYTES_MAX);
}

#[test]
fn a_secret_does_not_print() {
    assert_eq!(format!("{:?}", Secret::new("c4nary".to_owned())), "Secret(…)");
}
