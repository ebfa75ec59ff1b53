//! What a check costs: Aegis and a bare hyper that replays the same answer, in turn, in one run.
//!
//! `cargo bench --bench check`; `benches/README.md` says what each row means.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a program that measures: it reads clocks, prints, and has nothing to save when it fails"
)]

mod aegis;
mod bare;
mod caddy;
mod exchange;
mod figures;
mod load;
mod process;
mod tailnet;

use std::time::{Duration, Instant};

use crate::aegis::{Aegis, Expect};
use crate::exchange::Answer;
use crate::figures::{Figures, median, per_round, spread};
use crate::load::Load;
use crate::process::{Cores, Process};

/// Connections that ask at once: a proxy's pool on a busy day.
const CONNECTIONS: usize = 32;

/// Rounds at half load are shorter by this: the kernel gives the server's core to somebody else for milliseconds
/// now and then, and in a long round that alone decides what 99 of 100 answers did not exceed.
const BRIEF: u32 = 4;

/// How much is measured.
#[derive(Clone)]
struct Plan {
    rounds: usize,
    span: Duration,
    /// Only rows whose name has this in it.
    rows: String,
    cores: Cores,
}

impl Plan {
    fn wants(&self, row: &str) -> bool {
        row.contains(&self.rows)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "bare") {
        return bare::run(&arguments[1]);
    }
    let value = |name: &str| {
        let position = arguments.iter().position(|argument| argument == name)?;
        arguments.get(position + 1).cloned()
    };
    let plan = Plan {
        rounds: value("--rounds").map_or(7, |text| text.parse().expect("--rounds takes a number")),
        span: Duration::from_secs_f64(
            value("--seconds").map_or(2.0, |text| text.parse().expect("--seconds takes a number")),
        ),
        rows: value("--rows").unwrap_or_default(),
        cores: Cores::pick(),
    };
    println!("{}", process::machine());
    println!(
        "core {} serves, core {} asks; {} rounds of {} s, {CONNECTIONS} connections; every figure is the median, \
         what is in brackets the smallest and the largest\n",
        plan.cores.server,
        plan.cores.asker,
        plan.rounds,
        plan.span.as_secs_f64()
    );
    if arguments.iter().any(|argument| argument == "--itself") {
        return measure_itself(&plan);
    }
    check_rows(&plan);
    tailnet::rows(&plan);
    caddy_rows(&plan);
    let remembering = |name: &str| plan.wants(name).then(|| Aegis::start(plan.cores, aegis::REMEMBERED));
    if let Some(mut aegis) = remembering("start-up") {
        start_up(&mut aegis);
    }
    if let Some(mut aegis) = remembering("memory") {
        memory(&mut aegis);
    }
}

/// Bare hyper against bare hyper: what the method itself makes of two equal servers.
fn measure_itself(plan: &Plan) {
    let answer = Answer::of(bare::SAMPLE).expect("the sample is an answer");
    let (one, other) = (bare::Bare::tcp(plan.cores, &answer), bare::Bare::tcp(plan.cores, &answer));
    let request = aegis::navigation("photos.aegis.localhost", "/", "aegis_token=none", "");
    println!("{}", Figures::HEADER);
    row(
        plan,
        "bare hyper, twice",
        &request,
        &|_| Ok(()),
        &one.process,
        one.address,
        &other.process,
        other.address,
    );
}

/// A kind of check: its name, what is asked, and what has to come back.
struct Row {
    name: &'static str,
    request: Vec<u8>,
    expect: Expect,
}

fn check_rows(plan: &Plan) {
    if ["tailnet", "Caddy", "start-up", "memory"].contains(&plan.rows.as_str()) {
        return;
    }
    println!("{}", Figures::HEADER);
    let aegis = Aegis::start(plan.cores, aegis::REMEMBERED);
    let forgetful = Aegis::start(plan.cores, aegis::NOTHING_REMEMBERED);
    for (aegis, rows) in [(&aegis, aegis.rows()), (&forgetful, forgetful.rows_unremembered())] {
        for Row { name, request, expect } in rows {
            if !plan.wants(name) {
                continue;
            }
            let check = |answer: &Answer| expect.check(answer, aegis);
            let answer = exchange::ask(aegis.address, &request).expect("an answer");
            judge(name, &request, &answer, &check);
            let bare = bare::Bare::tcp(plan.cores, &answer);
            row(plan, name, &request, &check, &bare.process, bare.address, &aegis.process, aegis.address);
        }
    }
    println!();
}

/// Measures bare hyper and Aegis in turn, then both at half of what Aegis can do, and prints a line.
#[expect(clippy::too_many_arguments, reason = "two servers, and what is asked of them")]
fn row(
    plan: &Plan,
    name: &str,
    request: &[u8],
    check: &dyn Fn(&Answer) -> Result<(), String>,
    bare: &Process,
    bare_address: std::net::SocketAddr,
    aegis: &Process,
    aegis_address: std::net::SocketAddr,
) {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    let load = |address, rate| Load { address, request, connections: CONNECTIONS, span: plan.span, rate };
    for _ in 0..plan.rounds {
        let answer = exchange::ask(aegis_address, request).expect("an answer");
        judge(name, request, &answer, check);
        ones.push(Figures::measure(&load(bare_address, None), &[bare], plan.cores));
        others.push(Figures::measure(&load(aegis_address, None), &[aegis], plan.cores));
    }
    let half = Some(median(&per_round(&others, |round| round.per_second)) / 2.0);
    let (mut ones_half, mut others_half) = (Vec::new(), Vec::new());
    let brief = |address| Load { span: plan.span / BRIEF, ..load(address, half) };
    for _ in 0..plan.rounds * BRIEF as usize / 2 {
        ones_half.push(Figures::measure(&brief(bare_address), &[bare], plan.cores));
        others_half.push(Figures::measure(&brief(aegis_address), &[aegis], plan.cores));
    }
    println!("{}", Figures::line(name, &ones, &others, &ones_half, &others_half));
}

