//! Keys that need no label.

use super::made::Maker;
use super::{REDACTED, builtin, check};

/// Forms of keys, each in two parts, so that no scanner takes this file for a leak.
const FORMS: [(&str, &str); 96] = [
    ("sk-", "{a6}-{a7}_{a7}"),
    ("sk-", "{h32}"),
    ("sk-", "{a20}T3BlbkFJ{a20}"),
    ("sk-proj-", "{u74}T3BlbkFJ{u74}"),
    ("sk-svcacct-", "{u58}T3BlbkFJ{u58}"),
    ("sk-admin-", "{u58}T3BlbkFJ{u58}"),
    ("sk-ant-", "api03-{u93}AA"),
    ("sk-ant-", "admin01-{u93}AA"),
    ("sk-ant-", "oat01-{u93}AA"),
    ("sk-or-", "v1-{h64}"),
    ("sk-lf-", "{h8}-{h4}-{h4}-{h4}-{h12}"),
    ("AQ.", "Ab8RN6{u44}"),
    ("AIza", "{u35}"),
    ("GOCSPX-", "{u28}"),
    ("ya29", ".{u100}"),
    ("hf_", "{l34}"),
    ("api_org_", "{l34}"),
    ("fw_", "{a24}"),
    ("tgp_v1_", "{u43}"),
    ("gsk_", "{a52}"),
    ("xai-", "{a80}"),
    ("pplx-", "{a48}"),
    ("r8_", "{a37}"),
    ("nvapi-", "{u64}"),
    ("pa-", "{u43}"),
    ("sk_", "{h48}"),
    ("pcsk_", "{a5}_{a63}"),
    ("lsv2_pt_", "{h32}_{h10}"),
    ("dapi", "{h32}"),
    ("AKIA", "{U16}"),
    ("ASIA", "{U16}"),
    ("ABSK", "{b120}"),
    ("LTAI", "{a20}"),
    ("cfut_", "{a40}{h8}"),
    ("v1.0-", "{h24}-{h146}"),
    ("ghp_", "{a36}"),
    ("gho_", "{a36}"),
    ("github_pat_", "{a22}_{a59}"),
    ("glpat-", "{u20}"),
    ("gldt-", "{u20}"),
    ("glrt-", "{u20}"),
    ("glcbt-", "64_{u20}"),
    ("xoxb-", "{d12}-{d12}-{a24}"),
    ("xapp-", "1-A{U10}-{d13}-{h64}"),
    ("sk_live_", "{a24}"),
    ("rk_live_", "{a24}"),
    ("whsec_", "{a32}"),
    ("SG.", "{u22}.{u43}"),
    ("SK", "{h32}"),
    ("npm_", "{a36}"),
    ("pypi-", "AgEIcHlwaS5vcmc{u120}"),
    ("rubygems_", "{h48}"),
    ("dckr_pat_", "{u27}"),
    ("dop_v1_", "{h64}"),
    ("sbp_", "{h40}"),
    ("sb_secret_", "{u22}_{u8}"),
    ("vcp_", "{a40}"),
    ("nfp_", "{a36}"),
    ("hvs.", "{u95}"),
    ("hvb.", "{u140}"),
    ("dp.pt.", "{a43}"),
    ("pscale_tkn_", "{u43}"),
    ("tskey-", "auth-{a16}-{a32}"),
    ("HRKU-", "AA{u58}"),
    ("pul-", "{h40}"),
    ("AKCp", "{a69}"),
    ("lin_api_", "{a40}"),
    ("ntn_", "{d11}{a35}"),
    ("secret_", "{a43}"),
    ("figd_", "{u40}"),
    ("pat", "{a14}.{h64}"),
    ("PMAK-", "{h24}-{h34}"),
    ("glsa_", "{a32}_{h8}"),
    ("glc_", "{b60}"),
    ("sntrys_", "eyJpYXQiO{b60}_{b43}"),
    ("sntryu_", "{h64}"),
    ("NRAK-", "{U27}"),
    ("dt0c01.", "{U24}.{U64}"),
    ("shpat_", "{h32}"),
    ("sq0atp-", "{u22}"),
    ("EAAA", "{u60}"),
    ("xkeysib-", "{h64}-{a16}"),
    ("key-", "{h32}"),
    ("pat-na1-", "{h8}-{h4}-{h4}-{h4}-{h12}"),
    ("CCIPAT_", "{a22}_{h40}"),
    ("sgp_", "{h16}_{h40}"),
    ("ATATT3", "{u120}"),
    ("AGE-SECRET-KEY-1", "{U58}"),
    ("ops_eyJ", "{b250}"),
    ("eyJ", "hbGciOiJIUzI1NiJ9.eyJ{u60}.{u43}"),
    ("eyJ", "hbGciOiJub25lIn0.eyJ{u60}."),
    ("ZZ", "{a50}JQQJ99B{U1}AC{a8}XJ3w3AAABACOG{a4}"),
    ("M", "{a23}.G{u5}.{u38}"),
    ("1234567", "89:AA{u33}"),
    ("{h32}", "-us12"),
    ("sk-", "\\u0061{a30}\\/"),
];

