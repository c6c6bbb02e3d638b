//! Classifies the response of a failed login.
//!
//! The platform locks an account after five failures, so a wrong password must not be classified as an
//! authority that is down. Any status and code can mean a wrong password, so the texts are searched too.

use crate::login::fields::LoginFields;
use crate::login::response::Kind;

/// Words for a password. Any of them means that the credentials were rejected.
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
/// Words for an account.
const ACCOUNT: &[&str] = &[
    "账号", "帐号", "账户", "帐户", "賬號", "帳號", "賬戶", "帳戶", "用户", "用戶", "account",
    "user",
];
/// Words for a login.
const LOGIN: &[&str] = &["登录", "登錄", "login", "log in", "sign in"];
/// The longest text that counts as a message to users.
const MAX_TEXT_BYTES: usize = 1024;
/// Words for a lock.
const LOCKED: &[&str] = &["锁定", "鎖定", "冻结", "locked"];

/// Classifies a response that is JSON or a text.
pub(crate) fn kind(status: u16, fields: &LoginFields) -> Kind {
    let password = any_text_has(fields, PASSWORD);
    let (account, locked) = (any_text_has(fields, ACCOUNT), any_text_has(fields, LOCKED));
    // Errors of a busy or broken authority also name users ("该用户请求过于频繁"), locks ("database is locked")
    // and attempts ("retry attempt 5 of 5"). Only a password or two of these mean the credentials.
    let login = account || any_text_has(fields, LOGIN);
    let tries = login && tries_left(fields.texts()).is_some();
    let surely = password || (account && locked) || tries;
    let perhaps = surely || account || locked;
    let rejected_or = |blamed, otherwise| if blamed { Kind::Rejected } else { otherwise };
    match (status, fields.code) {
        (400 | 401 | 403 | 423, _) => Kind::Rejected,
        (408 | 429 | 500..=599, _) => rejected_or(surely, Kind::Unavailable),
        (422, _) => rejected_or(perhaps, Kind::Failed),
        (200..=299, _) if fields.is_overload() => rejected_or(surely, Kind::Unavailable),
        (200..=299, Some(400..=499 | 40_000..=49_999)) => Kind::Rejected,
        (200..=299, Some(0 | 200..=299 | 20_000)) if !fields.denies_success => {
            rejected_or(surely, Kind::Unavailable)
        }
        (200..=299, None) if !fields.denies_success && !fields.hints_at_failure => {
            rejected_or(perhaps, Kind::Unavailable)
        }
        (200..=299, _) => rejected_or(perhaps, Kind::Failed),
        _ => rejected_or(perhaps, Kind::Unavailable),
    }
}

/// Classifies a response that is not JSON, and reads how many more logins are allowed. The text of a page is
/// ignored, because every login page has the word for a password.
pub(crate) fn without_json(status: u16, text: &str) -> (Kind, Option<u32>) {
    let is_page = text.trim_start().starts_with('<') || text.len() > MAX_TEXT_BYTES;
    let text = if is_page { "" } else { text };
    (kind(status, &LoginFields::plain(text)), tries_left([text]))
}

fn any_text_has(fields: &LoginFields, words: &[&str]) -> bool {
    fields.texts().any(|text| has_any(text, words))
}

/// Returns whether a text has a word, in any case. "blocked" and "unlocked" do not count as "locked".
fn has(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    text.windows(word.len()).enumerate().any(|(at, part)| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        part.eq_ignore_ascii_case(word)
            && !(word == b"locked" && before.is_some_and(u8::is_ascii_alphabetic))
    })
}

/// Reads how many more logins are allowed from texts such as `剩余失败次数: 4`, `还有2次机会` or
/// `3 attempts left`. Returns the smallest number if there are several.
pub(crate) fn tries_left<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<u32> {
    texts.into_iter().filter_map(tries_in).min()
}

fn tries_in(text: &str) -> Option<u32> {
    let clauses = || {
        text.split(['。', '，', '；', '！', '、', ',', ';', '!', '\n'])
            .flat_map(|part| part.split(". "))
    };
    let stated =
        clauses().filter_map(|clause| in_chinese(clause).or_else(|| in_english(clause))).min();
    // `密码错误5次将锁定，已错4次`
    let counted = || {
        let max = clauses().filter(|clause| clause.contains('次') && has_any(clause, LOCKED));
        let max = max.filter_map(|clause| numbers(clause).next()).next()?;
        let made =
            clauses().filter(|clause| has_any(clause, &["已错", "已失败", "已输错", "已连续"]));
        Some(max.saturating_sub(made.filter_map(|clause| numbers(clause).next()).next()?))
    };
    stated.or_else(counted)
}

