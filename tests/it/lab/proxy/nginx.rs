//! nginx with the parts in `examples/nginx/`.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use super::{Setting, Start, repository};
use crate::lab::way::Way;
use crate::lab::{AEGIS_PORT, APP_PORT, PROXY_PORT};

/// The line of `examples/nginx/nginx.conf` that names Aegis: the one in use, or the one it offers for TCP.
fn nginx_upstream(way: &Way, address: Ipv4Addr, folder: &Path) -> String {
    let example = fs::read_to_string(repository().join("examples/nginx/nginx.conf")).unwrap();
    let (line, place, own) = if way.tcp {
        ("server 10.0.0.5:8009;", "10.0.0.5:8009", format!("{address}:{AEGIS_PORT}"))
    } else {
        let place = "/run/aegis/aegis.sock";
        ("server unix:/run/aegis/aegis.sock;", place, folder.join("aegis.sock").display().to_string())
    };
    assert!(example.contains(line), "examples/nginx/nginx.conf no longer says `{line}`");
    line.replace(place, &own)
}

/// Writes nginx.conf and gives what starts nginx with it.
pub(super) fn set_up(setting: &Setting<'_>) -> Start {
    let folder = setting.folder;
    let file = folder.join("nginx.conf");
    fs::write(&file, nginx(setting)).unwrap();
    Start {
        arguments: vec![
            "-p".into(),
            folder.into(),
            "-c".into(),
            file.into(),
            "-e".into(),
            "error.log".into(),
        ],
        variables: Vec::new(),
    }
}

fn nginx(setting: &Setting<'_>) -> String {
    let Setting { way, address, entrance, folder } = *setting;
    let files = repository().join("examples/nginx");
    let upstream = nginx_upstream(way, address, folder);
    let (files, folder, domain) = (files.display(), folder.display(), way.domain);
    let (listen, tls) = if way.tls {
        let tls =
            format!("ssl_certificate {folder}/certificate.pem;\n    ssl_certificate_key {folder}/key.pem;");
        ("ssl http2", tls)
    } else {
        ("", String::new())
    };
    let (listen_too, believe) = match entrance {
        None => (String::new(), ""),
        Some(entrance) => (
            format!("listen {entrance}:{PROXY_PORT} proxy_protocol {listen};"),
            "set_real_ip_from 127.0.0.1;\n    real_ip_header proxy_protocol;",
        ),
    };
    // nginx opens the socket as its worker's user; in the lab there is one process and one user.
    format!(
        "daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_max_body_size 16m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {tls}
    {believe}
    upstream aegis {{
        {upstream}
        keepalive 16;
    }}
    include {files}/aegis-http.conf;
    server {{
        listen {address}:{PROXY_PORT} default_server {listen};
        {listen_too}
        server_name nobody.{domain};
        include {files}/aegis-server.conf;
        location / {{
            include {files}/aegis-location.conf;
            proxy_pass http://{address}:{APP_PORT};
        }}
        location ~ ^/admin(/|$) {{
            include {files}/aegis-location.conf;
            proxy_set_header X-Lab-Route admin;
            proxy_pass http://{address}:{APP_PORT};
        }}
        location ~ ^/pub(/|$) {{
            include {files}/aegis-location.conf;
            proxy_set_header X-Lab-Route pub;
            proxy_pass http://{address}:{APP_PORT};
        }}
    }}
    server {{
        listen {address}:{PROXY_PORT} {listen};
        {listen_too}
        server_name auth.{domain};
        include {files}/aegis-portal.conf;
    }}
}}
"
    )
}
