//! Carries a plan out.

use super::machine::{azurite_folder, set_stamp};
use super::plan::{Installer, Plan};
use crate::shell;

/// One script, so that sudo asks at most once. Packages of services would start them: a policy forbids it
/// while we install, and systemd (where there is one) is told not to start them at boot.
const APT: &str = r#"set -e # install packages without starting their services
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get -q update
apt-get -q -y --no-install-recommends install "$@"
case " $* " in *" rabbitmq-server "*)
    if command -v systemctl > /dev/null; then
        systemctl --quiet disable rabbitmq-server.service epmd.service epmd.socket || true
    fi
esac
"#;

/// Installs what the plan says.
pub(super) fn install(plan: &Plan) -> Result<(), String> {
    if plan.needs_person() {
        return Err("install the missing packages first, as shown above".to_owned());
    }
    if !plan.packages.is_empty() {
        apt(plan)?;
    }
    if plan.azurite {
        npm()?;
    }
    Ok(())
}

fn apt(plan: &Plan) -> Result<(), String> {
    let mut command = match plan.installer {
        Installer::Sudo => {
            let mut command = shell::command("sudo");
            command.arg("sh");
            command
        }
        Installer::Root | Installer::Person => shell::command("sh"),
    };
    shell::check(command.args(["-c", APT, "apt"]).args(&plan.packages))
}

fn npm() -> Result<(), String> {
    let folder = azurite_folder();
    shell::check(
        shell::command("npm").args(["ci", "--no-progress", "--loglevel=error"]).current_dir(folder),
    )?;
    set_stamp()
}
