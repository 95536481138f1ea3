//! The tables of deliberate differences, each with its reason.

use super::differences::Difference;

/// Answers: decoded and encoded again.
pub(crate) const IN_ANSWERS: &[Difference] = &[
    Difference {
        call: "event release_deletion",
        what: "/release_deletion/remaining_apps",
        why: "null, where there were none, is an empty list to us",
    },
    Difference {
        call: "event release_deletion",
        what: "/release_deletion/deleted_files",
        why: "null, where there were none, is an empty list to us",
    },
    Difference {
        call: "event app_deletion",
        what: "/app_deletion/deleted_releases",
        why: "null, where the app had none, is an empty list to us",
    },
    Difference {
        call: "event app_deletion",
        what: "/app_deletion/deleted_resources",
        why: "null, where the app had none, is an empty list to us",
    },
];

/// Requests: ours against the recorded ones.
pub(crate) const IN_REQUESTS: &[Difference] = &[
    Difference {
        call: "GET /ca-cert",
        what: "header Accept",
        why: "theirs names no type; the answer is no JSON",
    },
    Difference {
        call: "GET /ping",
        what: "header Accept",
        why: "theirs asks for JSON or anything; the answer is empty",
    },
    Difference {
        call: "POST /apps",
        what: "/id",
        why: "ours chooses the id, to find the app when the answer is lost",
    },
    Difference { call: "POST /apps", what: "/meta", why: "theirs is null, which ours leaves out" },
    Difference {
        call: "POST /apps",
        what: "/name",
        why: "theirs is empty, which ours leaves out; the server makes a name up for both",
    },
    Difference {
        call: "POST /apps",
        what: "header Content-Type",
        why: "sent once by hand with a charset",
    },
    Difference { call: "POST /apps/:", what: "/id", why: "the server takes the app from the path" },
    Difference {
        call: "POST /apps/:",
        what: "/meta",
        why: "theirs is null, which changes nothing and which ours leaves out",
    },
    Difference {
        call: "POST /apps/:",
        what: "header Accept",
        why: "sent by hand for anything; the answer is JSON",
    },
    Difference {
        call: "POST /apps/:/meta",
        what: "/created_at",
        why: "theirs sends the whole app; the server reads meta alone",
    },
    Difference {
        call: "POST /apps/:/meta",
        what: "/deploy_timeout",
        why: "theirs sends the whole app; the server reads meta alone",
    },
    Difference {
        call: "POST /apps/:/meta",
        what: "/id",
        why: "theirs sends the whole app; the server reads meta alone",
    },
    Difference {
        call: "POST /apps/:/meta",
        what: "/name",
        why: "theirs sends the whole app; the server reads meta alone",
    },
    Difference {
        call: "POST /apps/:/meta",
        what: "/release",
        why: "theirs sends the whole app; the server reads meta alone",
    },
    Difference {
        call: "POST /apps/:/meta",
        what: "/strategy",
        why: "theirs sends the whole app; the server reads meta alone",
    },
    Difference {
        call: "POST /apps/:/meta",
        what: "/updated_at",
        why: "theirs sends the whole app; the server reads meta alone",
    },
    Difference {
        call: "DELETE /apps/:",
        what: "path",
        why: "ours goes by the id it has read, so that a name which is given away meanwhile is safe",
    },
    Difference {
        call: "DELETE /apps/:",
        what: "header Accept",
        why: "sent by hand for anything; the answer is empty",
    },
    Difference {
        call: "POST /apps/:/jobs",
        what: "/cmd",
        why: "the old twin of args; sent beside them it would be appended again by some servers",
    },
    Difference {
        call: "POST /apps/:/jobs",
        what: "/entrypoint",
        why: "the old twin of args; sent beside them it would replace them on some servers",
    },
    Difference {
        call: "POST /apps/:/jobs",
        what: "/meta",
        why: "ours marks the job, to find it when the answer is lost",
    },
    Difference {
        call: "POST /apps/:/jobs",
        what: "/partition",
        why: "placing a job in a partition is not offered; the CLI does it for its own backups",
    },
    Difference {
        call: "POST /apps/:/jobs",
        what: "header Accept",
        why: "theirs names no type when it upgrades; ours reads an error's JSON",
    },
    Difference {
        call: "GET /apps/:/log",
        what: "header Accept",
        why: "ours asks for events, which alone tell the end of a log from a lost connection",
    },
    Difference {
        call: "POST /releases",
        what: "/app_id",
        why: "theirs of v2016 has none; ours always says the app, which v2016 ignores",
    },
    Difference {
        call: "POST /releases",
        what: "/artifact",
        why: "the old twin of the first artifact, which servers fill in",
    },
    Difference {
        call: "POST /releases",
        what: "/created_at",
        why: "theirs copies the time of the release before; the server sets it",
    },
    Difference {
        call: "POST /releases",
        what: "/processes/*/resources/*/request",
        why: "theirs is null, which ours leaves out; the server fills the default in",
    },
    Difference {
        call: "POST /releases",
        what: "/processes/*/bogus",
        why: "sent by hand to see what becomes of it: nothing",
    },
    Difference {
        call: "POST /releases",
        what: "/env",
        why: "an empty map, sent by hand, which ours leaves out",
    },
    Difference {
        call: "POST /releases",
        what: "/env/*",
        why: "a null, sent by hand; ours has text only",
    },
    Difference {
        call: "PUT /apps/:/formations/:",
        what: "/app",
        why: "the server takes the app from the path",
    },
    Difference {
        call: "PUT /apps/:/formations/:",
        what: "/release",
        why: "the server takes the release from the path",
    },
    Difference {
        call: "PUT /apps/:/formations/:",
        what: "/created_at",
        why: "ours writes back what it read; the server ignores it",
    },
    Difference {
        call: "PUT /apps/:/formations/:",
        what: "/updated_at",
        why: "ours writes back what it read; the server ignores it",
    },
    Difference {
        call: "PUT /apps/:/formations/:",
        what: "/tags",
        why: "an empty map changes nothing, and ours leaves it out",
    },
    Difference {
        call: "PUT /apps/:/scale/:",
        what: "/id",
        why: "theirs is empty; the server makes one",
    },
    Difference {
        call: "PUT /apps/:/scale/:",
        what: "/app",
        why: "the server takes the app from the path",
    },
    Difference {
        call: "PUT /apps/:/scale/:",
        what: "/release",
        why: "the server takes the release from the path",
    },
    Difference {
        call: "PUT /apps/:/scale/:",
        what: "/created_at",
        why: "theirs is null; the server sets it",
    },
    Difference {
        call: "PUT /apps/:/scale/:",
        what: "/updated_at",
        why: "theirs is null; the server sets it",
    },
    Difference {
        call: "PUT /apps/:/scale/:",
        what: "/new_tags",
        why: "theirs is an empty map, which changes nothing",
    },
    Difference {
        call: "POST /apps/:/routes",
        what: "/created_at",
        why: "theirs is the zero time; the server sets it",
    },
    Difference {
        call: "POST /apps/:/routes",
        what: "/updated_at",
        why: "theirs is the zero time; the server sets it",
    },
    Difference {
        call: "POST /apps/:/routes",
        what: "/leader",
        why: "false, which theirs leaves out when sent by hand, as the CLI does not",
    },
    Difference {
        call: "POST /apps/:/routes",
        what: "/certificate",
        why: "the present form of theirs",
    },
    Difference {
        call: "POST /apps/:/routes",
        what: "/tls_cert",
        why: "the old form; ours sends the present one",
    },
    Difference {
        call: "POST /apps/:/routes",
        what: "/tls_key",
        why: "the old form; ours sends the present one",
    },
    Difference {
        call: "POST /apps/:/routes",
        what: "not sent",
        why: "a path without a route of / on its domain: ours says so before the server would",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/certificate",
        why: "ours always writes the certificate back; theirs loses it to live routers",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/tls_cert",
        why: "the old form; ours sends the present one",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/tls_key",
        why: "the old form; ours sends the present one",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/created_at",
        why: "a PUT replaces the whole route: ours writes all of it back, sent by hand it was not",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/drain_backends",
        why: "a PUT replaces the whole route: ours writes all of it back, sent by hand it was not",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/id",
        why: "a PUT replaces the whole route: ours writes all of it back, sent by hand it was not",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/leader",
        why: "a PUT replaces the whole route: ours writes all of it back, sent by hand it was not",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/parent_ref",
        why: "a PUT replaces the whole route: ours writes all of it back, sent by hand it was not",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/path",
        why: "a PUT replaces the whole route: ours writes all of it back, sent by hand it was not",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/updated_at",
        why: "a PUT replaces the whole route: ours writes all of it back, sent by hand it was not",
    },
    Difference {
        call: "PUT /apps/:/routes/:type/:",
        what: "/sticky",
        why: "false, which theirs leaves out",
    },
    Difference {
        call: "POST /providers/:/resources",
        what: "/config",
        why: "theirs is null, which ours leaves out; the server sends {} to the provider for both",
    },
    Difference { call: "PUT /domain", what: "/id", why: "theirs is empty; the server makes one" },
    Difference {
        call: "GET /events stream",
        what: "header Last-Event-Id",
        why: "theirs is 0, which replays nothing, as none does",
    },
    Difference {
        call: "GET /events stream",
        what: "query past",
        why: "ours resumes by Last-Event-Id alone, or leaves out the default",
    },
    Difference {
        call: "GET /events stream",
        what: "query count",
        why: "ours sends it with past alone: otherwise it does nothing, or drops missed events",
    },
    Difference {
        call: "GET /events",
        what: "header Last-Event-Id",
        why: "theirs is 0, which replays nothing, as none does",
    },
    Difference {
        call: "GET /apps",
        what: "query all",
        why: "the fork of September 2026 leaves out system apps without it",
    },
    Difference {
        call: "GET /events",
        what: "query count",
        why: "ours reads page by page and says how long one is",
    },
];

