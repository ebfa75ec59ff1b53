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

/// What is given to `aegis`, word by word: on the lines of the shell blocks, and between backticks.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let prose = text.split("\n```").step_by(2);
    let inline = prose.flat_map(|prose| between(prose, "`aegis ", "`")).map(|line| ("aegis ", line));
    let shell = blocks(text, "sh").into_iter().flat_map(str::lines).map(|line| ("", line));
    let words = inline.chain(shell).filter_map(|(before, line)| {
        let words: Vec<&str> = before.split_whitespace().chain(line.split_whitespace()).collect();
        let end = words.iter().position(|word| ["#", ">", "|"].contains(word)).unwrap_or(words.len());
        // `sudo -u aegis aegis …` names it twice.
        let program = words[..end].iter().rposition(|word| ["aegis", "/aegis"].contains(word))?;
        Some(words[program + 1..end].to_vec())
    });
    words.filter(|words| !words.is_empty()).collect()
}

/// What the help of this command says; nothing if there is no such command.
fn help(command: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_aegis")).args(command).arg("--help").output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_command_that_is_named_is_there() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (page, text) in pages() {
        for mut words in commands(&text) {
            let line = words.join(" ");
            // What may stand anywhere on the line.
            while let Some(at) = words.iter().position(|word| ["--config", "--data-dir"].contains(word)) {
                words.drain(at..words.len().min(at + 2));
            }
            let depth =
                if ["user", "session", "audit"].contains(words.first().unwrap_or(&"")) { 2 } else { 1 };
            let command: Vec<&str> =
                words.iter().take(depth).take_while(|word| !word.starts_with('-')).copied().collect();
            let known = help(&command).unwrap_or_default();
            let unknown = |word: &&str| {
                let flag = word.split('=').next().unwrap_or_default();
                flag.starts_with("--") && !known.contains(flag)
            };
            if known.is_empty() || words.iter().any(unknown) {
                wrong.push(format!("{}: aegis {line}", page.display()));
            }
            seen += 1;
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

/// Every example of settings is accepted as it stands, with an app where it has none.
#[test]
fn every_example_of_settings_is_accepted() {
    for (page, text) in pages() {
        for example in blocks(&text, "toml") {
            let folder = address::folder();
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
    // It is taken out before the rest is read.
    keys.entry("Top".to_owned()).or_default().insert("include".to_owned());
    keys
}

/// The same as `docs/configuration.md` has it, with the variable that stands beside each.
fn keys_described() -> BTreeMap<String, BTreeMap<String, String>> {
    let page = fs::read_to_string(repository().join("docs/configuration.md")).unwrap();
    let mut described: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = "";
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.trim_matches(['`', '[', ']']);
        } else if let Some(row) = line.strip_prefix("| `") {
            let (key, rest) = row.split_once('`').unwrap();
            let variable = rest.split('`').nth(1).filter(|name| name.starts_with("AEGIS__"));
            let keys = described.entry(section.to_owned()).or_default();
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
    let example = fs::read_to_string(repository().join("examples/aegis.toml")).unwrap();
    let shown: BTreeSet<&str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    // A secret is shown in one of its two forms, the names of headers in words.
    for key in names.iter().filter(|(section, _)| *section != "headers").flat_map(|(_, keys)| keys) {
        let plain = key.trim_end_matches("_file");
        assert!(
            shown.contains(plain) || shown.contains(format!("{plain}_file").as_str()),
            "examples/aegis.toml does not show `{key}`"
        );
    }
    for (section, keys) in described {
        for (key, variable) in keys.into_iter().filter(|(_, variable)| !variable.is_empty()) {
            let path = if section == "Top" { key } else { format!("{section}.{key}") };
            assert_eq!(variable, format!("AEGIS__{}", path.to_uppercase().replace('.', "__")));
        }
    }
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
