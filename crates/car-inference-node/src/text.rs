//! Text from JavaScript. Its strings may end in half a surrogate pair that the next delta completes, which UTF-8
//! cannot hold: the half is carried over. A half that never meets its other is delivered as U+FFFD.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::ptr;

use car_inference::StreamEvent;
use car_inference::stream::EventRef;
use napi::{Status, sys};

/// Which text of a call a delta belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// The halves carried over, one a strand. Almost always empty; a call may have as many strands as tool calls.
#[derive(Default)]
pub struct HalfPairs {
    halves: BTreeMap<Strand, Half>,
    /// How many have come so far.
    count: u64,
}

struct Half {
    unit: u16,
    /// Those that never meet their other are delivered in the order in which they came.
    place: u64,
}

impl HalfPairs {
    pub fn is_empty(&self) -> bool {
        self.halves.is_empty()
    }

    /// Puts a carried half before `units`, carries a trailing one over, and decodes the rest.
    pub fn join(&mut self, strand: Strand, mut units: Vec<u16>) -> String {
        if let Some(half) = self.halves.remove(&strand) {
            units.insert(0, half.unit);
        }
        if let Some(last) = units.last().copied()
            && (0xD800..0xDC00).contains(&last)
        {
            units.pop();
            self.count += 1;
            let half = Half {
                unit: last,
                place: self.count,
            };
            self.halves.insert(strand, half);
        }
        String::from_utf16_lossy(&units)
    }

    /// Takes the halves that cannot meet their other any more once this event has passed.
    pub fn take_ended_by(&mut self, event: &StreamEvent) -> Self {
        let ended = match event {
            StreamEvent::Done { .. } => return std::mem::take(self),
            StreamEvent::ToolCallEnd { index, .. } => self.halves.remove_entry(&Strand::Arguments(*index)),
            StreamEvent::ReasoningDelta { index, .. } => self.halves.remove_entry(&Strand::Reasoning(*index)),
            _ => None,
        };
        Self {
            halves: ended.into_iter().collect(),
            count: self.count,
        }
    }

    /// The halves that never met their other, as the events that deliver them.
    pub fn flush(self) -> Vec<StreamEvent> {
        let mut halves: Vec<_> = self.halves.into_iter().collect();
        halves.sort_unstable_by_key(|(_, half)| half.place);
        halves
            .into_iter()
            .map(|(strand, _)| strand.event_ref("\u{FFFD}").to_event())
            .collect()
    }
}

/// Reads a string as UTF-8 and hands it on without keeping it: short text never leaves the stack. Text that may hold half
/// a surrogate pair is not handed on.
///
/// # Safety
/// `env` and `value` must be the ones of the callback that is running.
pub unsafe fn with_utf8<R>(
    env: sys::napi_env,
    value: sys::napi_value,
    work: impl FnOnce(&str) -> R,
) -> Result<Option<R>, Status> {
    // UTF-16 is what JavaScript has, and ASCII, which nearly all deltas are, is packed by a loop shorter than V8's writer.
    const STACK_UNITS: usize = 256;
    let mut stack = [MaybeUninit::<u16>::uninit(); STACK_UNITS];
    let mut written = 0;
    // SAFETY: the buffer is as long as said; napi writes at most that, terminator included.
    let status =
        unsafe { sys::napi_get_value_string_utf16(env, value, stack.as_mut_ptr().cast(), STACK_UNITS, &mut written) };
    check(status)?;
    // A string that fills the buffer may be longer.
    if written < STACK_UNITS - 1 {
        // SAFETY: napi has written so many units.
        let units = unsafe { std::slice::from_raw_parts(stack.as_ptr().cast::<u16>(), written) };
        let mut bytes = [MaybeUninit::<u8>::uninit(); STACK_UNITS];
        let mut beyond_ascii = 0;
        if let (true, Some(few)) = (written <= 8, bytes.first_chunk_mut::<8>()) {
            // V8 has just written the units one by one: a processor that reads several at once waits until all have arrived.
            let mut word = 0;
            for (place, unit) in units.iter().enumerate() {
                beyond_ascii |= *unit;
                word |= u64::from(*unit) << (place * 8);
            }
            *few = word.to_le_bytes().map(MaybeUninit::new);
        } else {
            for (byte, unit) in bytes.iter_mut().zip(units) {
                beyond_ascii |= *unit;
                byte.write(*unit as u8);
            }
        }
        if beyond_ascii < 0x80 {
            // SAFETY: so many bytes have been written, and ASCII is UTF-8.
            let text = unsafe {
                std::str::from_utf8_unchecked(std::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), written))
            };
            return Ok(Some(work(text)));
        }
        return Ok(String::from_utf16(units).ok().map(|text| work(&text)));
    }
    let mut length = 0;
    // SAFETY: with no buffer, napi only tells the length.
    check(unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length) })?;
    let mut heap = vec![0u8; length + 1];
    // SAFETY: the buffer is as long as said; napi writes at most that, terminator included.
    let status =
        unsafe { sys::napi_get_value_string_utf8(env, value, heap.as_mut_ptr().cast(), heap.len(), &mut written) };
    check(status)?;
    heap.truncate(written);
    // V8 writes U+FFFD for half a pair; a real one only costs the slower way.
    let text = String::from_utf8(heap).ok().filter(|text| !text.contains('\u{FFFD}'));
    Ok(text.map(|text| work(&text)))
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

fn check(status: sys::napi_status) -> Result<(), Status> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        failed => Err(failed),
    }
}
