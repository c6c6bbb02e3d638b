//! The endpoints. Each parses a request without state and responds to it with the state.

pub(crate) mod add_task_record;
pub(crate) mod execute_code;
pub(crate) mod get_state;
pub(crate) mod other;
pub(crate) mod process;
pub(crate) mod tile;
mod token;

pub(crate) use token::Login;

use crate::options::TokenStyle;
use crate::received::Received;
use crate::response::Response;
use crate::route::Route;

/// A parsed request.
pub(crate) enum Call {
    Process(process::Call),
    ExecuteCode(execute_code::Call),
    AddTaskRecord(add_task_record::Call),
    GetState(get_state::Call),
    Login(Login),
    Tile(tile::Call),
    Other,
}

/// Parses a request. Returns the response to a bad one as the error.
pub(crate) fn read(request: &Received, style: TokenStyle) -> Result<Call, Response> {
    match request.route {
        Route::Process => request.json().map(Call::Process),
        Route::ExecuteCode => request.json().map(Call::ExecuteCode),
        Route::AddTaskRecord => request.json().map(Call::AddTaskRecord),
        Route::GetState => get_state::read(request).map(Call::GetState),
        Route::Token => token::read(request, style).map(Call::Login),
        Route::Tile => tile::read(request).map(Call::Tile),
        Route::Other => other::read(request).map(|()| Call::Other),
    }
}
