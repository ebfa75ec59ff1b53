//! What a device must be for its owner to be known by it.

use serde_json::{Value, json};

use super::{becomes, check, is, laptop, ready, refused, sign_in_page};
use crate::lab::proxy::Kind;
use crate::lab::tailnet::Runs;

#[test]
fn a_device_that_proves_nothing_is_nobodys() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, strong, here) = (lab.host("closed"), lab.host("strong"), laptop(&lab));
    lab.tailnet().user(&json!({ "ID": 55, "LoginName": "bob@elsewhere.example", "DisplayName": "Bob" }));
    let cases: [(&str, Value); 8] = [
        ("tagged", json!({ "Tags": ["tag:other"], "User": 9000 })),
        ("shared in", json!({ "Sharer": 777, "Name": "theirs.other-tailnet.ts.net.", "User": 55 })),
        ("a sharee", json!({ "Hostinfo": { "ShareeNode": true }, "Name": "", "User": 55 })),
        ("expired", json!({ "KeyExpiry": "2020-01-01T00:00:00Z" })),
        ("jailed", json!({ "IsJailed": true })),
        ("unsigned", json!({ "UnsignedPeerAPIOnly": true })),
        ("without Tailscale", json!({ "IsWireGuardOnly": true })),
        ("not authorized", json!({ "MachineAuthorized": false })),
    ];
    for (what, fields) in cases {
        lab.tailnet()
            .user(&json!({ "ID": 9000, "LoginName": "tagged-devices", "DisplayName": "Tagged Devices" }));
        lab.tailnet().change_node("laptop", &fields);
        becomes(what, || (check(&lab, here, &host, &[]), refused(401)));
        assert_eq!(check(&lab, here, &lab.host("device"), &[]).status, 403, "{what}");
        lab.tailnet().change_node("laptop", &json!({}));
        becomes("sam again", || (check(&lab, here, &host, &[]), is("sam")));
        assert!(is("sam")(&check(&lab, here, &strong, &[])), "after {what}");
    }
}

#[test]
fn a_device_that_routes_for_others_is_one_factor() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("strong"), laptop(&lab));
    assert!(is("sam")(&check(&lab, here, &host, &[])));
    let own = [format!("{here}/32"), format!("{}/128", lab.tailnet().address6_of("laptop"))];
    let routes = json!({ "AllowedIPs": [own[0], own[1], "10.0.0.0/24"] });
    lab.tailnet().change_node("laptop", &routes);
    becomes("one factor", || (check(&lab, here, &host, &[]), refused(401)));
    assert!(is("sam")(&check(&lab, here, &lab.host("closed"), &[])), "and signed in all the same");
}

#[test]
fn a_tag_is_a_machine_with_a_name_and_its_page_says_why_it_is_no_person() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("robots"), laptop(&lab));
    lab.tailnet().tag("laptop", &["tag:ci"]);
    let answer = becomes("the machine is known", || (check(&lab, here, &host, &[]), is("ci")));
    assert_eq!(answer.header("remote-groups"), Some("users,robot"), "{answer}");
    assert_eq!(answer.header("remote-email"), Some(""), "{answer}");

    lab.tailnet().tag("laptop", &["tag:other"]);
    becomes("another tag is nobody", || (check(&lab, here, &host, &[]), refused(401)));
    let page = sign_in_page(&lab, "laptop");
    assert!(page.body.contains("this device is tagged"), "the sign-in page: {page}");

    // Once a person has that name, the machine has none.
    lab.tailnet().tag("laptop", &["tag:ci"]);
    becomes("the machine again", || (check(&lab, here, &host, &[]), is("ci")));
    lab.aegis().add_user("ci", &["robot"]);
    becomes("the name is a person's", || (check(&lab, here, &host, &[]), refused(401)));
}

#[test]
fn a_sharee_who_is_listed_is_known() {
    let lab = ready(Kind::Caddy, Runs::Node);
    lab.aegis().add_user("guest", &[]);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    lab.tailnet()
        .user(&json!({ "ID": 77, "LoginName": "guest@elsewhere.example", "DisplayName": "A guest" }));
    let sharee = json!({ "Hostinfo": { "ShareeNode": true }, "Name": "", "User": 77 });
    lab.tailnet().change_node("laptop", &sharee);
    becomes("the guest is known", || (check(&lab, here, &host, &[]), is("guest")));
    // The same person as one of the own tailnet is not the guest.
    lab.tailnet().change_node("laptop", &json!({ "User": 77 }));
    becomes("not by another way", || (check(&lab, here, &host, &[]), refused(401)));
}

#[test]
fn the_node_that_is_asked_is_not_its_owner() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let proxy = lab.tailnet().address_of("proxy");
    let own =
        lab.aegis().command(&["user", "link", "sam", "--tailnet", "user-1@fake-control.example.net"], "");
    assert!(own.status.success(), "{own:#?}");
    let answer = check(&lab, proxy, &lab.host("closed"), &[]);
    assert_eq!(answer.status, 401, "the proxy's own address: {answer}");
}
