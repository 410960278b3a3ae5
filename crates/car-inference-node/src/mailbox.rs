//! The way from any thread to one environment's JavaScript: a queue, and one weak thread-safe function that says
//! "look". Wakes are coalesced; the function never keeps the process alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::Wake;

use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use parking_lot::Mutex;

use crate::hosted_run::HostedRun;
use crate::logs::LogHandle;
use crate::table::FOREIGN_MIN;

type Ring = ThreadsafeFunction<(), (), (), Status, false, true, 0>;

/// What an environment is told. `Mail` in `src/native.ts` has the same kinds.
pub enum Message {
    /// Run a runner of this environment for a call that lives elsewhere.
    Run(Box<HostedRun>),
    /// Abort a hosted run; with the failure's JSON.
    Stop(u32, String),
    /// A hosted run's consumer has room again.
    Drained(u32),
    /// A call's consumer has something to drain.
    Ready(u32),
    /// Rust no longer holds this runner.
    RunnerDropped(u32),
    /// A call's ending is committed.
    Sealed(u32),
    /// A hosted run's call is over without it; with the failure's JSON.
    Over(u32, String),
    /// A log's answer to a question; as JSON.
    Answer(u32, String),
    /// A log is open.
    Opened(u32, Box<LogHandle>),
}

impl Message {
    fn starts(&self, port: u32) -> bool {
        matches!(self, Self::Run(run) if run.port == port)
    }

    /// Whether it tells a hosted run something.
    fn is_about(&self, port: u32) -> bool {
        matches!(self, Self::Stop(told, _) | Self::Drained(told) | Self::Over(told, _) if *told == port)
    }
}

/// The environment has ended.
#[derive(Debug)]
pub struct Gone;

/// One environment's mailbox.
pub struct Mailbox {
    /// Tells environments apart.
    pub environment_id: u64,
    next_id: AtomicU32,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    messages: Vec<Message>,
    ring: Option<Ring>,
    rung: bool,
    closed: bool,
}

impl Queue {
    fn ring_once(&mut self) {
        if !self.rung
            && let Some(ring) = &self.ring
        {
            self.rung = ring.call((), ThreadsafeFunctionCallMode::NonBlocking) == Status::Ok;
        }
    }
}

impl Mailbox {
    pub fn new() -> Arc<Self> {
        static ENVIRONMENTS: AtomicU64 = AtomicU64::new(1);
        let environment_id = ENVIRONMENTS.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            environment_id,
            next_id: AtomicU32::new(0),
            queue: Mutex::default(),
        })
    }

    /// The number of a hosted run, which is given by the thread that asks for it.
    pub fn next_id(&self) -> u32 {
        FOREIGN_MIN + self.next_id.fetch_add(1, Ordering::Relaxed) % FOREIGN_MIN
    }

    pub fn connect(&self, ring: &Function<'_, (), ()>) -> napi::Result<()> {
        let ring = ring.build_threadsafe_function::<()>().weak::<true>().build()?;
        let old = {
            let mut queue = self.queue.lock();
            let old = queue.ring.replace(ring);
            // Whoever listened before may go away without having looked.
            queue.rung = false;
            if !queue.messages.is_empty() {
                queue.ring_once();
            }
            old
        };
        drop(old);
        Ok(())
    }

    /// Posts a message, unless the environment is gone.
    pub fn post(&self, message: Message) -> Result<(), Gone> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(Gone);
        }
        queue.messages.push(message);
        queue.ring_once();
        Ok(())
    }

    /// Takes back a run that the environment has not looked at yet, and what was said of it since. Returns whether it
    /// could: a thread that does not turn its loop must not collect the runs that nobody waits for any more.
    pub fn take_back(&self, port: u32) -> bool {
        let (run, others) = {
            let mut queue = self.queue.lock();
            let Some(at) = queue.messages.iter().position(|message| message.starts(port)) else {
                return false;
            };
            let run = queue.messages.remove(at);
            let others: Vec<_> = queue
                .messages
                .extract_if(.., |message| message.is_about(port))
                .collect();
            (run, others)
        };
        drop((run, others));
        true
    }

    pub fn take(&self) -> Vec<Message> {
        let mut queue = self.queue.lock();
        queue.rung = false;
        std::mem::take(&mut queue.messages)
    }

    /// The environment is going away: nothing is taken any more, and what was not taken is dropped.
    pub fn close(&self) {
        let (messages, ring) = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            (std::mem::take(&mut queue.messages), queue.ring.take())
        };
        drop((messages, ring));
    }
}

/// Tells the environment that a call has something to drain.
pub struct ReadyWaker {
    pub mailbox: Arc<Mailbox>,
    pub call: u32,
}

impl Wake for ReadyWaker {
    fn wake(self: Arc<Self>) {
        // An environment that is gone has no consumer to tell.
        let _gone = self.mailbox.post(Message::Ready(self.call));
    }
}
