//! How deeply JSON text is nested, without reading it into memory: text may be deeper than a stack can follow.

/// Levels of JSON that are read; deeper text is refused, because reading it would need a stack to match.
pub(crate) const LEVELS_MAX: usize = 127;

/// How many steps of the path to what is too deep are told: enough to find it.
const PATH_STEPS: usize = 3;

/// A step on the way from the whole to a part.
#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

/// The path of the part that is nested deeper than [`LEVELS_MAX`], if one is. Follows what `JSON.stringify` and serde
/// write; of other text it may tell nothing.
pub(crate) fn too_deep(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let mut around: Vec<Step<'_>> = Vec::new();
    let mut text_from = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, text_from) {
            (b'\\', Some(_)) => at += 1,
            (b'"', None) => text_from = Some(at + 1),
            (b'"', Some(from)) => {
                text_from = None;
                // Every text of an object is taken for a field's name; the last one before a nested value is it.
                if let Some(Step::Field(name)) = around.last_mut()
                    && bytes.get(at + 1) == Some(&b':')
                {
                    *name = &json[from..at];
                }
            }
            (_, Some(_)) => {}
            (b'{' | b'[', None) if around.len() == LEVELS_MAX => return Some(path_of(&around)),
            (b'{', None) => around.push(Step::Field("")),
            (b'[', None) => around.push(Step::Item(0)),
            (b'}' | b']', None) => drop(around.pop()),
            (b',', None) => {
                if let Some(Step::Item(index)) = around.last_mut() {
                    *index += 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn path_of(around: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in around.iter().take(PATH_STEPS) {
        match step {
            Step::Item(index) => path.push_str(&format!("[{index}]")),
            Step::Field(name) => push_name(&mut path, name),
        }
    }
    path
}

/// Appends a field's name to a path, so much of it as people read.
pub(crate) fn push_name(path: &mut String, name: &str) {
    const NAME_MAX: usize = 64;
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&name[..name.floor_char_boundary(NAME_MAX)]);
}

#[cfg(test)]
mod tests {
    use super::{LEVELS_MAX, too_deep};

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_serde_reads_is_not_too_deep_and_what_it_refuses_is() {
        for levels in [1, LEVELS_MAX - 1, LEVELS_MAX, LEVELS_MAX + 1, 10_000] {
            let json = nested(levels);
            let is_read = serde_json::from_str::<serde_json::Value>(&json).is_ok();
            assert_eq!(too_deep(&json).is_none(), is_read, "{levels} levels");
        }
    }

    #[test]
    fn the_path_leads_to_it_past_brackets_in_text_and_siblings() {
        let json = format!(r#"{{"a":"[[{{\"","b":{{"c":[0,{{"x":[]}},{}]}}}}"#, nested(200));
        assert_eq!(too_deep(&json).as_deref(), Some("b.c[2]"));
    }

    #[test]
    fn a_name_is_told_up_to_a_bound() {
        let json = format!(r#"{{"{}":{}}}"#, "é".repeat(1_000), nested(200));
        assert_eq!(
            too_deep(&json).map(|path| path.starts_with(&"é".repeat(32)) && path.len() < 100),
            Some(true)
        );
    }
}
