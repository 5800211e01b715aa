//! `valet fleet rotate`: a new key beside the old one, then the old one off the list, then away.
//! Must never leave a key on the public list whose private half is gone.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{PublicList, files, parse_kid};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Change the fleet's key without losing a job
///
/// Three steps. Without --retire and --forget: a new key is added to the private file and to the end of the public
/// list; bring the private file to all workers, which read it again by themselves. `--retire OLD` takes the old key
/// off the public list, so that from now on grants are sealed to the next one; hand the new list to partners.
/// `--forget OLD` drops the private half, once every grant that was sealed to it has died.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file with the private keys
    #[arg(long, value_name = "FILE", required_unless_present = "retire")]
    private: Option<PathBuf>,
    #[command(flatten)]
    list: PublicList,
    /// The new key's name (default: its thumbprint)
    #[arg(long, value_name = "NAME", value_parser = parse_kid, conflicts_with_all = ["retire", "forget"])]
    kid: Option<String>,
    /// Take this key off the public list
    #[arg(long, value_name = "KID", conflicts_with = "forget")]
    retire: Option<String>,
    /// Drop the private half of this key, which is off the list
    #[arg(long, value_name = "KID")]
    forget: Option<String>,
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let public = self.list.path(&context)?;
        let done = match (&self.retire, &self.forget, &self.private) {
            (Some(kid), ..) => retire(kid, &public)?,
            (None, Some(kid), Some(private)) => forget(kid, private, &public)?,
            (None, None, Some(private)) => add(self.kid.as_deref(), private, &public)?,
            (None, _, None) => return Err(Failure::new(Exit::Usage, "--private FILE is missing")),
        };
        let list = files::read_public(&public)?;
        let kids: Vec<_> = list.iter().map(|key| key.kid().to_owned()).collect();
        context.out.value(&json!({ "done": done.word, "kid": done.kid, "public": kids }), |_| {
            format!("{}  {}\n  sealed to  {}\n  next: {}", done.kid, done.word, kids[0], done.next)
        })?;
        context.out.flush()
    }
}

/// What was done, and what is to be done after it.
struct Done {
    kid: String,
    word: &'static str,
    next: &'static str,
}

fn add(kid: Option<&str>, private: &Path, public: &Path) -> Outcome<Done> {
    let (mut keys, mut list) = (files::read_private(private)?, files::read_public(public)?);
    let key = files::generate(kid)?;
    let kid = key.kid().to_owned();
    list.add(key.public()).map_err(|error| files::of_key(&error))?;
    keys.add(key).map_err(|error| files::of_key(&error))?;
    files::write_private(private, &keys)?;
    files::write_public(public, &list)?;
    let next = "bring the private file to all workers, then `valet fleet rotate --retire OLD`";
    Ok(Done { kid, word: "added", next })
}

fn retire(kid: &str, public: &Path) -> Outcome<Done> {
    let mut list = files::read_public(public)?;
    if !list.remove(kid) {
        return Err(unknown(kid, public));
    }
    if list.first().is_none() {
        let what = format!("{kid} is the only key of {}", public.display());
        return Err(Failure::new(Exit::Data, what).advise("add one first: `valet fleet rotate --private FILE`"));
    }
    files::write_public(public, &list)?;
    let next = "hand the list to partners (`valet fleet publish`); when the longest grant has died, `--forget` it";
    Ok(Done { kid: kid.to_owned(), word: "retired", next })
}

fn forget(kid: &str, private: &Path, public: &Path) -> Outcome<Done> {
    if files::read_public(public)?.iter().any(|key| key.kid() == kid) {
        let what = format!("{kid} is still on the public list");
        return Err(Failure::new(Exit::Data, what).advise("`valet fleet rotate --retire` it first"));
    }
    let mut keys = files::read_private(private)?;
    if !keys.remove(kid) {
        return Err(unknown(kid, private));
    }
    if keys.iter().next().is_none() {
        let what = format!("{kid} is the only key of {}", private.display());
        return Err(Failure::new(Exit::Data, what).advise("delete the file, if no worker names it any more"));
    }
    files::write_private(private, &keys)?;
    Ok(Done { kid: kid.to_owned(), word: "forgotten", next: "bring the private file to all workers" })
}

fn unknown(kid: &str, path: &Path) -> Failure {
    Failure::new(Exit::Data, format!("{} has no key {kid}", path.display()))
        .advise("`valet fleet publish` lists the public ones")
}
