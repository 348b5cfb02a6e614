use super::Case;
use server::{Role, Settings};

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$nm58/HGmM1w8LUw+FfIcvw$ncZZdiWvUW41zxwmttqJ8LwNM2+NuiPGTUpeuzeRBXY";

fn settings(case: &Case) -> Settings {
    case.load([]).server(false).unwrap_or_else(|error| panic!("{error}"))
}

/// The error for invalid settings.
fn refused(text: &str) -> String {
    let case = Case::new(text);
    match case.load([]).server(false) {
        Ok(settings) => panic!("it was taken: {settings:?}"),
        Err(error) => case.plain(&error.to_string()),
    }
}

#[test]
fn keys_of_the_server_are_the_same_in_both_schemas() {
    let keys = format!(
        "server:\n  listen: 10.0.0.1:81\n  tokens: ['ci:read:sha256:{HASH}']\n  users: ['ops:admin:{PASSWORD}']\n  max_body: 1MiB\n"
    );
    for head in ["configVersion: v2\n", "http: {simpleResponse: true}\n"] {
        let case = Case::new(&format!("{head}{keys}"));
        let config = case.load([]);
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let settings = settings(&case);
        assert_eq!(settings.listen.to_string(), "10.0.0.1:81");
        assert_eq!((settings.limits.max_body, settings.simple_response), (1 << 20, head.starts_with("http")));
        let [token] = &settings.access.tokens[..] else { panic!("{settings:?}") };
        assert_eq!((token.name.as_str(), token.role, token.sha256[0]), ("ci", Role::Read, 0xba));
        let [user] = &settings.access.users[..] else { panic!("{settings:?}") };
        assert_eq!((user.name.as_str(), user.role), ("ops", Role::Admin));
        for key in ["server.tokens", "server.users"] {
            assert!(config.shown(key).starts_with("**** (c.yaml:"), "{}", config.shown(key));
        }
    }
}

#[test]
fn variables_set_the_port_and_the_names() {
    let case = Case::new("configVersion: v2\n");
    let tokens = format!("a:read:sha256:{HASH} b:admin:sha256:{HASH}");
    let users = format!("ops:admin:{PASSWORD}\n");
    let config = case.load([("SERVER_PORT", "81"), ("SERVER_TOKENS", &tokens), ("SERVER_USERS", &users)]);
    let settings = config.server(false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((settings.listen.to_string(), settings.access.tokens.len()), (":81".to_owned(), 2));
    assert_eq!(settings.access.users.len(), 1);
    // Kubernetes sets this if a service is named `server`.
    let config = case.load([("SERVER_PORT", "tcp://10.0.0.1:80")]);
    assert_eq!(config.shown("server.listen"), "8080 (default)");
}

#[test]
fn invalid_settings_are_reported_without_secrets() {
    let of = |keys: &str| refused(&format!("configVersion: v2\nserver:\n{keys}"));
    let item = "c.yaml line 3: server.tokens: item 1 is not NAME:ROLE:sha256:HEX, as `milvus-backup server token` prints it";
    for wrong in ["hunter2", "ci:read:hunter2", "ci:root:sha256:00", "ci:read:sha256:zz", ":read:sha256:00"] {
        assert_eq!(of(&format!("  tokens: ['{wrong}']\n")), item);
    }
    assert!(of("  users: ['ops:admin:hunter2']\n").contains("item 1 is not NAME:ROLE:$argon2id$"));
    let twice = of(&format!("  users: ['o:read:{PASSWORD}', 'o:admin:{PASSWORD}']\n"));
    assert!(twice.ends_with("user o is listed twice"), "{twice}");
    assert!(of("  client_names: ['a']\n").contains("expected NAME:ROLE"));
    assert!(of("  tls: {cert: a.pem}\n").contains("required by server.tls.cert"));
    assert!(of("  tls: {cert: a, key: b, client_ca: c}\n").contains("the roles of the certificates"));
    assert!(of("  client_names: ['a:read']\n").contains("client certificates need server.tls.cert"));
}
