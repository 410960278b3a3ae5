//! Finds labels in text: the name before a mark such as `:` or `=`.

use super::label::{LABEL_BYTES_MAX, Label};
use super::value_text::{Quote, SLASHES_MAX};
use super::window::{NAME, Window, ends_with_folded};

/// A name before a mark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The quote it is in.
    pub(super) quote: Option<Quote>,
    /// Space lies between it and the mark.
    pub(super) is_spaced: bool,
    /// It is a parameter of an address.
    pub(super) is_in_query: bool,
    /// Another name, further away, is the label of its value.
    pub(super) is_near: bool,
}

/// Names of what holds the value of another name, lower-case.
const VALUES: &[&[u8]] = &[
    b"content",
    b"data",
    b"default",
    b"defaultvalue",
    b"string",
    b"text",
    b"val",
    b"value",
];
/// Names of what holds a name.
const NAMES: &[&[u8]] = &[
    b"env",
    b"field",
    b"header",
    b"id",
    b"key",
    b"label",
    b"name",
    b"parameter",
    b"property",
    b"setting",
    b"var",
    b"variable",
];
/// Words before a name at most: `my OpenAI API key`.
const WORDS_BEFORE_MAX: usize = 3;

/// The label that ends before a mark.
pub(super) fn label_before(window: &Window<'_>, mark: usize) -> Option<(Name, Label)> {
    let name = name_before(window.bytes, window.floor(mark), mark);
    if let Some(name) = name {
        if let Some(label) = Label::of(&window.bytes[name.start..name.end]) {
            return Some((name, label));
        }
        if let Some((label, is_near)) = label_of_value(window, mark, &name) {
            return Some((Name { is_near, ..name }, label));
        }
    }
    if window.bytes.get(mark) == Some(&b'=') {
        let name = name_before_type(window, mark)?;
        let label = Label::of(&window.bytes[name.start..name.end])?;
        return Some((name, label));
    }
    None
}

/// The label that ends before a mark, with nothing between its last word and the mark.
pub(super) fn label_ending_before(window: &Window<'_>, mark: usize) -> Option<Label> {
    let (name, label) = label_before(window, mark)?;
    let is_whole = Label::ending(&window.bytes[name.start..name.end]) == Some(label);
    (is_whole && name.quote.is_none()).then_some(label)
}

fn name_before(bytes: &[u8], floor: usize, mark: usize) -> Option<Name> {
    let back = |at: usize, is: &dyn Fn(u8) -> bool, most: usize| {
        let mut to = at;
        while to > floor && at - to < most && is(bytes[to - 1]) {
            to -= 1;
        }
        to
    };
    let mut at = back(mark, &|byte| matches!(byte, b' ' | b'\t'), 32);
    let is_spaced = at < mark;
    // `name?:` and `name!:` of TypeScript, `**name**:` of Markdown, `name ||=` and `name ??=`.
    let marks_end = at;
    at = match bytes[floor..at].ends_with(b"||") {
        true => at - 2,
        false => back(at, &|byte| matches!(byte, b'?' | b'!' | b'*'), 2),
    };
    if at < marks_end {
        at = back(at, &|byte| byte == b' ', 1);
    }
    // `API key (production):`
    if at > floor && bytes[at - 1] == b')' {
        let remark = back(at - 1, &|byte| byte.is_ascii_alphanumeric() || byte == b' ', 24);
        if remark > floor && bytes[remark - 1] == b'(' {
            at = back(remark - 1, &|byte| byte == b' ', 1);
        }
    }
    at = back(at, &|byte| byte == b']', 1);
    let mut quote = None;
    if at > floor && matches!(bytes[at - 1], b'"' | b'\'' | b'`') {
        let byte = bytes[at - 1];
        let slashes_start = back(at - 1, &|byte| byte == b'\\', SLASHES_MAX);
        quote = Some(Quote {
            byte,
            slashes: at - 1 - slashes_start,
        });
        at = slashes_start;
    } else {
        for code in [b"&quot;".as_slice(), b"&#34;", b"%22", b"\\u0022"] {
            if at >= floor + code.len() && bytes[at - code.len()..at].eq_ignore_ascii_case(code) {
                at -= code.len();
                break;
            }
        }
    }
    let end = at;
    let mut start = back(end, &|byte| NAME.has(byte), LABEL_BYTES_MAX);
    if start == end {
        return None;
    }
    for _ in 0..WORDS_BEFORE_MAX {
        let space = back(start, &|byte| byte == b' ', 1);
        let word = back(space, &|byte| byte.is_ascii_alphabetic(), 24);
        let is_part = word > floor && NAME.has(bytes[word - 1]);
        if space == start || word == space || is_part || end - word > LABEL_BYTES_MAX {
            break;
        }
        start = word;
    }
    // `\nname` within a text of JSON.
    let is_escaped =
        start > floor && bytes[start - 1] == b'\\' && matches!(bytes[start], b'n' | b'r' | b't') && start + 1 < end;
    if is_escaped {
        start += 1;
    }
    let before = &bytes[floor..start];
    let is_in_query =
        matches!(before.last(), Some(b'?' | b'&' | b'#')) || before.ends_with(b"&amp;") || before.ends_with(b"\\u0026");
    Some(Name {
        start,
        end,
        quote,
        is_spaced,
        is_in_query,
        is_near: false,
    })
}

