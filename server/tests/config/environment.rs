//! contract: section 2, environment variables.

use surewire_server::config::{Config, Loaded, Protocol};

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    Config::parse(file.as_bytes(), variables.iter().copied()).map_err(|error| error.to_string())
}

fn config(file: &str, variables: &[(&str, &str)]) -> Config {
    load(file, variables).unwrap_or_else(|error| panic!("{error}")).config
}

#[test]
fn a_variable_overrides_the_file_and_the_default() {
    let file = "max_connections: 7\nretained: {max_messages: 5}";
    let variables = [
        ("SUREWIRE_MAX_CONNECTIONS", "9"),
        ("SUREWIRE_RETAINED__MAX_BYTES", "1MiB"),
        ("SUREWIRE_LOG__LEVEL", "debug"),
        ("SUREWIRE_QUEUE_QOS0_MESSAGES", "no"),
        ("PATH", "/bin"),
        ("SUREWIREX", "1"),
    ];
    let config = config(file, &variables);
    assert_eq!(config.max_connections, 9);
    assert_eq!(config.retained.max_messages, 5);
    assert_eq!(config.retained.max_bytes.get(), 1 << 20);
    assert_eq!(config.log.level.to_string(), "debug");
    assert!(!config.queue_qos0_messages);
}

#[test]
fn an_empty_variable_gives_nothing() {
    let variables = [("SUREWIRE_MAX_CONNECTIONS", ""), ("SUREWIRE_LISTENER", "[]")];
    let config = config("max_connections: 7\nlistener: [{protocol: mqtt, addr: ':5'}]", &variables);
    assert_eq!(config.max_connections, 7);
    assert_eq!(config.listener[0].addr.port(), 5);
}

#[test]
fn listeners_are_changed_and_added_by_number() {
    let variables = [
        ("SUREWIRE_LISTENER__1__PROTOCOL", "websocket"),
        ("SUREWIRE_LISTENER__0__ADDR", "127.0.0.1:1884"),
        ("SUREWIRE_LISTENER__1__ADDR", ":8080"),
    ];
    let listeners = config("", &variables).listener;
    assert_eq!(
        (listeners[0].protocol, listeners[0].addr.as_written()),
        (Protocol::Mqtt, "127.0.0.1:1884")
    );
    assert_eq!(
        (listeners[1].protocol, listeners[1].addr.as_written()),
        (Protocol::Websocket, ":8080")
    );
    let error = load("", &[("SUREWIRE_LISTENER__2__ADDR", ":1")]).unwrap_err();
    assert_eq!(
        error,
        "environment variable SUREWIRE_LISTENER__2__ADDR: the list has 1 entries, so the next one \
         is number 1"
    );
}

#[test]
fn a_whole_list_or_map_is_yaml() {
    let variables = [
        ("SUREWIRE_LISTENER", "[{protocol: mqtt, addr: ':1884'}]"),
        ("SUREWIRE_LISTENER__0__ALLOW_ANONYMOUS", "false"),
        ("SUREWIRE_HTTP_SERVER", "{addr: '[::1]:9090', user: {Admin: 0123}}"),
    ];
    let config = config("listener: [{protocol: websocket, addr: ':1'}]", &variables);
    assert_eq!(config.listener.len(), 1);
    assert_eq!(config.listener[0].addr.as_written(), ":1884");
    assert!(!config.allows_anonymous(&config.listener[0]));
    assert_eq!(config.http_server.user["Admin"].expose(), "0123");
}

#[test]
fn a_password_is_taken_as_it_is() {
    let variables = [
        ("SUREWIRE_HTTP_SERVER__USER__ADMIN", " a: b # {c} 'd "),
        ("SUREWIRE_HTTP_SERVER__USER__NEW", "yes"),
    ];
    let config = config("http_server: {addr: '[::1]:1', user: {Admin: old}}", &variables);
    let user = &config.http_server.user;
    assert_eq!(user["Admin"].expose(), " a: b # {c} 'd ");
    assert_eq!(user["new"].expose(), "yes");
    assert_eq!(user.len(), 2);
}

#[test]
fn an_unknown_variable_names_the_nearest() {
    let variables =
        [("SUREWIRE_HTTP_SERVER_ADDR", ":1"), ("SUREWIRE_MAX_CONECTIONS", "1"), ("SUREWIRE_X", "")];
    let expected = [
        "environment variable SUREWIRE_HTTP_SERVER_ADDR: no key has this name; did you mean \
         SUREWIRE_HTTP_SERVER__ADDR?",
        "environment variable SUREWIRE_MAX_CONECTIONS: no key has this name; did you mean \
         SUREWIRE_MAX_CONNECTIONS?",
        "environment variable SUREWIRE_X: no key has this name; unset it, or see `surewire check \
         --schema`",
    ];
    assert_eq!(load("", &variables).unwrap_err(), expected.join("\n"));
}

#[test]
fn a_bad_value_names_its_variable() {
    let error = load("", &[("SUREWIRE_RECEIVE_MAXIMUM", "0")]).unwrap_err();
    assert_eq!(
        error,
        "environment variable SUREWIRE_RECEIVE_MAXIMUM: receive_maximum: found `0`, expected a \
         number of messages from 1 to 65535"
    );
    let error = load("", &[("SUREWIRE_LISTENER", "[{protocol: mqtt, adr: ':1'}]")]).unwrap_err();
    let expected = [
        "environment variable SUREWIRE_LISTENER:1:2: listener[0].addr: missing, expected an \
         address such as `:1883`, `127.0.0.1:1883`, `[::1]:1883` or `localhost:1883`",
        "environment variable SUREWIRE_LISTENER:1:19: listener[0].adr: unknown key; did you mean \
         `addr`?",
    ];
    assert_eq!(error, expected.join("\n"));
    let error = load("", &[("SUREWIRE_LISTENER", "[{")]).unwrap_err();
    assert!(error.starts_with("environment variable SUREWIRE_LISTENER:"), "{error}");
}

#[test]
fn the_file_and_the_environment_are_judged_together() {
    let error = load("max_conections: 1", &[("SUREWIRE_NONSENSE", "1")]).unwrap_err();
    assert_eq!(error.lines().count(), 2, "{error}");
    let error = load("retained: 5", &[("SUREWIRE_RETAINED__MAX_BYTES", "1")]).unwrap_err();
    assert_eq!(error, "config.yaml:1:11: retained: found a single value, expected a map of keys");
}

#[test]
fn variables_of_a_service_named_like_this_program_are_left_alone() {
    let variables = [
        ("SUREWIRE_SERVICE_HOST", "10.0.0.1"),
        ("SUREWIRE_PORT", "tcp://10.0.0.1:1883"),
        ("SUREWIRE_PORT_1883_TCP_ADDR", "10.0.0.1"),
    ];
    assert_eq!(config("", &variables), Config::default());
}
