//! Commands in what is told.

/// How a command begins.
const PROGRAM: &str = "milvus-backup ";
/// The verbs that a server carries out, of those that texts propose without naming it.
const VERBS: [&str; 5] = ["create", "list", "get", "delete", "restore"];

/// A text whose commands have the server at this URL carry them out.
pub(super) fn at_server(text: &str, url: &str) -> String {
    let flag = format!(" --server {}", shell_word(url));
    let mut parts = text.split(PROGRAM);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let whole = |rest: &&str| !rest.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
        let verb = VERBS.into_iter().find_map(|verb| Some((verb, part.strip_prefix(verb).filter(whole)?)));
        told += &match verb {
            Some((verb, rest)) => [PROGRAM, verb, &flag, rest].concat(),
            None => [PROGRAM, part].concat(),
        };
    }
    told
}

/// A word as a shell takes it.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_server() {
        let told = |text| at_server(text, "http://h:1");
        assert_eq!(
            told("x: milvus-backup delete -n a, then `milvus-backup list`"),
            "x: milvus-backup delete --server http://h:1 -n a, then `milvus-backup list --server http://h:1`"
        );
        for other in ["nothing", "milvus-backup check", "milvus-backup restored it", "milvus-backup 0.5.0"] {
            assert_eq!(told(other), other);
        }
        assert_eq!(
            at_server("milvus-backup get", "http://[::1]:1"),
            "milvus-backup get --server 'http://[::1]:1'"
        );
    }
}
