//! Redacts a request, field by field: every struct is taken apart, so that a new field must be thought of here.

use super::Redaction;
use super::cursor::Cursor;
use crate::stream::Reasoning;
use crate::tasks::generate::{
    ContentBlock, GenerateParams, GenerateRequest, Message, ResponseFormat, ToolArguments, ToolCall, ToolChoice,
};

pub(super) fn redact_request(redaction: &Redaction, request: &mut GenerateRequest) {
    let GenerateRequest {
        prompt,
        model,
        fallback_models,
        params,
        context,
        messages,
        images,
        tools,
        response_format,
        client_ref,
        conversation_id,
        parent_trace_id,
        tags,
        provider_options,
    } = request;
    let place = Cursor::new(redaction);
    if !prompt.is_empty() {
        place.text("prompt", prompt);
    }
    place.optional_text("model", model);
    place.texts("fallbackModels", fallback_models);
    redact_params(&place.field("params"), params);
    place.optional_text("context", context);
    place.items("messages", messages.as_deref_mut().unwrap_or_default(), redact_message);
    place.items("images", images.as_deref_mut().unwrap_or_default(), redact_block);
    place.jsons("tools", tools.as_deref_mut().unwrap_or_default());
    match response_format {
        Some(ResponseFormat::JsonSchema {
            schema,
            strict: _,
            name,
        }) => {
            let place = place.field("responseFormat");
            place.json("schema", schema);
            place.optional_text("name", name);
        }
        Some(ResponseFormat::JsonObject) | None => {}
    }
    place.optional_text("clientRef", client_ref);
    place.optional_text("conversationId", conversation_id);
    place.optional_text("parentTraceId", parent_trace_id);
    place.texts("tags", tags);
    place.optional_json("providerOptions", provider_options);
}

fn redact_params(place: &Cursor<'_>, params: &mut GenerateParams) {
    let GenerateParams {
        temperature: _,
        top_p: _,
        top_k: _,
        max_tokens: _,
        stop,
        seed: _,
        frequency_penalty: _,
        presence_penalty: _,
        reasoning_effort: _,
        budget_tokens: _,
        tool_choice,
        parallel_tool_calls: _,
    } = params;
    place.texts("stop", stop);
    if let Some(ToolChoice::Tool { name }) = tool_choice {
        place.field("toolChoice").text("name", name);
    }
}

fn redact_message(place: &Cursor<'_>, message: &mut Message) {
    match message {
        Message::System { content } | Message::User { content } => place.text("content", content),
        Message::UserMultimodal { content } => place.items("content", content, redact_block),
        Message::Assistant {
            content,
            tool_calls,
            reasoning,
        } => {
            if !content.is_empty() {
                place.text("content", content);
            }
            place.items("toolCalls", tool_calls, redact_tool_call);
            place.items("reasoning", reasoning, redact_reasoning);
        }
        Message::ToolResult { tool_use_id, content } => {
            place.text("toolUseId", tool_use_id);
            place.text("content", content);
        }
        Message::ProviderOutputItems { protocol, items } => {
            place.text("protocol", protocol);
            place.jsons("items", items);
        }
    }
}

fn redact_block(place: &Cursor<'_>, block: &mut ContentBlock) {
    match block {
        ContentBlock::Text { text } => place.text("text", text),
        ContentBlock::ImageBase64 { data, media_type }
        | ContentBlock::AudioBase64 { data, media_type }
        | ContentBlock::VideoBase64 { data, media_type } => {
            place.opaque("data", data);
            place.text("mediaType", media_type);
        }
        ContentBlock::FileBase64 { data, media_type, name } => {
            place.opaque("data", data);
            place.text("mediaType", media_type);
            place.optional_text("name", name);
        }
        ContentBlock::ImageUrl { url, detail } => {
            place.text("url", url);
            place.optional_text("detail", detail);
        }
        ContentBlock::AudioUrl { url } | ContentBlock::VideoUrl { url } => place.text("url", url),
    }
}

pub(super) fn redact_tool_call(place: &Cursor<'_>, call: &mut ToolCall) {
    let ToolCall { id, name, arguments } = call;
    place.optional_text("id", id);
    place.text("name", name);
    redact_tool_arguments(place, arguments);
}

/// If there is text, it is redacted and parsed again, so that the value cannot reveal anything that was removed from
/// the text.
fn redact_tool_arguments(place: &Cursor<'_>, arguments: &mut ToolArguments) {
    match arguments {
        ToolArguments::Json(json) => match json.raw() {
            None => {
                let mut value = json.value().cloned().unwrap_or_default();
                place.json("arguments", &mut value);
                *json = value.into();
            }
            Some(raw) => {
                if let Some(redacted) = place.json_text(["arguments", "rawArguments"], raw) {
                    *arguments = ToolArguments::parse(&redacted);
                }
            }
        },
        ToolArguments::Malformed { raw, error } => {
            place.text("rawArguments", raw);
            place.text("argumentsError", error);
        }
    }
}

pub(super) fn redact_reasoning(place: &Cursor<'_>, reasoning: &mut Reasoning) {
    let Reasoning {
        index: _,
        text,
        signature,
    } = reasoning;
    place.text("text", text);
    place.optional_text("signature", signature);
}
