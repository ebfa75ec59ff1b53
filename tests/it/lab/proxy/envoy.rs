//! Envoy with `examples/envoy/envoy.yaml`.

use std::fs;

use super::{Example, Setting, Start};
use crate::lab::{AEGIS_PORT, APP_PORT, PLAIN_PORT, PROXY_PORT};

/// Writes envoy.yaml and gives what starts Envoy with it.
pub(super) fn set_up(setting: &Setting<'_>) -> Start {
    let Setting { way, address, folder, .. } = *setting;
    let socket = |port: u16| format!("{{socket_address: {{address: {address}, port_value: {port}}}}}");
    let aegis = if way.tcp {
        socket(AEGIS_PORT)
    } else {
        format!("{{pipe: {{path: {}}}}}", folder.join("aegis.sock").display())
    };
    let route = "{match: {prefix: \"/\"}, route: {cluster: arlo, timeout: 0s}}";
    let mark = |name: &str| {
        let header = format!(
            "{{header: {{key: x-lab-route, value: {name}}}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}"
        );
        route
            .replace("prefix: \"/\"", &format!("path_separated_prefix: \"/{name}\""))
            .replace("0s}}", &format!("0s}}, request_headers_to_add: [{header}]}}"))
    };
    let mut example = Example::read("examples/envoy/envoy.yaml")
        .put("{socket_address: {address: 0.0.0.0, port_value: 443}}", &socket(PROXY_PORT))
        .put("{socket_address: {address: 0.0.0.0, port_value: 80}}", &socket(PLAIN_PORT))
        .put("{socket_address: {address: 127.0.0.1, port_value: 8080}}", &socket(APP_PORT))
        .put("{pipe: {path: /run/aegis/aegis.sock}}", &aegis)
        .put("domains: [\"auth.example.com\"]", &format!("domains: [\"{}\"]", way.portal()))
        .put("domains: [\"arlo.example.com\"]", "domains: [\"*\"]")
        .put(route, &[&mark("admin"), &mark("pub"), route].join(", "));
    if way.tls {
        let file = |name: &str| folder.join(name).display().to_string();
        example = example
            .put("/etc/envoy/example.com.pem", &file("certificate.pem"))
            .put("/etc/envoy/example.com.key", &file("key.pem"));
    } else {
        let (head, rest) = example.text.split_once("    - transport_socket:\n").unwrap();
        let (_, rest) = rest.split_once("      filters:\n").unwrap();
        example.text = format!("{head}    - filters:\n{rest}");
    }
    let file = folder.join("envoy.yaml");
    fs::write(&file, example.text).unwrap();
    let words = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warn", "-c"];
    Start {
        arguments: words.into_iter().map(Into::into).chain([file.into()]).collect(),
        variables: Vec::new(),
    }
}
