//! Folds events into a [`Completion`]. Takes any order of them; what may follow what is the session's business.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::{Completion, EventRef, Reasoning, StopReason, StreamEvent, TokenUsage, ToolCallSignature};
use crate::tail_buffer::TailBuffer;
use crate::tasks::generate::{ToolArguments, ToolCall};

/// How many bytes of text lie inline, which is about thirty deltas.
const TEXT_TAIL_BYTES: usize = 126;

/// Folds the events of one call.
///
/// Usage only grows, field by field. Tool arguments are assembled per index; text that is not JSON is kept as it is,
/// with the parse error. Reasoning and signatures are kept byte-exact.
///
/// ```
/// use car_inference::stream::{StreamAccumulator, StreamEvent};
/// let mut accumulator = StreamAccumulator::default();
/// accumulator.push(&StreamEvent::TextDelta("hel".into()));
/// accumulator.push(&StreamEvent::TextDelta("lo".into()));
/// assert_eq!(accumulator.finish().0, "hello");
/// ```
#[derive(Clone, Default)]
pub struct StreamAccumulator {
    /// UTF-8: only whole strings are appended.
    text: TailBuffer<TEXT_TAIL_BYTES>,
    /// Made when something other than text comes: most of a call's life there is only text, and most calls are waiting.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Clone, Default)]
struct Rest {
    /// All but the text, the reasoning and the tool calls that are streamed.
    completion: Completion,
    reasoning: BTreeMap<usize, Reasoning>,
    tools: BTreeMap<usize, PartialToolCall>,
}

#[derive(Debug, Clone, Default)]
struct PartialToolCall {
    id: Option<String>,
    name: String,
    arguments: String,
    signature: Option<String>,
    ended: bool,
}

impl fmt::Debug for StreamAccumulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StreamAccumulator")
            .field("text", &self.text())
            .field("rest", &self.rest)
            .finish()
    }
}

impl StreamAccumulator {
    /// Folds one event.
    pub fn push(&mut self, event: &StreamEvent) {
        self.push_ref(EventRef::from(event));
    }

    /// Folds one borrowed event.
    #[inline]
    pub fn push_ref(&mut self, event: EventRef<'_>) {
        match event {
            EventRef::TextDelta(text) => self.text.extend(text.as_bytes()),
            other => self.push_other(other),
        }
    }

    fn push_other(&mut self, event: EventRef<'_>) {
        match event {
            EventRef::TextDelta(text) => self.text.extend(text.as_bytes()),
            EventRef::ReasoningDelta { index, text } => self.rest().reasoning_block(index).text.push_str(text),
            EventRef::ToolCallDelta { index, arguments_delta } => {
                self.rest()
                    .tools
                    .entry(index)
                    .or_default()
                    .arguments
                    .push_str(arguments_delta);
            }
            // `EventRef::from` never wraps this one, but a host may.
            EventRef::Other(StreamEvent::TextDelta(text)) => self.text.extend(text.as_bytes()),
            EventRef::Other(StreamEvent::Done { text, tool_calls }) => self.fill(text, tool_calls),
            EventRef::Other(event) => self.rest().push(event),
        }
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// The text folded so far.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self.text.whole() {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(text_of(bytes)),
        }
    }

    /// How many bytes the text has so far.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Takes over text and tool calls that were not streamed. What was streamed wins.
    pub(crate) fn fill(&mut self, text: &str, tool_calls: &[ToolCall]) {
        if self.text.is_empty() {
            self.text.extend(text.as_bytes());
        }
        if tool_calls.is_empty() {
            return;
        }
        let rest = self.rest();
        if rest.tools.is_empty() && rest.completion.tool_calls.is_empty() {
            rest.completion.tool_calls = tool_calls.to_vec();
        }
    }

    /// What stays of a failed attempt.
    pub(crate) fn warnings_only(self) -> Self {
        let warnings = self.rest.map(|rest| rest.completion.warnings).unwrap_or_default();
        let mut kept = Self::default();
        if !warnings.is_empty() {
            kept.rest().completion.warnings = warnings;
        }
        kept
    }

    pub(crate) fn usage(&self) -> Option<TokenUsage> {
        self.rest.as_ref()?.completion.usage
    }

    pub(crate) fn warn(&mut self, warning: super::Warning) {
        self.rest().completion.warnings.push(warning);
    }

    /// What has been folded so far.
    #[must_use]
    pub fn completion(&self) -> Completion {
        completion_of(self.rest.clone(), self.text().into_owned())
    }

    /// What was folded.
    #[must_use]
    pub fn into_completion(self) -> Completion {
        completion_of(self.rest, text_of(self.text.into_vec()))
    }

    pub(crate) fn tool_calls(&self) -> Vec<ToolCall> {
        self.rest.as_ref().map(|rest| rest.tool_calls()).unwrap_or_default()
    }

    /// The folded text and tool calls.
    #[must_use]
    pub fn finish(self) -> (String, Vec<ToolCall>) {
        let tool_calls = self.tool_calls();
        (text_of(self.text.into_vec()), tool_calls)
    }
}

