//! About how many bytes a request holds: the lengths of its strings and JSON, found without writing it out.

use super::{ContentBlock, GenerateRequest, Message, ToolCall};
use crate::stream::json_bytes;

impl GenerateRequest {
    pub(crate) fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let texts = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        size_of::<Self>()
            + self.prompt.len()
            + text(&self.context)
            + self.messages.iter().flatten().map(message_bytes).sum::<usize>()
            + self.images.iter().flatten().map(block_bytes).sum::<usize>()
            + self.tools.iter().flatten().map(json_bytes).sum::<usize>()
            + self.provider_options.as_ref().map_or(0, json_bytes)
            + text(&self.client_ref)
            + texts(&self.tags)
            + texts(&self.fallback_models)
    }
}

impl ToolCall {
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.arguments.bytes()
    }
}

fn message_bytes(message: &Message) -> usize {
    size_of::<Message>()
        + match message {
            Message::System { content } | Message::User { content } | Message::ToolResult { content, .. } => {
                content.len()
            }
            Message::UserMultimodal { content } => content.iter().map(block_bytes).sum(),
            Message::Assistant {
                content,
                tool_calls,
                reasoning,
            } => {
                content.len()
                    + tool_calls.iter().map(ToolCall::bytes).sum::<usize>()
                    + reasoning.iter().map(|block| block.text.len()).sum::<usize>()
            }
            Message::ProviderOutputItems { items, .. } => items.iter().map(json_bytes).sum(),
        }
}

fn block_bytes(block: &ContentBlock) -> usize {
    size_of::<ContentBlock>()
        + match block {
            ContentBlock::Text { text: content }
            | ContentBlock::ImageBase64 { data: content, .. }
            | ContentBlock::AudioBase64 { data: content, .. }
            | ContentBlock::VideoBase64 { data: content, .. }
            | ContentBlock::FileBase64 { data: content, .. }
            | ContentBlock::ImageUrl { url: content, .. }
            | ContentBlock::AudioUrl { url: content }
            | ContentBlock::VideoUrl { url: content } => content.len(),
        }
}
