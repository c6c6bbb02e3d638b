//! Compares our URL parser with `url`, which follows the standard of browsers.

use std::net::{Ipv4Addr, Ipv6Addr};

use oge_tools::url::{Origin, Scheme, Url};
use url::Host;

/// Input: a URL.
pub(crate) fn target(data: &[u8]) {
    assert_leads_to_one_place(&String::from_utf8_lossy(data));
}

/// Asserts that each URL that our parser accepts has the same origin in the other parser, both as given and as
/// sent.
pub(crate) fn assert_leads_to_one_place(text: &str) {
    let Ok(ours) = Url::parse(text) else { return };
    let origin = ours.origin();
    let sent = format!("{origin}{}", ours.path_and_query());
    assert_eq!(Origin::parse(&origin.to_string()).as_ref(), Ok(origin));
    if !ours.is_too_long() && sent.len() <= text.len() {
        assert_eq!(Url::parse(&sent).as_ref(), Ok(&ours), "{sent}");
    }
    assert!(ours.path_and_query().starts_with('/'));
    assert!(sent.bytes().all(|byte| byte.is_ascii_graphic()), "{sent:?}");
    for text in [text, &sent] {
        match url::Url::parse(text) {
            Ok(theirs) => assert_same(origin, &theirs, text),
            // Invalid punycode, which no parser reads as another host.
            Err(_) => assert!(origin.authority().contains("xn--"), "{text:?}"),
        }
    }
}

fn assert_same(ours: &Origin, theirs: &url::Url, text: &str) {
    let scheme = match ours.scheme() {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    assert_eq!(scheme, theirs.scheme(), "{text:?}");
    assert_eq!((theirs.username(), theirs.password()), ("", None), "{text:?}");
    let socket = ours.host_and_port();
    let (host, port) = socket.rsplit_once(':').expect("a port");
    assert_eq!(port.parse().ok(), theirs.port_or_known_default(), "{text:?}");
    let is_same = match theirs.host().expect("http has a host") {
        Host::Domain(domain) => host == domain,
        Host::Ipv4(address) => host.parse::<Ipv4Addr>() == Ok(address),
        Host::Ipv6(address) => {
            let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            literal.and_then(|literal| literal.parse::<Ipv6Addr>().ok()) == Some(address)
        }
    };
    assert!(is_same, "{host} and {:?} in {text:?}", theirs.host());
}