impl Rest {
    fn push(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::TextDelta(_) | StreamEvent::Done { .. } => {}
            StreamEvent::ToolCallDelta { index, arguments_delta } => {
                self.tools
                    .entry(*index)
                    .or_default()
                    .arguments
                    .push_str(arguments_delta);
            }
            StreamEvent::ReasoningDelta { index, text, signature } => {
                let block = self.reasoning_block(*index);
                block.text.push_str(text);
                append(&mut block.signature, signature.as_deref());
            }
            StreamEvent::RefusalDelta(text) => append(&mut self.completion.refusal, Some(text)),
            StreamEvent::ToolCallStart { name, index, id } => {
                let call = self.tools.entry(*index).or_default();
                call.name.clone_from(name);
                if id.is_some() {
                    call.id.clone_from(id);
                }
            }
            StreamEvent::ToolCallEnd {
                index,
                arguments,
                signature,
            } => {
                let call = self.tools.entry(*index).or_default();
                if let Some(arguments) = arguments {
                    call.arguments.clone_from(arguments);
                }
                append(&mut call.signature, signature.as_deref());
                call.ended = true;
            }
            &StreamEvent::Usage {
                input_tokens,
                output_tokens,
                total_tokens,
                cache_read_input_tokens,
                cache_creation_input_tokens,
                reasoning_tokens,
            } => self.completion.usage.get_or_insert_default().merge(&TokenUsage {
                input_tokens,
                output_tokens,
                total_tokens,
                cache_read_input_tokens,
                cache_creation_input_tokens,
                reasoning_tokens,
            }),
            StreamEvent::StopReason { reason, raw } => {
                self.completion.stop_reason = Some(*reason);
                self.completion.raw_stop_reason.clone_from(raw);
            }
            StreamEvent::Source(source) => self.completion.sources.push(source.clone()),
            StreamEvent::File(file) => self.completion.files.push(file.clone()),
            StreamEvent::ProviderOutputItem(item) => self.completion.provider_output_items.push(item.clone()),
            StreamEvent::Warning(warning) => self.completion.warnings.push(warning.clone()),
            StreamEvent::ProviderEvent { .. } | StreamEvent::Error(_) | StreamEvent::Custom { .. } => {}
        }
    }

    fn reasoning_block(&mut self, index: usize) -> &mut Reasoning {
        self.reasoning.entry(index).or_insert_with(|| Reasoning {
            index,
            ..Reasoning::default()
        })
    }

    fn into_completion(self) -> Completion {
        let tool_calls = self.tool_calls();
        let mut completion = self.completion;
        completion.tool_calls = tool_calls;
        completion.tool_call_signatures = self
            .tools
            .into_values()
            .enumerate()
            .filter_map(|(position, call)| {
                Some(ToolCallSignature {
                    position,
                    signature: call.signature?,
                })
            })
            .collect();
        completion.reasoning = self.reasoning.into_values().collect();
        for block in &mut completion.reasoning {
            block.text.shrink_to_fit(); // A log may keep it for long.
        }
        completion
    }

    fn tool_calls(&self) -> Vec<ToolCall> {
        if self.tools.is_empty() {
            return self.completion.tool_calls.clone();
        }
        let cut_off = self.completion.stop_reason == Some(StopReason::Length);
        self.tools
            .values()
            .map(|call| ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: if call.arguments.is_empty() && cut_off && !call.ended {
                    // The token limit struck before the first argument: not the same as "no arguments".
                    ToolArguments::Malformed {
                        raw: String::new(),
                        error: "cut off before the arguments".into(),
                    }
                } else {
                    ToolArguments::parse(&call.arguments)
                },
            })
            .collect()
    }
}

fn completion_of(rest: Option<Box<Rest>>, text: String) -> Completion {
    let mut completion = rest.map(|rest| rest.into_completion()).unwrap_or_default();
    completion.text = text;
    completion
}

/// The bytes were strings, so they are one.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn append(whole: &mut Option<String>, part: Option<&str>) {
    if let Some(part) = part {
        whole.get_or_insert_default().push_str(part);
    }
}
