//! Figures of one round, and how several are told in one line.
//!
//! Promises: a ratio is taken within a round, between neighbours in time, and then the median of those.
//! Never: says whether a figure is good.

use crate::load::{self, Load, Measured};
use crate::process::{Cores, Process};

/// What one round gave.
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// CPU a request, in microseconds, of each server that was watched.
    pub(crate) cpu_micros: Vec<f64>,
    /// Share of its core that the first server used.
    server_busy: f64,
    /// In milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Figures {
    pub(crate) const HEADER: &'static str = "| check | bare hyper/s | Aegis/s | of bare | bare CPU µs | Aegis CPU µs | times bare | \
         bare p50 / p99 ms | Aegis p50 / p99 ms | at half load: bare p99 ms | Aegis p99 ms | server's core busy: bare, Aegis |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

    /// Warms up for a quarter of a round, then measures one.
    pub(crate) fn measure(load: &Load<'_>, servers: &[&Process], cores: Cores) -> Self {
        cores.ask();
        load::run(&Load { span: load.span / 4, ..*load });
        let before: Vec<f64> = servers.iter().map(|server| server.cpu_seconds()).collect();
        let measured: Measured = load::run(load);
        let used: Vec<f64> =
            servers.iter().zip(before).map(|(server, before)| server.cpu_seconds() - before).collect();
        Self {
            per_second: measured.answers as f64 / measured.seconds,
            cpu_micros: used.iter().map(|used| used * 1e6 / measured.answers as f64).collect(),
            server_busy: used.first().unwrap_or(&0.0) / measured.seconds,
            p50: measured.percentile(0.5),
            p99: measured.percentile(0.99),
        }
    }

    /// One line of the table: rounds of bare hyper and of Aegis, at full and at half load.
    pub(crate) fn line(
        name: &str,
        bare: &[Self],
        aegis: &[Self],
        bare_half: &[Self],
        aegis_half: &[Self],
    ) -> String {
        let of = |rounds: &[Self], figure: fn(&Self) -> f64| median(&per_round(rounds, figure));
        let ratios = |figure: fn(&Self) -> f64| -> Vec<f64> {
            bare.iter().zip(aegis).map(|(bare, aegis)| figure(aegis) / figure(bare)).collect()
        };
        let cpu = |round: &Self| round.cpu_micros.first().copied().unwrap_or_default();
        format!(
            "| {name} | {} | {} | {} | {:.2} | {:.2} | {} | {:.2} / {:.2} | {:.2} / {:.2} | {} | {} | {:.0} %, {:.0} % |",
            spread(&per_round(bare, |round| round.per_second), 0),
            spread(&per_round(aegis, |round| round.per_second), 0),
            spread(&ratios(|round| round.per_second), 2),
            of(bare, cpu),
            of(aegis, cpu),
            spread(&ratios(cpu), 2),
            of(bare, |round| round.p50),
            of(bare, |round| round.p99),
            of(aegis, |round| round.p50),
            of(aegis, |round| round.p99),
            spread(&per_round(bare_half, |round| round.p99), 2),
            spread(&per_round(aegis_half, |round| round.p99), 2),
            of(bare, |round| round.server_busy) * 100.0,
            of(aegis, |round| round.server_busy) * 100.0,
        )
    }
}

/// One figure of every round.
pub(crate) fn per_round(rounds: &[Figures], figure: fn(&Figures) -> f64) -> Vec<f64> {
    rounds.iter().map(figure).collect()
}

/// The time that `share` of these, which are sorted, did not exceed.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let position = (sorted.len() as f64 * share).ceil() as usize;
    *sorted.get(position.saturating_sub(1)).or(sorted.last()).expect("there was one")
}

/// The one in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The median, and the smallest and largest in brackets.
pub(crate) fn spread(values: &[f64], decimals: usize) -> String {
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.decimals$} ({smallest:.decimals$} to {largest:.decimals$})", median(values))
}
