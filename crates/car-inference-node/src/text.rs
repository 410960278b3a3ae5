//! Text from JavaScript. Its strings may end in half a surrogate pair that the next delta completes, which UTF-8
//! cannot hold: the half is carried over. A half that never meets its other is delivered as U+FFFD.

use std::ptr;

use car_inference::StreamEvent;
use car_inference::stream::EventRef;
use napi::{Status, sys};

/// Which text of a call a delta belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strand {
    Text,
    Reasoning(usize),
    Arguments(usize),
}

impl Strand {
    pub fn event_ref(self, text: &str) -> EventRef<'_> {
        match self {
            Self::Text => EventRef::TextDelta(text),
            Self::Reasoning(index) => EventRef::ReasoningDelta { index, text },
            Self::Arguments(index) => EventRef::ToolCallDelta {
                index,
                arguments_delta: text,
            },
        }
    }
}

/// The halves carried over, one a strand. Almost always empty.
#[derive(Default)]
pub struct HalfPairs {
    halves: Vec<(Strand, u16)>,
}

impl HalfPairs {
    pub fn is_empty(&self) -> bool {
        self.halves.is_empty()
    }

    /// Puts a carried half before `units`, carries a trailing one over, and decodes the rest.
    pub fn join(&mut self, strand: Strand, mut units: Vec<u16>) -> String {
        if let Some(position) = self.halves.iter().position(|(known, _)| *known == strand) {
            // Keeps the order in which the others came: those that never meet their other are delivered in it.
            units.insert(0, self.halves.remove(position).1);
        }
        if let Some(last) = units.last().copied()
            && (0xD800..0xDC00).contains(&last)
        {
            units.pop();
            self.halves.push((strand, last));
        }
        String::from_utf16_lossy(&units)
    }

    /// Takes the halves that cannot meet their other any more once this event has passed.
    pub fn take_ended_by(&mut self, event: &StreamEvent) -> Self {
        let ends = |strand: Strand| match event {
            StreamEvent::Done { .. } => true,
            StreamEvent::ToolCallEnd { index, .. } => strand == Strand::Arguments(*index),
            StreamEvent::ReasoningDelta { index, .. } => strand == Strand::Reasoning(*index),
            _ => false,
        };
        Self {
            halves: self.halves.extract_if(.., |(strand, _)| ends(*strand)).collect(),
        }
    }

    /// The halves that never met their other, as the events that deliver them.
    pub fn flush(self) -> Vec<StreamEvent> {
        self.halves
            .into_iter()
            .map(|(strand, _)| strand.event_ref("\u{FFFD}").to_event())
            .collect()
    }
}

/// Reads a string as UTF-8 and hands it on without keeping it: short text never leaves the stack.
///
/// # Safety
/// `env` and `value` must be the ones of the callback that is running.
pub unsafe fn with_utf8<R>(
    env: sys::napi_env,
    value: sys::napi_value,
    work: impl FnOnce(&str) -> R,
) -> Result<R, Status> {
    const STACK_BYTES: usize = 512;
    let mut stack = [0u8; STACK_BYTES];
    let mut written = 0;
    // SAFETY: the buffer is as long as said; napi writes at most that, terminator included.
    let status =
        unsafe { sys::napi_get_value_string_utf8(env, value, stack.as_mut_ptr().cast(), STACK_BYTES, &mut written) };
    check(status)?;
    // A character has at most four bytes, so only a cut string can come this close to the end.
    if written < STACK_BYTES - 4 {
        return Ok(work(valid(&stack[..written])));
    }
    let mut length = 0;
    // SAFETY: with no buffer, napi only tells the length.
    check(unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length) })?;
    let mut heap = vec![0u8; length + 1];
    // SAFETY: as above.
    let status =
        unsafe { sys::napi_get_value_string_utf8(env, value, heap.as_mut_ptr().cast(), heap.len(), &mut written) };
    check(status)?;
    Ok(work(valid(&heap[..written])))
}

/// Reads a string as its UTF-16 units.
///
/// # Safety
/// As [`with_utf8`].
pub unsafe fn utf16(env: sys::napi_env, value: sys::napi_value) -> Result<Vec<u16>, Status> {
    let mut length = 0;
    // SAFETY: with no buffer, napi only tells the length.
    check(unsafe { sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &mut length) })?;
    let mut units = vec![0u16; length + 1];
    let mut written = 0;
    // SAFETY: the buffer is as long as said; napi writes at most that, terminator included.
    check(unsafe { sys::napi_get_value_string_utf16(env, value, units.as_mut_ptr(), units.len(), &mut written) })?;
    units.truncate(written);
    Ok(units)
}

fn valid(bytes: &[u8]) -> &str {
    // V8 writes well-formed UTF-8, replacing what it cannot express; nothing else must be able to reach the core.
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn check(status: sys::napi_status) -> Result<(), Status> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        failed => Err(failed),
    }
}
