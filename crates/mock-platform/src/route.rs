//! The platform's endpoints.

/// The path of the computation API.
pub(crate) const PROCESS: &str = "/gateway/computation-api/process";
/// The base path of the DAG batch API.
pub(crate) const DAG: &str = "/api/oge-dag-22";
/// The path of the token endpoint.
pub(crate) const TOKEN: &str = "/api/oauth/token";

/// An endpoint of the platform. Faults are set and requests are counted by route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `POST /gateway/computation-api/process`, the computation API.
    Process,
    /// `POST /api/oge-dag-22/executeCode`.
    ExecuteCode,
    /// `POST /api/oge-dag-22/addTaskRecord`.
    AddTaskRecord,
    /// `GET /api/oge-dag-22/getState`.
    GetState,
    /// `POST /api/oauth/token`, which issues tokens.
    Token,
    /// Every other path: an echo after the same token check.
    Other,
}

impl Route {
    /// All routes.
    pub const ALL: [Self; 6] = [
        Self::Process,
        Self::ExecuteCode,
        Self::AddTaskRecord,
        Self::GetState,
        Self::Token,
        Self::Other,
    ];

    /// Returns the route of a path, for any method.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match path {
            PROCESS => Self::Process,
            TOKEN => Self::Token,
            _ => match path.strip_prefix(DAG) {
                Some("/executeCode") => Self::ExecuteCode,
                Some("/addTaskRecord") => Self::AddTaskRecord,
                Some("/getState") => Self::GetState,
                _ => Self::Other,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_path_is_an_endpoint() {
        for (path, route) in [
            ("/gateway/computation-api/process", Route::Process),
            ("/api/oge-dag-22/executeCode", Route::ExecuteCode),
            ("/api/oge-dag-22/addTaskRecord", Route::AddTaskRecord),
            ("/api/oge-dag-22/getState", Route::GetState),
            ("/api/oauth/token", Route::Token),
            ("/api/oge-dag-22/getState/", Route::Other),
            ("/api/oge-dag-22getState", Route::Other),
            ("/api/oge-dag-22", Route::Other),
            ("/", Route::Other),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
