use super::*;
use crate::url::Url;
use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::ToString as _;
use proptest::prelude::*;

const TOKEN: &str = "Bearer eyJhbGciOiJIUzI1NiJ9.MARKER.c2lnbmF0dXJl";

fn redactor() -> Redactor {
    Redactor::default().hide_authorization(&Secret::new(TOKEN))
}

fn hiding(secret: &str) -> Redactor {
    Redactor::default().hide(&Secret::new(secret))
}

#[test]
fn a_token_is_hidden_with_and_without_its_scheme() {
    let bare = TOKEN.trim_start_matches("Bearer ");
    assert_eq!(redactor().excerpt(&format!("got {TOKEN}!")), "got ***!");
    assert_eq!(redactor().excerpt(&format!("got {bare}!")), "got ***!");
    assert_eq!(redactor().excerpt("Bearer eyJhbGciOiJ"), "***");
}

#[test]
fn the_start_of_a_token_is_hidden() {
    assert_eq!(redactor().excerpt("bad token eyJhbGciOiJIUzI1…"), "bad token ***…");
}

#[test]
fn a_piece_from_the_middle_of_a_token_is_hidden() {
    assert_eq!(redactor().excerpt("…ciOiJIUzI1NiJ9.MAR…"), "…***…");
    let pieces = ["Bearer eyJhbGci", "OiJIUzI1NiJ9.MA", "RKER.c2lnbmF0dXJl"];
    assert_eq!(redactor().excerpt(&pieces.join("\n")), "***\n***\n***");
    assert_eq!(redactor().excerpt(&pieces.join("\",\"")), "***\",\"***\",\"***");
}

#[test]
fn what_remains_of_a_similar_token_is_hidden() {
    let [known, other] = ["a1b2c3d4e5f", "f5e4d3c2b1a"]
        .map(|id| format!("eyJhbGciOiJIUzI1NiJ9.{id}.c2lnbmF0dXJl-{id}"));
    let redactor = Redactor::default().hide_authorization(&Secret::new(format!("Bearer {known}")));
    assert_eq!(redactor.excerpt(&format!("bad {other}!")), "bad ***!");
    assert_eq!(redactor.excerpt(&format!("bad {known} words")), "bad *** words");
    assert_eq!(redactor.excerpt(&format!("{known}-and-12-bytes")), "***-and-12-bytes");
    assert_eq!(redactor.excerpt(&format!("https://h/{known}/abc")), "https://h/***/abc");
    assert_eq!(redactor.excerpt(&format!(r"a\n{known}")), r"a\n***");
}

#[test]
fn remains_that_are_found_with_their_own_token_are_left_whole() {
    let [known, other] = ["YTFiMmMz.c2lnbmF0dXJl", "OTk5OTl9.Zx9kQ2mVb+Gh/Jk"]
        .map(|end| format!("eyJhbGciOiJIUzI1NiJ9.c2hhcmVkLXN0YXJ0{end}"));
    let one = Redactor::default().hide_authorization(&Secret::new(known));
    let both = one.clone().hide_authorization(&Secret::new(other.as_str()));
    for bytes in 25..other.len() {
        let cut = prefix(&other, bytes);
        for end in ["…", ", sorry", "!"] {
            let seen = both.excerpt(&one.excerpt(&format!("bad {cut}{end}")));
            assert_eq!(seen.replace('*', ""), format!("bad {end}"), "{cut}");
        }
    }
}

#[test]
fn a_token_is_hidden_in_any_case() {
    assert_eq!(redactor().excerpt(&TOKEN.to_uppercase()), "***");
    assert_eq!(redactor().excerpt(&TOKEN.to_lowercase()), "***");
}

#[test]
fn a_password_is_hidden_in_url_and_json_escapes() {
    let redactor = hiding("p\"w&d 1坡");
    for spelled in [
        "p%22w%26d%201%E5%9D%A1",
        "p%22w%26d+1%e5%9d%a1",
        "p%2522w%2526d%25201%25E5%259D%25A1",
        r#"p\"w&d 1坡"#,
        r#"p\"w\u0026d 1\u5761"#,
        r#"p\\\"w\\u0026d 1\\u5761"#,
        r"\u0070\u0022\u0077\u0026\u0064\u0020\u0031\u5761",
        r"p\x22w\x26d\x201\xe5\x9d\xa1",
        "P\"W&D 1坡",
    ] {
        assert_eq!(redactor.excerpt(&format!("?a={spelled};")), "?a=***;", "{spelled}");
    }
}

