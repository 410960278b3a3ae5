//! Values that are kept although a secret's label is before them: placeholders, expressions of a program, and values
//! that are clearly something else.

use super::shape::Shape;

/// Words that say what a secret is, or that there is none, lower-case and without marks.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "abcdef", "access", "accesstoken", "admin", "any", "anything", "apikey", "argon2", "argon2id", "array", "auth",
    "authentication", "authorization", "base64", "basic", "bcrypt", "bearer", "bool", "boolean", "buffer", "bytes",
    "changeit", "changeme", "credential", "credentials", "default", "disabled", "dummy", "empty", "enabled",
    "encrypted", "env", "example", "expired", "fake", "false", "foobar", "function", "header", "hidden", "hmac",
    "include", "insert", "integer", "invalid", "key", "mask", "masked", "md5", "missing", "mock", "name", "never",
    "nil", "none", "null", "number", "oauth", "oauth2", "object", "omit", "omitted", "option", "optional", "pass",
    "passed", "passphrase", "passwd", "password", "pbkdf2", "placeholder", "placeholders", "private", "prompt",
    "public", "pwd", "redacted", "removed", "replaceme", "required", "sameorigin", "sample", "scheme", "scrypt",
    "secret", "secrets", "secretstr", "secretstring", "set", "sha1", "sha256", "sha512", "str", "string",
    "system", "tbd", "test", "testing", "text", "todo", "token", "tokens", "true", "type",
    "undefined", "unknown", "unset", "user", "utf8", "valid", "value", "void", "x509", "yes", "your",
];

/// Parts of made-up names for secrets, messages and form fields.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "apikey", "auth", "change", "confirm", "credential", "current", "example", "field", "forgot", "form", "here",
    "hidden", "input", "insert", "invalid", "key", "label", "login", "my", "new", "old", "passwd", "password",
    "placeholder", "replace", "required", "reset", "sample", "secret", "token", "user", "your",
];

/// Whether `value` stands for a secret, or is no secret by its looks.
pub(super) fn is_no_secret(value: &[u8]) -> bool {
    let shape = Shape::of(value);
    shape.letters() == 0 && !has_password_marks(value)
        || is_filler(value, &shape)
        || is_word(value)
        || is_reference(value)
        || is_date(value)
        || is_place(value, &shape)
        || is_expression(value)
}

/// Whether a text of any looks, under a name that says it is secret, stands for a secret.
pub(super) fn stands_for_secret(value: &[u8]) -> bool {
    let shape = Shape::of(value);
    is_filler(value, &shape)
        || is_word(value)
        || is_reference(value)
        || is_expression(value)
        || shape.digits == 0 && shape.lower == 0 && is_name_of_secret(value)
        || starts_with(value, b"your") && is_name_of_secret(value)
}

fn starts_with(value: &[u8], word: &[u8]) -> bool {
    value.len() >= word.len() && value[..word.len()].eq_ignore_ascii_case(word)
}

/// A word that says what a secret is, however it is written.
pub(super) fn is_word(value: &[u8]) -> bool {
    let mut folded = [0_u8; 16];
    let mut length = 0;
    for &byte in value {
        if byte.is_ascii_alphanumeric() {
            let Some(place) = folded.get_mut(length) else {
                return false;
            };
            *place = byte.to_ascii_lowercase();
            length += 1;
        } else if !matches!(
            byte,
            b'-' | b'_' | b' ' | b'.' | b'?' | b'!' | b'*' | b',' | b';' | b':'
        ) {
            return false;
        }
    }
    WORDS.iter().any(|word| word.as_bytes() == &folded[..length])
}

/// Words of which one says that the whole is a name or a message and no secret: `YOUR_API_KEY`, `passwordRequired`.
pub(super) fn is_name_of_secret(value: &[u8]) -> bool {
    let shape = Shape::of(value);
    let folded: Vec<_> = value
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
        .collect();
    shape.mixed_words == 0
        && !has_password_marks(value)
        && (shape.words > 1 || shape.digits == 0)
        && !shape.is_odd(40)
        && PARTS.iter().any(|part| contains(&folded, part.as_bytes()))
}

