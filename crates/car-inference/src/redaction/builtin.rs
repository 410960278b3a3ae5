//! What the common providers' secrets look like. Facts, each with its source; the lengths here are lower bounds under
//! the real ones, so that a new length is no leak, and above what prose has.
//!
//! "gitleaks" is the rule list at <https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml>, "TruffleHog"
//! the detectors at <https://github.com/trufflesecurity/trufflehog/tree/main/pkg/detectors>, both read in November 2026.

use std::sync::{Arc, OnceLock};

use super::automaton::{Automaton, Role, Unfit};
use super::machine::{Machine, Pairs};
use super::names::secret_names_pattern;

/// Keys that are known by their first letters, and so need no label.
const TOKENS: [&str; 19] = [
    // Anthropic: `sk-ant-api03-`, `sk-ant-admin01-` and 95 more (gitleaks `anthropic-api-key`); its OAuth tokens,
    // `sk-ant-oat01-`, as public code shows them.
    "sk-ant-[A-Za-z0-9_-]{20,}",
    // OpenAI: project, service account and admin keys (gitleaks `openai-api-key`), 124 to 156 after the prefix; and
    // `sk-None-`, as public code shows it, 48.
    "sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}",
    // OpenAI's older keys, 48 (gitleaks `openai-api-key`); those of others that took over the prefix, such as
    // DeepSeek's, 32 (TruffleHog `deepseek`).
    "sk-[A-Za-z0-9]{20,}",
    // OpenRouter: 64 hex digits (TruffleHog `openrouter`).
    "sk-or-(?:v[0-9]+-)?[A-Za-z0-9]{20,}",
    // Google: API keys, 35 (gitleaks `gcp-api-key`), and OAuth access tokens, as public code shows them.
    "AIza[A-Za-z0-9_-]{35,}",
    r"ya29\.[A-Za-z0-9_-]{20,}",
    // AWS access key ids: long-lived and temporary, 16 (gitleaks `aws-access-token`).
    "A[KS]IA[A-Z0-9]{16,}",
    // Groq: 52 (TruffleHog `groq`).
    "gsk_[A-Za-z0-9]{32,}",
    // xAI: 80 (TruffleHog `xai`).
    "xai-[A-Za-z0-9_]{32,}",
    // Hugging Face: 34 letters (gitleaks `huggingface-access-token`).
    "hf_[A-Za-z0-9]{30,}",
    // Replicate: 37 (TruffleHog `replicate`).
    "r8_[A-Za-z0-9_-]{30,}",
    // Perplexity: 48 (gitleaks `perplexity-api-key`).
    "pplx-[A-Za-z0-9]{32,}",
    // GitHub: 36, and 82 of fine-grained ones (gitleaks `github-*`).
    "gh[pousr]_[A-Za-z0-9]{36,}",
    "github_pat_[A-Za-z0-9_]{36,}",
    // GitLab: 20, or more with dots (gitleaks `gitlab-pat`, `gitlab-pat-routable`).
    "glpat-[A-Za-z0-9_.-]{20,}",
    // Slack: bot, user, legacy and refresh tokens (gitleaks `slack-*`).
    "xox[abeoprs]-[A-Za-z0-9-]{10,}",
    // Stripe: secret and restricted keys (gitleaks `stripe-access-token`).
    "[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}",
    // npm: 36 (gitleaks `npm-access-token`).
    "npm_[A-Za-z0-9]{36,}",
    // JSON Web Tokens (RFC 7519) with their signature: a header, which is an object and so begins with `{"`, and more.
    r"eyJ[A-Za-z0-9_-]{14,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
];

/// A private key in PEM (RFC 7468) or OpenPGP armour (RFC 9580 section 6.2): its first line, headers, and lines of
/// base64, up to its last line if that came. A key that is cut off is one, too. Line ends may be spaces, or escaped as in
/// JSON.
fn private_key() -> String {
    let space = r"(?:[ \t\r\n]|\\+[nrt])*";
    let kind = "(?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----";
    let base64 = "[A-Za-z0-9+/=]";
    let header = r"[A-Za-z-]{1,32}: (?u:[^\r\n\\])*(?:\r?\n|\\+[rn])";
    format!(
        "-----BEGIN {kind}(?:{space}{header})*(?:{space}{base64}{{16,}})+(?:{space}{base64}{{1,15}}){{0,2}}\
         (?:{space}-----END {kind})?"
    )
}

/// What may follow a label.
#[derive(Clone, Copy)]
enum Value {
    /// One of [`TOKENS`].
    Token,
    /// What a key may look like: 16 letters with a digit among them, so that `process.env.API_KEY` is none, or 32 without
    /// marks.
    Key,
    /// The credentials of a scheme of HTTP (RFC 9110 section 11.4, RFC 6750 `b64token`), however short.
    Credentials,
    /// A name and a value, and what follows them on the line (RFC 6265 section 4).
    Cookies,
    /// The rest of a text of JSON (RFC 8259), and the same within a text of JSON.
    JsonText,
    EscapedJsonText,
    /// The rest of a word in double or single quotes, 6 at least.
    DoubleQuoted,
    SingleQuoted,
}

impl Value {
    const ALL: [Self; 8] = [
        Self::Token,
        Self::Key,
        Self::Credentials,
        Self::Cookies,
        Self::JsonText,
        Self::EscapedJsonText,
        Self::DoubleQuoted,
        Self::SingleQuoted,
    ];

