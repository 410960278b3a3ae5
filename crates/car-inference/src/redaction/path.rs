//! Paths to fields, and how far along them a place in a value is.

/// The most steps a path may have: values are nested no deeper.
const STEPS_MAX: usize = 128;

/// A path to fields.
#[derive(Debug)]
pub(super) struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A field of this name.
    Name(String),
    /// The item at this index.
    Index(usize),
    /// Any one field or item.
    Any,
    /// Any number of fields and items, none included.
    AnyDepth,
}

/// A field's name, or an item's index.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    Name(&'a str),
    Index(usize),
}

impl Step {
    fn fits(&self, key: Key<'_>) -> bool {
        match (self, key) {
            (Self::Name(name), Key::Name(given)) => name == given,
            (Self::Index(index), Key::Index(given)) => *index == given,
            (Self::Any | Self::AnyDepth, _) => true,
            _ => false,
        }
    }

    fn parse(part: &str) -> Result<Self, String> {
        match part {
            "" => Err("has an empty name; write `a.b`, `a[0]`, `a[*]`, `*` or `**`".to_owned()),
            "*" => Ok(Self::Any),
            "**" => Ok(Self::AnyDepth),
            part if part.contains('*') => Err(format!("`*` must stand alone, in {part:?} it does not")),
            part if part.contains(']') => Err(format!("{part:?} closes a bracket that it does not open")),
            name => Ok(Self::Name(name.to_owned())),
        }
    }
}

impl Path {
    /// Reads a path, or says what is wrong with it.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        for part in path.split('.') {
            let (name, brackets) = part.split_at(part.find('[').unwrap_or(part.len()));
            // `[0].a` begins with an index.
            if !name.is_empty() || brackets.is_empty() {
                steps.push(Step::parse(name)?);
            }
            let mut rest = brackets;
            while let Some(opened) = rest.strip_prefix('[') {
                let (inside, after) = opened
                    .split_once(']')
                    .ok_or_else(|| format!("{part:?} opens a bracket that it does not close"))?;
                steps.push(match inside.parse() {
                    _ if inside == "*" => Step::Any,
                    Ok(index) => Step::Index(index),
                    Err(_) => return Err(format!("expected an index or `*` in brackets, got {inside:?}")),
                });
                rest = after;
            }
            if !rest.is_empty() {
                return Err(format!("expected `.` or `[` after a bracket, got {rest:?}"));
            }
        }
        steps.dedup_by(|next, step| *next == Step::AnyDepth && *step == Step::AnyDepth);
        if steps.last() == Some(&Step::AnyDepth) {
            return Err("must end with a name, an index or `*`: `**` says only how deep".to_owned());
        }
        if steps.len() > STEPS_MAX {
            return Err(format!("must have at most {STEPS_MAX} steps, has {}", steps.len()));
        }
        Ok(Self { steps })
    }
}

/// How far along which paths a place is. Empty when no path leads on from it.
#[derive(Debug, Clone, Default)]
pub(super) struct Positions(Vec<(usize, usize)>);

impl Positions {
    /// At the root: at the start of every path.
    pub(super) fn root(paths: &[Path]) -> Self {
        Self((0..paths.len()).map(|path| (path, 0)).collect())
    }

    /// The positions one key further, and whether a path ends there.
    pub(super) fn child(&self, paths: &[Path], key: Key<'_>) -> (Self, bool) {
        let mut next = Vec::new();
        let mut ends = false;
        let mut go = |path, step| {
            if !next.contains(&(path, step)) {
                next.push((path, step));
            }
        };
        for &(path, at) in &self.0 {
            let steps = &paths[path].steps;
            let at = if steps.get(at) == Some(&Step::AnyDepth) {
                go(path, at);
                at + 1
            } else {
                at
            };
            if steps.get(at).is_some_and(|step| step.fits(key)) {
                ends |= at + 1 == steps.len();
                if at + 1 < steps.len() {
                    go(path, at + 1);
                }
            }
        }
        (Self(next), ends)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Path, Positions};

    /// Whether `path` leads to the place of these keys; digits are indexes.
    fn check(path: &str, keys: &str, leads: bool) {
        let paths = [Path::parse(path).expect("a path")];
        let mut positions = Positions::root(&paths);
        let mut ends = false;
        for key in keys.split(' ') {
            let key = key.parse().map_or(Key::Name(key), Key::Index);
            (positions, ends) = positions.child(&paths, key);
        }
        assert_eq!(ends, leads, "{path} to {keys}");
    }

    #[test]
    fn a_path_leads_to_its_fields_and_to_no_others() {
        check("a.b", "a b", true);
        check("a.b", "a", false);
        check("a.b", "a b c", false);
        check("a[1].b", "a 1 b", true);
        check("a[1].b", "a 2 b", false);
        check("a[*][*]", "a 2 0", true);
        check("a.*", "a 2", true);
        check("*.b", "a b", true);
        check("**.b", "b", true);
        check("**.b", "a 1 c b", true);
        check("**.b", "a b c", false);
        check("a.**.b.*", "a b b b c", true);
        check("a.**.**.b", "a b", true);
        check("[0].b", "0 b", true);
    }

    #[test]
    fn a_path_that_cannot_be_read_is_told_why() {
        for path in ["", "a..b", ".a", "a[", "a[x]", "a]b", "a[0]b", "pass*", "a.**", "a[-1]"] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }
}
