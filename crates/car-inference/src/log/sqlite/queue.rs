//! What waits to be written: between the calls, which must not wait for a disk, and the one thread that does. Bounded in bytes.
//! Owns when the writer has to look; knows nothing of rows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

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
    /// How many calls have ended whose ending is not committed yet and is not awaited by a caller.
    unawaited_ends: u64,
}

impl State {
    fn put(&mut self, job: Job, bytes: usize) {
        self.jobs.push_back((bytes, job));
        self.bytes += bytes;
    }

    /// Queues the batches of the calls that have lingered longest.
    fn queue_lingering(&mut self, count: usize) {
        for _ in 0..count.min(self.lingering.len()) {
            if let Some((_, call)) = self.lingering.pop_front()
                && let Some(batch) = call.take_lingering()
            {
                let bytes = batch.bytes();
                self.put(Job::Batch(call, Box::new(batch)), bytes);
            }
        }
    }
}

/// What the writer takes.
pub(super) struct Work {
    pub jobs: VecDeque<Job>,
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
        match self.admit(bytes) {
            Ok(mut state) => {
                if matches!(job, Job::Flush(_)) {
                    // It answers when everything recorded before it is committed.
                    state.queue_lingering(usize::MAX);
                }
                self.append(&mut state, job, bytes, urgency);
                Ok(())
            }
            Err(error) => Err((job, error)),
        }
    }

    /// Appends the batch that a call is filling. If there is no room, the call keeps its batch.
    pub fn push_batch(&self, call: &Arc<OpenCall>) -> Result<(), LogError> {
        let mut state = self.admit(call.batch_bytes())?;
        if let Some(batch) = call.take_batch() {
            let bytes = batch.bytes();
            let job = Job::Batch(Arc::clone(call), Box::new(batch));
            self.append(&mut state, job, bytes, Urgency::Soon);
        }
        Ok(())
    }

    /// Waits until so many bytes may be queued.
    fn admit(&self, bytes: usize) -> Result<MutexGuard<'_, State>, LogError> {
        let mut state = self.state.lock();
        if state.bytes.saturating_add(bytes) > self.bytes_max && state.bytes > 0 {
            self.make_room(&mut state, bytes)?;
        }
        self.check()?;
        if state.closing {
            return Err(LogError::closed());
        }
        Ok(state)
    }

    fn append(&self, state: &mut State, job: Job, bytes: usize, urgency: Urgency) {
        state.unawaited_ends += u64::from(job.is_unawaited_end());
        state.put(job, bytes);
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
            self.wake(state, due);
        }
    }

    fn make_room(&self, state: &mut MutexGuard<'_, State>, bytes: usize) -> Result<(), LogError> {
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
        let is_ripe = state.lingering.front().is_some_and(|(due, _)| *due <= now);
        let ripe = state
            .lingering
            .partition_point(|(due, _)| state.closing || (is_ripe && *due <= now + WAVE));
        // Behind the jobs, because a call's start may be among them.
        state.queue_lingering(ripe);
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
        state.due = (!state.jobs.is_empty()).then_some(now);
        Work {
            jobs,
            last: state.closing && state.jobs.is_empty(),
        }
    }

    /// `count` endings that no caller awaits are committed.
    pub fn committed_unawaited(&self, ends: u64) {
        if ends > 0 {
            self.state.lock().unawaited_ends -= ends;
        }
    }

    /// How many endings were acknowledged and not committed. Final once the writer has ended.
    pub fn lost_ends(&self) -> u64 {
        self.state.lock().unawaited_ends
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

    use super::super::annotation::Annotation;
    use super::super::job::Job;
    use super::super::open_call::{News, OpenCall};
    use super::super::options::Durability;
    use super::{Queue, TAKE_BYTES_MAX, Urgency};
    use crate::log::{CallStart, Note};
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

    /// The jobs of the next piece of work, in their order.
    fn taken(queue: &Queue) -> String {
        let letter = |job: &Job| match job {
            Job::Start(_) => 's',
            Job::Batch(..) => 'b',
            Job::Flush(_) => 'f',
            _ => '?',
        };
        queue.take(None).jobs.iter().map(letter).collect()
    }

    fn record(call: &OpenCall) -> Option<News> {
        let note = Note {
            code: "code".into(),
            message: "message".into(),
        };
        call.put(|batch| batch.annotations.push((0, Annotation::Note(note))))
    }

    fn flush(queue: &Queue, bytes: usize) {
        let (reply, _) = oneshot::channel();
        queue.push(Job::Flush(reply), bytes, Urgency::Now).unwrap();
    }

    /// Callers that wait for room or for a commit do not wait for the whole queue.
    #[test]
    fn jobs_are_taken_in_pieces() {
        let queue = Queue::new(usize::MAX);
        for _ in 0..3 {
            flush(&queue, TAKE_BYTES_MAX);
        }
        assert_eq!([taken(&queue), taken(&queue), taken(&queue)], ["f", "f", "f"]);
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn a_flush_comes_after_everything_recorded_before_it() {
        let queue = Queue::new(usize::MAX);
        let call = call();
        let an_hour = Duration::from_secs(3_600);
        record(&call);
        queue.linger(Arc::clone(&call), an_hour).unwrap();
        for _ in 0..3 {
            flush(&queue, TAKE_BYTES_MAX);
        }
        assert_eq!(taken(&queue), "bf");
        assert!(record(&call).unwrap().lingers, "the queue is told of the call again");
        assert_eq!([taken(&queue), taken(&queue)], ["f", "f"]);
    }

    #[test]
    fn a_batch_that_lingers_does_not_wait_for_an_empty_queue() {
        let queue = Queue::new(usize::MAX);
        let call = call();
        let start = || {
            let job = Job::Start(Arc::clone(&call));
            queue.push(job, TAKE_BYTES_MAX, Urgency::Now).unwrap();
        };
        start();
        start();
        record(&call);
        queue.linger(Arc::clone(&call), Duration::ZERO).unwrap();
        assert_eq!(taken(&queue), "s");
        start();
        assert_eq!([taken(&queue), taken(&queue)], ["s", "bs"]);
    }
}
