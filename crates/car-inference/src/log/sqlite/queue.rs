//! What waits to be written: between the calls, which must not wait for a disk, and the one thread that does. Bounded in bytes.
//! Owns when the writer has to look; knows nothing of rows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::job::Job;
use super::open_call::OpenCall;
use super::store::now_us;
use super::waiting::refuse;
use crate::log::{LogError, LogErrorKind};

/// How long events may wait for others to share a row with.
pub(super) const LINGER: Duration = Duration::from_millis(50);
/// What has to be written within this time goes along with what is due: one wave writes the pages of many calls once.
const WAVE: Duration = Duration::from_millis(25);
/// How long an ending waits for others to share a commit with, when many calls are open. Each commit writes whole pages, most
/// of which the next one writes again.
const SHARE: Duration = Duration::from_millis(3);
/// So many calls with something to be written are many.
const MANY_CALLS: usize = 32;
/// How long somebody who records may wait for the writer to make room.
const STALL_MAX: Duration = Duration::from_secs(1);
/// So many bytes are worth writing at once.
const WORTHWHILE_BYTES: usize = 256 * 1024;
/// About so many bytes are written at once: whoever waits, for room or for a commit, waits for these and not for all that is
/// queued.
const TAKE_BYTES_MAX: usize = 1024 * 1024;
/// When more than this part of the queue is full, endings wait for their commit in every durability. This slows callers
/// down to the speed of the disk, long before a thread has to block or a call is refused.
const BEHIND_SHARE: usize = 8;

pub(super) struct Queue {
    state: Mutex<State>,
    /// The writer waits here.
    work: Condvar,
    /// Those who record wait here.
    room: Condvar,
    bytes_max: usize,
    /// When that was, in microseconds since the Unix epoch.
    failure: OnceLock<(LogError, i64)>,
}

#[derive(Default)]
struct State {
    /// Each with about how many bytes it holds.
    jobs: VecDeque<(usize, Job)>,
    bytes: usize,
    /// Calls with events in a batch that is not full, in the order in which these came, and when each has to be looked at.
    lingering: VecDeque<(Instant, Arc<OpenCall>)>,
    /// When the writer has to look at the jobs.
    due: Option<Instant>,
    /// When the writer last took something.
    taken: Option<Instant>,
    /// Somebody has waited for room in vain since the writer last took something.
    is_stalled: bool,
    /// Until when the writer sleeps.
    asleep: Option<Option<Instant>>,
    closing: bool,
}

/// What the writer takes.
pub(super) struct Work {
    pub jobs: VecDeque<Job>,
    /// Calls whose batch has waited long enough.
    pub ripe: Vec<Arc<OpenCall>>,
    /// No more will come.
    pub last: bool,
}

/// How soon a job has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Somebody waits for it.
    Now,
    /// Somebody waits for it who may share a commit with others.
    Shared,
    /// With what comes in the next milliseconds.
    Soon,
}

