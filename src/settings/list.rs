//! The list of all settings. Reading, documentation and checks are derived from it.

/// A setting: a row of the table in `docs/settings.md`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// Which programs read it.
    pub programs: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// The value if it is not set, or what happens if it is not.
    pub default: &'static str,
}

/// Generates a list of names for each group and the list of all settings.
macro_rules! settings {
    ($($(#[$doc:meta])* $group:ident: $programs:literal {
        $($key:literal: $meaning:literal, $default:literal;)*
    })*) => {
        $($(#[$doc])* pub const $group: &[&str] = &[$($key,)*];)*

        /// The names of all settings, by group. Unlike [`SETTINGS`], small enough for a component.
        pub const NAMES: &[&[&str]] = &[$($group,)*];

        /// Every setting, in the order of the documentation.
        pub const SETTINGS: &[Setting] = &[$($(Setting {
            key: $key,
            programs: $programs,
            meaning: $meaning,
            default: $default,
        },)*)*];
    };
}

settings! {
    /// Settings of the tools. The tools see no others.
    TOOLS: "tools" {
        "OGE_API_URL":
            "the URL of the computation API",
            "required by two tools";
        "OGE_DAG_URL":
            "the base URL of the DAG batch API",
            "required by four tools";
        "OGE_USER_ID":
            "the default of `user_id` of `execute_code_to_dag` and `execute_dag_workflow`",
            "required if none is passed";
        "OGE_USERNAME":
            "the default of `username` of `submit_batch_task` and `execute_dag_workflow`",
            "required if none is passed";
        "OGE_TIMEOUT_SECONDS":
            "the time limit of one attempt, for all tools",
            "30 to 300, by tool";
        "OGE_EXPIRED_CODES":
            "body codes that mean that the token has expired, comma separated",
            "`40003`";
        "OGE_ALLOWED_ORIGINS":
            "more origins that may get the token, comma separated",
            "none";
        "OGE_MAX_REPLY_BYTES":
            "the size of the largest response that is read",
            "`33554432`";
        "OGE_LOG":
            "`off`, `error`, `warn`, `info` or `debug`, on standard error",
            "`info`";
        "OGE_LOG_FORMAT":
            "`text`, or `json` for one object a line",
            "`text`";
        "OGE_UTC_OFFSET":
            "the offset of names that are made from the time",
            "`+08:00`";
    }
    /// Settings of the login. The token store reads them.
    LOGIN: "login" {
        "OGE_TOKEN_URL":
            "the URL that a token comes from",
            "required";
        "OGE_TOKEN_USERNAME":
            "the account's name",
            "required, except for `client_credentials`";
        "OGE_TOKEN_PASSWORD":
            "the account's password; a secret",
            "as the name";
        "OGE_CLIENT_ID":
            "the client's id",
            "required, except for `password`";
        "OGE_CLIENT_SECRET":
            "the client's secret; a secret",
            "as the id";
        "OGE_TOKEN_SCOPES":
            "the scopes to ask for",
            "`web`; none for RFC 6749";
        "OGE_TOKEN_GRANT":
            "`oge` (the platform's own login), `password` or `client_credentials` (RFC 6749)",
            "`client_credentials` if there is a client and no user, else `oge`";
        "OGE_TOKEN_CLIENT_AUTH":
            "how a client of RFC 6749 is authenticated: `basic` or `post`",
            "`basic`";
        "OGE_TOKEN":
            "a token to start with; a secret",
            "none";
    }
    /// Settings of components with a token store, and of the command.
    COMPONENTS: "components, `oge`" {
        "OGE_TOKEN_FILE":
            "the file that keeps the token between instances and processes, in a directory that the host opens",
            "components: none, so one login per instance; `oge`: `oge/token` in the user's state directory";
    }
    /// Settings of a token that machines share.
    ETCD: "login" {
        "OGE_TOKEN_ETCD":
            "the endpoints of an etcd cluster that keeps the token for several machines, comma separated; \
             see [scaling](scaling.md)",
            "none";
        "OGE_TOKEN_ETCD_KEY":
            "the start of its keys",
            "`oge/token`";
        "OGE_TOKEN_ETCD_USERNAME":
            "the user of etcd's own authentication",
            "none";
        "OGE_TOKEN_ETCD_PASSWORD":
            "that user's password; a secret",
            "as the name";
    }
    /// Settings that every program reads.
    ALL: "all" {
        "OGE_SETTINGS_FILE":
            "the settings file; see [below](#where-settings-come-from)",
            "`oge`, `oge-mcp`: `oge/site.env` in the user's configuration directory";
    }
    /// Settings of the reference host.
    HOST: "reference host, `oge`" {
        "OGE_CA_FILE":
            "a PEM file of more certificates to trust; see [Certificates](#certificates)",
            "none";
    }
    /// Settings of the MCP server over HTTP.
    MCP_HTTP: "MCP over HTTP" {
        "OGE_MCP_BEARER":
            "what a client sends as `Authorization: Bearer`; a secret",
            "none: every request gets 503";
        "OGE_MCP_UNAUTHENTICATED":
            "`1` permits every call that reaches the port",
            "`0`";
        "OGE_MCP_ALLOWED_ORIGINS":
            "origins of web pages that may call, comma separated; `:*` is any port",
            "loopback";
        "OGE_MCP_ALLOWED_HOSTS":
            "host names (`Host`) that clients may use, comma separated",
            "loopback";
    }
    /// Settings of the MCP server.
    MCP: "MCP" {
        "OGE_MCP_MAX_RESULT_BYTES":
            "the size of the largest result message; see [large results](long-jobs.md#large-results)",
            "`131072` with a place for larger ones, else `4194304`";
    }
}
