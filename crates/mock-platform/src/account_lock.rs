//! An account that is locked by failed logins.

use crate::response::Response;

/// How many failures in a row lock the account.
const MAX_FAILURES: u32 = 5;

/// Counts failed logins and responds to them like the public platform.
#[derive(Default)]
pub(crate) struct AccountLock {
    failures: u32,
}

impl AccountLock {
    pub(crate) fn is_locked(&self) -> bool {
        self.failures >= MAX_FAILURES
    }

    /// Records a login. Returns the response if it fails. In a locked account, right credentials fail too.
    pub(crate) fn check(&mut self, is_right: bool) -> Result<(), Response> {
        if !self.is_locked() {
            self.failures = if is_right { 0 } else { self.failures + 1 };
        }
        match MAX_FAILURES - self.failures {
            _ if self.failures == 0 => Ok(()),
            0 => Err(Response::code(50000, "账号已被锁定，请联系管理员")),
            left => {
                let message = format!("账号或密码错误，失败五次将被锁定。剩余失败次数: {left}");
                Err(Response::code(50000, &message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(checked: Result<(), Response>) -> String {
        checked.map_or_else(
            |response| String::from_utf8_lossy(&response.body).into_owned(),
            |()| String::new(),
        )
    }

    #[test]
    fn five_failures_in_a_row_lock_the_account_permanently() {
        let mut lock = AccountLock::default();
        for left in [4, 3, 2, 1] {
            assert!(body(lock.check(false)).contains(&format!("剩余失败次数: {left}")));
        }
        assert_eq!(body(lock.check(true)), "");
        for _ in 0..5 {
            assert!(!lock.is_locked());
            let _ = lock.check(false);
        }
        assert!(lock.is_locked() && body(lock.check(true)).contains("锁定，请联系"));
    }
}
