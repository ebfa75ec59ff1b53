//! What a status tells of the own node.

use super::*;

#[test]
fn a_status_tells_of_the_own_node() {
    let node = own();
    assert_eq!(node.state, BackendState::Running);
    assert_eq!(node.tun, Some(false));
    assert_eq!(node.version.as_deref(), Some("1.102.5-ERR-BuildInfo"));
    assert_eq!(node.tailnet.as_deref(), Some("tail-scale.ts.net"));
    assert_eq!((node.stable_id.as_deref(), node.name.as_deref()), (Some("TESTCTRL00000001"), Some("proxy")));
    let addresses: Vec<IpAddr> =
        ["100.64.0.1", "fd7a:115c:a1e0:ab12:4843:cd96:6240:1"].map(|address| address.parse().unwrap()).into();
    assert_eq!(node.addresses, addresses);
    assert_eq!((node.online, node.tags.len(), node.health.len()), (Some(true), 0, 0));

    let tagged = Node::read(recorded("status-self-tagged").to_string().as_bytes()).unwrap();
    assert_eq!(*tagged.tags, ["tag:proxy".into()]);
    let stopped = Node::read(recorded("status-stopped").to_string().as_bytes()).unwrap();
    assert_eq!((stopped.state, stopped.online), (BackendState::Stopped, Some(false)));
    assert_eq!(stopped.health, ["Tailscale is stopped."]);
}

#[test]
fn a_status_may_say_little_unless_the_node_is_up() {
    let little = br#"{"BackendState":"NeedsLogin","TailscaleIPs":null,"Self":null,"Health":null,"CurrentTailnet":null}"#;
    let node = Node::read(little).unwrap();
    assert_eq!(node, Node { state: BackendState::NeedsLogin, ..Node::unknown() });
    let state_to_come = Node::read(br#"{"BackendState":"Dreaming"}"#).unwrap();
    assert_eq!(state_to_come.state, BackendState::Unknown);

    for change in [
        |status: &mut Value| status["Self"] = Value::Null,
        |status: &mut Value| status["Self"]["ID"] = "".into(),
        |status: &mut Value| {
            status["TailscaleIPs"] = Value::Null;
            status["Self"]["TailscaleIPs"] = Value::Null;
        },
    ] {
        let status = patched_of("status", change);
        let read = Node::read(status.to_string().as_bytes());
        assert_eq!(read, Err(Broken::Shape), "up, and does not know itself: {status:#}");
    }
    let status = patched_of("status", |status| status["TailscaleIPs"] = json!(["100.64.0.1/32"]));
    assert_eq!(Node::read(status.to_string().as_bytes()), Err(Broken::Value));
}
