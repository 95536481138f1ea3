//! The integration tests of `flynn-aws`; modules mirror `src/`.

mod blobstore;
