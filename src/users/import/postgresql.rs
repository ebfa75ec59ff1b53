//! Users in a PostgreSQL table `id, email, password_hash, roles, display_name, is_active`.
//!
//! Promises: one read-only transaction with limits of time, rows and bytes; without TLS, which this
//! release does not speak, only this machine is asked unless the URL says `sslmode=disable`.
//! Never: writes, names a table that is not quoted, repeats the URL or what stands in it.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, IsolationLevel, NoTls};

use super::gather::{Active, Gather, Row};
use super::{Imported, LARGEST_FILE, MOST_USERS};
use crate::error::{Fault, Faults};
use crate::secret::Secret;

/// For all of it.
const DEADLINE: Duration = Duration::from_mins(2);
const CONNECT: Duration = Duration::from_secs(10);
const STATEMENT: &str = "30s";
/// Rows fetched at a time.
const BATCH: i32 = 1_000;
const TABLE: &str = "users";

/// Where to, and which table.
#[derive(Debug)]
struct Target {
    config: Config,
    table: String,
}

/// Reads the table that `url` leads to.
pub(super) async fn read(url: &Secret) -> Result<Vec<Imported>, Faults> {
    let target = target(url.reveal()).map_err(placed)?;
    match tokio::time::timeout(DEADLINE, fetch(&target)).await {
        Ok(result) => result,
        Err(_) => Err(placed(Fault::new(format!("no end after {} seconds", DEADLINE.as_secs())))),
    }
}

/// Takes a connection URL apart, and refuses one that would send hashes over a network unawares.
fn target(url: &str) -> Result<Target, Fault> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut table = TABLE.to_owned();
    let mut kept = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.strip_prefix("table=") {
            Some(name) => {
                table = percent_encoding::percent_decode_str(name)
                    .decode_utf8()
                    .map_err(|_| Fault::new("`table` is not UTF-8"))?
                    .into_owned();
            }
            None => kept.push(parameter),
        }
    }
    let mut config: Config = format!("{address}?{}", kept.join("&")).parse().map_err(|error| {
        Fault::new(format!("the URL cannot be read: {}", cause(&error)))
            .hint("postgresql://user:password@host:5432/database?table=users")
    })?;
    let local = config.get_hosts().iter().all(is_local)
        && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
    match config.get_ssl_mode() {
        SslMode::Disable => {}
        SslMode::Prefer if local => {}
        _ => {
            return Err(Fault::new("TLS to PostgreSQL is not there in this release")
                .hint("where the way to it is private, say so with `sslmode=disable` in the URL"));
        }
    }
    config.ssl_mode(SslMode::Disable).connect_timeout(CONNECT).application_name("aegis user import");
    Ok(Target { config, table: quoted(&table)? })
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// `schema.table` as quoted identifiers.
fn quoted(table: &str) -> Result<String, Fault> {
    let part = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let parts: Vec<&str> = table.split('.').collect();
    if parts.len() > 2 || parts.iter().any(|name| name.is_empty() || name.len() > 63 || name.contains('\0')) {
        return Err(
            Fault::new("`table` is not the name of a table").hint("table=users or table=schema.users")
        );
    }
    Ok(parts.into_iter().map(part).collect::<Vec<_>>().join("."))
}

/// Connects, and drives the connection beside the questions put to it.
async fn fetch(target: &Target) -> Result<Vec<Imported>, Faults> {
    let (mut client, connection) =
        target.config.connect(NoTls).await.map_err(|error| placed(failed("cannot connect", &error)))?;
    tokio::select! {
        biased;
        users = rows(&mut client, &target.table) => users,
        ended = connection => Err(placed(match ended {
            Ok(()) => Fault::new("the connection was closed"),
            Err(error) => failed("the connection broke", &error),
        })),
    }
}

