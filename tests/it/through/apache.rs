//! What only Apache can do wrong: its check is a hook, and a hook can fail.

use std::fs;

use crate::lab::Lab;
use crate::lab::client::Ask;
use crate::lab::proxy::Kind;

#[test]
fn a_hook_that_fails_lets_nobody_through() {
    let lab = Lab::with_stub(Kind::Apache);
    // The server reads it anew when it changes.
    let script = lab.folder.join("aegis.lua");
    let shipped = fs::read_to_string(&script).unwrap();
    let ask = |what: &str, status: u16| {
        let host = lab.host("closed");
        let ask = Ask::get(&host, "/").header("Remote-User", "admin");
        let answer = lab.send(&ask);
        assert_eq!(answer.status, status, "{what}\nasked: {ask}\ncame back: {answer}");
        lab.app_heard_nothing(&host, &ask, &answer);
    };
    ask("as it is shipped", 401);
    for (what, from, to) in [
        ("an error in it", "  local said = asked(r)\n", "  error(\"cut off\")\n"),
        ("no such function", "function check(r)", "function another(r)"),
        ("no Lua", "require \"apache2\"", "require require"),
        ("no word at the end", "if status ~= 200 then", "if true then return end if status ~= 200 then"),
    ] {
        assert!(shipped.contains(from), "examples/apache/aegis.lua no longer says {from:?}");
        fs::write(&script, shipped.replace(from, to)).unwrap();
        ask(what, 500);
    }
    fs::remove_file(&script).unwrap();
    ask("no file", 500);
    fs::write(&script, &shipped).unwrap();
    ask("as it is shipped, again", 401);
}
