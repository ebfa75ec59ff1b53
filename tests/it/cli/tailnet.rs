//! Whose account a person of the tailnet is: `user link`, `user unlink`, `user show`.

use std::path::Path;

use aegis::clock::Wall;
use aegis::identity::Person;
use aegis::store::Store;
use aegis::users::Users;

use super::Place;
use crate::lab::address;
use crate::lab::aegis::Aegis;

/// Lets a person of the tailnet be seen, beside whatever else is open.
fn see(folder: &Path, id: i64, login: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open_beside(&folder.join("data")).unwrap();
        let person =
            Person { tailnet: "tail1.ts.net".into(), id, login: login.into(), name: "Somebody".into() };
        let users = Users::new(store.clone());
        let bound = users.first_sight(&person, None, None, |_| false, Wall(0)).await.unwrap();
        assert!(bound.is_some(), "{login} is waited for");
        store.close().await;
    });
}

impl Place {
    /// With these lines below `[tailscale.users]`.
    fn configure(&self, lines: &str) {
        let file = self.folder.join("aegis.toml");
        let settings = std::fs::read_to_string(&file).unwrap();
        let settings = settings.split("[tailscale]").next().unwrap();
        let text = format!("{settings}[tailscale]\nauto_create = true\n[tailscale.users]\n{lines}");
        std::fs::write(file, text).unwrap();
    }
}

const WAITS: &str = "sam@github: the next person who comes with that login is sam, and stays so whatever \
                     their login becomes\n";
const BOUND: &str = "person 1 of tail1.ts.net, since 1970-01-01T00:00:00Z";
const GIVEN: &str = "a login can be given to somebody else: whoever has it now is let in\n";
const AFTER: &str = "whom that is about comes in by the tailnet again only after `aegis user link`\n";

#[test]
fn a_login_is_linked_and_unlinked() {
    let place = Place::with(&["sam", "ann"]);
    place.configure("");
    assert_eq!(place.done("user link sam --tailnet Sam@GitHub"), WAITS);
    assert!(place.done("user show sam").contains("tailnet        sam@github (not seen yet)\n"));
    assert_eq!(
        place.refused("user link ann --tailnet sam@github"),
        "error: sam@github is linked to sam\n  hint: `aegis user unlink sam --tailnet sam@github` ends that\n"
    );

    see(&place.folder, 1, "sam@github");
    assert!(place.done("user show sam").contains("tailnet        sam@github (person 1 of tail1.ts.net)\n"));
    let shown = place.json("user show sam --json");
    let expected = serde_json::json!([{
        "login": "sam@github",
        "state": "bound",
        "tailnet": "tail1.ts.net",
        "person": 1,
        "since": "1970-01-01T00:00:00Z",
    }]);
    assert_eq!(shown["tailnet"], expected);
    assert_eq!(
        place.done("user link sam --tailnet sam@github"),
        format!(
            "sam@github is sam already: {BOUND}\nif somebody else has that login now: \
             `aegis user unlink sam --tailnet sam@github` and link it again\n"
        )
    );

    let ended = format!("sam@github is sam no more: {BOUND}\n{AFTER}");
    assert_eq!(place.done("user unlink sam --tailnet SAM@github"), ended);
    assert!(place.done("user show sam").contains("tailnet        none\n"));
    assert_eq!(
        place.refused("user unlink sam"),
        "error: sam has no such link to the tailnet\n  hint: `aegis user show sam` shows them\n"
    );
    let printed = place.done("user link sam --tailnet sam@github");
    let (before, after) = (format!("{WAITS}it was bound before: {BOUND}, was sam until 2"), GIVEN);
    assert!(printed.starts_with(&before) && printed.ends_with(after), "{printed}");
    assert_eq!(place.done("user unlink sam"), format!("sam@github is not waited for any longer\n{AFTER}"));

    let events = place.done("audit tail");
    for event in ["tailnet.awaited", "tailnet.linked", "tailnet.unlinked"] {
        assert!(events.contains(event), "{event} is recorded:\n{events}");
    }
}

#[test]
fn what_stands_in_the_way_of_a_link_is_said() {
    let place = Place::with(&["sam"]);
    place.done("user disable sam");
    assert_eq!(
        place.done("user link sam --tailnet sam@github"),
        format!(
            "{WAITS}the configuration has no [tailscale]: until it does, nobody is known by the tailnet\n\
             sam is disabled: nothing opens before `aegis user enable sam`\n"
        )
    );
    let said = "error: \"\" is no login\n  hint: a login of the tailnet is 1 to 254 characters without a space, such as \
                sam@github\n";
    assert_eq!(place.refused("user link sam --tailnet "), said);
    for line in ["user link nobody --tailnet x@github", "user unlink nobody"] {
        let said = "error: there is no user \"nobody\"\n  hint: `aegis user list` shows them all\n";
        assert_eq!(place.refused(line), said, "aegis {line}");
    }
}

#[test]
fn what_the_configuration_says_is_shown_and_stays_its_own() {
    let place = Place::with(&["sam", "ann"]);
    place.configure("\"Sam@GitHub\" = \"sam\"\n");
    assert!(place.done("user show sam").contains("tailnet        sam@github (by the configuration)\n"));
    assert_eq!(place.json("user show sam --json")["tailnet"][0]["state"], "configured");
    let told = "[tailscale.users] names sam for sam@github";
    let hint = "take that out of the configuration and reload the server: then it counts no more";
    assert_eq!(place.refused("user unlink sam"), format!("error: {told}\n  hint: {hint}\n"));
    assert_eq!(
        place.refused("user unlink sam --tailnet other@github"),
        "error: sam has no such link to the tailnet\n  hint: `aegis user show sam` shows them\n"
    );

    place.done("user link sam --tailnet other@github");
    assert_eq!(
        place.done("user unlink sam"),
        format!("other@github is not waited for any longer\n{AFTER}{told}: {hint}\n")
    );
    let printed = place.done("user link ann --tailnet sam@github");
    assert!(printed.ends_with("[tailscale.users] names sam for it; this goes before it\n"), "{printed}");
}

#[test]
fn who_has_no_password_may_come_from_the_tailnet() {
    let place = Place::with(&[]);
    place.done("user add sam");
    assert!(place.done("user show sam").contains("may sign in    no: no password yet\n"));
    place.done("user link sam --tailnet sam@github");
    let shown = place.done("user show sam");
    assert!(shown.contains("may sign in    from the tailnet only: no password yet\n"), "{shown}");
}

#[test]
fn links_are_made_beside_a_running_server() {
    let at = address::take();
    let aegis = Aegis::start(at, address::folder());
    aegis.add_user("sam", &[]);
    let done = |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        super::done(&arguments, &aegis.command(&arguments, ""))
    };
    assert!(done("user link sam --tailnet sam@github").starts_with(WAITS));
    see(&aegis.folder, 1, "sam@github");
    assert!(done("user show sam").contains("sam@github (person 1 of tail1.ts.net)"));
    assert!(done("user unlink sam").starts_with(&format!("sam@github is sam no more: {BOUND}\n")));
    assert!(done("user show sam").contains("tailnet        none\n"));
    assert_eq!(aegis.process.end(), Some(0), "{}", aegis.process.log());
}
