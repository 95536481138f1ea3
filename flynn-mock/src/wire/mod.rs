//! What the real server reads and writes: requests and answers, Go's JSON, times, errors, schema
//! checks, PEM and key pairs.

mod error;
mod go_time;
pub(crate) mod http;
mod into;
mod json;
pub(crate) mod key_pair;
mod parse;
pub(crate) mod pem;
mod schema;
mod time;

pub(crate) use self::error::{Fail, Reply};
pub(crate) use self::go_time::parse as go_time;
pub(crate) use self::json::{
    decode, decode_grown, decode_map, empty, json, jsonb, most_read, to_json, to_pretty_json,
};
pub(crate) use self::schema::{
    app_name, app_update, artifact, new_job, one_of, strategy, uri, wrong_type,
};
pub(crate) use self::time::Time;