/// Reads the rows in one read-only transaction.
async fn rows(client: &mut Client, table: &str) -> Result<Vec<Imported>, Faults> {
    let mut gather = Gather::from(&PathBuf::from(format!("table {table}")));
    let read = async {
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        transaction
            .batch_execute(&format!(
                "set local statement_timeout = '{STATEMENT}'; set local lock_timeout = '{STATEMENT}'"
            ))
            .await?;
        let statement = format!(
            "select id::text, email::text, password_hash::text, roles::text[], display_name::text, \
             is_active::boolean from {table} order by id limit {}",
            MOST_USERS + 1
        );
        let portal = transaction.bind(&statement, &[]).await?;
        let mut bytes = 0;
        loop {
            let batch = transaction.query_portal(&portal, BATCH).await?;
            if batch.is_empty() {
                return Ok(());
            }
            for row in batch {
                bytes += row.raw_size_bytes() as u64;
                if bytes > LARGEST_FILE {
                    let limit = LARGEST_FILE / 1024 / 1024;
                    gather.fault(None, Fault::new(format!("its rows are larger than {limit} MiB")));
                    return Ok(());
                }
                if !gather.add(user_row(&row)?) {
                    return Ok(());
                }
            }
        }
    };
    let read: Result<(), tokio_postgres::Error> = read.await;
    if let Err(error) = read {
        gather.fault(None, failed("cannot be read", &error));
    }
    gather.finish()
}

fn user_row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let id: Option<String> = row.try_get(0)?;
    let roles: Option<Vec<Option<String>>> = row.try_get(3)?;
    Ok(Row {
        line: None,
        label: format!("id {}", id.as_deref().unwrap_or("null")),
        username: None,
        email: row.try_get(1)?,
        password: row.try_get(2)?,
        roles: roles.unwrap_or_default().into_iter().flatten().collect(),
        name: row.try_get(4)?,
        active: row.try_get::<_, Option<bool>>(5)?.map_or(Active::Empty, Active::Said),
        left_behind: Vec::new(),
    })
}

fn placed(fault: Fault) -> Faults {
    fault.at("postgresql".as_ref(), None).into()
}

/// What the server, or else the system, said.
fn failed(what: &str, error: &tokio_postgres::Error) -> Fault {
    use tokio_postgres::error::SqlState;
    let fault = Fault::new(format!("{what}: {}", cause(error)));
    match error.code() {
        Some(&SqlState::UNDEFINED_COLUMN) => fault.hint(
            "the table has the columns id, email, password_hash, roles (text[]), display_name and is_active; \
             a view can give others these names",
        ),
        Some(&SqlState::UNDEFINED_TABLE) => fault.hint("another table is named with ?table= in the URL"),
        _ => fault.hint("is it the right URL? postgresql://user:password@host:5432/database?table=users"),
    }
}

/// The innermost reason; the outer ones only say "db error".
fn cause(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_quoted_and_nothing_else_gets_through() {
        for (name, expected) in [("users", "\"users\""), ("auth.people", "\"auth\".\"people\"")] {
            let target = target(&format!("postgresql://u:p@localhost/db?table={name}")).unwrap();
            assert_eq!(target.table, expected, "table={name}");
        }
        let target = target("postgresql://localhost/db?table=users%22;drop%20table%20users--").unwrap();
        assert_eq!(target.table, "\"users\"\";drop table users--\"");
        for bad in ["", "a.b.c", ".a", "a%00b", "%ff"] {
            let url = format!("postgresql://localhost/db?table={bad}");
            assert!(super::target(&url).is_err(), "table={bad} is taken");
        }
    }

    #[test]
    fn without_tls_only_this_machine_is_asked() {
        for (url, taken) in [
            ("postgresql://u:p@localhost/db", true),
            ("postgresql://u:p@127.0.0.1:5432/db", true),
            ("postgresql://u:p@[::1]/db", true),
            ("postgresql://u:p@%2Frun%2Fpostgresql/db", true),
            ("postgresql://u:p@db.example.com/db", false),
            ("postgresql://u:p@localhost,db.example.com/db", false),
            ("postgresql://u:p@localhost/db?hostaddr=192.0.2.1", false),
            ("postgresql://u:p@localhost/db?sslmode=require", false),
            ("postgresql://u:p@db.example.com/db?sslmode=prefer", false),
            ("postgresql://u:p@db.example.com/db?table=people&sslmode=disable", true),
        ] {
            assert_eq!(target(url).is_ok(), taken, "{url}");
        }
    }

    #[test]
    fn a_bad_url_is_not_repeated() {
        for url in ["postgresql://u:hunter2@localhost:port/db", "postgresql://u:hunter2@h/db?sslmode=x"] {
            let fault = target(url).unwrap_err().to_string();
            assert!(!fault.contains("hunter2"), "{url} gives: {fault}");
        }
    }
}
