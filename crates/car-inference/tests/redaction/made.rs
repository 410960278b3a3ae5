//! Values that look as if a generator of keys had made them. Made here, so that no scanner takes the tests for a leak.

/// Makes values, the same ones at each run.
pub struct Maker(u32);

const SETS: [(char, &str); 8] = [
    ('a', "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
    ('l', "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    ('h', "0123456789abcdef"),
    ('u', "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    ('b', "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
    ('d', "0123456789"),
    ('U', "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
    ('z', "abcdefghijklmnopqrstuvwxyz0123456789"),
];

impl Maker {
    pub fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// `count` characters of a set.
    pub fn letters(&mut self, set: char, count: usize) -> String {
        let (_, set) = SETS.iter().find(|(name, _)| *name == set).expect("a set of this table");
        let letter = |_| {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(set.as_bytes()[(self.0 >> 12) as usize % set.len()])
        };
        (0..count).map(letter).collect()
    }

    /// A text in which `{a20}` stands for 20 characters of the set `a`.
    pub fn fill(&mut self, form: &str) -> String {
        let mut text = String::new();
        for (index, part) in form.split(['{', '}']).enumerate() {
            match part.split_at_checked(1) {
                Some((set, count)) if index % 2 == 1 => {
                    let set = set.chars().next().expect("a set");
                    text.push_str(&self.letters(set, count.parse().expect("a count")));
                }
                _ => text.push_str(part),
            }
        }
        text
    }

    /// A password with marks in it.
    pub fn password(&mut self) -> String {
        self.fill("{a5}!{a4}#{a4}")
    }
}