/// Marks that passwords have and words have not.
pub(super) fn has_password_marks(value: &[u8]) -> bool {
    let end = value.len() - value.iter().rev().take_while(|byte| b"!?.,;:)*".contains(byte)).count();
    value[..end].iter().any(|byte| b"!@#$%^&*+=~?".contains(byte))
}

/// One letter many times, or marks: `xxxx`, `****`, `sk-...`.
fn is_filler(value: &[u8], shape: &Shape) -> bool {
    let mut run = 0;
    let mut longest = 0;
    let mut before = 0;
    for &byte in value {
        run = if byte == before { run + 1 } else { 1 };
        before = byte;
        if matches!(byte, b'x' | b'X' | b'*' | b'.' | b'_' | b'-' | b'#') || shape.alnums() == run {
            longest = longest.max(run);
        }
    }
    longest >= 3 && (longest * 2 >= value.len() || shape.alnums() < 12 && !shape.is_random())
        || value
            .windows(2)
            .filter(|two| two[1] == two[0] + 1 && two[0].is_ascii_alphabetic())
            .count()
            > 22
        || value.windows(2).filter(|two| two == b"\\x").count() > 2
        || value
            .windows(3)
            .any(|three| three == "…".as_bytes() || three == "•".as_bytes())
}

/// What is filled in elsewhere: `${KEY}`, `$KEY`, `%KEY%`, `{{ key }}`, `<key>`, `[key]`, `@key`, `!Ref`.
fn is_reference(value: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        let shape = Shape::of(name);
        let is_name_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.>:".contains(byte);
        !name.is_empty()
            && name.iter().all(is_name_letter)
            && !shape.is_odd(40)
            && (shape.digits == 0 || shape.lower == 0)
    };
    let has_place = [b"${".as_slice(), b"{{", b"%s", b"{}", b"{0}"]
        .iter()
        .any(|place| contains(value, place));
    match value {
        _ if has_place => true,
        [b'$', b'{' | b'(' | b'[', ..] | [b'{', b'{' | b'%', ..] | [b'#' | b'%' | b'@', b'{' | b'(', ..] => true,
        [b'<', .., b'>'] | [b'[', .., b']'] | [b'{', ..] | [b'%', .., b'%'] => true,
        [b'<' | b'[', rest @ ..] => is_name(rest),
        [b'$' | b'@' | b'!' | b'&' | b'*' | b'%' | b':', name @ ..] => is_name(name),
        _ => false,
    }
}

/// Dates, times and versions, which have letters: `2024-01-01T00:00:00Z`, `v1.2.3-beta.1`, `30d`.
fn is_date(value: &[u8]) -> bool {
    let starts = |digits: usize| value.len() > digits && value[..digits].iter().all(u8::is_ascii_digit);
    let is_number = value
        .iter()
        .all(|byte| byte.is_ascii_digit() || b"^~<>=.,:+-*x ".contains(byte));
    let is_iso = starts(4)
        && value.get(4) == Some(&b'-')
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || b"-:.+TZtz ".contains(byte));
    let is_version = matches!(value, [b'v' | b'V', b'0'..=b'9', ..])
        && value.contains(&b'.')
        && Shape::of(&value[1..]).mixed_words == 0;
    // A package and its version: `jjwt-jackson-0.11.5`.
    let last = value.rsplit(|byte| *byte == b'-').next().unwrap_or_default();
    let is_package = last.len() < value.len()
        && last.first().is_some_and(u8::is_ascii_digit)
        && last.contains(&b'.')
        && last.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    is_iso || is_version || is_package || is_number && value.contains(&b'.')
}

