//! The threads on which Rust drives calls that JavaScript does not, those whose runner lives in another thread; and on which
//! logs are read.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// The process's runtime, made when first needed. `None` when threads cannot be had.
pub fn runtime() -> Option<&'static Runtime> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(2)
                .max_blocking_threads(8)
                .thread_name("car-inference")
                .enable_time()
                .build()
                .ok()
        })
        .as_ref()
}
