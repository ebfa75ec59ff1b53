//! The documentation, held to the code: links lead somewhere, commands are accepted, every setting is
//! described once, every promise of SECURITY.md names a test that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aegis::config::{self, Sources};

use crate::lab::address;
use crate::lab::proxy::repository;

/// The pages at the root and in `docs/` and `benches/`, as `(name, text)`.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "benches"] {
        for entry in fs::read_dir(repository().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).unwrap();
                pages.push((path, text));
            }
        }
    }
    assert!(pages.len() > 8, "only {} pages: is this the right place?", pages.len());
    pages
}

/// What stands between `open` and `close`, each time.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    text.split(open).skip(1).filter_map(|rest| rest.split_once(close)).map(|(inner, _)| inner).collect()
}

/// The blocks of this language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    between(text, &format!("\n```{language}\n"), "```")
}

/// The anchor that a heading has: lower case, blanks as dashes, nothing else but letters and digits.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap();
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for (page, text) in pages() {
        let links = between(&text, "](", ")").into_iter();
        let pictures = between(&text, "src=\"", "\"").into_iter().chain(between(&text, "srcset=\"", "\""));
        for link in links.chain(pictures).filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            if !target.exists() || !heading.is_empty() && !anchors(&target).contains(heading) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// The words after `aegis` on each line of the shell blocks, and in the text between backticks.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = blocks(text, "sh").into_iter().flat_map(str::lines).map(|line| {
        let line = line.split(" # ").next().unwrap_or_default();
        // `sudo -u aegis aegis …`, `cd … && aegis …`
        line.rsplit("sudo -u ").next().unwrap_or_default().trim_start_matches("aegis ").to_owned()
    });
    let lines: Vec<String> = lines
        .map(|line| line.strip_prefix("sudo ").map(str::to_owned).unwrap_or(line))
        .map(|line| if line.starts_with("aegis ") { line } else { format!("aegis {line}") })
        .collect();
    let inline = text.split("\n```").step_by(2).flat_map(|prose| between(prose, "`aegis ", "`"));
    let inline = inline.map(|line| format!("aegis {line}"));
    lines
        .into_iter()
        .chain(inline)
        .map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_command_that_is_named_is_there() {
    let names: BTreeSet<String> = {
        let output = Command::new(env!("CARGO_BIN_EXE_aegis")).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let list = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).unwrap();
        list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (page, text) in pages() {
        for words in commands(&text) {
            // Flags may stand before the command; what follows `>` is the shell's.
            let line = words.split(|word| word == ">").next().unwrap_or_default();
            let Some(at) = line.iter().position(|word| names.contains(word)) else { continue };
            let given: Vec<&String> = line[at..].iter().collect();
            let path: Vec<&&String> = given
                .iter()
                .take(
                    if ["user", "session", "token", "audit", "telegram", "app"].contains(&given[0].as_str()) {
                        2
                    } else {
                        1
                    },
                )
                .collect();
            let output =
                Command::new(env!("CARGO_BIN_EXE_aegis")).args(&path).arg("--help").output().unwrap();
            let help = String::from_utf8_lossy(&output.stdout).into_owned();
            let flags = given
                .iter()
                .filter_map(|word| word.strip_prefix("--"))
                .map(|flag| format!("--{}", flag.split('=').next().unwrap_or_default()));
            let unknown: Vec<String> = flags.filter(|flag| !help.contains(flag.as_str())).collect();
            seen += 1;
            if !output.status.success() || !unknown.is_empty() {
                wrong.push(format!("{}: aegis {} {unknown:?}", page.display(), line.join(" ")));
            }
        }
    }
    assert!(seen > 40, "only {seen} commands were found on the pages");
    assert!(wrong.is_empty(), "commands that are not there:\n{}", wrong.join("\n"));
}

