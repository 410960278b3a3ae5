//! Redacts what comes back: events and completions, field by field.

use super::Redaction;
use super::cursor::Cursor;
use super::request::{redact_reasoning, redact_tool_call};
use crate::stream::{Completion, ErrorNote, FileContent, Source, StreamEvent, ToolCallSignature, Warning};

pub(super) fn redact_event(redaction: &Redaction, event: &mut StreamEvent) {
    let place = Cursor::new(redaction);
    match event {
        StreamEvent::TextDelta(text) | StreamEvent::RefusalDelta(text) => place.text("text", text),
        StreamEvent::ReasoningDelta {
            index: _,
            text,
            signature,
        } => {
            place.text("text", text);
            place.optional_text("signature", signature);
        }
        StreamEvent::ToolCallStart { name, index: _, id } => {
            place.text("name", name);
            place.optional_text("id", id);
        }
        StreamEvent::ToolCallDelta {
            index: _,
            arguments_delta,
        } => place.text("argumentsDelta", arguments_delta),
        StreamEvent::ToolCallEnd {
            index: _,
            arguments,
            signature,
        } => {
            place.optional_text("arguments", arguments);
            place.optional_text("signature", signature);
        }
        StreamEvent::Usage { .. } => {}
        StreamEvent::StopReason { reason: _, raw } => place.optional_text("raw", raw),
        StreamEvent::Source(source) => redact_source(&place, source),
        StreamEvent::File(file) => redact_file(&place, file),
        StreamEvent::ProviderOutputItem(item) => place.json("item", item),
        StreamEvent::ProviderEvent { name, data } => {
            place.optional_text("name", name);
            place.json("data", data);
        }
        StreamEvent::Warning(warning) => redact_warning(&place, warning),
        StreamEvent::Error(ErrorNote { message, code }) => {
            place.text("message", message);
            place.optional_text("code", code);
        }
        StreamEvent::Custom { name, data } => {
            place.text("name", name);
            place.json("data", data);
        }
        StreamEvent::Done { text, tool_calls } => {
            place.text("text", text);
            place.items("toolCalls", tool_calls, redact_tool_call);
        }
    }
}

pub(super) fn redact_completion(redaction: &Redaction, completion: &mut Completion) {
    let Completion {
        text,
        tool_calls,
        usage: _,
        cost_micro_usd: _,
        stop_reason: _,
        raw_stop_reason,
        reasoning,
        tool_call_signatures,
        refusal,
        sources,
        files,
        provider_output_items,
        warnings,
        trace_id,
        model_used,
    } = completion;
    let place = Cursor::new(redaction);
    place.text("text", text);
    place.items("toolCalls", tool_calls, redact_tool_call);
    place.optional_text("rawStopReason", raw_stop_reason);
    place.items("reasoning", reasoning, redact_reasoning);
    place.items("toolCallSignatures", tool_call_signatures, |place, of_call| {
        let ToolCallSignature { position: _, signature } = of_call;
        place.text("signature", signature);
    });
    place.optional_text("refusal", refusal);
    place.items("sources", sources, redact_source);
    place.items("files", files, redact_file);
    place.jsons("providerOutputItems", provider_output_items);
    place.items("warnings", warnings, redact_warning);
    place.opaque("traceId", trace_id);
    place.text("modelUsed", model_used);
}

fn redact_source(place: &Cursor<'_>, source: &mut Source) {
    let Source {
        id,
        url,
        title,
        media_type,
        provider_metadata,
    } = source;
    place.optional_text("id", id);
    place.optional_text("url", url);
    place.optional_text("title", title);
    place.optional_text("mediaType", media_type);
    place.optional_json("providerMetadata", provider_metadata);
}

fn redact_file(place: &Cursor<'_>, file: &mut FileContent) {
    let FileContent { media_type, data, url } = file;
    place.text("mediaType", media_type);
    place.optional_opaque("data", data);
    place.optional_text("url", url);
}

fn redact_warning(place: &Cursor<'_>, warning: &mut Warning) {
    let Warning { message, code } = warning;
    place.text("message", message);
    place.optional_text("code", code);
}
