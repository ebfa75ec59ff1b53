//! The HTML of a message, as far as Telegram knows it: what is read of it, or why it is refused. Never
//! lets an unknown tag pass, so that a forgotten escape is found.

use super::Refusal;

/// The longest text, in characters that are read.
const LONGEST: usize = 4096;
const TAGS: [&str; 15] = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "a",
    "code",
    "pre",
    "blockquote",
    "tg-spoiler",
    "span",
];
const ENTITIES: [(&str, &str); 4] = [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("&quot;", "\"")];

/// What people read of `html`.
pub(super) fn read(html: &str) -> Result<String, Refusal> {
    let text = without_tags(html)
        .map_err(|why| Refusal::new(400, format!("Bad Request: can't parse entities: {why}")))?;
    match text.trim() {
        "" => Err(Refusal::new(400, "Bad Request: message text is empty")),
        text if text.chars().count() > LONGEST => Err(Refusal::new(400, "Bad Request: message is too long")),
        text => Ok(text.to_owned()),
    }
}

fn without_tags(html: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(next) = rest.chars().next() {
        let at = html.len() - rest.len();
        rest = if let Some((written, meant)) = ENTITIES.iter().find(|(written, _)| rest.starts_with(written))
        {
            text.push_str(meant);
            rest.strip_prefix(written).unwrap_or_default()
        } else if let Some(tag) = rest.strip_prefix('<') {
            let (tag, after) =
                tag.split_once('>').ok_or_else(|| format!("Unclosed start tag at byte offset {at}"))?;
            see(tag, at, &mut open)?;
            after
        } else {
            text.push(next);
            rest.strip_prefix(next).unwrap_or_default()
        };
    }
    match open.last() {
        Some(name) => Err(format!("Can't find end tag corresponding to start tag \"{name}\"")),
        None => Ok(text),
    }
}

/// Takes in one tag, start or end, at that byte.
fn see<'a>(tag: &'a str, at: usize, open: &mut Vec<&'a str>) -> Result<(), String> {
    if let Some(name) = tag.strip_prefix('/') {
        return match open.pop() {
            Some(expected) if expected == name => Ok(()),
            Some(expected) => Err(format!(
                "Unmatched end tag at byte offset {at}, expected \"</{expected}>\", found \"</{name}>\""
            )),
            None => Err(format!("Unexpected end tag at byte offset {at}")),
        };
    }
    let name = tag.split_whitespace().next().unwrap_or_default();
    if !TAGS.contains(&name) {
        return Err(format!("Unsupported start tag \"{name}\" at byte offset {at}"));
    }
    open.push(name);
    Ok(())
}
