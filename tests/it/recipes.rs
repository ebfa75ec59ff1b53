//! The recipes for apps: each loads, says no more than it means to, and is answered as its cases say; so is
//! what stands behind `#` in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use aegis::place::CanonicalPath;
use aegis::policy::{Allow, Scope};
use serde_json::Value as Json;

use crate::lab::address;
use crate::lab::aegis::run;
use crate::lab::proxy::repository;

const SETTINGS: &str = "public_url = \"https://auth.example.com\"\n[cookie]\ndomain = \"example.com\"\n";

/// The names of the TOML files in a folder of the repository.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(repository().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file());
    files
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            name.strip_suffix(".toml").unwrap_or_else(|| panic!("{name} in {folder} is no TOML")).to_owned()
        })
        .collect()
}

struct Recipe {
    name: String,
    app: String,
    cases: String,
}

fn recipes() -> Vec<Recipe> {
    let names = names("examples/apps");
    assert!(names.len() >= 10, "only {} recipes: is this the right place?", names.len());
    let read =
        |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let folder = repository().join("examples/apps");
    names
        .into_iter()
        .map(|name| Recipe {
            app: read(folder.join(format!("{name}.toml"))),
            cases: read(folder.join(format!("cases/{name}.toml"))),
            name,
        })
        .collect()
}

impl Recipe {
    /// With what is commented out taken in, and of the cases those that then hold; nothing where nothing is.
    fn with_options(&self) -> Option<Self> {
        let app = self.app.lines().map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
            _ => line,
        });
        let cases = self.cases.lines().filter_map(|line| match line.trim_start().strip_prefix('#') {
            Some(case) if case.starts_with('{') => Some(case),
            _ => (!line.trim_start().starts_with('{')).then_some(line),
        });
        let with = |lines: Vec<&str>| lines.join("\n");
        let (app, cases) = (with(app.collect()), with(cases.collect()));
        let (changed, asked) = (app != with(self.app.lines().collect()), cases.contains('{'));
        let name = format!("{} with what is behind #", self.name);
        assert!(!changed || asked, "{name}: no case asks what it comes to");
        changed.then_some(Self { name, app, cases })
    }

    /// A folder with the smallest configuration that includes it.
    fn folder(&self) -> PathBuf {
        let folder = address::folder();
        fs::create_dir(folder.join("apps")).unwrap();
        fs::write(folder.join("aegis.toml"), SETTINGS).unwrap();
        fs::write(folder.join("apps/recipe.toml"), &self.app).unwrap();
        fs::write(folder.join("cases.toml"), &self.cases).unwrap();
        folder
    }

    /// The name of its app in the configuration.
    fn app_name(&self) -> &str {
        let headers = self.app.lines().filter_map(|line| line.strip_prefix("[app.")?.strip_suffix(']'));
        let apps: Vec<_> = headers.collect();
        let [app] = *apps else { panic!("{}: one app is meant: {apps:?}", self.name) };
        app
    }
}

fn all() -> Vec<Recipe> {
    let mut all = recipes();
    let with_options: Vec<_> = all.iter().filter_map(Recipe::with_options).collect();
    assert!(!with_options.is_empty(), "nothing in any recipe is commented out");
    all.extend(with_options);
    all
}

#[track_caller]
fn printed(output: &Output, asked: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{asked}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn explain(folder: &Path, more: &[&str]) -> Output {
    run(folder, &[&["explain", "--file", folder.join("cases.toml").to_str().unwrap()], more].concat(), "")
}

/// The notes of `aegis check` are about what is open, and what is open says so in the recipe.
#[test]
fn each_loads_and_is_noted_for_nothing_but_what_it_opens() {
    for recipe in all() {
        let said = printed(&run(&recipe.folder(), &["check"], ""), &recipe.name);
        assert!(said.starts_with("ok: 1 app behind "), "{}:\n{said}", recipe.name);
        let notes = said.lines().filter(|line| !line.starts_with("ok: ") && !line.starts_with("  hint: "));
        let notes: Vec<_> = notes.collect();
        let other: Vec<_> =
            notes.iter().filter(|note| !note.ends_with(" is open to everybody, as nobody")).collect();
        assert!(other.is_empty(), "{}: a note that is not meant: {other:#?}", recipe.name);
        let opened = recipe.app.lines().filter(|line| *line == "require = \"public\"").count();
        assert_eq!(notes.len(), opened, "{}: rules that are `public`, and notes: {notes:#?}", recipe.name);
    }
}

#[test]
fn each_is_answered_as_its_cases_say() {
    for recipe in all() {
        printed(&explain(&recipe.folder(), &[]), &recipe.name);
    }
}

#[test]
fn on_the_tailnet_a_device_is_all_that_they_ask_for() {
    for recipe in all() {
        let one = |key: &str| {
            let line = recipe.app.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = [\""));
            line.and_then(|rest| rest.split('"').next())
                .unwrap_or_else(|| panic!("{}: no {key}", recipe.name))
        };
        let cases = format!(
            "[people]\nann = {{ roles = [\"{}\"] }}\n[[case]]\nurl = \"https://{}/\"\nas = \"ann\"\nwith = \"tailnet\"\nexpect = \"allowed\"\n",
            one("roles"),
            one("hosts"),
        );
        let folder = Recipe { name: recipe.name.clone(), app: recipe.app.clone(), cases }.folder();
        fs::write(folder.join("aegis.toml"), format!("{SETTINGS}[tailscale]\n")).unwrap();
        printed(&explain(&folder, &[]), &recipe.name);
    }
}