#[test]
fn a_key_of_every_form_is_removed_in_prose_in_code_and_in_text_within_json() {
    let mut maker = Maker::new(15);
    for round in 0..4 {
        for (begin, rest) in FORMS {
            let key = maker.fill(&format!("{begin}{rest}"));
            for (before, after) in [
                ("use ", " now"),
                ("(`", "`)"),
                (r"a\n", r"\nb"),
                ("k='", "'; next"),
                ("", ""),
            ] {
                let redacted = builtin().text(&format!("{before}{key}{after}")).into_owned();
                assert!(redacted.contains(REDACTED), "{key} in round {round}");
                assert!(redacted.starts_with(before) && redacted.ends_with(after), "{redacted}");
                // Of keys with their mark in the middle, the first letters may stay.
                let end = &key[key.len().min(12)..];
                assert!(!redacted.contains(&end[..end.len().min(8)]), "{redacted}");
            }
        }
    }
}

#[test]
fn a_secret_of_aws_goes_with_the_id_before_it() {
    let mut maker = Maker::new(2);
    for between in ["\n", ":", ",", " ", r"\n", "\", \"", " / "] {
        let text = maker.fill(&format!("AKIA{{U16}}{between}{{b40}}\nand"));
        let redacted = builtin().text(&text).into_owned();
        if between == " / " {
            continue;
        }
        assert_eq!(redacted, format!("{REDACTED}{between}{REDACTED}\nand"), "{text}");
    }
    let hash = maker.letters('h', 40);
    check(
        &format!("AKIA{} in {hash}", "Z".repeat(16)),
        &format!("[REDACTED] in {hash}"),
    );
}

#[test]
fn a_password_in_an_address_is_removed_and_the_rest_of_the_address_stays() {
    for (text, expected) in [
        (
            "postgres://app:hunter@db.internal:5432/x",
            "postgres://app:[REDACTED]@db.internal:5432/x",
        ),
        ("redis://:s3cr3t@cache:6379/0", "redis://:[REDACTED]@cache:6379/0"),
        (
            "mongodb+srv://u.v:p%40ss@c.example.net/d?w=1",
            "mongodb+srv://u.v:[REDACTED]@c.example.net/d?w=1",
        ),
        ("jdbc:mysql://root:Ab!cd#ef@db/x", "jdbc:mysql://root:[REDACTED]@db/x"),
        (
            "https://bot:a?b@example.com/repo.git",
            "https://bot:[REDACTED]@example.com/repo.git",
        ),
        ("x=amqp://g:g0st@q, y", "x=amqp://g:[REDACTED]@q, y"),
    ] {
        check(text, expected);
    }
    for text in [
        "postgres://localhost:5432/app",
        "https://example.com:8080/?to=a@b.c",
        "https://user@example.com/",
        "https://example.com/a:b@c",
        "mysql://user:password@localhost/db",
        "mysql://${USER}:${PASS}@host/db",
        "redis://:****@cache",
        "git@github.com:org/repo.git",
    ] {
        check(text, text);
    }
}

#[test]
fn what_an_address_of_a_webhook_is_called_with_is_removed() {
    let mut maker = Maker::new(3);
    for (address, form) in [
        ("https://hooks.slack.com/services/", "T{U8}/B{U8}/{a24}"),
        ("https://discord.com/api/webhooks/", "{d18}/{u68}"),
        (
            "https://acme.webhook.office.com/webhookb2/",
            "{h8}-{h4}-{h4}@{h32}/IncomingWebhook/{h32}",
        ),
        ("https://api.telegram.org/bot", "{d10}:AA{u33}/sendMessage"),
    ] {
        let text = maker.fill(&format!("{address}{form}"));
        let redacted = builtin().text(&text).into_owned();
        assert!(redacted.starts_with(&format!("{address}{REDACTED}")), "{redacted}");
    }
}

#[test]
fn text_that_is_cut_anywhere_within_a_key_shows_nothing_of_it() {
    let mut maker = Maker::new(4);
    for (begin, rest) in FORMS.iter().step_by(5) {
        let text = format!("use {} now", maker.fill(&format!("{begin}{rest}")));
        let whole = builtin().text(&text).into_owned();
        for cut in 0..text.len() {
            assert_eq!(super::streamed(&builtin(), &text, &[cut]).concat(), whole);
        }
    }
}
