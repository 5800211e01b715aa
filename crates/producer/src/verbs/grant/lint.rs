//! `valet grant lint`: what a worker would say about a grant before it takes it.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use valet_grant::{Finding, GrantPolicy, GrantUrl, Role, SasToken, audit, audit_pair};

use super::read_url;
use crate::config::{Config, Needs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Check a grant against every rule that workers apply
///
/// Give the URL as - and pipe it in: arguments can be read by every user of this machine. With a second URL
/// the two are checked as a job's input and output. If the account's key is set, the signature is checked
/// too. Exit code 65 if a worker would refuse.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The grant, or - to read it from standard input
    #[arg(value_name = "URL")]
    url: String,
    /// The job's output grant, to check both together
    #[arg(value_name = "OUTPUT_URL")]
    output: Option<String>,
    /// What a single URL is for
    #[arg(long, value_enum, default_value_t = For::Input)]
    role: For,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum For {
    Input,
    Output,
}

/// What was found, for `--json`.
#[derive(Serialize)]
struct Verdict<'a> {
    url: &'a GrantUrl,
    accepted: bool,
    /// Whether it was signed with the configured key; absent without a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'static str>,
    findings: &'a [Finding],
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let config = context.config(Needs::default())?;
        let policy = config.grant_policy();
        let url = read_url(&self.url)?;
        let findings = self.findings(&url, &policy)?;
        let signature = signature(&config, &url)?;
        let accepted = !findings.iter().any(|finding| finding.refuses(&policy));
        let verdict = Verdict { url: &url, accepted, signature, findings: &findings };
        context.out.value(&verdict, |verdict| text(verdict, &policy))?;
        context.out.flush()?;
        if accepted { Ok(()) } else { Err(Failure::silent(Exit::Data)) }
    }

    fn findings(&self, url: &GrantUrl, policy: &GrantPolicy) -> Outcome<Vec<Finding>> {
        let now = Timestamp::now();
        Ok(match (&self.output, self.role) {
            (Some(output), _) => audit_pair(url, &read_url(output)?, policy, now),
            (None, For::Input) => audit(url, Role::Input, policy, now),
            (None, For::Output) => audit(url, Role::Output, policy, now),
        })
    }
}

/// Whether the configured key signed it, in words.
fn signature(config: &Config, url: &GrantUrl) -> Outcome<Option<&'static str>> {
    let is_signed = SasToken::parse(url).is_ok_and(|token| token.is_signed());
    if config.storage.is_none() || !is_signed {
        return Ok(None);
    }
    Ok(Some(match config.signer()?.verify(url) {
        Ok(()) => "ours",
        Err(_) => "not ours",
    }))
}

fn text(verdict: &Verdict<'_>, policy: &GrantPolicy) -> String {
    let mut lines = vec![verdict.url.to_string()];
    for finding in verdict.findings {
        let refuses = if finding.refuses(policy) { "refused" } else { "noted" };
        lines.push(format!("{} {:<8} {refuses:<7} {}", finding.rule.id(), finding.severity.word(), finding.message));
        lines.push(format!("                        next: {}", finding.advice));
    }
    lines.extend(verdict.signature.map(|whose| format!("signature: {whose} (checked with the configured key)")));
    lines.push(match verdict.accepted {
        true => "a worker takes it".to_owned(),
        false => "a worker refuses it".to_owned(),
    });
    lines.join("\n")
}