    fn patterns(self) -> Vec<String> {
        let one = |pattern: &str| vec![pattern.to_owned()];
        match self {
            Self::Token => TOKENS
                .iter()
                .map(|pattern| format!(r"\b{pattern}"))
                .chain([private_key()])
                .collect(),
            Self::Key => key_with_a_digit(16)
                .into_iter()
                .chain(one("[A-Za-z0-9]{32,}"))
                .collect(),
            Self::Credentials => one("[A-Za-z0-9._~+/=:|-]{3,}"),
            Self::Cookies => one(r#"[A-Za-z0-9!#$%&*+.^_|~-]+=(?u:[^\r\n"'\\])+"#),
            Self::JsonText => one(r#"(?:(?u:[^"\\])|\\(?su:.))+"#),
            Self::EscapedJsonText => one(r#"(?:(?u:[^"\\])|\\\\(?:\\"|\\\\|(?u:[^"\\])))+"#),
            Self::DoubleQuoted => one(r#"(?u:[^"\\\s]){6,}"#),
            Self::SingleQuoted => one(r"(?u:[^'\\\s]){6,}"),
        }
    }
}

/// Keys of at least `least` letters with a digit: one pattern for each place that the first digit may have.
fn key_with_a_digit(least: usize) -> Vec<String> {
    let late = format!("[A-Za-z_.~+/=-]{{{least},}}[0-9][A-Za-z0-9_.~+/=-]*");
    (0..least)
        .map(|before| {
            let after = least - 1 - before;
            format!("[A-Za-z_.~+/=-]{{{before}}}[0-9][A-Za-z0-9_.~+/=-]{{{after},}}")
        })
        .chain([late])
        .collect()
}

/// What comes before a secret, and what then follows. None needs a boundary before it: `MISTRAL_API_KEY=` is a label
/// as `api_key=` is, and what follows an escape in JSON (`\nAuthorization:`) has no boundary.
fn labels() -> Vec<(String, Value)> {
    let names = secret_names_pattern(|_| true);
    // Headers have forms of their own, which keep the scheme.
    let words = secret_names_pattern(|name| !name.ends_with("authorization") && !name.ends_with("cookie"));
    let is = r"[ \t]*(?::|=|:=|=>)[ \t]*";
    let quote = r#"(?:\\?["'])?"#;
    let space = r"[ \t\r\n]*";
    let text = r#""(?:(?u:[^"\\])|\\(?su:.))*""#;
    vec![
        // A member of JSON with a secret's name: a text, or texts of an array, such as `"set-cookie": ["…"]`.
        (
            format!(r#""[-_]*{names}[-_]*"{space}:{space}(?:\[{space}(?:{text}{space},{space})*)?""#),
            Value::JsonText,
        ),
        // The same in JSON within a text of JSON.
        (
            format!(r#"\\"[-_]*{names}[-_]*\\"{space}:{space}\\""#),
            Value::EscapedJsonText,
        ),
        // Program text and configuration: `password = "…"`, `{ 'client_secret': '…' }`.
        (format!(r#"{words}'?{is}""#), Value::DoubleQuoted),
        (format!("{words}'?{is}'"), Value::SingleQuoted),
        // Environment files, headers, query strings: Mistral, Cohere, Together and Azure OpenAI have keys that only their
        // label tells from other text.
        (
            format!(
                "(?:api[-_ ]?key|(?:access|refresh)[-_]?token|client[-_]?secret|secret[-_]?access[-_]?key){quote}{is}{quote}"
            ),
            Value::Key,
        ),
        // HTTP's header of credentials, also as members of an object in program text.
        (
            format!(r"authorization{quote}{is}{quote}(?:bearer|basic|token|bot|api-?key)[ \t]+"),
            Value::Credentials,
        ),
        // The scheme without its header (RFC 6750).
        (r"bearer(?:[ \t]+|%20|\+)".to_owned(), Value::Key),
        (format!(r"cookie{quote}:[ \t]*{quote}"), Value::Cookies),
        // Escapes of JSON and of addresses end with a letter or a digit, after which a token would have no boundary.
        (r"\\(?:[bfnrt]|u[0-9a-f]{4})|%[0-9a-f]{2}".to_owned(), Value::Token),
    ]
}

/// The built-in automata, which all redactions share.
pub(super) struct Builtin {
    automata: Vec<Arc<Automaton>>,
    entries: Vec<usize>,
    pairs: Box<Pairs>,
}

impl Builtin {
    /// A machine of these and nothing else.
    pub(super) fn machine(&self) -> Machine {
        Machine::new(self.automata.clone(), self.entries.clone(), self.pairs.clone())
    }

    fn build() -> Result<Self, Unfit> {
        let mut automata = Vec::new();
        for value in Value::ALL {
            automata.push(Arc::new(Automaton::new(&value.patterns(), Role::Secret, true)?));
        }
        let (patterns, leads_to): (Vec<_>, Vec<_>) = labels()
            .into_iter()
            .map(|(pattern, value)| (format!("(?i){pattern}"), value as usize))
            .unzip();
        let entries = vec![Value::Token as usize, automata.len()];
        automata.push(Arc::new(Automaton::new(&patterns, Role::Label(leads_to), true)?));
        let mut pairs = Pairs::new();
        for &entry in &entries {
            automata[entry].first_pairs(|first, second| pairs.insert(first, second));
        }
        Ok(Self {
            automata,
            entries,
            pairs,
        })
    }
}

/// The built-in automata, built once a process. `None` would be a defect of this file.
pub(super) fn builtin() -> Option<&'static Builtin> {
    static BUILTIN: OnceLock<Option<Builtin>> = OnceLock::new();
    BUILTIN.get_or_init(|| Builtin::build().ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use super::Builtin;

    #[test]
    fn the_automata_fit_and_are_small() {
        let builtin = Builtin::build().expect("the patterns are fit");
        let bytes: Vec<_> = builtin.automata.iter().map(|automaton| automaton.bytes()).collect();
        assert!(bytes.iter().sum::<usize>() < 2 * 1024 * 1024, "{bytes:?}");
    }
}
