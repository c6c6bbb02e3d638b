//! The endpoints. Each reads a request without any state, and answers it with some.

pub(crate) mod add_task_record;
pub(crate) mod execute_code;
pub(crate) mod get_state;
pub(crate) mod other;
pub(crate) mod process;
mod token;

pub(crate) use token::Login;

use crate::options::TokenStyle;
use crate::received::Received;
use crate::response::Response;
use crate::route::Route;

/// What a well-formed request asks for.
pub(crate) enum Call {
    Process(process::Call),
    ExecuteCode(execute_code::Call),
    AddTaskRecord(add_task_record::Call),
    GetState(get_state::Call),
    Login(Login),
    Other,
}

/// What the request asks for, or the answer that says what is wrong with it.
pub(crate) fn read(request: &Received, style: TokenStyle) -> Result<Call, Response> {
    match request.route {
        Route::Process => request.json().map(Call::Process),
        Route::ExecuteCode => request.json().map(Call::ExecuteCode),
        Route::AddTaskRecord => request.json().map(Call::AddTaskRecord),
        Route::GetState => get_state::read(request).map(Call::GetState),
        Route::Token => token::read(request, style).map(Call::Login),
        Route::Other => other::read(request).map(|()| Call::Other),
    }
}