impl Queue {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            bytes_max,
            failure: OnceLock::new(),
        }
    }

    /// Why nothing is taken any more.
    pub fn failure(&self) -> Option<&LogError> {
        self.failure.get().map(|(error, _)| error)
    }

    /// When that began, in microseconds since the Unix epoch.
    pub fn failed_at_us(&self) -> Option<i64> {
        self.failure.get().map(|(_, at_us)| *at_us)
    }

    pub fn check(&self) -> Result<(), LogError> {
        self.failure().map_or(Ok(()), |error| Err(error.clone()))
    }

    pub fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// Whether records come faster than the disk can write them.
    pub fn is_behind(&self) -> bool {
        self.bytes() > self.bytes_max / BEHIND_SHARE
    }

    /// Appends a job. Blocks while the queue is full, for at most one second. If the job is refused, its waiter gets
    /// the reason.
    pub fn push(&self, job: Job, bytes: usize, urgency: Urgency) -> Result<(), LogError> {
        self.try_push(job, bytes, urgency).map_err(|(job, error)| {
            refuse(job, &error);
            error
        })
    }

    /// As [`push`](Self::push), but gives back a job that is not taken.
    pub fn try_push(&self, job: Job, bytes: usize, urgency: Urgency) -> Result<(), (Job, LogError)> {
        let mut state = self.state.lock();
        let is_full = state.bytes.saturating_add(bytes) > self.bytes_max && state.bytes > 0;
        let room = if is_full {
            self.make_room(&mut state, bytes)
        } else {
            Ok(())
        };
        let open = room.and_then(|()| self.check()).and_then(|()| match state.closing {
            true => Err(LogError::closed()),
            false => Ok(()),
        });
        if let Err(error) = open {
            return Err((job, error));
        }
        state.jobs.push_back((bytes, job));
        state.bytes += bytes;
        let now = Instant::now();
        let due = match urgency {
            _ if state.bytes >= WORTHWHILE_BYTES => now,
            Urgency::Now => now,
            Urgency::Shared if state.lingering.len() < MANY_CALLS => now,
            Urgency::Shared => state.taken.map_or(now, |taken| now.max(taken + SHARE)),
            Urgency::Soon => now + LINGER,
        };
        if state.due.is_none_or(|known| due < known) {
            state.due = Some(due);
            self.wake(&mut state, due);
        }
        Ok(())
    }

    fn make_room(&self, state: &mut parking_lot::MutexGuard<'_, State>, bytes: usize) -> Result<(), LogError> {
        let until = Instant::now() + STALL_MAX;
        while state.bytes > 0 && state.bytes.saturating_add(bytes) > self.bytes_max {
            self.check()?;
            if state.is_stalled {
                return Err(stalled(state.bytes));
            }
            state.due = Some(Instant::now());
            self.wake(state, Instant::now());
            if self.room.wait_until(state, until).timed_out() {
                // One wait is enough to know: nobody else is kept from what they do.
                state.is_stalled = true;
                return Err(stalled(state.bytes));
            }
        }
        Ok(())
    }

    /// Has the writer look at a call's batch within `linger`.
    pub fn linger(&self, call: Arc<OpenCall>, linger: Duration) -> Result<(), LogError> {
        let mut state = self.state.lock();
        self.check()?;
        if state.closing {
            return Err(LogError::closed());
        }
        let due = Instant::now() + linger;
        state.lingering.push_back((due, call));
        if state.lingering.len() == 1 {
            self.wake(&mut state, due);
        }
        Ok(())
    }

    fn wake(&self, state: &mut State, due: Instant) {
        if let Some(until) = state.asleep
            && until.is_none_or(|until| due < until)
        {
            state.asleep = None;
            self.work.notify_one();
        }
    }

    /// Waits until there is something to write, or `until`.
    pub fn take(&self, until: Option<Instant>) -> Work {
        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            let ripens = state.lingering.front().map(|(due, _)| *due);
            let next = [state.due, ripens, until].into_iter().flatten().min();
            if state.closing || next.is_some_and(|next| next <= now) {
                return self.take_now(&mut state, now);
            }
            state.asleep = Some(next);
            match next {
                Some(next) => drop(self.work.wait_until(&mut state, next)),
                None => self.work.wait(&mut state),
            }
            state.asleep = None;
        }
    }

    fn take_now(&self, state: &mut State, now: Instant) -> Work {
        let mut jobs = VecDeque::new();
        let mut bytes = 0;
        while bytes < TAKE_BYTES_MAX
            && let Some((job_bytes, job)) = state.jobs.pop_front()
        {
            bytes += job_bytes;
            jobs.push_back(job);
        }
        state.bytes -= bytes;
        self.room.notify_all();
        state.is_stalled = false;
        state.taken = Some(now);
        if !state.jobs.is_empty() {
            state.due = Some(now);
            // What lingers may belong to calls whose start is still in the queue.
            return Work {
                jobs,
                ripe: Vec::new(),
                last: false,
            };
        }
        state.due = None;
        let is_ripe = state.lingering.front().is_some_and(|(due, _)| *due <= now);
        let count = state
            .lingering
            .partition_point(|(due, _)| state.closing || (is_ripe && *due <= now + WAVE));
        let ripe = state.lingering.drain(..count).map(|(_, call)| call).collect();
        Work {
            jobs,
            ripe,
            last: state.closing,
        }
    }

    /// Has every batch that lingers be written with the next jobs.
    pub fn ripen_all(&self) {
        let mut state = self.state.lock();
        let now = Instant::now();
        for (due, _) in &mut state.lingering {
            *due = now;
        }
        if !state.lingering.is_empty() {
            self.wake(&mut state, now);
        }
    }

    /// No more is taken; the writer finishes.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closing = true;
        self.work.notify_one();
        self.room.notify_all();
    }

    /// Nothing is taken any more, because of this. Returns what waited.
    pub fn fail(&self, error: LogError) -> Vec<Job> {
        let mut state = self.state.lock();
        // The first failure is the cause of the others.
        let _known = self.failure.set((error, now_us()));
        state.lingering.clear();
        state.bytes = 0;
        self.room.notify_all();
        state.jobs.drain(..).map(|(_, job)| job).collect()
    }
}

fn stalled(bytes: usize) -> LogError {
    let message = format!("{bytes} bytes wait to be written and the disk takes none; the bound is `queueBytesMax`");
    LogError::new(LogErrorKind::QueueFull, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::super::job::Job;
    use super::super::open_call::OpenCall;
    use super::super::options::Durability;
    use super::{Queue, TAKE_BYTES_MAX, Urgency};
    use crate::log::CallStart;
    use crate::tasks::generate::GenerateRequest;

    fn call() -> Arc<OpenCall> {
        let start = CallStart {
            trace_id: "1".into(),
            model: "m".into(),
            hint: None,
            provider: None,
            started_at_us: 0,
            request: Arc::new(GenerateRequest::default()),
        };
        OpenCall::new(&start, Durability::Call)
    }

    /// Whoever waits for room or for a commit does not wait for all that is queued; and no event comes before its call's start.
    #[test]
    fn what_waits_is_taken_in_pieces_and_what_lingers_comes_with_the_last() {
        let queue = Queue::new(usize::MAX);
        queue.linger(call(), Duration::ZERO).unwrap();
        for _ in 0..3 {
            let (reply, _) = oneshot::channel();
            queue.push(Job::Flush(reply), TAKE_BYTES_MAX, Urgency::Now).unwrap();
        }
        let taken: Vec<_> = (0..3)
            .map(|_| queue.take(None))
            .map(|work| (work.jobs.len(), work.ripe.len()))
            .collect();
        assert_eq!(taken, [(1, 0), (1, 0), (1, 1)]);
        assert_eq!(queue.bytes(), 0);
    }
}
