//! Users: stands here only so that `import` compiles on its own.

pub mod import;