/// Recorded requests that no call of this crate sends: `what` is `Exchange::oddity`.
pub(crate) const NOT_OURS: &[Difference] = &[
    Difference {
        call: "DELETE /apps/:/routes/bogus",
        what: "",
        why: "an id without its kind: ours refuses it before anything is sent",
    },
    Difference {
        call: "GET /events stream",
        what: "key",
        why: "the key in the URL, which ends up in logs; gone from v20200803.1 on",
    },
    Difference {
        call: "GET /backup",
        what: "key",
        why: "the key in the URL, which ends up in logs; gone from v20200803.1 on",
    },
    Difference { call: "OPTIONS /apps", what: "", why: "for browsers: CORS" },
    Difference { call: "POST /apps", what: "body", why: "no JSON object, sent by hand" },
    Difference {
        call: "POST /apps",
        what: "",
        why: "an id of the caller's own, or a field that no server knows, sent by hand",
    },
    Difference { call: "POST /apps/:", what: "body", why: "an empty change, sent by hand" },
    Difference {
        call: "POST /apps/:",
        what: "",
        why: "a rename, which the server ignores, sent by hand",
    },
    Difference { call: "POST /releases", what: "body", why: "an empty release, sent by hand" },
    Difference {
        call: "POST /providers/:/resources",
        what: "body",
        why: "sent by hand; ours is the same with apps",
    },
    Difference {
        call: "POST /artifacts",
        what: "",
        why: "an id and a time of the caller's own, sent by hand",
    },
    Difference {
        call: "PUT /apps/:/formations/:",
        what: "body",
        why: "a PUT without counts stops every job; ours always sends counts",
    },
    Difference {
        call: "PUT /domain",
        what: "",
        why: "no domain: the server would migrate to none, ours refuses it",
    },
    Difference { call: "GET /apps", what: "query", why: "a parameter that the server ignores" },
    Difference { call: "GET /apps/:", what: "accept", why: "asked for HTML or anything by hand" },
    Difference {
        call: "GET /apps/:/log",
        what: "query",
        why: "a negative number of lines, which is none given",
    },
    Difference {
        call: "GET /events stream",
        what: "accept",
        why: "a list is only sent for the one exact type",
    },
    Difference {
        call: "GET /events stream",
        what: "query",
        why: "an error frame for parameters that ours does not send",
    },
    Difference { call: "GET /events", what: "query", why: "past does nothing to a list" },
    Difference {
        call: "GET /formations stream",
        what: "query",
        why: "no since: an error frame; ours always says since when",
    },
    Difference {
        call: "GET /sinks stream",
        what: "query",
        why: "no since: an error frame; ours always says since when",
    },
    Difference {
        call: "GET /volumes stream",
        what: "query",
        why: "no since: an error frame; ours always says since when",
    },
];
