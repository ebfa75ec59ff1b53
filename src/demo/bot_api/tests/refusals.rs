//! The stand-in refuses what the real one refuses, in its words.

use super::*;

async fn ask(lab: &Lab, path: &str, body: &Value) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let answer =
        client.post(format!("http://{}{path}", lab.address)).body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(answer["ok"].as_bool(), Some(status == 200), "asked for {path}: {answer}");
    (status, answer["description"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_path_without_the_bots_token_leads_nowhere() {
    let lab = Lab::new();
    for (path, expected) in [
        (format!("/bot{TOKEN}/getMe"), (200, "")),
        (format!("/bot{TOKEN}/getme"), (200, "")),
        (format!("/bot{TOKEN}/getYou"), (404, "Not Found")),
        (format!("/bot{TOKEN}x/getMe"), (401, "Unauthorized")),
        ("/bot1:x/getMe".to_owned(), (401, "Unauthorized")),
        ("/botx/getMe".to_owned(), (404, "Not Found")),
        ("/".to_owned(), (404, "Not Found")),
    ] {
        let (status, text) = ask(&lab, &path, &json!({})).await;
        assert_eq!((status, text.as_str()), expected, "asked for {path}");
    }
}

#[tokio::test]
async fn a_message_that_telegram_would_refuse_is_refused() {
    let lab = Lab::new();
    let button = |button: Value| json!({ "inline_keyboard": [[button]] });
    let data = |bytes: usize| button(json!({ "text": "1", "callback_data": "d".repeat(bytes) }));
    let style = |style: &str| button(json!({ "text": "1", "callback_data": "1", "style": style }));
    for (text, markup, expected) in [
        ("x".repeat(4096), Value::Null, ""),
        ("x".repeat(4097), Value::Null, "Bad Request: message is too long"),
        (format!("<b>{}</b>&amp;", "x".repeat(4095)), Value::Null, ""),
        (" ".to_owned(), Value::Null, "Bad Request: message text is empty"),
        ("<host>".to_owned(), Value::Null, "Bad Request: can't parse entities: Unsupported start tag"),
        ("a <b".to_owned(), Value::Null, "Bad Request: can't parse entities: Unclosed start tag"),
        ("<b>a".to_owned(), Value::Null, "Bad Request: can't parse entities: Can't find end tag"),
        ("<b>a</i>".to_owned(), Value::Null, "Bad Request: can't parse entities: Unmatched end tag"),
        ("a</b>".to_owned(), Value::Null, "Bad Request: can't parse entities: Unexpected end tag"),
        ("x".to_owned(), data(64), ""),
        ("x".to_owned(), data(65), "Bad Request: BUTTON_DATA_INVALID"),
        ("x".to_owned(), data(0), "Bad Request: BUTTON_DATA_INVALID"),
        (
            "x".to_owned(),
            button(json!({ "text": "", "callback_data": "1" })),
            "Bad Request: can't parse inline",
        ),
        ("x".to_owned(), button(json!({ "text": "1" })), "Bad Request: can't parse inline keyboard button"),
        ("x".to_owned(), style("success"), ""),
        (
            "x".to_owned(),
            style("red"),
            "Bad Request: can't parse inline keyboard button: invalid button style",
        ),
    ] {
        let asked = json!({ "chat_id": SAM, "text": text, "parse_mode": "HTML", "reply_markup": markup });
        let (status, answer) = ask(&lab, &format!("/bot{TOKEN}/sendMessage"), &asked).await;
        assert_eq!(status, if expected.is_empty() { 200 } else { 400 }, "asked for {asked}: {answer}");
        assert!(answer.starts_with(expected), "asked for {asked}: {answer}");
    }
}

#[tokio::test]
async fn an_edit_that_changes_nothing_and_a_tap_answered_twice_are_refused() {
    let lab = Lab::new();
    let path = |method: &str| format!("/bot{TOKEN}/{method}");
    let message = plain("One").with_buttons(vec![vec![super::button("1", "1")]]);
    let id = lab.telegram.send(SAM, &message).await.unwrap();
    let keyboard = json!({ "inline_keyboard": [[{ "text": "1", "callback_data": "1" }]] });
    let edit = |id: i64, markup: &Value| json!({ "chat_id": SAM, "message_id": id, "text": "One", "reply_markup": markup });
    for (asked, expected) in [
        (edit(id, &keyboard), "Bad Request: message is not modified: specified new message content"),
        (edit(id + 1, &keyboard), "Bad Request: message to edit not found"),
        (edit(id, &Value::Null), ""),
    ] {
        let (_, answer) = ask(&lab, &path("editMessageText"), &asked).await;
        assert!(
            answer.starts_with(expected) && answer.is_empty() == expected.is_empty(),
            "{asked}: {answer}"
        );
    }

    let posted = lab.sam.messages().remove(0);
    let query = lab.sam.tap(&Posted { buttons: vec![vec![key()]], ..posted }, 0).expect("a button");
    let answered = json!({ "callback_query_id": query, "text": "Done" });
    assert_eq!(ask(&lab, &path("answerCallbackQuery"), &answered).await, (200, String::new()));
    let (status, answer) = ask(&lab, &path("answerCallbackQuery"), &answered).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer.starts_with("Bad Request: query is too old"), "{answer}");
}

fn key() -> Key {
    Key { text: "1".to_owned(), data: Some("1".to_owned()), url: None, style: None }
}

#[tokio::test]
async fn a_webhook_and_commands_that_telegram_would_refuse_are_refused() {
    let lab = Lab::new();
    let url = "https://auth.example.test/hook";
    for (method, asked) in [
        ("setWebhook", json!({ "url": url, "secret_token": "not allowed" })),
        ("setWebhook", json!({ "url": url, "secret_token": "x".repeat(257) })),
        ("setWebhook", json!({ "url": "auth.example.test" })),
        ("setMyCommands", json!({ "commands": [{ "command": "Status", "description": "x" }] })),
        ("setMyCommands", json!({ "commands": [{ "command": "status", "description": "" }] })),
    ] {
        let (status, answer) = ask(&lab, &format!("/bot{TOKEN}/{method}"), &asked).await;
        assert_eq!(status, 400, "asked {method} for {asked}: {answer}");
    }
    assert_eq!((lab.api.webhook(), lab.api.commands()), (None, Vec::new()));
}

#[tokio::test]
async fn a_form_and_a_query_are_understood_too() {
    let lab = Lab::new();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let url = format!("http://{}/bot{TOKEN}/sendMessage?chat_id={SAM}&text=1%2B1", lab.address);
    let status = client.get(url).send().await.unwrap().status();
    assert_eq!(status, 200);
    assert_eq!(lab.sam.messages()[0].text, "1+1");
}

#[tokio::test]
async fn when_the_stand_in_ends_nobody_keeps_it_waiting() {
    let (clock, _hand) = Clock::manual(Wall::from_seconds(1_795_252_374));
    let api = BotApi::new(&Secret::new(TOKEN), "example_bot", clock).unwrap();
    let (address, listeners) = listen();
    let telegram = telegram(address, TOKEN, Duration::from_mins(5));
    let asked = api.clone();
    let until = async move { asked.wait_for(|world| (world.poll > 0).then_some(())).await };
    let (updates, ()) =
        tokio::join!(telegram.updates(None, Duration::from_secs(50)), api.serve(listeners, until));
    assert_eq!(updates, Ok(Vec::new()));
}
