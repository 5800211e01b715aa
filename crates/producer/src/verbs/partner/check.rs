//! `valet partner check`: what a partner's login can and cannot do, by trying it on the broker.
//! Must leave nothing behind, and needs nothing but the partner's own login.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use valet_broker::{Answer, BrokerConfig, LaneProbe, Password, Probed, TlsConfig};
use valet_protocol::{Lane, Priority};
use zeroize::Zeroizing;

use super::handout::SETTINGS;
use crate::config::{Config, Needs};
use crate::context::{Context, parse_broker_url};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::output::safe;
use crate::submit::SubmitError;

/// Show what a partner's login can and cannot do, by trying it
///
/// One line each: ok or FAULT. Exit code 1 if anything is possible that should not be, or impossible that should
/// be. Leaves nothing behind: no message gets into a lane.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The lane
    #[arg(value_name = "LANE")]
    lane: Lane,
    /// What `valet partner add --out` wrote: broker, login and password
    #[arg(long, value_name = "FILE", default_value = SETTINGS)]
    settings: PathBuf,
    /// Its login instead, at broker.url (default: the lane's name)
    #[arg(long, value_name = "LOGIN", requires = "password_file")]
    username: Option<String>,
    /// A file with its password
    #[arg(long, value_name = "FILE", conflicts_with = "settings")]
    password_file: Option<PathBuf>,
    /// With --password-file: its priorities reach up to high
    #[arg(long, requires = "password_file")]
    high: bool,
}

impl Options {
    pub(super) async fn run(self, mut context: Context) -> Outcome {
        let (config, ceiling) = match &self.password_file {
            Some(file) => (self.by_password(&context.config(Needs::default())?, file)?, self.ceiling()),
            None => self.by_settings()?,
        };
        let probe = LaneProbe::connect(&config, self.lane.clone()).await;
        let probe = probe.map_err(|cause| Failure::from(SubmitError::Connect(Box::new(cause))))?;
        let found = probe.run(ceiling).await;
        probe.close().await;
        for probed in &found {
            context.out.value(&value(probed), |_| text(probed))?;
        }
        context.out.flush()?;
        if found.iter().all(Probed::is_right) { Ok(()) } else { Err(Failure::silent(Exit::JobFailed)) }
    }

    fn ceiling(&self) -> Priority {
        if self.high { Priority::High } else { Priority::Normal }
    }

    fn by_password(&self, config: &Config, file: &Path) -> Outcome<BrokerConfig> {
        let url = config.broker_url.as_deref().ok_or_else(|| {
            Failure::new(Exit::Config, "broker.url is missing").advise("set broker.url, or give --settings")
        })?;
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?);
        let login = self.username.as_deref().unwrap_or(self.lane.as_str());
        let config = parse_broker_url(url)?.with_tls(config.broker_tls()?);
        Ok(config.with_login(login, Password::from(text.trim())))
    }

    fn by_settings(&self) -> Outcome<(BrokerConfig, Priority)> {
        let file = &self.settings;
        let text = Zeroizing::new(std::fs::read(file).map_err(|error| unreadable(file, &error))?);
        let value: Value = serde_json::from_slice(&text).unwrap_or_default();
        if value["lane"] != self.lane.as_str() {
            let what = format!("{} is not about the lane {}", file.display(), self.lane);
            return Err(Failure::new(Exit::Data, what).advise("name the file of this lane with --settings"));
        }
        let broker = &value["broker"];
        let (Some(url), Some(username), Some(password)) =
            (broker["url"].as_str(), broker["username"].as_str(), broker["password"].as_str())
        else {
            let what = format!("{} does not hold a broker's url, a username and a password", file.display());
            return Err(Failure::new(Exit::Data, what)
                .advise(format!("`valet partner rotate {} --out FOLDER` makes one that does", self.lane)));
        };
        let tls = TlsConfig { ca_pem: broker["ca_pem"].as_str().map(str::to_owned), ..TlsConfig::default() };
        let config = parse_broker_url(url)?.with_tls(tls).with_login(username, Password::from(password));
        let is_high = |publish: &Value| publish["priority"] == "high";
        let high = value["publish"].as_array().is_some_and(|all| all.iter().any(is_high));
        Ok((config, if high { Priority::High } else { Priority::Normal }))
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Data, format!("cannot read {}", file.display()))
        .because(error)
        .advise("give --settings with what `valet partner add --out` wrote, or --password-file")
}

fn value(probed: &Probed) -> Value {
    let answer = match probed.answer {
        Answer::Permitted => "permitted",
        Answer::Refused => "refused",
        Answer::Unknown => "unknown",
    };
    json!({ "check": probed.what, "level": if probed.is_right() { "ok" } else { "fault" },
            "wanted": if probed.wanted { "permitted" } else { "refused" }, "answer": answer, "detail": probed.detail })
}

/// `ok     publish to another lane: refused`
fn text(probed: &Probed) -> String {
    let level = if probed.is_right() { "ok" } else { "FAULT" };
    let answer = match (probed.answer, probed.wanted) {
        (Answer::Permitted, true) => "permitted",
        (Answer::Permitted, false) => "permitted, and should not be",
        (Answer::Refused, false) => "refused",
        (Answer::Refused, true) => "refused, and should not be",
        (Answer::Unknown, _) => "not known",
    };
    let detail = match probed.is_right() || probed.detail.is_empty() {
        true => String::new(),
        false => format!(" ({})", safe(&probed.detail)),
    };
    format!("{level:<5}  {}: {answer}{detail}", probed.what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(wanted: bool, answer: Answer) -> Probed {
        Probed { what: "declare a queue".into(), wanted, answer, detail: "404 NOT_FOUND".into() }
    }

    #[test]
    fn what_is_not_known_is_a_fault_either_way() {
        for wanted in [true, false] {
            assert!(!probed(wanted, Answer::Unknown).is_right());
        }
        assert_eq!(text(&probed(false, Answer::Unknown)), "FAULT  declare a queue: not known (404 NOT_FOUND)");
        assert_eq!(text(&probed(false, Answer::Refused)), "ok     declare a queue: refused");
        assert!(text(&probed(false, Answer::Permitted)).starts_with("FAULT"));
        assert!(text(&probed(true, Answer::Refused)).starts_with("FAULT"));
    }
}
