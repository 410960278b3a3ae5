//! Searches calls for words: which text of a call is searched, and how a text filter is parsed.

use super::words::words;
use crate::tasks::generate::{ContentBlock, GenerateRequest, Message};

/// The searched text of a request: all its texts, in order.
pub(crate) fn prompt_text(request: &GenerateRequest) -> String {
    let mut texts: Vec<&str> = request.context.as_deref().into_iter().collect();
    for message in request.messages.iter().flatten() {
        match message {
            Message::System { content }
            | Message::User { content }
            | Message::Assistant { content, .. }
            | Message::ToolResult { content, .. } => texts.push(content),
            Message::UserMultimodal { content } => texts.extend(content.iter().filter_map(|block| match block {
                ContentBlock::Text { text } => Some(text.as_str()),
                _ => None,
            })),
            Message::ProviderOutputItems { .. } => {}
        }
    }
    texts.push(&request.prompt);
    texts.join("\n")
}

/// A parsed [`CallFilter::text`](super::CallFilter::text): phrases, each of which has to be in the prompt or in the
/// answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Phrases(Vec<String>);

impl Phrases {
    /// Text in double quotes is one phrase. Elsewhere each word is a phrase; in a script without spaces, each run of
    /// characters is one.
    pub fn parse(text: &str) -> Self {
        let mut phrases: Vec<String> = Vec::new();
        for (index, part) in text.split('"').enumerate() {
            let words = words(part);
            if index % 2 == 1 {
                phrases.push(words.replace('\n', " "));
            } else {
                phrases.extend(words.split('\n').map(str::to_owned));
            }
        }
        phrases.retain(|phrase| !phrase.is_empty());
        phrases.sort_unstable();
        phrases.dedup();
        Self(phrases)
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The phrases, each as its words with spaces between them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether each phrase is in one of these texts, not necessarily all in the same text.
    pub fn are_in(&self, texts: [&str; 2]) -> bool {
        let texts = texts.map(|text| format!(" {} ", words(text).replace('\n', " ")));
        self.iter().all(|phrase| {
            let phrase = format!(" {phrase} ");
            texts.iter().any(|text| text.contains(&phrase))
        })
    }
}
