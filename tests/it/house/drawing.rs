//! The floor table and the lists of exceptions, as ARCHITECTURE.md has them.

use std::collections::BTreeMap;

/// What ARCHITECTURE.md says about the sources.
#[derive(Debug)]
pub(super) struct Drawing {
    /// Room to floor.
    pub(super) floors: BTreeMap<String, usize>,
    /// Files that may be long, with the reason.
    pub(super) exceptions: BTreeMap<String, String>,
    /// Files or folders that may write without an audit entry, with the reason.
    pub(super) unrecorded: BTreeMap<String, String>,
}

impl Drawing {
    /// Reads the table below `## The floors` and the lists below `### Exceptions` and
    /// `### Writes without an audit entry`.
    pub(super) fn read(page: &str) -> Result<Self, String> {
        let mut drawing =
            Self { floors: BTreeMap::new(), exceptions: BTreeMap::new(), unrecorded: BTreeMap::new() };
        let mut section = "";
        for (index, line) in page.lines().enumerate() {
            let place = format!("ARCHITECTURE.md:{}", index + 1);
            if line.starts_with('#') {
                section = line.trim_start_matches('#').trim();
                continue;
            }
            match section {
                "The floors" => drawing.row(line).map_err(|why| format!("{place}: {why}"))?,
                "Exceptions" => exception(line, &mut drawing.exceptions, &place)?,
                "Writes without an audit entry" => exception(line, &mut drawing.unrecorded, &place)?,
                _ => {}
            }
        }
        if drawing.floors.is_empty() {
            return Err("ARCHITECTURE.md: no table of floors below `## The floors`".to_owned());
        }
        Ok(drawing)
    }

    fn row(&mut self, line: &str) -> Result<(), String> {
        let Some(cells) = line.trim().strip_prefix('|') else { return Ok(()) };
        let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
        if cells[0] == "floor" || cells[0].starts_with("--") {
            return Ok(());
        }
        let floor = cells[0].parse().map_err(|_| format!("`{}` is no floor", cells[0]))?;
        for room in cells.get(1).copied().unwrap_or_default().split(',') {
            let room = room.trim().trim_matches('`');
            if room.is_empty() {
                return Err(format!("floor {floor} has a room without a name"));
            }
            if self.floors.insert(room.to_owned(), floor).is_some() {
                return Err(format!("`{room}` stands on two floors"));
            }
        }
        Ok(())
    }
}

/// Whether a listed path is this file, or a folder (or the module file beside it) that holds it.
pub(super) fn covers(listed: &str, name: &str) -> bool {
    name == listed || name.strip_prefix(listed).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn exception(line: &str, list: &mut BTreeMap<String, String>, place: &str) -> Result<(), String> {
    let Some(entry) = line.strip_prefix("- `") else { return Ok(()) };
    let (path, reason) = entry.split_once("`:").ok_or_else(|| format!("{place}: `- `path`: the reason`"))?;
    if reason.trim().len() < 10 {
        return Err(format!("{place}: the exception for `{path}` gives no reason"));
    }
    list.insert(path.to_owned(), reason.trim().to_owned());
    Ok(())
}