/// The names of the rules of its app, and of those that decide its cases.
fn rules_and_deciding(recipe: &Recipe) -> (BTreeSet<String>, BTreeSet<String>) {
    let folder = recipe.folder();
    let json = |output: &Output| -> Json { serde_json::from_str(&printed(output, &recipe.name)).unwrap() };
    let names = |list: &Json, key: &str| -> BTreeSet<String> {
        list.as_array().unwrap().iter().filter_map(|one| one[key].as_str()).map(str::to_owned).collect()
    };
    let shown = json(&run(&folder, &["app", "show", recipe.app_name(), "--json"], ""));
    (names(&shown["rules"], "name"), names(&json(&explain(&folder, &["--json"])), "rule"))
}

#[test]
fn every_rule_decides_some_case() {
    for recipe in recipes() {
        let (rules, mut deciding) = rules_and_deciding(&recipe);
        let silent: Vec<_> = rules.difference(&deciding).collect();
        assert!(silent.is_empty(), "{}: no case is about {silent:#?}", recipe.name);
        let Some(recipe) = recipe.with_options() else { continue };
        let (rules, more) = rules_and_deciding(&recipe);
        deciding.extend(more);
        let silent: Vec<_> = rules.difference(&deciding).collect();
        assert!(silent.is_empty(), "{}: no case is about {silent:#?}", recipe.name);
    }
}

#[test]
fn the_cases_notice_an_app_that_is_open() {
    for recipe in all() {
        let app = if recipe.app.contains("\npublic = [") {
            recipe.app.replacen("\npublic = [", "\npublic = [\"/\", ", 1)
        } else {
            recipe.app.replacen("\nroles = ", "\npublic = [\"/\"]\nroles = ", 1)
        };
        let open = Recipe { app, ..recipe };
        let output = explain(&open.folder(), &[]);
        assert_eq!(output.status.code(), Some(1), "{}, open to everybody: {output:#?}", open.name);
    }
}

/// The words of the commands that the comments of `app` name, as a shell reads them.
fn commands(app: &str) -> Vec<Vec<String>> {
    let comments: Vec<&str> =
        app.lines().filter_map(|line| line.strip_prefix("#  ")).map(str::trim).collect();
    let words = |line: &str| {
        let parts = line.split('"').enumerate();
        let words = parts.flat_map(|(at, part)| match at % 2 {
            1 => vec![part],
            _ => part.split_whitespace().collect(),
        });
        words.map(str::to_owned).collect()
    };
    let lines = comments.join("\n").replace("\\\n", " ");
    lines.lines().filter_map(|line| line.strip_prefix("aegis ")).map(words).collect()
}

/// `explain --file` supposes a token for everything; these are for what the command beside them says.
#[test]
fn the_tokens_they_name_can_be_made_and_reach_what_the_cases_ask() {
    let mut made = 0;
    for recipe in recipes() {
        let cases: toml::Table = recipe.cases.parse().unwrap();
        let of_token =
            |case: &&toml::Value| case.get("with").is_some_and(|with| with.as_str() == Some("token"));
        let allowed = |case: &&toml::Value| case["expect"].as_str() == Some("allowed");
        let asked: Vec<_> =
            cases["case"].as_array().unwrap().iter().filter(of_token).filter(allowed).collect();
        let commands = commands(&recipe.app);
        assert!(
            asked.is_empty() || !commands.is_empty(),
            "{}: no command makes the token of its cases",
            recipe.name
        );
        for command in commands {
            let folder = recipe.folder();
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let add = ["user", "add", "ann", "--email", "ann@example.com"];
            printed(&run(&folder, &add, ""), &recipe.name);
            printed(&run(&folder, &words, ""), &format!("{}: aegis {}", recipe.name, words.join(" ")));
            made += 1;

            let after = |flag: &str| {
                let values = words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1]);
                values.collect::<Vec<_>>()
            };
            assert_eq!(after("--app"), [recipe.app_name()], "{}: {words:?}", recipe.name);
            let allow = after("--allow").into_iter().map(|allow| Allow::parse(allow).unwrap()).collect();
            let scope = Scope::new(Vec::new(), allow).unwrap();
            for case in &asked {
                let url: http::Uri = case["url"].as_str().unwrap().parse().unwrap();
                let method = case.get("method").map_or("GET", |method| method.as_str().unwrap());
                let covered =
                    scope.covers(&method.parse().unwrap(), &CanonicalPath::parse(url.path()).unwrap());
                assert!(covered, "{}: {method} {url} with the token of {words:?}", recipe.name);
            }
        }
    }
    assert!(made >= 7, "only {made} tokens");
}

#[test]
fn no_recipe_is_without_cases_nor_without_a_row_in_the_table() {
    let recipes = names("examples/apps");
    assert_eq!(recipes, names("examples/apps/cases"), "recipes, and files of cases");
    let page = fs::read_to_string(repository().join("docs/apps.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ["));
    let linked = rows.map(|row| {
        let link = row.split_once("](../examples/apps/").and_then(|(_, rest)| rest.split_once(".toml)"));
        link.unwrap_or_else(|| panic!("no recipe in the row {row}")).0.to_owned()
    });
    assert_eq!(
        linked.collect::<Vec<_>>(),
        recipes.into_iter().collect::<Vec<_>>(),
        "rows of docs/apps.md, and recipes"
    );
}
