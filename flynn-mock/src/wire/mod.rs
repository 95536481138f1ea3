//! The formats of the real server: requests and answers, Go's JSON, times, errors, schema checks, PEM and key pairs.

mod error;
mod go_time;
mod into;
mod json;
pub(crate) mod key_pair;
mod parse;
pub(crate) mod pem;
pub(crate) mod request;
mod schema;

pub(crate) use self::error::Fail;
pub(crate) use self::go_time::parse as go_time;
pub(crate) use self::json::{
    BodyRules, Fields, decode, decode_map, decode_without, sent, to_json, to_pretty_json,
};
pub(crate) use self::request::Request;
pub(crate) use self::schema::{
    Schemas, app_name, app_update, artifact, known_strategy, new_job, one_of, strategy, uri,
    wrong_type,
};
