//! Goal: a call is found by every word of what it said, whatever the script, the form and the case, in every log alike.
//! Method: the same calls in a log in memory and in a durable one, asked the same; then arbitrary text, and other versions of the
//! index.
#![allow(clippy::unwrap_used, reason = "only tests read this")]

mod support;

use std::path::Path;

use car_inference::log::sqlite::LogAccess;
use car_inference::log::{CallFilter, EraseTarget, LogErrorKind, LogStore};
use car_inference::{CallStatus, GenerateRequest, LogError, MemoryLog, SqliteLog, SqliteLogOptions};
use proptest::prelude::*;
use rusqlite::Connection;
use support::logs::{call, open, plain, unredacted, with_words};
use support::text;
use unicode_normalization::UnicodeNormalization;

/// A log in memory and a durable one that were told the same.
struct Logs {
    memory: MemoryLog,
    durable: SqliteLog,
    folder: tempfile::TempDir,
    said: u64,
}

impl Logs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            memory: MemoryLog::default(),
            durable: open(&folder.path().join("calls.db"), unredacted(with_words())).unwrap(),
            folder,
            said: 0,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("calls.db")
    }

    /// Records a call with this prompt and answer. Returns its number.
    fn say(&mut self, prompt: &str, answer: &str) -> u64 {
        self.said += 1;
        let request = GenerateRequest {
            prompt: prompt.into(),
            ..GenerateRequest::default()
        };
        let said = call(self.said, CallStatus::Done, request, vec![text(answer)]);
        assert!(self.memory.restore(said.clone()).unwrap() && self.durable.restore(said).unwrap());
        self.said
    }

    /// The numbers of the calls that both logs find.
    fn find(&self, words: &str) -> Vec<u64> {
        let found = found(&self.durable, words).unwrap();
        assert_eq!(found, self::found(&self.memory, words).unwrap(), "{words:?}");
        found
    }
}

fn found(log: &dyn LogStore, words: &str) -> Result<Vec<u64>, LogError> {
    let filter = CallFilter {
        text: Some(words.into()),
        ..CallFilter::default()
    };
    let calls = log.calls(&filter)?;
    Ok(calls
        .iter()
        .map(|call| u64::from_str_radix(&call.trace_id, 16).unwrap())
        .collect())
}

/// Asserts that a text is found by the first, and by none of the second.
fn check(said: &str, found_by: &[&str], not_by: &[&str]) {
    let mut logs = Logs::new();
    let number = logs.say(said, "");
    for words in found_by {
        assert_eq!(logs.find(words), [number], "{words:?} in {said:?}");
    }
    for words in not_by {
        assert_eq!(logs.find(words), [0_u64; 0], "{words:?} in {said:?}");
    }
    assert!(logs.durable.verify(&Default::default()).unwrap().ok);
}

#[test]
fn a_word_of_a_script_without_spaces_is_found_within_a_sentence() {
    check(
        "今天北京的天气很好。",
        &["北京", "天气", "今天", "京", "天气很好", "今天 天气", "\"天气\" 北京"],
        &["上海", "京北", "今北"],
    );
    check(
        "東京都に住んでいます",
        &["東京", "京都", "住んで", "に", "ます"],
        &["大阪", "トウキョウ"],
    );
    check(
        "コーヒーを飲む、ﾊﾞﾅﾅも",
        &["コーヒー", "ｺｰﾋｰ", "飲む", "バナナ", "を飲"],
        &["コーラ", "飲む、バス"],
    );
    check("วันนี้อากาศดีมาก", &["อากาศ", "ดี", "วันนี้", "อากาศดี"], &["ฝน", "ดีอากาศ"]);
    check("ສະບາຍດີຊາວໂລກ", &["ຊາວໂລກ", "ສະບາຍດີ"], &["ລາຄາ"]);
    check("ខ្ញុំស្រឡាញ់ភាសាខ្មែរ", &["ភាសា", "ខ្មែរ"], &["បារាំង"]);
    check("မြန်မာဘာသာစကား", &["ဘာသာ", "မြန်မာ"], &["ထိုင်း"]);
    check("𠮷野家で食べる", &["𠮷野家", "野家"], &["吉野家"]);
}