fn judge(name: &str, request: &[u8], answer: &Answer, check: &dyn Fn(&Answer) -> Result<(), String>) {
    if let Err(wrong) = check(answer) {
        panic!("{name}: {wrong}\nasked:\n{}\nanswered:\n{}", String::from_utf8_lossy(request), answer.text());
    }
}

/// The same check through a real Caddy, beside a stub that answers at once with the same bytes.
fn caddy_rows(plan: &Plan) {
    if !plan.wants("Caddy") {
        return;
    }
    let Some(version) = caddy::version() else {
        return println!("No `caddy` on the PATH: the rows through Caddy are left out.\n");
    };
    let aegis = Aegis::start(plan.cores, aegis::REMEMBERED);
    let direct = exchange::ask(aegis.address, &aegis.allowed()).expect("an answer");
    judge("the stub's answer", &aegis.allowed(), &direct, &|answer| Expect::Allowed.check(answer, &aegis));
    let app = bare::Bare::tcp(plan.cores, &Answer::of(bare::HELLO).expect("the app's answer"));
    let (stub_tcp, stub_unix) = (bare::Bare::tcp(plan.cores, &direct), bare::Bare::unix(plan.cores, &direct));
    let unix = format!("unix/{}", aegis.socket.display());
    let ways = [
        ("Caddy alone, no check", None, None),
        ("Caddy, stub over TCP", Some(stub_tcp.address.to_string()), Some(&stub_tcp.process)),
        ("Caddy, Aegis over TCP", Some(aegis.address.to_string()), Some(&aegis.process)),
        ("Caddy, stub over the unix socket", Some(stub_unix.caddy_address()), Some(&stub_unix.process)),
        ("Caddy, Aegis over the unix socket", Some(unix), Some(&aegis.process)),
    ];
    println!("Through {version}, {}; Caddy, what it asks and the app on one core.\n", caddy::files());
    println!(
        "| through Caddy | requests/s | CPU µs of Caddy | CPU µs of what it asks | p50 ms | p99 ms | one at a time, p50 ms |\n\
         |---|--:|--:|--:|--:|--:|--:|"
    );
    let running: Vec<_> = ways
        .iter()
        .map(|(_, auth, _)| caddy::Caddy::start(plan.cores, auth.as_deref(), app.address, &aegis.app_host))
        .collect();
    let request = aegis.visit();
    let mut all: Vec<Vec<[Figures; 2]>> = ways.iter().map(|_| Vec::new()).collect();
    for _ in 0..plan.rounds {
        for (((name, _, asked), caddy), rounds) in ways.iter().zip(&running).zip(&mut all) {
            let answer = exchange::ask(caddy.address, &request).expect("an answer through Caddy");
            judge(name, &request, &answer, &|answer| match answer.body() {
                b"hello" if answer.status == 200 => Ok(()),
                _ => Err("the app's answer did not come through".into()),
            });
            let mut servers = vec![&caddy.process];
            servers.extend(asked);
            let load = |connections| Load {
                address: caddy.address,
                request: &request,
                connections,
                span: plan.span,
                rate: None,
            };
            rounds.push([
                Figures::measure(&load(CONNECTIONS), &servers, plan.cores),
                Figures::measure(&load(1), &servers, plan.cores),
            ]);
        }
    }
    for ((name, _, asked), rounds) in ways.iter().zip(&all) {
        let of = |figure: &dyn Fn(&[Figures; 2]) -> f64| rounds.iter().map(figure).collect::<Vec<f64>>();
        println!(
            "| {name} | {} | {:.1} | {} | {:.2} | {:.2} | {:.3} |",
            spread(&of(&|[full, _]| full.per_second), 0),
            median(&of(&|[full, _]| full.cpu_micros[0])),
            if asked.is_some() {
                format!("{:.1}", median(&of(&|[full, _]| full.cpu_micros[1])))
            } else {
                "–".into()
            },
            median(&of(&|[full, _]| full.p50)),
            median(&of(&|[full, _]| full.p99)),
            median(&of(&|[_, one]| one.p50)),
        );
    }
    println!();
}

/// From the start of the process to the first healthy answer, with keys and database that are there.
fn start_up(aegis: &mut Aegis) {
    let times: Vec<f64> = (0..9)
        .map(|_| {
            let began = Instant::now();
            aegis.restart();
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    println!("start-up to the first healthy answer, keys and database there: {} ms", spread(&times, 1));
    println!("binary: {:.1} MiB\n", process::mebibytes(aegis::binary_size()));
}

/// Resident memory: just started, right after eight sign-ins at once, and a minute later.
fn memory(aegis: &mut Aegis) {
    aegis.restart();
    let (idle, own) = (aegis.process.resident(), aegis.process.own());
    let statuses = aegis.sign_in_all_at_once();
    let (after, peak) = (aegis.process.resident(), aegis.process.resident_peak());
    std::thread::sleep(Duration::from_mins(1));
    println!(
        "memory, MiB: idle {:.1}, of which its own {:.1}; eight sign-ins at once (answers {statuses:?}): peak {:.1}, \
         right after {:.1}, 60 s later {:.1}, of which its own {:.1}",
        process::mebibytes(idle),
        process::mebibytes(own),
        process::mebibytes(peak),
        process::mebibytes(after),
        process::mebibytes(aegis.process.resident()),
        process::mebibytes(aegis.process.own()),
    );
}
