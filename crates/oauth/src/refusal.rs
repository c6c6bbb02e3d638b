//! Which kind of failure a login's response is.
//!
//! The platform locks an account after five failures, so a wrong password must not be taken for an
//! authority that is down. It may come with any status and any code; what the response says decides.

use crate::answer::Kind;
use crate::said::Said;

/// Words that speak of a password, wherever they are.
const PASSWORD: &[&str] = &[
    "密码",
    "密碼",
    "口令",
    "password",
    "passwd",
    "credential",
    "invalid_grant",
    "invalid_client",
];
/// Words that speak of an account.
const ACCOUNT: &[&str] = &[
    "账号", "帐号", "账户", "帐户", "賬號", "帳號", "賬戶", "帳戶", "用户", "用戶", "account",
    "user",
];
/// Words that speak of a lock.
const LOCKED: &[&str] = &["锁定", "鎖定", "冻结", "locked"];

/// The kind of a failure whose response is JSON.
pub(crate) fn kind(status: u16, said: &Said) -> Kind {
    let password = says(said, PASSWORD);
    let (account, locked) = (says(said, ACCOUNT), says(said, LOCKED));
    // An authority that is busy or broken names users ("该用户请求过于频繁") and locks ("database is
    // locked") too. Only a password, or an account and a lock together, mean the credentials then.
    let surely = password || (account && locked) || tries_left(said.texts()).is_some();
    let perhaps = surely || account || locked;
    let rejected_or = |blamed, otherwise| if blamed { Kind::Rejected } else { otherwise };
    match (status, said.code) {
        (400 | 401 | 403 | 423, _) => Kind::Rejected,
        (408 | 429 | 500..=599, _) => rejected_or(surely, Kind::Unavailable),
        (200, _) if said.is_overload() => rejected_or(surely, Kind::Unavailable),
        (200, Some(400..=499 | 40_000..=49_999)) => Kind::Rejected,
        (200, Some(0 | 200..=299 | 20_000)) if !said.denies_success => {
            rejected_or(surely, Kind::Unavailable)
        }
        (200, None) if !said.denies_success && !said.hints_at_failure => {
            rejected_or(perhaps, Kind::Unavailable)
        }
        (200, _) => rejected_or(perhaps, Kind::Failed),
        _ => rejected_or(perhaps, Kind::Unavailable),
    }
}

/// The kind of a failure whose response is a page, plain text or nothing.
pub(crate) fn without_json(status: u16) -> Kind {
    match status {
        400 | 401 | 403 => Kind::Rejected,
        _ => Kind::Unavailable,
    }
}

fn says(said: &Said, words: &[&str]) -> bool {
    said.texts().any(|text| words.iter().any(|word| has(text, word)))
}

/// Whether a text has a word, in any case. "blocked" and "unlocked" do not have "locked".
fn has(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    text.windows(word.len()).enumerate().any(|(at, part)| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        part.eq_ignore_ascii_case(word)
            && !(word == b"locked" && before.is_some_and(u8::is_ascii_alphabetic))
    })
}

/// How many more logins the texts say are allowed, such as `剩余失败次数: 4`, `还有2次机会`,
/// `3 attempts left`. The smallest number, if they say several.
pub(crate) fn tries_left<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<u32> {
    let clauses = texts.into_iter().flat_map(|text| {
        text.split(['。', '，', '；', '！', '、', ',', ';', '!', '\n'])
            .flat_map(|part| part.split(". "))
    });
    clauses.filter_map(tries_in_clause).min()
}

fn tries_in_clause(clause: &str) -> Option<u32> {
    const LEFT: [&str; 5] = ["剩", "还有", "還有", "还可", "还能"];
    const LEFT_ENGLISH: [&str; 3] = ["remain", "left", "more"];
    const TRIES: [&str; 4] = ["attempt", "tries", "try", "chance"];
    if clause.contains('次') {
        let after = LEFT.iter().filter_map(|mark| clause.split_once(mark)).next()?.1;
        return numbers(after).next();
    }
    let has_any = |words: &[&str]| words.iter().any(|word| has(clause, word));
    (has_any(&LEFT_ENGLISH) && has_any(&TRIES)).then(|| numbers(clause).min())?
}

/// The numbers in a text, in digits of ASCII, of full width, or in Chinese up to ten.
fn numbers(text: &str) -> impl Iterator<Item = u32> {
    let digit = |character: char| match character {
        '０'..='９' => Some(character as u32 - '０' as u32),
        '两' => Some(2),
        _ => character.to_digit(10).or_else(|| {
            "零一二三四五六七八九十"
                .chars()
                .zip(0..)
                .find(|(known, _)| *known == character)
                .map(|(_, n)| n)
        }),
    };
    text.split(move |character| digit(character).is_none()).filter_map(move |number| {
        let mut digits = number.chars().filter_map(digit).peekable();
        digits.peek()?;
        digits.try_fold(0_u32, |sum, digit| sum.checked_mul(10)?.checked_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tries_that_are_left_are_read() {
        for (text, expected) in [
            ("账号或密码错误，失败五次将被锁定。剩余失败次数: 4", Some(4)),
            ("密码错误5次将锁定，剩余2次", Some(2)),
            ("还有 3 次机会", Some(3)),
            ("您还可以尝试１０次", Some(10)),
            ("还剩两次机会", Some(2)),
            ("剩余次数：0", Some(0)),
            ("Bad credentials. 4 attempts remaining before a lock of 30 minutes", Some(4)),
            ("You have 2 more tries", Some(2)),
            ("Login failed; attempts left: 1", Some(1)),
            ("2 of 5 attempts remain", Some(2)),
            ("Try again in 5 minutes", None),
            ("失败五次将被锁定", None),
            ("还有30分钟解锁", None),
            ("剩余99999999999次", None),
            ("", None),
        ] {
            assert_eq!(tries_left([text]), expected, "{text}");
        }
    }
}