fn in_chinese(clause: &str) -> Option<u32> {
    const LEFT: [&str; 12] = [
        "剩",
        "余",
        "还有",
        "還有",
        "还可",
        "还能",
        "还允许",
        "尚有",
        "可再",
        "再输",
        "再错",
        "再失败",
    ];
    const NONE: [&str; 4] = ["无剩余", "没有剩余", "没有机会", "无机会"];
    if !clause.contains('次') && !clause.contains("机会") {
        return None;
    }
    if has_any(clause, &NONE) {
        return Some(0);
    }
    let after = |mark: &&str| clause.split_once(*mark).map(|(_, after)| after);
    let number = LEFT.iter().filter_map(after).find_map(|after| numbers(after).next());
    match number {
        Some(number) if clause.contains("不足") => Some(number.saturating_sub(1)),
        None if clause.contains("最后") && clause.contains("机会") => Some(1),
        number => number,
    }
}

fn in_english(clause: &str) -> Option<u32> {
    const LEFT: [&str; 5] = ["remain", "remains", "remaining", "left", "more"];
    const TRIES: [&str; 8] =
        ["attempt", "attempts", "try", "tries", "chance", "chances", "login", "logins"];
    const WORDS: [&str; 6] = ["no", "one", "two", "three", "four", "five"];
    let is_one = |word: &str, of: &[&str]| of.iter().any(|known| word.eq_ignore_ascii_case(known));
    let number = |word: &str| {
        let spelled = (0..).zip(WORDS).find(|(_, known)| word.eq_ignore_ascii_case(known));
        word.parse().ok().or(spelled.map(|(number, _)| number))
    };
    let words = || {
        let words = clause.split(|character: char| !character.is_ascii_alphanumeric());
        words.filter(|word| !word.is_empty()).enumerate()
    };
    let places = |of: &'static [&'static str]| words().filter(move |(_, word)| is_one(word, of));
    // `attempts left`, `2 more failed attempts`
    let near = |left: usize| places(&TRIES).any(|(tries, _)| tries.abs_diff(left) <= 2);
    let left = places(&LEFT).map(|(left, _)| left).find(|left| near(*left));
    if let Some(left) = left {
        // In `2 of 5` the first number counts, else the number nearest to the word.
        let after_of = |at: usize| {
            at.checked_sub(1)
                .is_some_and(|at| words().nth(at).is_some_and(|(_, word)| word == "of"))
        };
        let numbers = words().filter_map(|(at, word)| Some((at, number(word)?)));
        let numbers = numbers.filter(|(at, _)| !after_of(*at));
        return numbers.min_by_key(|(at, _)| at.abs_diff(left)).map(|(_, number)| number);
    }
    if let Some((_, after)) = clause.split_once("remaining:") {
        return numbers(after).next();
    }
    let first = places(&TRIES).map(|(at, _)| at).next()?;
    let after = |steps: usize| words().nth(first + steps).map(|(_, word)| word);
    // `attempt 4 of 5`
    if let (Some(made), Some("of"), Some(max)) =
        (after(1).and_then(number), after(2), after(3).and_then(number))
    {
        return Some(max.saturating_sub(made));
    }
    let is_last = first.checked_sub(1).and_then(|at| words().nth(at)).map(|(_, word)| word);
    let is_last = is_last.is_some_and(|word| is_one(word, &["last", "final"]));
    (is_last && has(clause, "lock")).then_some(1)
}

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| has(text, word))
}

/// Returns the numbers in a text: in ASCII or full-width digits, or in Chinese up to ten.
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
    fn the_number_of_tries_left_is_read_from_texts() {
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
            ("再输错2次账号将被锁定", Some(2)),
            ("再错 1 次将锁定账户", Some(1)),
            ("尚有2次机会", Some(2)),
            ("尚余1次", Some(1)),
            ("余2次", Some(2)),
            ("可再尝试2次", Some(2)),
            ("还允许失败1次", Some(1)),
            ("密码错误，这是最后一次机会", Some(1)),
            ("已无剩余次数", Some(0)),
            ("您没有机会了", Some(0)),
            ("剩余次数不足3次", Some(2)),
            ("剩余机会:2", Some(2)),
            ("密码错误5次将锁定，已错4次", Some(1)),
            ("You have one attempt left", Some(1)),
            ("No attempts left", Some(0)),
            ("Last attempt before lockout", Some(1)),
            ("1 more failed login will lock the account", Some(1)),
            ("remaining: 1", Some(1)),
            ("attempt 4 of 5", Some(1)),
            ("You have 4 attempts left before your account is locked for 1 hour", Some(4)),
            ("Retry exhausted after last attempt with no recovery path", None),
            ("There are no more connections available - try again later", None),
            ("Your entry was left in country 7", None),
            ("最后一次登录: 2026-01-02", None),
            ("Last login: 5 days ago", None),
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
