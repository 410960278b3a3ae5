//! Labels in languages other than English, before a colon or an equals sign: `Kennwort: V`, `密码：V`.

use super::Found;
use super::label::Label;
use super::notation::find_value;
use super::value::Manner;
use super::window::{More, SPACE, Set, Window, ends_with_folded};

/// Words for a password. They are compared byte by byte, with ASCII letters in any case. A word that begins with another
/// letter stands here in lower case and with a capital.
#[rustfmt::skip]
const PASSWORDS: &[&str] = &[
    "adgangskode", "clave", "contrasena", "contrasenya", "contraseña", "CONTRASEÑA", "hasło", "haslo", "heslo",
    "jelszó", "kata sandi", "kennwort", "lozinka", "lösenord", "LÖSENORD", "mot de passe", "mật khẩu", "parola",
    "parolă", "salasana", "senha", "wachtwoord", "şifre", "Şifre", "κωδικός", "Κωδικός", "пароль", "Пароль",
    "ПАРОЛЬ", "סיסמה", "كلمة المرور", "كلمة السر", "पासवर्ड", "รหัสผ่าน", "パスワード", "口令", "密码", "密碼", "비밀번호",
    "암호",
];
/// Words for a key or a token.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "chave", "chiave", "clé", "ключ", "Ключ", "llave", "schlüssel", "SCHLÜSSEL", "секрет", "Секрет", "токен",
    "Токен", "アクセスキー", "キー", "トークン", "シークレット", "令牌", "密钥", "密鑰", "金鑰", "키", "토큰", "시크릿",
];

/// The last letters of the words that end with one of ASCII.
const LAST: Set = Set::new(b"", b"adeilotADEILOT");

/// The value after a mark that follows such a label.
pub(super) fn find(window: &Window<'_>, mark: usize, after_mark: usize) -> Result<Option<Found>, More> {
    let floor = window.floor(mark);
    let before = window.bytes[floor..mark].trim_ascii_end();
    let before = before.strip_suffix(b"**").unwrap_or(before);
    let before = match before {
        [name @ .., last, b'"' | b'\'' | b'`'] if *last >= 128 => &before[..=name.len()],
        _ => before,
    };
    let may_end = before.last().is_some_and(|byte| *byte >= 128 || LAST.has(*byte));
    if !may_end || window.bytes.get(after_mark) == Some(&b':') {
        return Ok(None);
    }
    let label = match () {
        () if ends_with_one_of(before, PASSWORDS) => Label::Password,
        () if ends_with_one_of(before, KEYS) => Label::Maybe,
        () => return Ok(None),
    };
    window.hold_from(after_mark);
    let value = window.skip(after_mark, SPACE)?;
    window.hold_from(value);
    find_value(window, value, label, Manner::Near)
}

/// Whether a text ends with one of the words. One of ASCII letters must not be the end of a longer word.
fn ends_with_one_of(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| {
        ends_with_folded(text, word.as_bytes())
            && (!word.is_ascii()
                || !text[..text.len() - word.len()]
                    .last()
                    .is_some_and(u8::is_ascii_alphanumeric))
    })
}
