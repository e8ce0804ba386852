//! The command that installs PostgreSQL's server on this system.

use std::fs;

/// The command for this system; `major` names the version where the system's packages do.
pub fn install_command(major: Option<u32>) -> String {
    let release = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .unwrap_or_default();
    let system = if cfg!(target_os = "macos") { "macos" } else { "" };
    let command = command_for(system, &release, major);
    let needs_privilege =
        !command.starts_with("brew") && !command.starts_with("see") && !is_superuser();
    if needs_privilege { format!("sudo {command}") } else { command }
}

fn is_superuser() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `release` is the text of os-release(5): `ID` names the system, `ID_LIKE` its relatives.
fn command_for(system: &str, release: &str, major: Option<u32>) -> String {
    let dashed = major.map(|major| format!("-{major}")).unwrap_or_default();
    let plain = major.map(|major| major.to_string()).unwrap_or_default();
    if system == "macos" {
        let formula = major.map_or("postgresql".to_owned(), |major| format!("postgresql@{major}"));
        return format!("brew install {formula}");
    }
    let mut names = field(release, "ID");
    names.extend(field(release, "ID_LIKE"));
    names
        .iter()
        .find_map(|name| match name.as_str() {
            "debian" | "ubuntu" => Some(format!("apt-get install postgresql{dashed}")),
            "fedora" | "rhel" | "centos" => {
                Some("dnf install postgresql-server postgresql".to_owned())
            }
            "alpine" => Some(format!("apk add postgresql{plain} postgresql{plain}-client")),
            "arch" => Some("pacman -S postgresql".to_owned()),
            "suse" | "opensuse" | "sles" => {
                Some(format!("zypper install postgresql{plain}-server postgresql{plain}"))
            }
            _ => None,
        })
        .unwrap_or_else(|| "see https://www.postgresql.org/download/".to_owned())
}

fn field(release: &str, key: &str) -> Vec<String> {
    release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.trim() == key)
        .flat_map(|(_, value)| value.trim().trim_matches(['"', '\'']).split_whitespace())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_gets_its_own_command() {
        let cases = [
            ("", "ID=debian\n", Some(15), "apt-get install postgresql-15"),
            ("", "NAME=x\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", None, {
                "apt-get install postgresql"
            }),
            ("", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Some(16), {
                "dnf install postgresql-server postgresql"
            }),
            ("", "ID=alpine", Some(17), "apk add postgresql17 postgresql17-client"),
            ("", "ID=arch", None, "pacman -S postgresql"),
            ("macos", "", Some(17), "brew install postgresql@17"),
            ("", "ID=plan9", None, "see https://www.postgresql.org/download/"),
        ];
        for (system, release, major, expected) in cases {
            assert_eq!(command_for(system, release, major), expected);
        }
    }
}