#[test]
fn a_single_part_of_a_jwt_is_hidden() {
    let token = Secret::new("Bearer eyJhbGciOiJIUzI1NiJ9.cGF5bG9hZDEyMzQ.c2lnbmF0");
    let excerpt = Redactor::default()
        .hide_authorization(&token)
        .excerpt("bad signature c2lnbmF0 of cGF5bG9hZDEyMzQ");
    assert_eq!(excerpt, "bad signature *** of ***");
}

#[test]
fn text_is_cut_between_characters() {
    let text = "坡".repeat(EXCERPT_BYTES);
    let excerpt = redactor().excerpt(&text);
    assert!(excerpt.ends_with('…') && excerpt.len() <= EXCERPT_BYTES + '…'.len_utf8());
}

#[test]
fn a_secret_at_the_end_of_the_examined_text_is_hidden() {
    // Hidden text is short, so the end of the examined text is shown.
    let hidden = TOKEN.repeat(EXCERPT_BYTES / TOKEN.len());
    for beyond in 0..TOKEN.len() {
        let filler = "x".repeat(2 * EXCERPT_BYTES - hidden.len() - beyond);
        let shown = redactor().excerpt(&format!("{hidden}{filler}{TOKEN}"));
        assert!(!shown.to_lowercase().contains("be"), "{beyond}: {shown}");
    }
}

#[test]
fn an_escaped_secret_at_the_end_of_the_examined_text_is_hidden() {
    let password = r#"p"w&d123"#;
    let utf16 = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let once: String = utf16(password);
    let twice: String = utf16(&once);
    for spelled in [password, &once, &twice] {
        for beyond in 0..spelled.len() {
            // Hidden text is short, so the end of the examined text is shown.
            let hidden = TOKEN.repeat(3000 / TOKEN.len());
            let filler = "x".repeat(2 * EXCERPT_BYTES - hidden.len() - beyond);
            let redactor = redactor().hide(&Secret::new(password));
            let shown = redactor.excerpt(&format!("{hidden}{filler}{spelled}"));
            let expected = format!("***{filler}{}…", if beyond == 0 { "" } else { "***" });
            assert_eq!(shown, expected, "{beyond} of {spelled}");
        }
    }
}

#[test]
fn the_start_of_a_secret_before_a_cut_is_hidden() {
    let redactor = hiding("Passw0rd");
    for (text, shown) in [
        ("not Passw…", "not ***…"),
        ("not passw0r… but", "not ***… but"),
        (r"not Pas\u2026", r"not ***\u2026"),
        ("Passw. Pa… word…", "Passw. Pa… word…"),
    ] {
        assert_eq!(redactor.excerpt(text), shown);
    }
    assert_eq!(self::redactor().excerpt("bad token eyJhbGciOi…"), "bad token ***…");
}

#[test]
fn several_secrets_are_hidden_in_one_text() {
    let redactor = redactor().hide(&Secret::new("pw")).hide(&Secret::new("client-secret-93d2"));
    let text = "pw, client-secret-93d2, eyJhbGciOiJIUzI1NiJ9";
    assert_eq!(redactor.excerpt(text), "***, ***, ***");
}

#[test]
fn names_of_settings_are_not_hidden() {
    let text = "check OGE_TOKEN_PASSWORD, OGE_CLIENT_SECRET: wrong password, secret";
    let redactor = hiding("password").hide(&Secret::new("secret"));
    let shown = "check OGE_TOKEN_PASSWORD, OGE_CLIENT_SECRET: wrong ***, ***";
    assert_eq!(redactor.excerpt(text), shown);
    assert_eq!(redactor.excerpt("OGE_PASSWORD=password"), "OGE_***=***", "that is no setting");
}

#[test]
fn a_short_secret_is_hidden_as_a_whole_word() {
    for (secret, text, shown) in [
        ("oge", "oge: OGE_API_URL, \"Oge\", ogee, (oge)", "***: OGE_API_URL, \"***\", ogee, (***)"),
        ("s", "the token store: s, 's'", "the token store: ***, '***'"),
        ("pw12345", "pw12345 pw123456 xpw12345 pw12345", "*** pw123456 xpw12345 ***"),
        ("p%w", "a p%25w, ap%25w", "a ***, ap%25w"),
        ("pw123456", "xpw1234567", "x***7"),
    ] {
        assert_eq!(hiding(secret).excerpt(text), shown, "{secret}");
    }
}

/// Returns how many slots of the index are examined to find a token's pieces in a text.
fn probes(token: &str, text: &str) -> usize {
    let Search(index) = Redactor::default().hide_authorization(&Secret::new(token)).search();
    let mut hidden = alloc::vec![false; text.len()];
    look(&as_it_is(text), LAYERS, &index, &mut hidden);
    index.probes.get()
}

