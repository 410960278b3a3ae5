//! Labels: names before a value that say that the value is secret. A label is read word by word, without regard to case
//! and punctuation, so that `clientSecret`, `CLIENT_SECRET`, `client-secret`, `Client secret` and `app.client.secret`
//! are the same.

use super::label_words::{ABOUT, BEFORE_VERBS, NEUTRAL, OPEN_KEYS, OPEN_TOKENS, PERSONAL, SECRET_KEYS};

/// What a label says of its value. How sure that makes one differs, and so does what the value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// A password, which a person may have made up.
    Password,
    /// A pass phrase: words.
    Passphrase,
    /// A key or a secret, which a generator made.
    Secret,
    /// A token, which is a secret or a word of a language model.
    Token,
    /// A key of some kind, such as `STRIPE_KEY`, or a secret in the middle of a longer name.
    Maybe,
    /// `key` alone.
    Key,
    /// What grants access when it is part of an address: a signature, a code.
    Query,
    /// HTTP's credentials: a scheme and its parameters, or a key.
    Authorization,
    /// HTTP's cookies.
    Cookie,
}

/// Words of one label kept at most, from its end.
const WORDS_MAX: usize = 8;

/// Bytes of a label that are looked at.
pub(super) const LABEL_BYTES_MAX: usize = 64;

/// A label's words from its end, lower-case.
struct Words {
    bytes: [u8; LABEL_BYTES_MAX],
    /// Start and end of each, the last word first.
    places: [(usize, usize); WORDS_MAX],
    count: usize,
}

impl Words {
    fn of(label: &[u8]) -> Self {
        let label = &label[label.len().saturating_sub(LABEL_BYTES_MAX)..];
        let mut words = Self {
            bytes: [0; LABEL_BYTES_MAX],
            places: [(0, 0); WORDS_MAX],
            count: 0,
        };
        for (place, byte) in words.bytes.iter_mut().zip(label) {
            *place = byte.to_ascii_lowercase();
        }
        let mut end = label.len();
        while end > 0 && words.count < WORDS_MAX {
            if !label[end - 1].is_ascii_alphanumeric() {
                end -= 1;
                continue;
            }
            let mut start = end - 1;
            while start > 0 && !begins_word(label, start) {
                start -= 1;
            }
            words.places[words.count] = (start, end);
            words.count += 1;
            end = start;
        }
        words
    }

    /// The number of the last word that says something.
    fn last(&self) -> usize {
        let mut at = 0;
        while at + 1 < self.count && is_neutral(self.get(at)) {
            at += 1;
        }
        at
    }

    /// The word of this number from the end; empty when there is none.
    fn get(&self, number: usize) -> &[u8] {
        let (start, end) = match self.places.get(number) {
            Some(place) if number < self.count => *place,
            _ => (0, 0),
        };
        &self.bytes[start..end]
    }
}

/// Whether a word begins at `at`, which is in one: after a mark, at a capital after a small letter or before one.
fn begins_word(label: &[u8], at: usize) -> bool {
    let (before, here) = (label[at - 1], label[at]);
    if !before.is_ascii_alphanumeric() {
        return true;
    }
    let next_is_lower = label.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    here.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next_is_lower)
}

fn is_one_of(word: &[u8], words: &[&[u8]]) -> bool {
    words.contains(&word)
}

impl Label {
    /// What a label says; nothing when it is none of a secret.
    pub(super) fn of(label: &[u8]) -> Option<Self> {
        if !may_be_secret(label) || is_prose(label) {
            return None;
        }
        let words = Words::of(label);
        let at = words.last();
        if let Some(found) = Self::of_last(words.get(at), words.get(at + 1)) {
            return found;
        }
        if is_one_of(words.get(at), ABOUT) {
            return None;
        }
        // `API_KEY_ACME`, `PASSWORD_DB`: the secret's name and then whose it is.
        let is_short = |at: usize| matches!(words.get(at), b"pass" | b"pw" | b"auth" | b"by" | b"id" | b"bearer");
        (at + 1..words.count).filter(|at| !is_short(*at)).find_map(|at| {
            match Self::of_last(words.get(at), words.get(at + 1))?? {
                Self::Password | Self::Passphrase if !label.iter().any(u8::is_ascii_lowercase) => Some(Self::Password),
                Self::Password | Self::Passphrase | Self::Secret | Self::Token | Self::Maybe => Some(Self::Maybe),
                _ => None,
            }
        })
    }

    /// As [`of`](Self::of), of a label that ends with the name of a secret. What is near such a label may be another thing.
    pub(super) fn ending(label: &[u8]) -> Option<Self> {
        if !may_be_secret(label) || is_prose(label) {
            return None;
        }
        let words = Words::of(label);
        let at = words.last();
        Self::of_last(words.get(at), words.get(at + 1))?
    }