/// The name before the type of a variable: `key: string = …`, `key: &'static str = …`.
fn name_before_type(window: &Window<'_>, mark: usize) -> Option<Name> {
    const TYPE_BYTES_MAX: usize = 48;
    let floor = window.floor(mark).max(mark.saturating_sub(TYPE_BYTES_MAX));
    let mut at = mark;
    while at > floor {
        at -= 1;
        match window.bytes[at] {
            b':' if window.before(at) == Some(b':') => at -= 1,
            b':' => return name_before(window.bytes, window.floor(mark), at),
            byte if NAME.has(byte) || b"<>|&' []?,".contains(&byte) => {}
            _ => return None,
        }
    }
    None
}

/// The label whose value `name` holds: `name: API_KEY` before `value:`.
fn label_of_value(window: &Window<'_>, mark: usize, name: &Name) -> Option<(Label, bool)> {
    let bytes = window.bytes;
    if !is_one_of(&bytes[name.start..name.end], VALUES) {
        return None;
    }
    let floor = window.floor(mark);
    let mut at = name.start;
    while at > floor {
        match bytes[at - 1] {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b'"' | b'\'' | b'\\' | b';' => at -= 1,
            b'n' | b'r' if at > floor + 1 && bytes[at - 2] == b'\\' => at -= 2,
            _ => break,
        }
    }
    let end = at;
    while at > floor && (NAME.has(bytes[at - 1]) || bytes[at - 1] == b' ') {
        at -= 1;
    }
    let label = bytes[at..end].trim_ascii_start();
    if label.is_empty() && at > floor && bytes[at - 1] == b'{' {
        let is_value = is_one_of(&bytes[name.start..name.end], &[b"default", b"value"]);
        let label = label_of_object(bytes, floor, at - 1).filter(|_| is_value)?;
        return Some((label, true));
    }
    while at > floor && matches!(bytes[at - 1], b' ' | b'"' | b'\'' | b'\\') {
        at -= 1;
    }
    if at == floor || !matches!(bytes[at - 1], b':' | b'=') {
        return None;
    }
    let holder = name_before(bytes, floor, at - 1)?;
    let holder = &bytes[holder.start..holder.end];
    let word = holder.rsplit(|byte| *byte == b' ').next().unwrap_or(holder);
    let word = word.strip_prefix(b"-").unwrap_or(word);
    // `<input type="password" value="…">`
    let is_type = word.eq_ignore_ascii_case(b"type") && bytes[name.start..name.end].eq_ignore_ascii_case(b"value");
    if !is_type && !is_one_of(word, NAMES) {
        return None;
    }
    Label::of(label).map(|label| (label, is_type))
}

/// The label before an object whose `{` is at a place: `"token": {"value": …}`, `variable "api_key" { default = … }`.
fn label_of_object(bytes: &[u8], floor: usize, opening: usize) -> Option<Label> {
    let before = bytes[floor..opening].trim_ascii_end();
    let is_mark = matches!(before.last(), Some(b':' | b'='));
    let end = floor + before.len() - usize::from(is_mark);
    let name = name_before(bytes, floor, end)?;
    Label::ending(&bytes[name.start..name.end]).filter(|_| is_mark || name.quote.is_some())
}

