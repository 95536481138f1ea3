mod configs;
mod mismatch;
mod search;
mod sessions;
