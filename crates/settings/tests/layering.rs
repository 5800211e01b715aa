//! Flags win over the environment, and that over the file; every type reads what it promises.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use valet_settings::{Bytes, Layers, Origin, Reader};

fn layers(flag: Option<&str>, variable: Option<&str>, file: &str) -> Layers {
    let mut layers = Layers::default();
    layers.flags.extend(flag.map(|value| ("worker.slots", value.to_owned())));
    layers.environment.extend(variable.map(|value| ("VALET_WORKER_SLOTS".to_owned(), value.to_owned())));
    layers.file = file.parse().unwrap();
    layers
}

fn slots(layers: Layers) -> u32 {
    let mut reader = Reader::new(layers);
    let slots = reader.required::<u32>("worker.slots");
    reader.finish_with(|| slots).unwrap()
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "[worker]\nslots = 1";
    assert_eq!(slots(layers(Some("3"), Some("2"), file)), 3);
    assert_eq!(slots(layers(None, Some("2"), file)), 2);
    assert_eq!(slots(layers(None, None, file)), 1);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert_eq!(slots(layers(None, Some(""), "[worker]\nslots = 1")), 1);
}

#[test]
fn a_wrong_value_below_a_right_one_does_not_matter() {
    assert_eq!(slots(layers(Some("3"), Some("many"), "")), 3);
}

fn read<T: valet_settings::FromSetting>(value: &str) -> Option<T> {
    let mut layers = Layers::default();
    layers.environment.insert("VALET_A_B".to_owned(), value.to_owned());
    let mut reader = Reader::new(layers);
    let value = reader.optional("a.b");
    reader.finish().ok().and(value)
}

#[test]
fn types_read_their_spellings() {
    assert_eq!(read::<bool>("yes"), Some(true));
    assert_eq!(read::<bool>("OFF"), Some(false));
    assert_eq!(read::<bool>("2"), None);
    assert_eq!(read::<u16>("65_535"), Some(65_535));
    assert_eq!(read::<u16>("65536"), None);
    assert_eq!(read::<Duration>("1.5"), Some(Duration::from_millis(1500)));
    assert_eq!(read::<Duration>("-1"), None);
    assert_eq!(read::<Duration>("NaN"), None);
    assert_eq!(read::<Bytes>("2 GiB"), Some(Bytes(2 << 30)));
    assert_eq!(read::<Bytes>("1000"), Some(Bytes(1000)));
    assert_eq!(read::<Bytes>("18446744073709551615 KiB"), None);
    assert_eq!(read::<Bytes>("10 GB"), None);
    assert_eq!(read::<Vec<String>>("a, b,,c "), Some(vec!["a".into(), "b".into(), "c".into()]));
    assert_eq!(read::<PathBuf>("/srv"), Some("/srv".into()));
    assert_eq!(read::<String>("a\nb"), None);
}

#[test]
fn the_file_gives_native_types_and_lists() {
    let mut layers = Layers::default();
    layers.file = "[storage]\nloopback = true\nhosts = [\"a\", \"b\"]\nmax = 5\n[deep.down]\nkey = \"x\""
        .parse()
        .unwrap();
    let mut reader = Reader::new(layers);
    let loopback = reader.or("storage.loopback", false);
    let hosts = reader.or("storage.hosts", Vec::<String>::new());
    let (max, deep) = (reader.or("storage.max", Bytes(0)), reader.optional::<String>("deep.down.key"));
    reader.finish().unwrap();
    assert_eq!(
        (loopback, hosts, max, deep),
        (true, vec!["a".into(), "b".into()], Bytes(5), Some("x".into()))
    );
}

#[test]
fn bounds_and_choices_have_defaults() {
    let mut reader = Reader::new(Layers::default());
    assert_eq!(reader.or_within("worker.slots", 2_u32, 1..=64), 2);
    assert_eq!(reader.choice("log.format", &[("text", 'T'), ("json", 'J')], 'T'), 'T');
    reader.finish().unwrap();
}

#[test]
fn load_takes_our_variables_and_the_named_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.toml");
    std::fs::write(&path, "[worker]\nname = \"vm-7\"").unwrap();
    let variables = [
        ("VALET_CONFIG", path.to_str().unwrap()),
        ("VALET_WORKER_SLOTS", "4"),
        ("VALET_TEST_AMQP", "of the test harness"),
        ("PATH", "/bin"),
    ];
    let layers = Layers::load(BTreeMap::new(), variables.map(|(k, v)| (k.into(), v.into())), None);
    let mut reader = Reader::new(layers);
    let (slots, name) = (reader.required::<u32>("worker.slots"), reader.required::<String>("worker.name"));
    assert_eq!(reader.origin("worker.name"), Some(Origin::File(Some(path))));
    assert_eq!(reader.origin("worker.slots"), Some(Origin::Environment("VALET_WORKER_SLOTS".into())));
    reader.finish().unwrap();
    assert_eq!((slots, name.as_deref()), (Some(4), Some("vm-7")));
}

#[test]
fn a_program_can_list_the_keys_it_knows() {
    let mut reader = Reader::new(Layers::default());
    reader.optional::<String>("broker.url");
    reader.or_within("worker.slots", 2_u32, 1..=64);
    reader.secret_optional("broker.password");
    let keys: Vec<_> =
        reader.known_keys().map(|known| (known.variable.as_str(), known.kind.as_str())).collect();
    assert_eq!(
        keys,
        [
            ("VALET_BROKER_PASSWORD", "a secret"),
            ("VALET_BROKER_PASSWORD_FILE", "the path of a file that holds the secret"),
            ("VALET_BROKER_URL", "a text"),
            ("VALET_WORKER_SLOTS", "a whole number from 1 to 64"),
        ]
    );
}
