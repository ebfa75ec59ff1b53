//! Connections to the stand-in: questions in, answers out, and the bus.

use super::answers::{Answer, answer, head, json_answer, text_answer};
use super::*;

pub(super) fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        let number = shared.change(|mind| {
            if mind.is_stopping {
                return None;
            }
            mind.connections += 1;
            mind.open.insert(mind.connections, stream.try_clone().unwrap());
            Some(mind.connections)
        });
        let Some(number) = number else { return };
        let shared = shared.clone();
        thread::spawn(move || {
            let _ended = serve(stream, number, &shared);
            shared.change(|mind| {
                if !mind.buses.contains(&number) {
                    mind.open.remove(&number);
                }
            });
        });
    }
}

/// Answers one connection until it ends, or becomes a bus.
fn serve(mut stream: UnixStream, number: usize, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(question) = read(&mut reader)? {
        let is_whois = question.target.starts_with("/localapi/v0/whois");
        let (answer, manner) = shared.change(|mind| {
            mind.questions.push(question.clone());
            mind.whois_now += usize::from(is_whois);
            mind.whois_at_most = mind.whois_at_most.max(mind.whois_now);
            (answer(mind, &question), mind.manner(&question))
        });
        if manner == Some(Manner::Held) {
            let mut mind = shared.mind.lock();
            while mind.manner(&question) == Some(Manner::Held) && mind.open.contains_key(&number) {
                shared.changed.wait(&mut mind);
            }
        }
        shared.change(|mind| mind.whois_now -= usize::from(is_whois));
        match manner {
            None | Some(Manner::Held) => match answer {
                Answer::Bus(first) => return hear(stream, number, &first, shared),
                Answer::Json(body) => stream.write_all(&json_answer(&body))?,
                Answer::Text(status, text) => stream.write_all(&text_answer(status, &text))?,
            },
            Some(Manner::Refused(status, text)) => stream.write_all(&text_answer(status, &text))?,
            Some(Manner::Body(body)) => stream.write_all(&json_answer(&body))?,
            Some(Manner::Garbage) => stream.write_all(b"\x15\x03\x01 tailscale, not HTTP\r\n\r\n")?,
            Some(Manner::Huge) => stream.write_all(&json_answer(&" ".repeat(50 << 20)))?,
            Some(Manner::HungUp) => return stream.shutdown(Shutdown::Both),
            Some(Manner::HungUpMidway) => {
                let whole = json_answer(&recorded("whois-user").to_string());
                stream.write_all(&whole[..whole.len() / 2])?;
                return stream.shutdown(Shutdown::Both);
            }
        }
    }
    Ok(())
}

/// Lets the connection hear the bus.
fn hear(mut stream: UnixStream, number: usize, first: &str, shared: &Shared) -> std::io::Result<()> {
    let head = format!("{}Transfer-Encoding: chunked\r\n\r\n", head(200, "application/json"));
    // In one piece with the register: nothing that is said in between is missed.
    shared.change(|mind| {
        stream.write_all(head.as_bytes())?;
        chunk(&mut stream, first.as_bytes())?;
        mind.buses.push(number);
        Ok(())
    })
}

pub(super) fn chunk(stream: &mut UnixStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk)
}

/// Reads a question; nothing once there are no more.
fn read(reader: &mut BufReader<UnixStream>) -> std::io::Result<Option<Question>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut lines = lines.into_iter();
    let target = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    let headers =
        lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.into(), value.into())));
    Ok(Some(Question { target, headers: headers.collect() }))
}
