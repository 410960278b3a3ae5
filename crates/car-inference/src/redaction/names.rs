//! Names of fields whose texts are always secret.

/// Names whose texts are secret, lower case, without `-` and `_`. HTTP's (RFC 9110 section 11, RFC 6265), OAuth's
/// (RFC 6749), and the key headers of Anthropic (`x-api-key`), Azure (`api-key`), Google (`x-goog-api-key`) and AWS's
/// configuration files.
pub(super) const SECRET_NAMES: [&str; 14] = [
    "accesstoken",
    "apikey",
    "authorization",
    "clientsecret",
    "cookie",
    "password",
    "privatekey",
    "proxyauthorization",
    "refreshtoken",
    "secret",
    "secretaccesskey",
    "setcookie",
    "xapikey",
    "xgoogapikey",
];

/// Bytes of the longest of them.
const NAME_BYTES_MAX: usize = 18;

/// Whether what a field of this name holds is secret. Case, `-` and `_` are ignored; the whole name must fit, so
/// `maxTokens` and `passwordHint` do not.
pub(super) fn is_secret_name(name: &str) -> bool {
    let mut folded = [0_u8; NAME_BYTES_MAX];
    let mut length = 0;
    for byte in name.bytes().filter(|byte| !matches!(byte, b'-' | b'_')) {
        let Some(place) = folded.get_mut(length) else {
            return false;
        };
        *place = byte.to_ascii_lowercase();
        length += 1;
    }
    SECRET_NAMES
        .binary_search_by(|known| known.as_bytes().cmp(&folded[..length]))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::{NAME_BYTES_MAX, SECRET_NAMES};

    #[test]
    fn the_names_are_sorted_and_no_longer_than_the_longest() {
        assert!(SECRET_NAMES.is_sorted());
        assert_eq!(SECRET_NAMES.iter().map(|name| name.len()).max(), Some(NAME_BYTES_MAX));
    }
}
