//! `valet topology token`: one of Valet's own logins that dies by itself.

use clap::Args;
use clap::builder::PossibleValuesParser;
use valet_broker::management::LoginNames;
use valet_broker::topology::Role;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::verbs::token::{Issue, Issuer};

/// Roles that have a token. The provisioner has none: it uses the management API with a password.
fn roles() -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(|role| *role != Role::Provisioner)
}

/// Sign a short-lived broker login for one of Valet's own programs
///
/// Write it with --out to the file that broker.token_file of that program names, and again before it expires:
/// the program takes the new one over without a break.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Whose rights it has
    #[arg(value_name = "ROLE", value_parser = PossibleValuesParser::new(roles().map(Role::name)))]
    role: String,
    /// What the login's name begins with, as in `valet topology declare`
    #[arg(long, value_name = "NAME", default_value = "valet")]
    login_prefix: String,
    #[command(flatten)]
    issue: Issue,
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let role = roles().find(|role| role.name() == self.role);
        let role = role.ok_or_else(|| Failure::new(Exit::Usage, format!("there is no role {:?}", self.role)))?;
        let issuer = Issuer::open(&context)?;
        let scopes = issuer.scopes().of_role(role);
        let names = LoginNames::with_prefix(&self.login_prefix);
        issuer.issue(&mut context, &self.issue, names.of(role), scopes)
    }
}
