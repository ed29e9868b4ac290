//! The codes of problems: what each means, and what to do.

use serde::Serialize;

/// One code.
#[derive(Debug, Serialize)]
pub(super) struct Code {
    #[serde(rename = "code")]
    name: &'static str,
    status: u16,
    what: &'static str,
    cure: &'static str,
}

const fn code(name: &'static str, status: u16, what: &'static str, cure: &'static str) -> Code {
    Code { name, status, what, cure }
}

/// All of them.
pub(super) const CODES: &[Code] = &[
    code(
        "bad_request",
        400,
        "A body, a query or a header cannot be read.",
        "`detail` says which part, and what it must be.",
    ),
    code(
        "host",
        403,
        "The request calls the server by a name that is not its own.",
        "Use the address it listens on.",
    ),
    code(
        "cross_site",
        403,
        "A page of another site sends this.",
        "Ask from a page of this server, or without a browser.",
    ),
    code("login", 401, "Somebody must log in here.", "Send a token as `Authorization: Bearer …`, or log in."),
    code("bad_token", 401, "The token is unknown, revoked, or too old.", "Ask an admin for a new one."),
    code(
        "wrong_password",
        401,
        "Name and password do not go together.",
        "Try again, or ask an admin for a new one.",
    ),
    code("csrf", 403, "A browser did not prove that a page of ours sends this.", "Load the page again."),
    code("role", 403, "Your role may not do this.", "An admin can grant a higher one."),
    code("not_granted", 403, "It is about DAGs that are not granted to you.", "An admin can grant them."),
    code("too_many_logins", 429, "Too many logins have failed.", "Try again after `Retry-After` seconds."),
    code(
        "not_found",
        404,
        "There is no such DAG, run, task, or address.",
        "Look it up in the list it should be in.",
    ),
    code("method", 405, "The address does not take this method.", "The list of routes says which it takes."),
    code(
        "not_enabled",
        409,
        "The DAG is not enabled, or its file is gone.",
        "Set `enabled: true`, or put the file back.",
    ),
    code(
        "overlap",
        409,
        "The DAG has a run at work, and `overlap` allows no other.",
        "Wait for its end, or cancel it.",
    ),
    code("not_now", 409, "As things are now it cannot be done.", "`detail` says what must happen first."),
    code(
        "key_in_use",
        409,
        "A request with the same Idempotency-Key is being answered.",
        "Ask again a moment later.",
    ),
    code(
        "too_long",
        413,
        "The body has more than 1 MiB.",
        "Hand over a path or an address in place of the data.",
    ),
    code("not_json", 415, "The body is no JSON by its own word.", "Send it as `application/json`."),
    code(
        "range",
        416,
        "A `Range` begins where the text has ended.",
        "`Content-Range` says how long it is; ask again when more has been written.",
    ),
    code(
        "bad_params",
        422,
        "The params are not what the DAG declares.",
        "`detail` names each param and what is wrong with it.",
    ),
    code("bad_hold", 422, "A maintenance window or a tick cannot be so.", "`detail` says why."),
    code("senseless", 422, "It is well formed, and there is nothing to do.", "`detail` says why."),
    code(
        "no_admin",
        422,
        "It would leave users without an admin: the first user must be one, and the last one stays.",
        "Make somebody else an admin first; `nightrun user` beside the store does it all the same.",
    ),
    code(
        "key_reused",
        422,
        "The Idempotency-Key came with another request within a day.",
        "Use a new key for each act.",
    ),
    code(
        "too_many",
        429,
        "Too many requests wait, streams are open, or long logs are searched.",
        "Ask again after `Retry-After` seconds.",
    ),
    code("internal", 500, "A fault of Nightrun.", "The log of the server says more; please report it."),
    code("unreadable", 500, "The store cannot be read.", "The log of the server says why."),
    code(
        "not_stored",
        503,
        "The store refuses to write.",
        "Do not ask again: it is done once the store writes. `/health` says what is wrong.",
    ),
    code("stopping", 503, "The server is stopping.", "Ask again after `Retry-After` seconds."),
    code("refused", 400, "The web server refused the request as it is.", "`status` and `detail` say why."),
];