#[test]
fn the_caddyfile_to_paste_is_the_one_that_is_tested() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let shipped = fs::read_to_string(repository().join("caddy/Caddyfile")).unwrap();
    assert_eq!(blocks(&readme, "caddyfile"), [shipped], "README.md, and caddy/Caddyfile");
}

/// Every example of settings is accepted as it stands, with an app where it has none; and every example of
/// expectations is met by the example of settings before it.
#[test]
fn every_example_of_settings_is_accepted() {
    for (page, text) in pages() {
        let mut folder = address::folder();
        for example in blocks(&text, "toml") {
            if example.contains("[[case]]") {
                fs::write(folder.join("cases.toml"), example).unwrap();
                let mut command = Command::new(env!("CARGO_BIN_EXE_aegis"));
                command.current_dir(&folder).args(["explain", "--file", "cases.toml"]);
                let output = command.output().unwrap();
                assert!(output.status.success(), "{}:\n{example}\n{output:#?}", page.display());
                continue;
            }
            folder = address::folder();
            let mut settings = example.to_owned();
            if !example.contains("public_url") {
                let rest = "public_url = \"https://auth.example.com\"\ncookie.domain = \"example.com\"\n";
                settings.insert_str(0, rest);
            }
            fs::write(folder.join("aegis.toml"), &settings).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_aegis"));
            let output = command.args(["check", "--config"]).arg(folder.join("aegis.toml")).output().unwrap();
            assert!(output.status.success(), "{}:\n{settings}\n{output:#?}", page.display());
        }
    }
}

/// The keys that are read, by section, as the reader itself tells of them when it is asked for another.
fn keys_read() -> BTreeMap<String, BTreeSet<String>> {
    let sections = [
        ("Top", ""),
        ("headers", "[headers]"),
        ("cookie", "[cookie]"),
        ("tailscale", "[tailscale]"),
        ("telegram", "[telegram]"),
        ("second_factor", "[second_factor]"),
        ("session", "[session]"),
        ("token", "[token]"),
        ("log", "[log]"),
        ("limits", "[limits]"),
        ("bootstrap_admin", "[bootstrap_admin]"),
        ("new_user", "[new_user]"),
        ("app.NAME", "[app.x]"),
        ("app.NAME.rule", "[[app.x.rule]]"),
    ];
    let folder = address::folder();
    let names: BTreeSet<&str> = sections.iter().map(|(name, _)| *name).collect();
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, header) in sections {
        fs::write(folder.join("aegis.toml"), format!("{header}\nunknown_of_this_section = 1\n")).unwrap();
        let faults = config::read(&Sources { directory: folder.clone(), ..Sources::default() }).unwrap_err();
        let mut hints = faults.0.iter().filter_map(|fault| fault.hint.as_deref());
        let known = hints.find_map(|hint| hint.strip_prefix("known here: "));
        let known = known.unwrap_or_else(|| panic!("no list of keys for {header}: {faults}"));
        // Sections have headings of their own, but for `headers`, which is a text as well.
        let is_section = |key: &str| match name {
            "Top" => key != "headers" && (key == "app" || names.contains(key)),
            "app.NAME" => key == "rule",
            _ => false,
        };
        let own = known.split(", ").filter(|key| !is_section(key));
        keys.insert(name.to_owned(), own.map(str::to_owned).collect());
    }
    keys
}

/// The same as `docs/configuration.md` has it, with the variable that stands beside each.
fn keys_described() -> BTreeMap<String, BTreeMap<String, String>> {
    let page = fs::read_to_string(repository().join("docs/configuration.md")).unwrap();
    let mut described: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = String::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.trim_matches(['`', '[', ']']).clone_into(&mut section);
        } else if let Some(row) = line.strip_prefix("| `") {
            let (key, rest) = row.split_once('`').unwrap();
            let variable = rest.split('`').nth(1).filter(|name| name.starts_with("AEGIS__"));
            let keys = described.entry(section.clone()).or_default();
            let twice = keys.insert(key.to_owned(), variable.unwrap_or_default().to_owned());
            assert!(twice.is_none(), "docs/configuration.md describes `{key}` of {section} twice");
        }
    }
    described
}

