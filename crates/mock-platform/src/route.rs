//! The platform's endpoints.

/// The path of the computation API.
pub(crate) const PROCESS: &str = "/gateway/computation-api/process";
/// The base path of the DAG batch API.
pub(crate) const DAG: &str = "/api/oge-dag-22";
/// The path of the token endpoint.
pub(crate) const TOKEN: &str = "/api/oauth/token";
/// The base path of map tiles.
pub(crate) const TILES: &str = "/oge-tiles/";

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
    /// `GET /oge-tiles/…`, the map tiles of a response. They need no token.
    Tile,
    /// Every other path: an echo after the same token check.
    Other,
}

impl Route {
    /// All routes.
    pub const ALL: [Self; 7] = [
        Self::Process,
        Self::ExecuteCode,
        Self::AddTaskRecord,
        Self::GetState,
        Self::Token,
        Self::Tile,
        Self::Other,
    ];

    /// Returns the route of a path, for any method.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match path {
            PROCESS => Self::Process,
            TOKEN => Self::Token,
            _ if path.starts_with(TILES) => Self::Tile,
            _ => match path.strip_prefix(DAG) {
                Some("/executeCode") => Self::ExecuteCode,
                Some("/addTaskRecord") => Self::AddTaskRecord,
                Some("/getState") => Self::GetState,
                _ => Self::Other,
            },
        }
    }

    /// Returns whether a request needs a valid token.
    pub(crate) fn needs_token(self) -> bool {
        !matches!(self, Self::Token | Self::Tile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_an_endpoint_only_as_documented() {
        for (path, route) in [
            ("/gateway/computation-api/process", Route::Process),
            ("/api/oge-dag-22/executeCode", Route::ExecuteCode),
            ("/api/oge-dag-22/addTaskRecord", Route::AddTaskRecord),
            ("/api/oge-dag-22/getState", Route::GetState),
            ("/api/oauth/token", Route::Token),
            ("/oge-tiles/aspect_1_2_3_4/0/0/0.png", Route::Tile),
            ("/oge-tiles/", Route::Tile),
            ("/oge-tiles", Route::Other),
            ("/api/oge-dag-22/getState/", Route::Other),
            ("/api/oge-dag-22getState", Route::Other),
            ("/api/oge-dag-22", Route::Other),
            ("/", Route::Other),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