/// An address, a path or an e-mail address.
fn is_place(value: &[u8], shape: &Shape) -> bool {
    let is_path = matches!(
        value,
        [b'/' | b'~', ..] | [b'.', b'/' | b'.', ..] | [_, b':', b'\\' | b'/', ..]
    ) || value.iter().filter(|byte| **byte == b'/').count() > 0 && !has_password_marks(value);
    let is_mail = value.iter().filter(|byte| **byte == b'@').count() == 1
        && !value.iter().any(|byte| b"!#$^&*=~?:/".contains(byte))
        && value
            .rsplit(|byte| *byte == b'@')
            .next()
            .is_some_and(|host| host.contains(&b'.') && !Shape::of(host).is_odd(40));
    contains(value, b"://") || value.starts_with(b"urn:") || is_path && !shape.is_random() || is_mail
}

/// What a program computes: `process.env.API_KEY`, `getToken()`, `env["KEY"]`, `Token::new`.
fn is_expression(value: &[u8]) -> bool {
    if !value
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$&*(".contains(byte))
    {
        return false;
    }
    let end = value
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"_$.:?->&*".contains(byte)))
        .unwrap_or(value.len());
    let (path, rest) = value.split_at(end);
    let is_called = matches!(rest, [b'(' | b'[' | b'{', ..] | [b'!', b'(' | b'[', ..]);
    if contains(path, b"::") || contains(path, b"->") {
        return rest.is_empty() || is_called;
    }
    let is_path = is_dotted(path) && rest.is_empty();
    let root = path.split(|byte| *byte == b'.').next().unwrap_or(path);
    (is_called || is_path) && !path.is_empty() && (ROOTS.contains(&root) || path.len() < 6 || has_plain_words(path))
}

/// Names that programs reach others by.
#[rustfmt::skip]
const ROOTS: &[&[u8]] = &[
    b"args", b"config", b"context", b"ctx", b"data", b"env", b"event", b"import", b"input", b"module", b"options",
    b"opts", b"os", b"params", b"process", b"props", b"req", b"request", b"res", b"response", b"self", b"session",
    b"settings", b"state", b"sys", b"this", b"user", b"window",
];

/// Names with dots between: `options.apiKey`, `req.headers?.token`.
fn is_dotted(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'.');
    path.contains(&b'.')
        && parts.all(|part| {
            part.first()
                .is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$".contains(byte))
        })
}

fn has_plain_words(path: &[u8]) -> bool {
    let shape = Shape::of(path);
    let odd_of_100 = if shape.digits == 0 { 50 } else { 36 };
    !shape.is_odd(odd_of_100) && shape.mixed_words * 2 <= shape.words
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::{is_name_of_secret, is_no_secret};

    #[test]
    fn what_stands_for_a_secret_is_none() {
        for value in [
            "****",
            "xxxxxxxxxxxx",
            "sk-...",
            "<your key>",
            "${API_KEY}",
            "$API_KEY",
            "%API_KEY%",
            "{{ key }}",
            "required",
            "null",
            "process.env.OPENAI_API_KEY",
            "os.environ[\"KEY\"]",
            "getToken()",
            "this.options.token",
            "Token::new",
            "4096",
            "2024-01-01T00:00:00Z",
            "v1.2.3",
            "/etc/ssl/private/server.key",
            "./certs/key.pem",
            "someone@example.com",
            "https://example.com/token",
            "changeme",
            "CHANGE_ME",
            "Object.keys(value)",
            "[REDACTED]",
            "!vault",
            "127.0.0.1:80",
        ] {
            assert!(is_no_secret(value.as_bytes()), "{value}");
        }
        assert!(is_name_of_secret(b"YOUR_API_KEY"));
        assert!(is_name_of_secret(b"errors.password.short"));
    }

    #[test]
    fn keys_and_passwords_are() {
        for value in [
            "hunter22",
            "Ab!cd#ef",
            "aB3dE.fG7h",
            "q8Zk3vWp0sTn7xLb",
            "$ecret1!",
            "s3cr3t",
            "p4/Yq8ZkvWp0sTn7xLb+4=",
        ] {
            assert!(!is_no_secret(value.as_bytes()), "{value}");
            assert!(!is_name_of_secret(value.as_bytes()), "{value}");
        }
    }
}