#[test]
fn the_work_is_linear_in_the_text_and_the_secrets() {
    const SECRET: usize = 16 * 1024;
    const TEXT: usize = 4 * 1024;
    let of = |piece: &str, length: usize| piece.repeat(length / piece.len());
    let distinct: String = (0..SECRET / 8).map(|number| format!("{number:08x}")).collect();
    let parts: String = (0..SECRET / 9).map(|number| format!("{number:08x}.")).collect();
    for (token, text) in [
        (of("a", SECRET), of("a", TEXT)),
        (of("a", SECRET), of(&[&of("a", 20), " "].concat(), TEXT)),
        (of("ab", SECRET), of("ab", TEXT)),
        (of("abcdefghijkl", SECRET), of("abcdefghijklm", TEXT)),
        (of("aaaaaaaaaaaaaaab", SECRET), of("a", TEXT)),
        (of("aaaaaaaa.", SECRET), of("aaaaaaaa.", TEXT)),
        (of("aA+ /-", SECRET), of("-Aa /+", TEXT)),
        (distinct.clone(), of("0", TEXT)),
        (distinct.clone(), distinct[..TEXT].to_owned()),
        (parts.clone(), of("0000000", TEXT)),
        (parts.clone(), parts[..TEXT].to_owned()),
    ] {
        // Two slots for each byte of the secret, and for each byte of the text and length of a piece.
        let work = probes(&token, &text);
        assert!(work <= 2 * (2 * SECRET + 4 * TEXT), "{work}: {}, {}", &token[..30], &text[..30]);
    }
}

#[test]
fn the_work_is_bounded_however_the_text_is_escaped() {
    const TEXT: usize = 4 * 1024;
    let token: String = (0..2000).map(|number| format!("{number:08x}")).collect();
    for escapes in
        ["%2541%41", r"\\u0041\u0041x", r"%5cu0041\u0025\u0034\u0031", "%", r"\", "%25", r"\\"]
    {
        let text = escapes.repeat(TEXT / escapes.len());
        // The text as it is, and six ways to decode it in two layers.
        let work = probes(&token, &text);
        assert!(work <= 2 * (2 * token.len() + 7 * TEXT), "{work}: {escapes}");
    }
}

proptest! {
    #[test]
    fn a_secret_is_hidden_at_any_place_in_a_text(before in "[a-z坡 ]{0,3000}", after in ".{0,40}", times in 1usize..60) {
        let text = format!("{before}{}{after}", TOKEN.repeat(times));
        let excerpt = redactor().excerpt(&text);
        prop_assert!(!excerpt.contains("eyJhbGciOiJI"), "{excerpt}");
        prop_assert!(!excerpt.contains("MARKER"), "{excerpt}");
    }

    #[test]
    fn a_password_in_a_url_is_always_hidden(password in "[ -~]{4,40}") {
        let url = Url::parse("http://h/").unwrap().with_query("password", &password);
        let lower = url.path_and_query().split('%').enumerate().map(|(index, part)| {
            let (digits, rest) = part.split_at(if index == 0 { 0 } else { 2 });
            format!("{}{}{rest}", if index == 0 { "" } else { "%" }, digits.to_lowercase())
        });
        for text in [url.path_and_query().to_string(), lower.collect()] {
            prop_assert_eq!(hiding(&password).excerpt(&text), "/?password=***");
        }
    }

    #[test]
    fn a_password_escaped_in_json_is_always_hidden(password in "[ -~坡😀]{4,40}", layers in 1..3) {
        let text = (0..layers).fold(password.clone(), |text, _| serde_json::to_string(&text).unwrap());
        let quotes = text.len() - text.trim_matches(['"', '\\']).len();
        let shown = hiding(&password).excerpt(&text);
        prop_assert!(shown.contains("***") && shown.len() <= 3 + quotes, "{shown}");
        let escaped: String = password.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        prop_assert_eq!(hiding(&password).excerpt(&escaped), "***");
    }

    #[test]
    fn every_piece_of_twelve_bytes_of_a_token_is_hidden(start in 0usize..30, length in 12usize..40) {
        let piece = &TOKEN[start.min(TOKEN.len() - 12)..(start + length).min(TOKEN.len())];
        prop_assume!(piece.len() >= 12 && !piece.starts_with(' '));
        prop_assert_eq!(redactor().excerpt(&format!("坡{piece}坡")), "坡***坡");
    }

    #[test]
    fn text_without_a_secret_is_unchanged(text in ".{0,200}") {
        prop_assume!(!text.contains("eyJ"));
        prop_assert_eq!(redactor().excerpt(&text), text);
    }
}
