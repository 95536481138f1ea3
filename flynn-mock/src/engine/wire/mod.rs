//! Go's JSON on the wire: decoding, encoding, errors, times, schema checks.

mod error;
mod go_time;
mod into;
mod json;
mod parse;
mod schema;
mod time;

pub(crate) use self::error::{Fail, Reply};
pub(crate) use self::go_time::parse as go_time;
pub(crate) use self::json::{
    decode, decode_grown, decode_map, empty, json, most_read, to_json, to_pretty_json,
};
pub(crate) use self::schema::{
    app_name, app_update, artifact, new_job, one_of, strategy, uri, wrong_type,
};
pub(crate) use self::time::Time;
