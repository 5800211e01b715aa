//! What to do about what is missing. Pure: a machine in, steps out.

use std::fmt;

use super::machine::Machine;

/// What is to be installed, and whether we can.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Debian packages.
    pub(super) packages: Vec<&'static str>,
    /// Run `npm ci` for Azurite.
    pub(super) azurite: bool,
    /// Fetch the newer ffmpeg with pip.
    pub(super) static_ffmpeg: bool,
    /// Fetch the libraries of the sample in Python with pip.
    pub(super) python_sample: bool,
    /// Run `npm ci` for the sample in JavaScript.
    pub(super) javascript_sample: bool,
    /// Who runs apt.
    pub(super) installer: Installer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Installer {
    Root,
    Sudo,
    /// Nobody here may, or there is no apt: a person must.
    Person,
}

impl Plan {
    pub(super) fn make(machine: &Machine, services_given: bool) -> Self {
        let azurite = !services_given && !machine.has_azurite;
        let static_ffmpeg = !machine.has_static_ffmpeg;
        let python_sample = !machine.has_python_sample;
        let javascript_sample = !machine.has_javascript_sample;
        let (by_pip, by_npm) = (static_ffmpeg || python_sample, azurite || javascript_sample);
        let missing = [
            ("rabbitmq-server", !services_given && !machine.has_rabbitmq),
            ("postgresql", !machine.has_postgres),
            ("ffmpeg", !machine.has_ffmpeg),
            ("nodejs", !machine.has_node()),
            // Debian's Node comes without npm, and npm is needed only to install.
            ("npm", by_npm && !(machine.has_npm && machine.has_node())),
            ("python3", !machine.has_python),
            ("python3-pip", by_pip && !machine.has_pip),
            ("curl", !machine.has_curl),
            ("jq", !machine.has_jq),
            ("openssl", !machine.has_openssl),
        ];
        let packages = missing.into_iter().filter_map(|(name, is_missing)| is_missing.then_some(name));
        let packages = packages.collect();
        let installer = installer(machine);
        Self { packages, azurite, static_ffmpeg, python_sample, javascript_sample, installer }
    }

    pub(super) fn is_empty(&self) -> bool {
        let by_npm = self.azurite || self.javascript_sample;
        self.packages.is_empty() && !by_npm && !self.static_ffmpeg && !self.python_sample
    }

    /// Whether a person must install the packages.
    pub(super) fn needs_person(&self) -> bool {
        !self.packages.is_empty() && self.installer == Installer::Person
    }
}

fn installer(machine: &Machine) -> Installer {
    match (machine.has_apt, machine.is_root, machine.has_sudo) {
        (true, true, _) => Installer::Root,
        (true, false, true) => Installer::Sudo,
        _ => Installer::Person,
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "nothing to install");
        }
        let packages = self.packages.join(" ");
        match self.installer {
            _ if packages.is_empty() => {}
            Installer::Root => writeln!(f, "to install by apt: {packages}")?,
            Installer::Sudo => writeln!(f, "to install by apt, with sudo: {packages}")?,
            Installer::Person => writeln!(f, "missing: {packages}\n{}", by_hand(&packages))?,
        }
        if self.azurite {
            writeln!(f, "to install by npm: Azurite, as tools/azurite/package-lock.json names it (365 MB)")?;
        }
        if self.static_ffmpeg {
            writeln!(f, "to fetch by pip: ffmpeg, as tools/ffmpeg/requirements.txt names it (173 MB)")?;
        }
        if self.python_sample {
            writeln!(f, "to fetch by pip: what examples/partner-python/requirements.txt names (30 MB)")?;
        }
        if self.javascript_sample {
            writeln!(
                f,
                "to install by npm: what examples/partner-javascript/package-lock.json names (20 MB)"
            )?;
        }
        Ok(())
    }
}

