//! Goal: what is recorded holds no secret, prose stays as it is, and a stream is redacted as its whole text would be.
//! Method: secrets as data through one `check`; properties over any text, any cut of it, and against a naive search.

#[path = "redaction/keys.rs"]
mod keys;
#[path = "redaction/lookalikes.rs"]
mod lookalikes;
#[path = "redaction/made.rs"]
mod made;
#[path = "redaction/notations.rs"]
mod notations;
mod support;

use std::ops::Range;

use car_inference::error::{CancelReason, FailureDetails, PolicyDetail, PolicyPoint, RunnerFailure, RunnerFailureKind};
use car_inference::redaction::{REDACTED, RedactedStream, Redaction, RedactionOptions};
use car_inference::stream::{FileContent, Reasoning, Source, ToolCallSignature, Warning};
use car_inference::tasks::generate::{ResponseFormat, ToolArguments, ToolChoice};
use car_inference::{
    Completion, ContentBlock, ErrorCode, Failure, GenerateParams, GenerateRequest, Message, Problem, StreamEvent,
    ToolCall,
};
use proptest::prelude::*;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::{Anchored, Input, MatchKind};
use serde_json::{Value, json};

/// What every planted secret holds, and nothing else does.
const INSIDE: &str = "ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7";

fn builtin() -> Redaction {
    Redaction::new(&RedactionOptions::default()).expect("the defaults are valid")
}

fn with(patterns: &[&str], fields: &[&str]) -> Redaction {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Redaction::new(&RedactionOptions {
        builtin: None,
        patterns: owned(patterns),
        fields: owned(fields),
    })
    .expect("the options are valid")
}

/// Secrets of every kind. Made here, so that no scanner takes this file for a leak.
fn secrets() -> Vec<String> {
    let mut secrets: Vec<_> = [
        "sk-",
        "sk-proj-",
        "sk-svcacct-",
        "sk-admin-",
        "sk-ant-api03-",
        "sk-ant-admin01-",
        "sk-or-v1-",
        "AIza",
        "ya29.",
        "AKIA",
        "ASIA",
        "gsk_",
        "xai-",
        "hf_",
        "r8_",
        "pplx-",
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "sk_live_",
        "rk_live_",
        "npm_",
        "AQ.Ab8RN6",
        "GOCSPX-",
        "api_org_",
        "fw_",
        "tgp_v1_",
        "nvapi-",
        "pcsk_",
        "gldt-",
        "glrt-",
        "xapp-1-",
        "whsec_",
        "pypi-AgEIcHlwaS5vcmc-ZQ7ZQ7ZQ7ZQ7ZQ7ZQ7",
        "dckr_pat_",
        "hvs.",
        "lin_api_",
        "ntn_",
        "figd_",
        "glsa_",
        "sk_test_",
        "tskey-api-",
        "sb_secret_",
    ]
    .map(|prefix| format!("{prefix}{INSIDE}"))
    .into();
    secrets.push(format!("SG.{INSIDE}.{INSIDE}"));
    secrets.push(format!("eyJ{INSIDE}.eyJ{INSIDE}."));
    secrets.push(format!("eyJ{INSIDE}.eyJ{INSIDE}.{INSIDE}"));
    secrets.push(pem("\n"));
    secrets
}

fn pem(line_end: &str) -> String {
    let kind = "RSA PRIVATE KEY-----";
    [
        "-----BEGIN ",
        kind,
        line_end,
        "Proc-Type: 4,ENCRYPTED",
        line_end,
        line_end,
        INSIDE,
        line_end,
        "ZQ7=",
        line_end,
        "-----END ",
        kind,
    ]
    .concat()
}

/// What `text` is redacted to, whole and in deltas of one character.
fn check(text: &str, expected: &str) {
    let redaction = builtin();
    assert_eq!(redaction.text(text), expected, "{text}");
    let each: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
    assert_eq!(streamed(&redaction, text, &each).concat(), expected, "{text}, streamed");
    assert_eq!(redaction.text(expected), expected, "what is redacted stays as it is");
}

