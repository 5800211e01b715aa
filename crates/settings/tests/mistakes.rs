//! All mistakes at once, each with its place and the nearest known key, and none with a value.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

use std::collections::BTreeMap;

use proptest::prelude::*;
use valet_settings::{Layers, Mistakes, Reader};

const CANARY: &str = "c4narY+s3cret/=";

fn told(layers: Layers, read: impl FnOnce(&mut Reader)) -> Mistakes {
    let mut reader = Reader::new(layers);
    read(&mut reader);
    reader.finish().unwrap_err()
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let mut layers = Layers::default();
    layers.flags.insert("worker.slots", "100".to_owned());
    layers.environment.insert("VALET_BROKER_ULR".to_owned(), "amqp://x".to_owned());
    layers.environment.insert("VALET_LOG_FORMAT".to_owned(), "xml".to_owned());
    layers.file = "[worker]\nname = [\"a\"]\nslotz = 3\n[unheard]\nof = 1".parse().unwrap();
    layers.file_path = Some("valet.toml".into());
    let mistakes = told(layers, |reader| {
        reader.required::<String>("broker.url");
        reader.or_within("worker.slots", 2_u32, 1..=64);
        reader.choice("log.format", &[("text", 1), ("json", 2)], 1);
        reader.optional::<String>("worker.name");
        reader.refuse("worker.slots", "goes beyond the memory");
    });
    let expected = "\
8 mistakes in the settings:
  broker.url: is missing; set VALET_BROKER_URL, or url under [broker] in the configuration file
  worker.slots (from command line): must be a whole number from 1 to 64
  log.format (from VALET_LOG_FORMAT): must be one of text, json
  worker.name (from valet.toml): is a list, but takes one value
  worker.slots (from command line): goes beyond the memory
  VALET_BROKER_ULR: is not a known setting; did you mean VALET_BROKER_URL?
  unheard.of (from valet.toml): is not a known setting
  worker.slotz (from valet.toml): is not a known setting; did you mean worker.slots?";
    assert_eq!(mistakes.to_string(), expected);
    assert_eq!(mistakes.iter().count(), 8);
    assert!(mistakes.advice().contains("flags win over"));
}

#[test]
fn keys_of_other_programs_may_stand_in_the_shared_file() {
    let mut layers = Layers::default();
    layers.file = "[storage]\naccount = \"acct\"".parse().unwrap();
    let mut reader = Reader::new(layers);
    reader.also_known(&["storage.account"]);
    reader.finish().unwrap();
}

#[test]
fn an_unreadable_file_is_one_mistake_and_not_many_missing_keys() {
    let layers = Layers::load(BTreeMap::new(), [], Some("/nowhere/valet.toml".as_ref()));
    let mistakes = told(layers, |reader| drop(reader.required::<String>("broker.url")));
    assert_eq!(
        mistakes.to_string(),
        "a mistake in the settings:\n  /nowhere/valet.toml: cannot be read: entity not found"
    );
}

#[test]
fn broken_toml_is_placed_but_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("valet.toml");
    for line in [format!("password = {CANARY}"), CANARY.to_owned(), format!("password = \"{CANARY}")] {
        std::fs::write(&path, format!("[broker]\n{line}\n")).unwrap();
        let mistakes = told(Layers::load(BTreeMap::new(), [], Some(&path)), |_| ());
        assert!(mistakes.to_string().contains("is not valid TOML at line 2"), "{mistakes}");
        assert!(!format!("{mistakes} {mistakes:?}").contains(CANARY), "{mistakes}");
    }
}

#[test]
fn control_characters_of_names_are_escaped() {
    let mut layers = Layers::default();
    layers.file = "\"\\u001b[31mred\" = 1".parse().unwrap();
    assert!(!told(layers, |_| ()).to_string().contains('\u{1b}'));
}

#[test]
fn a_variable_that_is_not_utf8_is_a_mistake() {
    use std::os::unix::ffi::OsStringExt as _;
    let broken = std::ffi::OsString::from_vec(vec![0xff]);
    let mistakes = told(Layers::load(BTreeMap::new(), [("VALET_A".into(), broken)], None), |_| ());
    assert_eq!(mistakes.to_string(), "a mistake in the settings:\n  VALET_A: is not UTF-8 text");
}

proptest! {
    /// Whatever type a key has, and wherever a value stands, no mistake repeats it.
    #[test]
    fn no_mistake_repeats_a_value(before in ".{0,8}", after in ".{0,8}", place in 0..3_usize) {
        let value = format!("{before}{CANARY}{after}");
        let keys = ["k.bool", "k.number", "k.seconds", "k.bytes", "k.choice", "k.bound", "k.secret_file", "k.none"];
        let mut layers = Layers::default();
        for key in keys {
            match place {
                0 => drop(layers.flags.insert(key, value.clone())),
                1 => drop(layers.environment.insert(valet_settings::variable(key), value.clone())),
                _ => {
                    let table = layers.file.entry("k").or_insert_with(|| toml::Table::new().into());
                    table.as_table_mut().unwrap().insert(key[2..].into(), value.clone().into());
                }
            }
        }
        let debug = format!("{layers:?}");
        let mistakes = told(layers, |reader| {
            reader.optional::<bool>("k.bool");
            reader.optional::<u32>("k.number");
            reader.optional::<std::time::Duration>("k.seconds");
            reader.optional::<valet_settings::Bytes>("k.bytes");
            reader.choice("k.choice", &[("a", 1)], 1);
            reader.or_within("k.bound", 1_u64, 1..=2);
        });
        prop_assert_eq!(mistakes.iter().count(), 8);
        let told = format!("{mistakes} {mistakes:?} {debug}");
        prop_assert!(!told.contains(CANARY), "{}", told);
    }
}