    /// What a label says that ends with `last` and has `before` before it: nothing when that depends on the words before.
    fn of_last(last: &[u8], before: &[u8]) -> Option<Option<Self>> {
        let unnumbered = last.len() - last.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let is_numbered = unnumbered < last.len();
        let last = if unnumbered == 0 { last } else { &last[..unnumbered] };
        let ends_with = |ends: &[&[u8]]| ends.iter().any(|end| last.ends_with(end));
        let said = match last {
            b"key" => match before {
                b"" => Some(Self::Key),
                _ if is_one_of(before, OPEN_KEYS) => None,
                _ if is_one_of(before, SECRET_KEYS) => Some(Self::Secret),
                _ => Some(Self::Maybe),
            },
            b"token" | b"jwt" => match before {
                _ if is_one_of(before, OPEN_TOKENS) => None,
                _ => Some(Self::Token),
            },
            b"pw" if is_numbered => None,
            b"pass" | b"pw" | b"pword" | b"passcode" => Some(Self::Password),
            // PowerShell's `ConvertTo-SecureString`; `string` says nothing by itself.
            b"secure" if before == b"to" => Some(Self::Password),
            b"psk" => Some(Self::Secret),
            b"by" if before == b"identified" => Some(Self::Password),
            b"id" if before == b"secret" => Some(Self::Secret),
            b"phrase" if is_one_of(before, &[b"backup", b"pass", b"recovery", b"secret", b"seed"]) => {
                Some(Self::Passphrase)
            }
            b"tokens" if before == b"max" || is_one_of(before, OPEN_TOKENS) => None,
            b"keys" if is_one_of(before, OPEN_KEYS) => None,
            b"keys" | b"tokens" | b"secrets" | b"passwords" | b"credential" | b"credentials" | b"creds"
            | b"apikeys" => Some(Self::Maybe),
            b"pat" if is_one_of(before, PERSONAL) => Some(Self::Maybe),
            b"auth" | b"bearer" => Some(Self::Token),
            b"authorization" => Some(Self::Authorization),
            b"cookie" | b"cookies" | b"setcookie" => Some(Self::Cookie),
            b"sig" | b"signature" | b"code" | b"sid" | b"appid" => Some(Self::Query),
            b"mnemonic" => Some(Self::Passphrase),
            _ if ends_with(&[b"password", b"passwd", b"passwort", b"pwd"]) => Some(Self::Password),
            _ if ends_with(&[b"passphrase"]) => Some(Self::Passphrase),
            _ if ends_with(&[
                b"secret",
                b"apikey",
                b"authkey",
                b"masterkey",
                b"secretkey",
                b"accesskey",
            ]) =>
            {
                Some(Self::Secret)
            }
            _ if ends_with(&[b"privatekey", b"signingkey", b"encryptionkey"]) => Some(Self::Secret),
            _ if ends_with(&[b"token"]) => Some(Self::Token),
            _ => return None,
        };
        Some(said)
    }
}

/// Whether a label may be one of a secret: whether it has the beginning of a word that one must have.
fn may_be_secret(label: &[u8]) -> bool {
    let has_begin = label.windows(3).any(|three| {
        let fold = |at: usize| three[at].to_ascii_lowercase();
        match fold(0) {
            b'k' => fold(1) == b'e' && fold(2) == b'y',
            b't' => fold(1) == b'o' && fold(2) == b'k',
            b's' => matches!([fold(1), fold(2)], [b'e', b'c'] | [b'i', b'g' | b'd']),
            b'p' => matches!(
                [fold(1), fold(2)],
                [b'a', b's' | b't'] | [b'w', _] | [b'h', b'r'] | [b'p', b'i'] | [b's', b'k']
            ),
            b'a' => fold(1) == b'u' && fold(2) == b't',
            b'c' => matches!([fold(1), fold(2)], [b'o', b'o' | b'd'] | [b'r', b'e']),
            b'b' => fold(1) == b'e' && fold(2) == b'a',
            b'j' => fold(1) == b'w',
            b'm' => fold(1) == b'n',
            b' ' => fold(1) == b'b' && fold(2) == b'y',
            _ => false,
        }
    });
    has_begin || label.ends_with(b"pw") || label.ends_with(b"PW")
}

/// Whether a label ends with a short word as sentences do: `what they pass`.
fn is_prose(label: &[u8]) -> bool {
    let mut words = label.rsplit(|byte| *byte == b' ');
    let last = words.next().unwrap_or_default();
    matches!(last, b"pass" | b"pw" | b"auth" | b"bearer" | b"code" | b"sig" | b"sid")
        && words.next().is_some_and(|before| is_one_of(before, BEFORE_VERBS))
}

fn is_neutral(word: &[u8]) -> bool {
    is_one_of(word, NEUTRAL) || word.iter().all(u8::is_ascii_digit) || is_version(word)
}

fn is_version(word: &[u8]) -> bool {
    word.strip_prefix(b"v")
        .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::Label;

    fn check(labels: &[&str], says: Option<Label>) {
        for label in labels {
            assert_eq!(Label::of(label.as_bytes()), says, "{label}");
        }
    }

    #[test]
    fn labels_say_what_follows_them() {
        check(
            &[
                "password",
                "DB_PASSWORD",
                "user.password",
                "dbPassword",
                "password2",
                "pwd",
                "PGPASSWORD",
            ],
            Some(Label::Password),
        );
        check(
            &[
                "api_key",
                "apiKey",
                "API key",
                "X-Api-Key",
                "APIKey",
                "OPENAI_API_KEY",
                "clientSecret",
                "SECRET_KEY_BASE",
                "AccountKey",
            ],
            Some(Label::Secret),
        );
        check(
            &["token", "accessToken", "refresh_token", "x-auth-token", "_authToken"],
            Some(Label::Token),
        );
        check(
            &["STRIPE_KEY", "API_KEY_ACME", "TOKEN_GITHUB", "apiKeys"],
            Some(Label::Maybe),
        );
        check(&["key"], Some(Label::Key));
    }

    #[test]
    fn names_about_secrets_and_other_names_are_no_labels() {
        check(
            &[
                "token_count",
                "max_token",
                "tokenType",
                "passwordHint",
                "password reset",
                "secretary",
                "monkey",
                "keyboard",
                "author",
                "public_key",
                "primaryKey",
                "cache-key",
                "nextPageToken",
                "eos_token",
                "key_id",
                "secretName",
                "compass",
                "bypass",
                "passwordHash",
                "api_key_name",
                "model",
                "",
            ],
            None,
        );
    }
}
