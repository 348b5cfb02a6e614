//! The report of `check` for people.

use wire::CheckReport;

/// The lines of a check; `coloured` shows the states in colour.
pub(crate) fn check_report(report: &CheckReport, coloured: bool) -> String {
    let text = report.to_string();
    if !coloured {
        return text;
    }
    text.lines().map(colour_state).collect()
}

/// Colours the state with which a line begins.
fn colour_state(line: &str) -> String {
    let colours = [("FAIL", "1;31"), ("warn", "1;33"), ("ok", "32")];
    let coloured = colours.iter().find_map(|(state, colour)| {
        let rest = line.strip_prefix(state)?;
        Some(format!("\x1b[{colour}m{state}\x1b[0m{rest}\n"))
    });
    coloured.unwrap_or_else(|| format!("{line}\n"))
}

#[cfg(test)]
mod tests {
    use engine::{Check, CheckState};

    use super::*;

    #[test]
    fn only_the_states_are_coloured() {
        let check =
            |state, detail: &str| Check { state, subject: "copy", detail: detail.to_owned(), advice: None };
        let checks = [
            check(CheckState::Ok, "fine"),
            check(CheckState::Warn, "slow"),
            check(CheckState::Fail, "broken"),
            check(CheckState::Info, "ok so far"),
        ];
        let report = CheckReport::from(checks.as_slice());
        let expected = "\x1b[32mok\x1b[0m    copy  fine\n\x1b[1;33mwarn\x1b[0m  copy  slow\n\
                        \x1b[1;31mFAIL\x1b[0m  copy  broken\ninfo  copy  ok so far\n";
        assert_eq!(check_report(&report, true), expected);
        assert_eq!(check_report(&report, false), report.to_string());
    }
}
