//! The result envelope that MCP clients get for every tool. It is the old server's.

use alloc::string::String;
use core::time::Duration;

use serde::Serialize;

use crate::error::Failure;
use crate::json;
use crate::tools::{Completed, Tool};

/// The envelope. Its fields are in the old server's order.
#[derive(Clone, Debug, Serialize)]
pub struct Envelope<T> {
    success: bool,
    code: u8,
    msg: String,
    data: Option<T>,
    operation: &'static str,
    execution_time: Option<f64>,
    api_endpoint: &'static str,
}

impl<T: Serialize> Envelope<T> {
    /// Returns the envelope of a tool's result.
    #[must_use]
    pub fn of<U: Tool<Output = T>>(result: Result<Completed<T>, &Failure>) -> Self {
        match result {
            Ok(mut done) => {
                let success = U::failure(&mut done.output).is_none();
                let msg = U::message(&done.output);
                Self::with_data::<U>(success, msg, done.elapsed, done.output)
            }
            Err(failure) => Self::failed::<U>(failure),
        }
    }

    /// Returns the envelope of a call that failed and did nothing.
    pub(crate) fn failed<U: Tool>(failure: &Failure) -> Self {
        Self {
            success: false,
            code: 1,
            msg: U::failure_message(failure),
            data: None,
            operation: U::OPERATION,
            execution_time: None,
            api_endpoint: "oge",
        }
    }

    fn with_data<U: Tool>(success: bool, msg: String, elapsed: Duration, data: T) -> Self {
        Self {
            success,
            code: (!success).into(),
            msg,
            data: Some(data),
            operation: U::OPERATION,
            execution_time: Some(seconds(elapsed)),
            api_endpoint: U::ENDPOINT,
        }
    }

    /// Returns the tool's result, if the call succeeded.
    #[must_use]
    pub const fn data(&self) -> Option<&T> {
        self.data.as_ref()
    }

    /// Returns the envelope with `null` in place of the tool's result.
    #[must_use]
    pub fn without_data(&self) -> Self {
        let Self { success, code, ref msg, operation, execution_time, api_endpoint, .. } = *self;
        let msg = msg.clone();
        Self { success, code, msg, data: None, operation, execution_time, api_endpoint }
    }

    /// Returns the envelope as compact JSON, raw UTF-8.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Never fails: `data` was read from JSON or is made of strings.
        json::compact(&serde_json::to_string(self).unwrap_or_default())
    }
}

impl<'a, T: Serialize> Envelope<&'a T> {
    /// Returns the envelope of a step that succeeded.
    pub(crate) fn of_step<U: Tool<Output = T>>(done: &'a Completed<T>) -> Self {
        Self::with_data::<U>(true, U::message(&done.output), done.elapsed, &done.output)
    }
}

/// Returns the time in seconds, in whole milliseconds.
pub(crate) fn seconds(elapsed: Duration) -> f64 {
    let milliseconds = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
    f64::from(milliseconds) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;
    use crate::tools::{Computation, RunBigQuery};

    #[test]
    fn success_keeps_the_platforms_json_and_the_old_order() {
        let data = "{\"b\": 1.0,\n \"a\": [1e-7, \"坡 \\\\\\\" x\"]}".into();
        let done = Completed {
            output: Computation { data },
            attempts: 2,
            elapsed: Duration::from_micros(2_344_600),
        };
        assert_eq!(
            Envelope::of::<RunBigQuery>(Ok(done)).to_json(),
            r#"{"success":true,"code":0,"msg":"大数据查询执行成功","data":{"b":1.0,"a":[1e-7,"坡 \\\" x"]},"operation":"大数据查询","execution_time":2.344,"api_endpoint":"intranet"}"#
        );
    }

    #[test]
    fn failure_has_neither_data_nor_time() {
        let failure = Failure::new(FailureKind::Timeout, "大数据查询", "why");
        assert_eq!(
            Envelope::of::<RunBigQuery>(Err(&failure)).to_json(),
            r#"{"success":false,"code":1,"msg":"大数据查询失败: why","data":null,"operation":"大数据查询","execution_time":null,"api_endpoint":"oge"}"#
        );
    }
}
