//! Makes signed checkpoints.

use ed25519_dalek::{Signer, SigningKey};

use super::chain::hex;
use super::checkpoint::Checkpoint;
use super::own_records::CheckpointRecord;
use super::store::{Store, now_us};
use crate::log::{LogError, LogErrorKind};

impl Store {
    /// Signs where the chain ends. The checkpoint has its own record, which commits to all records before it.
    pub fn checkpoint(&mut self, seed: &[u8; 32]) -> Result<Checkpoint, LogError> {
        let at_us = now_us();
        self.change(|store| {
            let root = hex(&store.tree.root());
            store.append_housekeeping("checkpoint", at_us, &CheckpointRecord { root })
        })?;
        // What is stated has to outlive a loss of power.
        self.sync()?;
        let key = SigningKey::from_bytes(seed);
        let mut checkpoint = Checkpoint {
            log_id: self.log_id.clone(),
            count: self.head.position,
            head: hex(&self.head.link),
            at_us,
            public_key: hex(key.verifying_key().as_bytes()),
            signature: String::new(),
        };
        let signature = key
            .try_sign(checkpoint.statement().as_bytes())
            .map_err(|error| LogError::new(LogErrorKind::Other, format!("the checkpoint cannot be signed: {error}")))?;
        checkpoint.signature = hex(&signature.to_bytes());
        Ok(checkpoint)
    }
}
