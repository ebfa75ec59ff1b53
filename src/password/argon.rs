//! Argon2 itself (RFC 9106): our parameters, the memory it works in, making and recomputing hashes.
//!
//! Promises: memory is reused between hashes and wiped when it is freed; there is never more of it than
//! the largest accepted hash needs.
//! Never: decides which hashes of others are accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::{Zeroize as _, Zeroizing};

use super::StoredHash;
use crate::secret::{Secret, random_bytes};

/// Memory of our own hashes, in KiB.
pub(super) const MEMORY: u32 = 65_536;
/// Passes of our own hashes.
pub(super) const PASSES: u32 = 3;
/// Lanes of our own hashes.
pub(super) const LANES: u32 = 4;
/// Bytes of our own salts.
pub(super) const SALT: usize = 16;
/// Bytes of our own hashes.
pub(super) const OUTPUT: usize = 32;

/// The blocks one thread hashes in.
pub(super) struct Memory {
    blocks: Vec<Block>,
    held: Arc<AtomicUsize>,
}

/// The operating system has no memory to give.
#[derive(Debug)]
pub(super) struct NoMemory;

impl Memory {
    /// Nothing yet. What it comes to hold is added to `held`, in bytes.
    pub(super) fn new(held: Arc<AtomicUsize>) -> Self {
        Self { blocks: Vec::new(), held }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// `count` blocks of whatever content.
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], NoMemory> {
        if self.blocks.len() < count {
            // Freed first, so that both are never held at once.
            self.free();
            self.blocks.try_reserve_exact(count).map_err(|_| NoMemory)?;
            self.blocks.resize(count, Block::new());
            self.held.fetch_add(count * Block::SIZE, Ordering::Relaxed);
        }
        self.blocks.get_mut(..count).ok_or(NoMemory)
    }

    /// Wipes it and gives it back.
    pub(super) fn free(&mut self) {
        self.held.fetch_sub(self.blocks.len() * Block::SIZE, Ordering::Relaxed);
        self.blocks.zeroize();
        self.blocks = Vec::new();
    }

    /// Gives it back if it is more than our own hashes need.
    fn shrink(&mut self) {
        if self.blocks.len() > MEMORY as usize {
            self.free();
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.free();
    }
}

/// What an Argon2 hash is computed from, besides the password.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) params: Params,
    pub(super) salt: Box<[u8]>,
}

impl Recipe {
    /// Our own, with a new salt.
    fn ours() -> Result<Self, NoMemory> {
        Ok(Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: Params::new(MEMORY, PASSES, LANES, Some(OUTPUT)).map_err(|_| NoMemory)?,
            salt: Box::new(random_bytes::<SALT>()),
        })
    }

    /// Whether a hash made now would have the same parameters.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.algorithm, Algorithm::Argon2id)
            && matches!(self.version, Version::V0x13)
            && self.params.m_cost() == MEMORY
            && self.params.t_cost() == PASSES
            && self.params.p_cost() == LANES
            && self.params.output_len() == Some(OUTPUT)
            && self.salt.len() >= SALT
    }

    /// The hash of `password` by this recipe.
    pub(super) fn compute(
        &self,
        password: &Secret,
        memory: &mut Memory,
    ) -> Result<Zeroizing<Vec<u8>>, NoMemory> {
        let mut output = Zeroizing::new(vec![0u8; self.params.output_len().unwrap_or(OUTPUT)]);
        let computed = Argon2::new(self.algorithm, self.version, self.params.clone())
            .hash_password_into_with_memory(
                password.reveal().as_bytes(),
                &self.salt,
                &mut output,
                memory.blocks(self.params.block_count())?,
            );
        memory.shrink();
        // The parameters were bounded when the recipe was made: nothing else can be wrong with them.
        computed.map_err(|_| NoMemory)?;
        Ok(output)
    }
}

/// A new hash of `password`.
pub(super) fn hash(password: &Secret, memory: &mut Memory) -> Result<StoredHash, NoMemory> {
    let recipe = Recipe::ours()?;
    let output = recipe.compute(password, memory)?;
    let text = format!(
        "$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${}${}",
        STANDARD_NO_PAD.encode(&recipe.salt),
        STANDARD_NO_PAD.encode(output.as_slice()),
    );
    Ok(StoredHash::ours(text, recipe, output))
}

/// The work of verifying `password`, for nothing.
pub(super) fn waste(password: &Secret, memory: &mut Memory) -> Result<(), NoMemory> {
    Recipe::ours()?.compute(password, memory).map(drop)
}
