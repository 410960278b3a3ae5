//! The time of an event. Events of one burst are less than a microsecond apart, and asking the system for the time takes a
//! good part of that: within a few microseconds, one reading does for all.

use tokio::time::Instant;

/// How many ticks of the processor's counter one reading is used for: two to eight microseconds.
#[cfg(target_arch = "x86_64")]
const FRESH_TICKS: u64 = 8_192;
/// How often one reading is used at most, whatever the counter says.
#[cfg(target_arch = "x86_64")]
const USES_MAX: u32 = 64;

pub struct EventClock {
    read: Instant,
    #[cfg(target_arch = "x86_64")]
    read_at_tick: u64,
    #[cfg(target_arch = "x86_64")]
    uses: u32,
}

impl EventClock {
    pub fn new() -> Self {
        Self {
            read: Instant::now(),
            #[cfg(target_arch = "x86_64")]
            read_at_tick: tick(),
            #[cfg(target_arch = "x86_64")]
            uses: 0,
        }
    }

    /// Now, or a few microseconds ago.
    #[cfg(target_arch = "x86_64")]
    pub fn now(&mut self) -> Instant {
        let tick = tick();
        self.uses += 1;
        // A counter of another core may be behind: the difference is then enormous.
        if tick.wrapping_sub(self.read_at_tick) > FRESH_TICKS || self.uses > USES_MAX {
            self.read = Instant::now();
            self.read_at_tick = tick;
            self.uses = 0;
        }
        self.read
    }

    /// Now.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn now(&mut self) -> Instant {
        self.read = Instant::now();
        self.read
    }
}

#[cfg(target_arch = "x86_64")]
fn tick() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}