/// The label that the tag whose `>` is at a place says of its content.
pub(super) fn label_of_tag(window: &Window<'_>, mark: usize) -> Option<Label> {
    const TAG_BYTES_MAX: usize = 96;
    let bytes = window.bytes;
    let floor = window.floor(mark);
    let mut start = mark;
    loop {
        if start == floor || mark - start > TAG_BYTES_MAX {
            return None;
        }
        start -= 1;
        match bytes[start] {
            b'<' => break,
            b'>' | b'\n' | b'{' => return None,
            _ => {}
        }
    }
    let tag = &bytes[start + 1..mark];
    if !tag.first().is_some_and(u8::is_ascii_alphabetic) || tag.last() == Some(&b'/') {
        return None;
    }
    let name_end = tag.iter().position(|byte| *byte == b' ').unwrap_or(tag.len());
    let (name, attributes) = tag.split_at(name_end);
    if !name.iter().all(|byte| NAME.has(*byte) || *byte == b':') {
        return None;
    }
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
    let is_holder = is_one_of(local, &[b"key", b"name"]);
    if let Some(label) = Label::of(local).filter(|_| !is_holder) {
        return Some(label);
    }
    for (at, byte) in attributes.iter().enumerate() {
        if *byte == b'='
            && let Some(holder) = name_before(attributes, 0, at)
            && is_one_of(&attributes[holder.start..holder.end], NAMES)
        {
            let value = attributes.get(at + 2..).unwrap_or_default();
            let length = value
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\'' | b'\\'))
                .unwrap_or(value.len());
            return Label::of(&value[..length]);
        }
    }
    // The value is in a tag of its own, after one that has the name.
    let mut at = start;
    while at > floor && bytes[at - 1].is_ascii_whitespace() {
        at -= 1;
    }
    if at == floor || bytes[at - 1] != b'>' {
        return None;
    }
    let closing = bytes[floor..at].iter().rposition(|byte| *byte == b'<')? + floor;
    let closed = bytes[closing + 1..at - 1].strip_prefix(b"/")?;
    if !is_one_of(
        closed,
        &[b"b", b"dt", b"key", b"label", b"name", b"strong", b"td", b"th"],
    ) {
        return None;
    }
    let opened = bytes[floor..closing].iter().rposition(|byte| *byte == b'>')? + floor;
    Label::of(bytes[opened + 1..closing].trim_ascii())
}

/// The label in the cell of a table whose closing `|` is at a place.
pub(super) fn label_of_cell(window: &Window<'_>, mark: usize) -> Option<Label> {
    let bytes = window.bytes;
    let floor = window.floor(mark).max(mark.saturating_sub(LABEL_BYTES_MAX));
    let start = bytes[floor..mark]
        .iter()
        .rposition(|byte| matches!(byte, b'|' | b'\n'))
        .map(|at| floor + at + 1);
    let start = match start {
        Some(start) => start,
        None if floor == 0 => 0,
        None => return None,
    };
    let cell = &bytes[start..mark];
    let is_mark = |byte: &u8| matches!(byte, b' ' | b'\t' | b'*' | b'`' | b':');
    let from = cell.iter().position(|byte| !is_mark(byte))?;
    let to = cell.iter().rposition(|byte| !is_mark(byte))? + 1;
    let label = &cell[from..to];
    let is_name = label.iter().all(|byte| NAME.has(*byte) || *byte == b' ');
    Label::ending(label).filter(|_| is_name)
}

/// The label in the text whose closing quote is at a place.
pub(super) fn label_of_argument(window: &Window<'_>, closing: usize) -> Option<Label> {
    let bytes = window.bytes;
    let floor = window.floor(closing).max(closing.saturating_sub(LABEL_BYTES_MAX));
    let quote = bytes[closing];
    let opening = bytes[floor..closing].iter().rposition(|byte| *byte == quote)? + floor;
    let label = &bytes[opening + 1..closing];
    let label = label.strip_suffix(b"\\").unwrap_or(label);
    let is_name = label.iter().all(|byte| NAME.has(*byte) || *byte == b' ');
    let begins = opening == 0 || matches!(bytes[opening - 1], b'(' | b'[' | b',' | b' ' | b'\\' | b'\n' | b'{');
    Label::ending(label).filter(|_| is_name && begins)
}

/// Whether the text whose closing quote is at a place is the name of a user before the password: `BasicAuth("user", "P")`.
pub(super) fn is_user_argument(window: &Window<'_>, closing: usize) -> bool {
    const CALLS: [&[u8]; 4] = [b"basicauth(", b"basic_auth(", b"basiccredentials(", b"auth=("];
    let bytes = window.bytes;
    let floor = window.floor(closing).max(closing.saturating_sub(LABEL_BYTES_MAX));
    let Some(opening) = bytes[floor..closing].iter().rposition(|byte| *byte == bytes[closing]) else {
        return false;
    };
    let before = &bytes[floor..floor + opening];
    CALLS.iter().any(|call| ends_with_folded(before, call))
}

fn is_one_of(name: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