#[test]
fn a_korean_word_is_found_with_any_ending() {
    check(
        "서울의 날씨가 좋습니다",
        &["서울", "날씨", "날씨가", "좋습", "서울 날씨", "\"서울의 날씨\""],
        &["부산", "울서", "서울날씨 비"],
    );
    // Letters that are put together to syllables.
    check(&"한국어".nfd().collect::<String>(), &["한국어", "국어"], &["한굴"]);
}

#[test]
fn words_of_several_scripts_side_by_side_are_found_each_and_together() {
    check(
        "我用iPhone手机拍照2024年",
        &["iphone", "手机", "iPhone手机", "2024年", "用iphone", "IPHONE 2024"],
        &["iphone拍照", "phone"],
    );
    check("GPT-4は速い", &["gpt", "4は", "gpt 速い", "\"GPT-4は\""], &["gp"]);
}

#[test]
fn every_form_of_a_character_is_the_same_word() {
    for (said, words) in [
        ("un café noir", "café"),
        ("Tiếng Việt có dấu", "tiếng việt"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("the ﬁnal oﬃce", "final office"),
        ("ガギグ", "ｶﾞｷﾞｸﾞ"),
        ("한국어", "국어"),
        ("हिन्दी में क़लम", "क़लम"),
        ("Ω ohm, K kelvin", "ω k"),
        ("x² ①", "x2 1"),
        ("ṩ", "s\u{307}\u{323}"),
        ("น้ำ", "น้ำ"),
        ("Å", "å"),
    ] {
        let forms = |text: &str| -> [String; 4] {
            [
                text.nfc().collect(),
                text.nfd().collect(),
                text.nfkc().collect(),
                text.nfkd().collect(),
            ]
        };
        let mut logs = Logs::new();
        let mut said: Vec<u64> = forms(said).iter().map(|said| logs.say(said, "")).collect();
        said.reverse();
        for words in forms(words) {
            assert_eq!(logs.find(&words), said, "{words:?}");
        }
    }
}

#[test]
fn accents_count_and_a_word_is_found_whole() {
    check("café Müller", &["CAFÉ", "müller"], &["cafe", "muller", "caf", "é"]);
    check(
        "don't snake_case a-b",
        &["don", "t", "snake", "case", "don't", "a b", "\"snake case\""],
        &["dont", "snakecase", "do"],
    );
    check(
        "שלום עולם سلام دنیا привет",
        &["שלום", "سلام", "ПРИВЕТ"],
        &["שלו", "приве"],
    );
    check("हिन्दी भाषा", &["हिन्दी", "भाषा"], &["हिन", "भा"]);
    // What is not seen is not part of a word; what is drawn as a symbol is none.
    check(
        "Donau\u{AD}dampf 1\u{FE0F}\u{20E3} 葛\u{E0100}城",
        &["donaudampf", "1", "葛城"],
        &["donau"],
    );
}

#[test]
fn upper_and_lower_case_are_the_same_in_every_script() {
    check(
        "\u{130}stanbul güzel ISPARTA",
        &[
            "istanbul",
            "İSTANBUL",
            "i\u{307}stanbul",
            "ıstanbul",
            "\u{131}sparta",
            "isparta",
            "Isparta",
        ],
        &["stanbul"],
    );
    check("ᲗᲑᲘᲚᲘᲡᲘ", &["თბილისი"], &["თბილის"]);
    check("თბილისი", &["ᲗᲑᲘᲚᲘᲡᲘ"], &[]);
    check("ᏣᎳᎩ", &["ꮳꮃꭹ", "Ꮳꮃꭹ"], &[]);
    check("ΟΔΥΣΣΕΥΣ", &["Οδυσσευς", "οδυσσευσ"], &[]);
    check(
        "Straße STRASSE STRAẞE",
        &["strasse", "STRASSE", "straße", "STRAẞE"],
        &["strase"],
    );
    check("ᾠδή", &["ᾨΔΉ", "ὨΙΔΉ"], &[]);
    check("ＡＢＣ 𐐔𐐯𐑅 ǅungla", &["ａｂｃ", "𐐼𐐇𐑅", "ǆUNGLA"], &[]);
}

/// Each letter with other cases or forms, alone in a word.
fn variants() -> Vec<(String, Vec<String>)> {
    let word = |letter: String| format!("a{letter}b");
    (0x80..=0x2_FFFF_u32)
        .filter_map(char::from_u32)
        // Syllables of Hangul are all made alike.
        .filter(|letter| !matches!(letter, '가'..='힣') || u32::from(*letter).is_multiple_of(101))
        .filter_map(|letter| {
            let text = letter.to_string();
            let mut others = vec![
                text.to_lowercase(),
                text.to_uppercase(),
                text.nfd().collect(),
                text.nfkd().collect(),
            ];
            others.extend([text.to_uppercase().to_lowercase(), text.to_lowercase().to_uppercase()]);
            others.retain(|other| *other != text);
            let is_one_word =
                letter.is_alphabetic() && others.iter().all(|other| other.chars().all(char::is_alphabetic));
            (is_one_word && !others.is_empty()).then(|| (word(text), others.into_iter().map(word).collect()))
        })
        .collect()
}

#[test]
fn every_letter_of_unicode_is_found_in_its_other_cases_and_forms() {
    let variants = variants();
    assert!(variants.len() > 2_000);
    for some in variants.chunks(300) {
        let mut logs = Logs::new();
        let said: Vec<&str> = some.iter().map(|(said, _)| said.as_str()).collect();
        logs.say(&said.join(" "), "");
        let words: Vec<&str> = some.iter().flat_map(|(_, others)| others).map(String::as_str).collect();
        // All at once; which it was is asked only when one is missing.
        if logs.find(&words.join(" ")).is_empty() {
            let missing: Vec<_> = words.iter().filter(|word| logs.find(word).is_empty()).collect();
            panic!("not found: {missing:?}");
        }
    }
}

#[test]
fn words_are_looked_for_in_prompt_and_answer_and_a_phrase_is_in_one_of_them() {
    let mut logs = Logs::new();
    let number = logs.say("北京 weather", "天气 forecast");
    for words in ["北京 天气", "weather forecast", "北京 forecast"] {
        assert_eq!(logs.find(words), [number]);
    }
    for words in ["\"weather 天气\"", "\"北京 天气\"", "北京天气"] {
        assert_eq!(logs.find(words), [0_u64; 0]);
    }
}

#[test]
fn nothing_in_a_filter_is_an_operator() {
    let mut logs = Logs::new();
    logs.say("alpha beta 北京", "");
    for words in [
        "alpha OR gamma",
        "alph*",
        "prompt:alpha gamma",
        "NEAR(alpha)",
        "^beta gamma",
        "NOT gamma",
        "北*海",
    ] {
        assert_eq!(logs.find(words), [0_u64; 0], "{words:?}");
    }
    for words in [
        "alpha + beta",
        "(alpha)",
        "alpha*",
        "^beta",
        "-alpha",
        "北京*",
        "\"alpha",
        "alpha\" beta",
    ] {
        assert_eq!(logs.find(words), [1], "{words:?}");
    }
}

#[test]
fn long_words_and_long_filters_find_alike() {
    let mut logs = Logs::new();
    let long = "é".repeat(40_000);
    let sentence = "春眠暁を覚えず処処啼鳥を聞く".repeat(50);
    let many: Vec<String> = (0..1_500).map(|number| format!("word{number}")).collect();
    let ascii = "x".repeat(100_000);
    let number = logs.say(&format!("{long} {sentence} {ascii}"), &many.join(" "));
    for words in [
        long.as_str(),
        &sentence,
        &ascii,
        &many.join(" "),
        &format!("\"{}\"", many.join(" ")),
    ] {
        assert_eq!(logs.find(words), [number]);
    }
    assert_eq!(logs.find(&format!("{} missing", many.join(" "))), [0_u64; 0]);
    assert!(logs.durable.verify(&Default::default()).unwrap().ok);
}

/// How many words the index holds.
fn indexed_words(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("CREATE VIRTUAL TABLE temp.words USING fts5vocab('main', 'call_texts', 'row')")
        .unwrap();
    connection
        .query_row("SELECT count(*) FROM temp.words", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn what_is_erased_or_pruned_leaves_no_word_of_any_script_in_the_index() {
    let mut logs = Logs::new();
    let number = logs.say("今天北京 วันนี้ İstanbul", "Straße 서울에서");
    logs.say("東京都 ＡＢＣ", "");
    let target = EraseTarget {
        trace_id: Some(format!("{number:032x}")),
        tag: None,
    };
    logs.durable.erase(&target).unwrap();
    logs.memory.erase(&target).unwrap();
    assert_eq!(logs.find("北京"), [0_u64; 0]);
    assert_eq!(logs.find("東京"), [2]);
    let all = car_inference::log::PruneOptions {
        max_calls: Some(0),
        ..Default::default()
    };
    logs.durable.prune(&all).unwrap();
    assert!(logs.durable.verify(&Default::default()).unwrap().ok);
    logs.durable.close().unwrap();
    assert_eq!(indexed_words(&logs.path()), 0);
}

#[test]
fn an_index_that_other_rules_made_is_made_anew_when_the_log_is_opened_to_write() {
    let mut logs = Logs::new();
    logs.say("今天北京的天气很好", "");
    logs.durable.close().unwrap();
    let path = logs.path();
    let make_older = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let with_access = |access| SqliteLogOptions {
        access: Some(access),
        ..unredacted(plain())
    };
    for (is_whole, older) in [
        // As it was before there were rules.
        (false, "DELETE FROM settings WHERE name = 'word_rules'; DROP TABLE call_texts;
         CREATE VIRTUAL TABLE call_texts USING fts5 (prompt, answer, content = '', tokenize = 'unicode61 remove_diacritics 0');
         INSERT INTO call_texts (rowid, prompt, answer) SELECT id, '今天北京的天气很好', text FROM calls"),
        (false, "UPDATE settings SET value = replace(value, '1', '2') WHERE name = 'word_rules'"),
        // With the checksum of these rules.
        (true, "UPDATE settings SET value = '0, of another version (42851286)' WHERE name = 'word_rules'"),
    ] {
        make_older(older);
        let reader = open(&path, with_access(LogAccess::Read)).unwrap();
        let error = found(&reader, "北京").unwrap_err();
        assert_eq!(error.kind, LogErrorKind::Unsupported);
        assert!(error.message.contains("access: 'write'"), "{error}");
        let verified = reader.verify(&Default::default()).unwrap();
        assert_eq!(verified.ok, is_whole, "{verified:?}");
        drop(reader);
        // What the log has stays as it was asked for.
        let writer = open(&path, with_access(LogAccess::Write)).unwrap();
        assert_eq!(found(&writer, "北京").unwrap(), [1]);
        assert!(writer.verify(&Default::default()).unwrap().ok);
        writer.close().unwrap();
    }
}

#[test]
fn the_index_comes_and_goes_with_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.db");
    let words = |wanted| SqliteLogOptions {
        full_text_search: wanted,
        ..unredacted(plain())
    };
    let request = GenerateRequest {
        prompt: "今天北京".into(),
        ..GenerateRequest::default()
    };
    let log = open(&path, words(None)).unwrap();
    log.restore(call(1, CallStatus::Done, request, vec![])).unwrap();
    let error = found(&log, "北京").unwrap_err();
    assert_eq!(error.kind, LogErrorKind::Unsupported);
    assert!(error.message.contains("`fullTextSearch: true`"), "{error}");
    log.close().unwrap();
    for (wanted, is_found) in [
        (Some(true), true),
        (None, true),
        (Some(false), false),
        (None, false),
        (Some(true), true),
    ] {
        let log = open(&path, words(wanted)).unwrap();
        assert_eq!(found(&log, "北京").ok(), is_found.then(|| vec![1]), "{wanted:?}");
        assert!(log.verify(&Default::default()).unwrap().ok);
        log.close().unwrap();
    }
}

/// Text of several scripts, with what separates them and what is not seen.
fn mixed() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-zA-Z0-9]{1,6}",
        3 => "[ .,\n'-]{1,2}",
        2 => "[北京今天東都気]{1,4}",
        2 => "[ぁ-んァ-ヶー]{1,4}",
        2 => "[ก-ฮะาิีึืุูเแโใไ็่้๊๋์ำ]{1,5}",
        2 => "[가-힣]{1,3}",
        2 => "[äéßẞıİiIσςΣა-ჰᲐ-Ჰ]{1,4}",
        1 => "[\u{301}\u{307}\u{308}\u{3099}\u{AD}\u{200D}\u{200B}\u{FE0F}]{1,2}",
        1 => "[ａ-ｚＡ-Ｚｦ-ﾟ]{1,3}",
        1 => "[अ-हा-्]{1,4}",
        1 => "\\PC{1,3}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn is_spaceless(character: char) -> bool {
    matches!(character, 'ก'..='๎' | 'ぁ'..='ん' | 'ァ'..='ー' | '가'..='힣' | '一'..='鿿')
}

/// What a reader would look for: words between spaces, and parts of sentences without any.
fn words_of(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.is_ascii() && !word.is_empty())
        .filter(|word| text.split(' ').any(|whole| whole == *word))
        .map(str::to_uppercase)
        .collect();
    // What is not seen is not looked for, and may keep marks from their order.
    let is_seen = |character: &char| !matches!(character, '\u{AD}' | '\u{200D}' | '\u{FE0F}');
    let characters: Vec<char> = text.chars().filter(is_seen).nfc().collect();
    for stretch in characters.chunk_by(|one, next| is_spaceless(*one) == is_spaceless(*next)) {
        // A mark after it would be part of its last character.
        if is_spaceless(stretch[0]) {
            let whole: String = stretch.iter().collect();
            for part in stretch.windows(stretch.len().min(2)) {
                words.push(part.iter().collect());
            }
            words.push(whole);
        }
    }
    words.retain(|word| word.chars().any(char::is_alphanumeric));
    words
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn both_logs_find_every_word_of_any_text_and_agree_on_any_filter(
        texts in prop::collection::vec((mixed(), mixed()), 1..4),
        asked in prop::collection::vec(mixed(), 0..4),
    ) {
        let mut logs = Logs::new();
        for (prompt, answer) in &texts {
            let number = logs.say(prompt, answer);
            for text in [prompt, answer] {
                for word in words_of(text) {
                    prop_assert!(logs.find(&word).contains(&number), "{:?} in {:?}", word, text);
                }
                // As a whole, and in another form and case.
                for form in [text.clone(), text.nfd().collect(), text.nfkc().collect(), text.to_uppercase(), text.to_lowercase()] {
                    let filter = CallFilter { text: Some(form.replace('"', " ")), ..CallFilter::default() };
                    if filter.validate().is_empty() {
                        prop_assert!(logs.find(&form.replace('"', " ")).contains(&number), "{:?}", form);
                    }
                }
            }
        }
        for words in asked.iter().flat_map(|words| [words.clone(), format!("\"{words}\"")]) {
            let filter = CallFilter { text: Some(words.clone()), ..CallFilter::default() };
            if filter.validate().is_empty() {
                logs.find(&words);
            }
        }
        prop_assert!(logs.durable.verify(&Default::default()).unwrap().ok);
    }
}