fn by_hand(packages: &str) -> String {
    format!(
        "  Debian, Ubuntu:  sudo apt-get install --no-install-recommends {packages}
                   sudo systemctl disable --now rabbitmq-server postgresql
  elsewhere:       install ffmpeg, and let containers serve:
                   docker compose up -d rabbitmq azurite
                   export VALET_TEST_AMQP=amqp://USER:PASSWORD@127.0.0.1:5672
                   export VALET_TEST_MANAGEMENT=http://127.0.0.1:15672
                   export VALET_TEST_BLOB=http://127.0.0.1:10000/devstoreaccount1
                   export VALET_TEST_POSTGRES=postgres://USER:PASSWORD@127.0.0.1:5432
  then again:      cargo xtask setup"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE_DEBIAN: Machine = Machine {
        has_rabbitmq: false,
        has_postgres: false,
        has_ffmpeg: false,
        node_major: 0,
        has_npm: false,
        has_azurite: false,
        has_python: false,
        has_pip: false,
        has_static_ffmpeg: false,
        has_python_sample: false,
        has_curl: false,
        has_jq: false,
        has_openssl: false,
        has_javascript_sample: false,
        has_apt: true,
        is_root: true,
        has_sudo: false,
    };
    const COMPLETE: Machine = Machine {
        has_rabbitmq: true,
        has_postgres: true,
        has_ffmpeg: true,
        node_major: 18,
        has_npm: false,
        has_azurite: true,
        has_python: true,
        has_static_ffmpeg: true,
        has_python_sample: true,
        has_curl: true,
        has_jq: true,
        has_openssl: true,
        has_javascript_sample: true,
        ..BARE_DEBIAN
    };

    #[test]
    fn a_bare_debian_gets_everything() {
        let plan = Plan::make(&BARE_DEBIAN, false);
        let all = "rabbitmq-server postgresql ffmpeg nodejs npm python3 python3-pip curl jq openssl";
        assert_eq!(plan.packages.join(" "), all);
        assert!(plan.azurite && plan.static_ffmpeg && plan.python_sample && plan.javascript_sample);
        assert!(plan.installer == Installer::Root && !plan.needs_person());
        let text = plan.to_string();
        assert!(text.starts_with(&format!("to install by apt: {all}\n")), "{text}");
        assert!(text.contains("Azurite") && text.contains("requirements.txt"), "{text}");
    }

    #[test]
    fn a_complete_machine_gets_nothing() {
        let plan = Plan::make(&COMPLETE, false);
        assert!(plan.is_empty() && !plan.needs_person());
        assert_eq!(plan.to_string(), "nothing to install\n");
    }

    #[test]
    fn npm_is_needed_only_to_install() {
        let plan = Plan::make(&Machine { has_javascript_sample: false, ..COMPLETE }, true);
        assert_eq!((plan.packages, plan.javascript_sample), (vec!["npm"], true));
        let plan = Plan::make(&Machine { has_azurite: false, ..COMPLETE }, false);
        assert_eq!((plan.packages, plan.azurite), (vec!["npm"], true));
        let plan = Plan::make(&Machine { has_azurite: false, has_npm: true, ..COMPLETE }, false);
        assert_eq!((plan.packages, plan.azurite), (vec![], true));
    }

    #[test]
    fn pip_is_needed_only_to_fetch() {
        let plan = Plan::make(&Machine { has_static_ffmpeg: false, ..COMPLETE }, false);
        assert_eq!((plan.packages, plan.static_ffmpeg), (vec!["python3-pip"], true));
        let plan = Plan::make(&Machine { has_python_sample: false, ..COMPLETE }, false);
        assert_eq!((plan.packages, plan.python_sample), (vec!["python3-pip"], true));
    }

    #[test]
    fn an_old_node_is_replaced() {
        let plan = Plan::make(&Machine { node_major: 12, ..COMPLETE }, false);
        assert_eq!(plan.packages, ["nodejs"]);
    }

    #[test]
    fn services_elsewhere_are_not_installed_here() {
        let bare = Machine { has_rabbitmq: false, has_azurite: false, has_ffmpeg: false, ..COMPLETE };
        let plan = Plan::make(&bare, true);
        assert_eq!((plan.packages, plan.azurite), (vec!["ffmpeg"], false));
    }

    #[test]
    fn sudo_is_used_and_without_it_a_person_is_told() {
        let plan = Plan::make(&Machine { is_root: false, has_sudo: true, ..BARE_DEBIAN }, false);
        assert!(plan.to_string().contains("with sudo"));
        let plan = Plan::make(&Machine { has_apt: false, ..BARE_DEBIAN }, false);
        assert!(plan.needs_person());
        let text = plan.to_string();
        assert!(text.contains("docker compose up") && text.contains("sudo apt-get install"), "{text}");
    }
}
