//! HAProxy with `examples/haproxy/haproxy.cfg` and its Lua, as it is.

use std::fs;

use super::{Example, Setting, Start, repository};
use crate::lab::{AEGIS_PORT, APP_PORT, PLAIN_PORT, PROXY_PORT};

/// Writes haproxy.cfg and gives what starts HAProxy with it. 2.6 asks over TCP only.
pub(super) fn set_up(setting: &Setting<'_>, old: bool) -> Start {
    let Setting { way, address, folder, .. } = *setting;
    let aegis = if way.tcp || old {
        format!("{address}:{AEGIS_PORT}")
    } else {
        format!("unix@{}", folder.join("aegis.sock").display())
    };
    let pem = folder.join("both.pem");
    let tls = "bind :443 ssl crt /etc/haproxy/certs/example.com.pem alpn h2,http/1.1";
    let last = "deny deny_status 503 unless { var(txn.aegis) -m bool }\n";
    let routes = ["admin", "pub"].map(|route| {
        format!("    http-request set-header X-Lab-Route {route} if {{ path_reg ^/{route}(/|$) }}\n")
    });
    let example = Example::read("examples/haproxy/haproxy.cfg")
        .put(last, &format!("{last}{}", routes.concat()))
        .put("/etc/haproxy/aegis.lua", &repository().join("examples/haproxy/aegis.lua").display().to_string())
        .put("127.0.0.1:8009", &aegis)
        .put("auth.example.com", &format!("auth.{}", way.domain))
        .put("use_backend arlo if { req.fhdr(host),host_only -i arlo.example.com }", "default_backend arlo")
        .put("127.0.0.1:8080", &format!("{address}:{APP_PORT}"))
        .put("bind :80\n", &format!("bind {address}:{PLAIN_PORT}\n"));
    let example = if way.tls {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        fs::write(&pem, read("certificate.pem") + &read("key.pem")).unwrap();
        let own = format!("bind {address}:{PROXY_PORT} ssl crt {} alpn h2,http/1.1", pem.display());
        example.put(tls, &own)
    } else {
        example
            .put(tls, &format!("bind {address}:{PROXY_PORT}"))
            .put("    http-request redirect scheme https code 301 unless { ssl_fc }\n", "")
    };
    let file = folder.join("haproxy.cfg");
    fs::write(&file, example.text).unwrap();
    Start { arguments: vec!["-db".into(), "-f".into(), file.into()], variables: Vec::new() }
}