#[test]
fn every_setting_is_described_and_nothing_else_is() {
    let described = keys_described();
    let names: BTreeMap<String, BTreeSet<String>> =
        described.iter().map(|(section, keys)| (section.clone(), keys.keys().cloned().collect())).collect();
    assert_eq!(names, keys_read(), "docs/configuration.md, and what the reader knows");
    for (section, keys) in described {
        for (key, variable) in keys.into_iter().filter(|(_, variable)| !variable.is_empty()) {
            let path = if section == "Top" { key } else { format!("{section}.{key}") };
            assert_eq!(variable, format!("AEGIS__{}", path.to_uppercase().replace('.', "__")));
        }
    }
}

/// The sources of the program, its tests aside.
fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_test {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            texts.push(fs::read_to_string(&path).unwrap());
        }
    }
    texts
}

/// Twelve events of the log stood nowhere, and fifteen lines of it had none.
#[test]
fn every_line_of_the_log_is_an_event_that_is_described() {
    let mut events: BTreeSet<String> = BTreeSet::new();
    for text in sources(&repository().join("src")) {
        for level in ["info", "warn", "error"] {
            for line in between(&text, &format!("tracing::{level}!("), ");") {
                // A line that ends a branch has no semicolon.
                let line = line.split("tracing::").next().unwrap();
                let named = between(line, "event = \"", "\"");
                assert_eq!(named.len(), 1, "a line of the log is one event: {line}");
                events.extend(named.into_iter().map(str::to_owned));
            }
        }
    }
    assert!(events.len() > 20, "the events of the log: {events:?}");
    let page = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    events.retain(|event| !page.contains(&format!("`{event}`")));
    assert!(events.is_empty(), "docs/operations.md does not tell of {events:?}");
}

#[test]
fn every_event_of_the_record_is_described_and_written_by_something() {
    let text = fs::read_to_string(repository().join("src/audit.rs")).unwrap();
    let known: BTreeMap<&str, &str> = between(&text, "            Self::", "\",\n")
        .into_iter()
        .filter_map(|line| line.split_once(" => \""))
        .collect();
    assert!(known.len() > 30, "few events are found in src/audit.rs: {known:?}");
    let sources = sources(&repository().join("src"));
    for variant in known.keys() {
        let event = format!("Event::{variant}");
        let writes = |text: &String| {
            text.match_indices(&event).any(|(start, _)| {
                !text[start + event.len()..].starts_with(|next: char| next.is_ascii_alphanumeric())
            })
        };
        assert!(sources.iter().any(writes), "nothing writes {event}");
    }
    let operations = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let table = between(&operations, "\n| In the record | |\n", "\n\n");
    let rows = table.first().expect("the table of the record").lines();
    let told = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2));
    let told: BTreeSet<&str> = told.filter(|name| name.contains('.')).collect();
    let known: BTreeSet<&str> = known.into_values().collect();
    assert_eq!(told, known, "docs/operations.md, and src/audit.rs");
}

/// Each row of the table of promises links files and names tests that stand in them.
#[test]
fn every_promise_names_tests_that_are_there() {
    let page = fs::read_to_string(repository().join("SECURITY.md")).unwrap();
    let table = page.split("## What is promised").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let tested = row.rsplit("| ").find(|cell| !cell.trim().is_empty()).unwrap();
        let mut parts = tested.split("](");
        parts.next();
        for part in parts {
            let (file, names) = part.split_once(')').unwrap();
            let text = fs::read_to_string(repository().join(file))
                .unwrap_or_else(|error| panic!("SECURITY.md names {file}: {error}"));
            for name in names.split('`').skip(1).step_by(2) {
                assert!(text.contains(&format!("fn {name}(")), "SECURITY.md: no test {name:?} in {file}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "only {named} tests are named in SECURITY.md");
}