/// Pushes the text cut at `cuts`, and checks what holds at every moment.
fn streamed(redaction: &Redaction, text: &str, cuts: &[usize]) -> Vec<String> {
    let whole = redaction.text(text);
    let mut stream = RedactedStream::default();
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut so_far = String::new();
    let mut from = 0;
    for (tag, to) in cuts.iter().copied().chain([text.len()]).enumerate() {
        let before = out.len();
        stream.push(redaction, tag, text[from..to].to_owned(), &mut out);
        from = to;
        so_far.extend(out[before..].iter().map(|(_, text)| text.as_str()));
        assert!(whole.starts_with(&so_far), "{so_far:?} came out of {whole:?}");
        assert_eq!(stream.is_holding(), out.len() <= tag);
    }
    stream.finish(redaction, &mut out);
    assert!(!stream.is_holding());
    let tags: Vec<_> = out.iter().map(|(tag, _)| *tag).collect();
    assert_eq!(tags, (0..=cuts.len()).collect::<Vec<_>>());
    out.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_secret_of_every_kind_is_removed_from_prose_code_and_escaped_text() {
    for secret in secrets() {
        // Letters and digits that often are a whole delta are not held back, so they stay.
        let shown = secret
            .chars()
            .next()
            .filter(|first| matches!(first, 'a'..='c' | '0'..='9'));
        let redacted = format!("{}{REDACTED}", shown.map(String::from).unwrap_or_default());
        for (before, after) in [
            ("use ", " now"),
            ("", ""),
            (r#"{"k":""#, r#"","n":1}"#),
            ("é", ", é"),
            (r"first\n", r"\nthen"),
            ("https://x.test/?k%3D", "&a=1"),
        ] {
            check(
                &format!("{before}{secret}{after}"),
                &format!("{before}{redacted}{after}"),
            );
        }
    }
    check(
        &format!("two {} {}", secrets()[0], secrets()[9]),
        "two [REDACTED] [REDACTED]",
    );
}

#[test]
fn a_delta_of_one_letter_that_few_keys_begin_with_is_not_held() {
    for text in ["a", "b", "c", "1", "7", "x1", "item 2", "(a", "é"] {
        let mut out = Vec::new();
        RedactedStream::default().push(&builtin(), (), text.to_owned(), &mut out);
        assert_eq!(out, [((), text.to_owned())], "{text}");
    }
}

#[test]
fn prose_that_looks_a_little_like_a_secret_stays() {
    for text in [
        "",
        "sk-",
        "a task-list-of-the-day, on a disk-based system; sk-learn and sk-fading-circle-container-for-loading",
        "The bearer of good news came. Bearer authentication-with-certificates is rare.",
        "AIza and AKIA are prefixes, as are hf_, npm_, xoxb- and r8_.",
        "hf_hub_download(repo_id), npm_config_registry_and_then_some_more, ghp_ is GitHub's",
        "apiKey: process.env.OPENAI_API_KEY, api_key=os.environ['OPENAI_API_KEY']",
        "Authorization: the process of deciding. Password: see below. The secret: practise.",
        r#"{"maxTokens":1000000000000000000,"inputTokens":"12345678901234567","token_count":"1"}"#,
        r#"{"passwordHint":"the dog","secretary":"Ann","api_key_name":"main key"}"#,
        "-----BEGIN PRIVATE KEY----- begins a private key, -----BEGIN CERTIFICATE----- a certificate.",
        "version 1.2.3.eyJ and eyJhbGciOiJIUzI1NiJ9 alone",
        "Cookie: a small piece of data. Chocolate cookies: a recipe.",
        "日本語のテキスト、そして «café» — naïve.",
    ] {
        check(text, text);
    }
}

#[test]
fn what_follows_a_label_is_removed_and_the_label_stays() {
    for (text, expected) in [
        (r#"{"authorization":"Bearer abc"}"#, r#"{"authorization":"[REDACTED]"}"#),
        (
            r#"{"X-Api-Key" : "a\"b", "n":"c"}"#,
            r#"{"X-Api-Key" : "[REDACTED]", "n":"c"}"#,
        ),
        (
            r#"{"set-cookie":["a=1","b=\u0032"],"n":["c"]}"#,
            r#"{"set-cookie":["[REDACTED]","[REDACTED]"],"n":["c"]}"#,
        ),
        (
            r#""{\"password\":\"a\\\"b\",\"n\":\"c\"}""#,
            r#""{\"password\":\"[REDACTED]\",\"n\":\"c\"}""#,
        ),
        (
            r#"{"password":"","secret":"é"}"#,
            r#"{"password":"","secret":"[REDACTED]"}"#,
        ),
        (r#"{"password":"cut o"#, r#"{"password":"[REDACTED]"#),
        ("Authorization: Bearer xyz", "Authorization: Bearer [REDACTED]"),
        (
            "proxy-authorization=Basic dXNlcjpwYXNz",
            "proxy-authorization=Basic [REDACTED]",
        ),
        (
            "headers: { Authorization: 'Bearer xyz' }",
            "headers: { Authorization: 'Bearer [REDACTED]' }",
        ),
        ("curl -H 'Bearer 0123456789abcdef'", "curl -H 'Bearer [REDACTED]'"),
        (
            "MISTRAL_API_KEY=0123456789abcdef0123456789abcdef\nA=1",
            "MISTRAL_API_KEY=[REDACTED]\nA=1",
        ),
        ("api-key: 0123456789abcdef0123456789abcdef", "api-key: [REDACTED]"),
        ("?access_token=abcdefghijklmnop1&x=1", "?access_token=[REDACTED]&x=1"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aws_secret_access_key = [REDACTED]",
        ),
        ("const password = \"hunter22\";", "const password = \"[REDACTED]\";"),
        ("{ 'client_secret': 'hunter22' }", "{ 'client_secret': '[REDACTED]' }"),
        ("{ cookie: 'a=b; c=d' }", "{ cookie: '[REDACTED]' }"),
        (
            "Cookie: session=abc; theme=dark\r\nHost: x",
            "Cookie: [REDACTED]\r\nHost: x",
        ),
    ] {
        check(text, expected);
    }
}

#[test]
fn a_private_key_is_removed_however_its_lines_end_and_wherever_it_is_cut_off() {
    for line_end in ["\n", "\r\n", r"\n", r"\\n", " "] {
        let expected = "a [REDACTED]";
        if line_end != " " {
            check(&format!("a {}", pem(line_end)), expected);
        }
        let bare = pem(line_end).replace(&format!("Proc-Type: 4,ENCRYPTED{line_end}"), "");
        check(&format!("a {bare}"), expected);
        let body = bare.find(INSIDE).expect("it has a body");
        let cut_off = &bare[..body + INSIDE.len() - 3];
        check(&format!("a {cut_off}"), expected);
    }
}

#[test]
fn a_token_that_stands_in_a_private_keys_place_is_removed_to_its_end() {
    for join in ["-", "_", ".", ":", "~"] {
        let line = INSIDE.repeat(16);
        let text = format!("-----BEGIN RSA PRIVATE KEY-----\n{line}{join}{line}{join} and {join}");
        check(&text, &format!("[REDACTED]{join} and {join}"));
    }
}

#[test]
fn text_without_secrets_is_borrowed() {
    assert!(matches!(builtin().text("nothing here"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn matches_that_overlap_or_touch_are_one_secret() {
    let redaction = with(&["abc", "cde", "[0-9]{3}"], &[]);
    assert_eq!(redaction.text("xabcdex"), "x[REDACTED]x");
    assert_eq!(redaction.text("1234567 12 123456"), "[REDACTED] 12 [REDACTED]");
}

#[test]
fn anchors_know_the_text_and_not_the_delta() {
    let redaction = with(&["^start", "(?m)^line$", r"end\z", r"(?-u:\b)word(?-u:\b)"], &[]);
    let text = "start a start\nline\nlines word words end end";
    let expected = "[REDACTED] a start\n[REDACTED]\nlines [REDACTED] words end [REDACTED]";
    for size in 1..text.len() {
        let cuts: Vec<_> = (0..text.len()).step_by(size).collect();
        assert_eq!(streamed(&redaction, text, &cuts).concat(), expected, "deltas of {size}");
    }
}

#[test]
fn options_that_cannot_be_used_are_told_by_their_path() {
    let options = RedactionOptions {
        patterns: ["ok", "(", "a*", r"\bword", r"\p{L}{1,1000}{1,1000}"]
            .map(String::from)
            .into(),
        fields: ["a.b", "a..b"].map(String::from).into(),
        ..Default::default()
    };
    let problems = options.validate();
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "redaction.patterns[1]",
            "redaction.patterns[2]",
            "redaction.patterns[3]",
            "redaction.patterns[4]",
            "redaction.fields[1]"
        ]
    );
    assert!(problems[2].message.contains(r"(?-u:\b)"), "{problems:?}");
    let many = RedactionOptions {
        patterns: vec!["a".into(); 65],
        fields: vec!["a".into(); 257],
        ..Default::default()
    };
    let problems = Redaction::new(&many).expect_err("too many");
    assert_eq!(problems[0], Problem::new("redaction.patterns", "at most 64, are 65"));
    assert_eq!(problems[1], Problem::new("redaction.fields", "at most 256, are 257"));
    assert!(serde_json::from_str::<RedactionOptions>(r#"{"pattern":[]}"#).is_err());
}

#[test]
fn nothing_is_removed_without_the_builtin_patterns_but_what_the_host_says() {
    let options = RedactionOptions {
        builtin: Some(false),
        patterns: vec!["hidden".into()],
        fields: vec!["a".into()],
    };
    let redaction = Redaction::new(&options).expect("valid");
    let key = &secrets()[0];
    let mut value = json!({ "password": key, "a": 1, "b": "hidden" });
    redaction.value(&mut value);
    assert_eq!(value, json!({ "password": key, "a": REDACTED, "b": REDACTED }));
}

/// What `fields` and the built-in patterns make of `value`.
#[track_caller]
fn check_value(fields: &[&str], mut value: Value, expected: &Value) {
    with(&[], fields).value(&mut value);
    assert_eq!(value.to_string(), expected.to_string());
}

#[test]
fn fields_are_replaced_by_path_and_by_name_and_texts_and_names_by_pattern() {
    let key = &secrets()[0];
    check_value(
        &["a.b", "list[*].c", "**.deep", "list[1]"],
        json!({ "a": { "b": { "x": 1 }, "c": 2 }, "list": [{ "c": true }, 7, { "d": null }], "x": [{ "deep": null }, { "deep": 1.5 }] }),
        &json!({ "a": { "b": REDACTED, "c": 2 }, "list": [{ "c": REDACTED }, REDACTED, { "d": null }], "x": [{ "deep": null }, { "deep": REDACTED }] }),
    );
    check_value(
        &[],
        json!({ "API_KEY": "k", "set-cookie": ["a", "b"], "secret": { "n": 1, "t": "x" }, "password": 5, "maxTokens": "9", "passwords": "p" }),
        &json!({ "API_KEY": REDACTED, "set-cookie": [REDACTED, REDACTED], "secret": { "n": 1, "t": "x" }, "password": 5, "maxTokens": "9", "passwords": "p" }),
    );
    check_value(
        &["*.x"],
        json!({ key: { "x": 1 }, (format!("{key}1")): [key], "z": 0 }),
        &json!({ REDACTED: { "x": REDACTED }, "[REDACTED] 2": [REDACTED], "z": 0 }),
    );
}

#[test]
fn fields_of_json_are_labels_as_in_text() {
    let key = made::Maker::new(1).letters('a', 32);
    let mut value = json!({
        "accessToken": key, "dbPassword": "Ab!cd#ef", "env": [{ "name": "API_KEY", "value": key }],
        "api_keys": [key, "none"], "headers": { "x-auth-token": key, "Authorization": format!("Bearer {key}") },
        "args": ["--api-key", key, format!("--token={key}")], "text": format!("MISTRAL_API_KEY={key}"),
    });
    builtin().value(&mut value);
    assert_eq!(
        value,
        json!({
            "accessToken": REDACTED, "dbPassword": REDACTED, "env": [{ "name": "API_KEY", "value": REDACTED }],
            "api_keys": [REDACTED, "none"], "headers": { "x-auth-token": REDACTED, "Authorization": REDACTED },
            "args": ["--api-key", REDACTED, format!("--token={REDACTED}")], "text": format!("MISTRAL_API_KEY={REDACTED}"),
        })
    );
    check_value(
        &[],
        json!({
            "token": "Hello", "tokens": [" the", " world"], "apiKey": "process.env.API_KEY", "maxTokens": 9, "key": "user:1",
            "password": "required", "cookies": "enabled", "next_page_token": key, "cacheKey": key, "env": { "name": "PATH", "value": key },
            "secretName": "tls", "properties": { "password": { "type": "string" } }, "required": ["password", "api_key"],
        }),
        &json!({
            "token": "Hello", "tokens": [" the", " world"], "apiKey": "process.env.API_KEY", "maxTokens": 9, "key": "user:1",
            "password": "required", "cookies": "enabled", "next_page_token": key, "cacheKey": key, "env": { "name": "PATH", "value": key },
            "secretName": "tls", "properties": { "password": { "type": "string" } }, "required": ["password", "api_key"],
        }),
    );
}

#[test]
fn a_value_of_any_depth_is_redacted_to_its_bottom() {
    let depth = 120;
    let json = format!("{}{{\"password\":\"p\"}}{}", "[".repeat(depth), "]".repeat(depth));
    let mut value: Value = serde_json::from_str(&json).expect("serde reads so deep");
    with(&[], &["**.none"]).value(&mut value);
    assert_eq!(value.to_string(), json.replace("\"p\"", "\"[REDACTED]\""));
}

/// Every text of the JSON but the tags that serde reads, made `text`.
fn plant(value: &mut Value, text: &str) {
    match value {
        Value::String(old) => text.clone_into(old),
        Value::Array(items) => items.iter_mut().for_each(|item| plant(item, text)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if !["type", "role", "reason", "kind", "code", "point", "reasoningEffort"].contains(&name.as_str()) {
                    plant(value, text);
                }
            }
        }
        _ => {}
    }
}

/// Plants a secret in every text of `sample`, redacts, and checks that only `spared` of it are left.
fn check_typed<T>(sample: &T, redact: impl Fn(&Redaction, &mut T), spared: usize)
where
    T: serde::Serialize + serde::de::DeserializeOwned + Clone + PartialEq + std::fmt::Debug,
{
    let mut same = sample.clone();
    redact(&builtin(), &mut same);
    assert_eq!(&same, sample, "without secrets it stays as it is");
    let secret = &secrets()[0];
    let mut json = serde_json::to_value(sample).expect("it serialises");
    plant(&mut json, secret);
    let mut planted: T = serde_json::from_value(json.clone()).expect("it is one still");
    redact(&builtin(), &mut planted);
    let redacted = serde_json::to_string(&planted).expect("it serialises");
    assert_eq!(redacted.matches(secret.as_str()).count(), spared, "{redacted}");
    let texts = json.to_string().matches(secret.as_str()).count();
    assert_eq!(redacted.matches(REDACTED).count(), texts - spared, "{redacted}");
}

fn tool_calls() -> Vec<ToolCall> {
    let call = |arguments| ToolCall {
        id: Some("1".into()),
        name: "n".into(),
        arguments,
    };
    let malformed = ToolArguments::Malformed {
        raw: "{".into(),
        error: "e".into(),
    };
    vec![call(json!({ "a": [1, "b"] }).into()), call(malformed)]
}

#[test]
fn a_request_is_redacted_in_every_text_but_base64() {
    let data = || "QUJD".to_owned();
    let kind = || "image/png".to_owned();
    let blocks = vec![
        ContentBlock::Text { text: "t".into() },
        ContentBlock::ImageBase64 {
            data: data(),
            media_type: kind(),
        },
        ContentBlock::ImageUrl {
            url: "u".into(),
            detail: Some("auto".into()),
        },
        ContentBlock::AudioBase64 {
            data: data(),
            media_type: kind(),
        },
        ContentBlock::AudioUrl { url: "u".into() },
        ContentBlock::VideoBase64 {
            data: data(),
            media_type: kind(),
        },
        ContentBlock::VideoUrl { url: "u".into() },
        ContentBlock::FileBase64 {
            data: data(),
            media_type: kind(),
            name: Some("n".into()),
        },
    ];
    let request = GenerateRequest {
        prompt: "p".into(),
        model: Some("m".into()),
        fallback_models: vec!["f".into()],
        params: GenerateParams {
            temperature: Some(0.1),
            seed: Some(i64::MIN),
            stop: vec!["s".into()],
            tool_choice: Some(ToolChoice::Tool { name: "n".into() }),
            ..Default::default()
        },
        context: Some("c".into()),
        messages: Some(vec![
            Message::System { content: "s".into() },
            Message::User { content: "u".into() },
            Message::UserMultimodal {
                content: blocks.clone(),
            },
            Message::Assistant {
                content: "a".into(),
                tool_calls: tool_calls(),
                reasoning: vec![Reasoning {
                    index: 1,
                    text: "r".into(),
                    signature: Some("s".into()),
                }],
            },
            Message::ToolResult {
                tool_use_id: "i".into(),
                content: "r".into(),
            },
            Message::ProviderOutputItems {
                protocol: "p".into(),
                items: vec![json!({ "x": "y" })],
            },
        ]),
        images: Some(blocks),
        tools: Some(vec![json!({ "name": "n", "parameters": { "required": ["password"] } })]),
        response_format: Some(ResponseFormat::JsonSchema {
            schema: json!({ "a": "b" }),
            strict: true,
            name: Some("n".into()),
        }),
        client_ref: Some("c".into()),
        conversation_id: Some("v".into()),
        parent_trace_id: Some("t".into()),
        tags: vec!["t".into()],
        provider_options: Some(json!({ "openai": { "user": "u" } })),
    };
    check_typed(&request, Redaction::request, 2 * 4);

    let mut whole = request.clone();
    with(
        &[],
        &[
            "messages[*].content",
            "providerOptions",
            "params",
            "images[1].data",
            "parentTraceId",
        ],
    )
    .request(&mut whole);
    let json = serde_json::to_value(&whole).expect("it serialises");
    assert_eq!(json["messages"][1]["content"], json!(REDACTED));
    assert_eq!(json["messages"][2]["content"][7]["data"], json!(REDACTED));
    assert_eq!(json["messages"][4]["toolUseId"], json!("i"));
    assert_eq!(json["providerOptions"], json!({ "openai": REDACTED }));
    assert_eq!(json["params"]["stop"], json!([REDACTED]));
    assert_eq!(json["params"]["seed"], json!(i64::MIN), "no text, so it stays");
    assert_eq!(
        [&json["images"][1]["data"], &json["images"][3]["data"]],
        [&json!(REDACTED), &json!("QUJD")]
    );
    assert_eq!(json["parentTraceId"], json!(REDACTED));
    assert_eq!(serde_json::from_value::<GenerateRequest>(json).ok(), Some(whole));
}

#[test]
fn a_completion_is_redacted_in_every_text_but_base64_and_its_trace_id() {
    let completion = Completion {
        text: "t".into(),
        tool_calls: tool_calls(),
        raw_stop_reason: Some("end_turn".into()),
        reasoning: vec![Reasoning {
            index: 0,
            text: "r".into(),
            signature: Some("s".into()),
        }],
        tool_call_signatures: vec![ToolCallSignature {
            position: 0,
            signature: "s".into(),
        }],
        refusal: Some("no".into()),
        sources: vec![Source {
            id: Some("i".into()),
            url: Some("u".into()),
            title: Some("t".into()),
            media_type: Some("m".into()),
            provider_metadata: Some(json!(["p"])),
        }],
        files: vec![FileContent {
            media_type: "m".into(),
            data: Some("QUJD".into()),
            url: Some("u".into()),
        }],
        provider_output_items: vec![json!({ "encrypted_content": "gAAA" })],
        warnings: vec![Warning {
            message: "w".into(),
            code: None,
        }],
        trace_id: "t".into(),
        model_used: "m".into(),
        ..Default::default()
    };
    check_typed(&completion, Redaction::completion, 2);
}

#[test]
fn a_failure_is_redacted_in_every_text() {
    let failure = Failure {
        problems: vec![Problem::new("p", "m")],
        runner: Some(RunnerFailure {
            kind: RunnerFailureKind::Failed,
            attempt: 1,
            message: "m".into(),
            details: FailureDetails {
                name: Some("n".into()),
                status: Some(401),
                body: Some(json!({ "error": { "message": "bad key" } })),
                cause_id: Some(u64::MAX),
                stack: Some("s".into()),
                ..Default::default()
            },
        }),
        cancel: Some(CancelReason::consumer("c")),
        policy: Some(PolicyDetail {
            point: PolicyPoint::Event,
            policy_id: Some("p".into()),
        }),
        ..Failure::new(ErrorCode::RunnerFailed, "m")
    };
    check_typed(&failure, Redaction::failure, 0);
}

#[test]
fn json_null_and_signatures_are_kept_to_the_byte() {
    let mut event =
        StreamEvent::ProviderOutputItem(json!({ "encrypted_content": "gAAAAAB+/eyJ.==", "n": null, "f": 0.1 }));
    let before = event.clone();
    builtin().event(&mut event);
    assert_eq!(event, before);
    let mut event = StreamEvent::Source(Source {
        provider_metadata: Some(Value::Null),
        ..Default::default()
    });
    let before = event.clone();
    builtin().event(&mut event);
    assert_eq!(event, before, "a null that is there is not absent");
}

#[test]
fn prose_is_held_for_no_longer_than_a_word() {
    let redaction = builtin();
    let mut stream = RedactedStream::default();
    let mut out = Vec::new();
    let prose = "The bearer of the secret asked for a password, an API key and a cookie: all in a day's work, said the clerk; \
                 risk-averse people npm install x. -----BEGIN was the start, \"authorization\" a word and naïve café. ";
    for word in prose.repeat(20).split_inclusive(' ') {
        stream.push(&redaction, (), word.to_owned(), &mut out);
        assert!(
            stream.held_bytes() < 64,
            "{} bytes held after {word:?}",
            stream.held_bytes()
        );
    }
    assert_eq!(stream.held_bytes(), 0);
}

#[test]
fn a_label_and_what_is_known_to_be_secret_are_not_held() {
    let redaction = builtin();
    let mut stream = RedactedStream::default();
    let mut out = Vec::new();
    stream.push(&redaction, 0, "{\"password\": \"".into(), &mut out);
    assert_eq!(stream.held_bytes(), 0);
    for tag in 1..10_000 {
        stream.push(&redaction, tag, "secret ".into(), &mut out);
        assert!(stream.held_bytes() <= "secret ".len());
    }
}

#[test]
fn what_never_ends_is_taken_for_a_secret_after_64_kib_whole_and_in_deltas() {
    let redaction = with(&["(?s)BEGIN.*END"], &[]);
    let filler = "é".repeat(100_000);
    let text = format!("a BEGIN{filler} b");
    let whole = redaction.text(&text).into_owned();
    assert!(whole.starts_with("a [REDACTED]é"), "{}", &whole[..40]);
    assert!(
        text.len() - whole.len() > 190_000,
        "{} of {} bytes are left",
        whole.len(),
        text.len()
    );
    let cuts: Vec<_> = (0..text.len())
        .step_by(4_096)
        .map(|at| text.floor_char_boundary(at))
        .collect();
    assert_eq!(streamed(&redaction, &text, &cuts).concat(), whole);

    let mut stream = RedactedStream::default();
    let mut out = Vec::new();
    for _ in 0..100 {
        stream.push(&redaction, (), "BEGIN".repeat(1_000), &mut out);
        assert!(stream.held_bytes() <= 64 * 1_024 + 5_000);
    }
    for _ in 0..200_000 {
        stream.push(&redaction, (), String::new(), &mut out);
    }
    let held = 100 + 200_000 - out.len();
    assert!(held <= 64 * 1_024, "{held} empty deltas are held");
}

#[test]
fn built_in_rules_hold_no_text_without_a_bound() {
    let redaction = builtin();
    for (begin, piece) in [
        ("password: ", "!"),
        ("password: ", "é"),
        ("API_KEY=", "a1B-"),
        (r#""password":""#, "<"),
        (r#""token":""#, "x9"),
        (r#""token":""#, r"\\"),
        ("eyJ", "hbG9"),
        ("eyJhbGciOiJIUzI1NiJ9.", "hbG9"),
        ("-----BEGIN PRIVATE KEY-----\n", "A: b\n"),
        ("-----BEGIN PRIVATE KEY-----\n", "\\n"),
        ("https://", "user.name"),
        ("https://u:", "p?"),
        ("Bearer ", "a1.-"),
        ("AKIAIOSFODNN7EXAMPLE", "\n"),
        ("sk-", "a-"),
        ("Cookie: ", "name"),
        ("token", " "),
        ("api_key:", "\n "),
        ("a1", "B2"),
        ("--", "token-"),
        ("", "key=key:"),
    ] {
        let mut stream = RedactedStream::default();
        let mut out = Vec::new();
        stream.push(&redaction, (), begin.into(), &mut out);
        for _ in 0..4_000 {
            stream.push(&redaction, (), piece.into(), &mut out);
            assert!(
                stream.held_bytes() <= 3 * 1024,
                "{} bytes of {begin}{piece}",
                stream.held_bytes()
            );
        }
    }
}

#[test]
fn a_redaction_put_in_the_place_of_another_counts_once_no_match_is_under_way() {
    let (first, second) = (with(&["ab+c"], &[]), with(&["xyz"], &[]));
    let mut stream = RedactedStream::default();
    let mut out = Vec::new();
    for (redaction, text) in [(&first, "ab"), (&second, "bc xyz "), (&second, "xyz abc")] {
        stream.push(redaction, (), text.to_owned(), &mut out);
    }
    stream.finish(&second, &mut out);
    let text: String = out.into_iter().map(|(_, text)| text).collect();
    assert_eq!(text, "[REDACTED] xyz [REDACTED] abc");
}

/// What every match of `patterns` covers, found by a search from every place.
fn naive(patterns: &[&str], text: &str) -> String {
    let mut covered = vec![false; text.len()];
    for pattern in patterns {
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Anchored)
                    .match_kind(MatchKind::All),
            )
            .build(pattern)
            .expect("a pattern");
        for start in 0..text.len() {
            let input = Input::new(text).range(start..).anchored(Anchored::Yes);
            let longest = dfa.try_search_fwd(&input).expect("a search");
            covered[start..longest.map_or(start, |found| found.offset())].fill(true);
        }
    }
    let mut redacted = String::new();
    let mut was_covered = false;
    for (at, letter) in text.char_indices() {
        match (covered[at], was_covered) {
            (true, false) => redacted.push_str(REDACTED),
            (true, true) => {}
            (false, _) => redacted.push(letter),
        }
        was_covered = covered[at];
    }
    redacted
}

/// Places to cut `text` at, some of them more than once.
fn cuts_of(text: &str, cuts: &[prop::sample::Index]) -> Vec<usize> {
    let place = |cut: &prop::sample::Index| text.floor_char_boundary(cut.index(text.len() + 1));
    let mut places: Vec<_> = cuts.iter().map(place).collect();
    places.sort_unstable();
    places
}

fn planted() -> impl Strategy<Value = String> {
    let near = [
        "sk-",
        "AIza",
        "AKIAZ",
        "eyJhbGciOiJIUzI1NiJ9.",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "Bearer ",
        "bearer a1",
        "\"password\":\"",
        "\"cookie\":[\"a\",",
        "\\\"secret\\\":\\\"",
        "api_key=",
        "authorization: basic ",
        "Cookie: a=",
        "\"",
        "\\",
        "\\n",
        "%20",
        "-",
        ".",
        " ",
        "é",
        "日本",
        "😀",
        "words and more ",
        "task-",
        "0123456789abcdef",
    ];
    let piece = prop_oneof![
        3 => prop::sample::select(near.map(String::from).to_vec()),
        2 => prop::sample::select(secrets()).prop_map(|secret| format!(" {secret}")),
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

const HOSTS: [&str; 6] = [
    "ab*c",
    "(?m)^b.*c$",
    r"a[^é]*é",
    r"(?-u:\b)[bc]+(?-u:\b)",
    "é{2}(?:c|bb)",
    // Many searches at once.
    "[abc]{3,40}é",
];

fn ranges() -> impl Strategy<Value = Range<usize>> {
    (0..HOSTS.len()).prop_flat_map(|from| (Just(from), from + 1..=HOSTS.len()).prop_map(|(from, to)| from..to))
}

proptest! {
    #[test]
    fn any_cut_of_a_text_is_redacted_as_the_whole_and_no_part_of_a_secret_comes_out(
        text in planted(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let redaction = builtin();
        let whole = redaction.text(&text);
        prop_assert!(!whole.contains("ZQ7"), "{whole}");
        // `streamed` checks after each delta that what came out is a beginning of the whole.
        prop_assert_eq!(streamed(&redaction, &text, &cuts_of(&text, &cuts)).concat(), whole.clone());
        let each: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        prop_assert_eq!(streamed(&redaction, &text, &each).concat(), whole);
    }

    #[test]
    fn patterns_of_a_host_and_built_in_rules_find_the_same_together_however_a_text_is_cut(
        text in planted(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let redaction = with(&["words and", "(?m)^b.*c$", "a[^é]*é", "ZQ7Z"], &[]);
        let whole = redaction.text(&text).into_owned();
        prop_assert!(!whole.contains("ZQ7"), "{whole}");
        prop_assert_eq!(streamed(&redaction, &text, &cuts_of(&text, &cuts)).concat(), whole);
    }

    #[test]
    fn what_is_found_is_what_a_search_from_every_place_finds(
        text in prop_oneof!["[abcé\n ]{0,40}", "[abc]{20,60}é"],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        hosts in ranges(),
    ) {
        let patterns = &HOSTS[hosts];
        let options = RedactionOptions {
            builtin: Some(false),
            patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..Default::default()
        };
        let redaction = Redaction::new(&options).expect("valid");
        let expected = naive(patterns, &text);
        prop_assert_eq!(redaction.text(&text), expected.as_str());
        prop_assert_eq!(streamed(&redaction, &text, &cuts_of(&text, &cuts)).concat(), expected);
    }

    #[test]
    fn an_event_of_any_kind_is_redacted_in_every_text_but_base64(event in support::any::event()) {
        let spared = usize::from(matches!(&event, StreamEvent::File(file) if file.data.is_some()));
        check_typed(&event, Redaction::event, spared);
    }
}
