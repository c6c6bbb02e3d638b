//! The matrix of faults and stages, and the expected result of the call in each cell.

use std::time::Duration;

use oge_mock_platform::Fault;
use oge_tools::error::FailureKind::{self, *};

use super::proxy::ProxyFault;

/// The stage of a call. All stages but the first login start with a valid token in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Resolve,
    Connect,
    Tls,
    Send,
    FirstByte,
    Body,
    /// The login of a call without a token.
    TokenRequest,
    /// The body of that login's response.
    TokenBody,
    /// The login after a response that the token has expired.
    Renewal,
    /// The second request, after that login.
    Retry,
}

impl Stage {
    pub(super) const ALL: [Self; 10] = [
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Send,
        Self::FirstByte,
        Self::Body,
        Self::TokenRequest,
        Self::TokenBody,
        Self::Renewal,
        Self::Retry,
    ];

    pub(super) fn is_login(self) -> bool {
        matches!(self, Self::TokenRequest | Self::TokenBody | Self::Renewal)
    }
}

/// The kind of fault, as the table names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Refused,
    BadCertificate,
    Reset,
    Closed,
    Hang,
    Drip,
    WrongLength,
    Truncated,
    NotHttp,
    Status1xx,
    Status3xx,
    Status4xx,
    Status5xx,
    FailingCode,
    NotJson,
    DeepJson,
    InvalidUtf8,
    HugeHeaders,
    WrongType,
    TooLarge,
    ClockBack,
    Flapping,
}

impl Kind {
    pub(super) const ALL: [Self; 22] = [
        Self::Refused,
        Self::BadCertificate,
        Self::Reset,
        Self::Closed,
        Self::Hang,
        Self::Drip,
        Self::WrongLength,
        Self::Truncated,
        Self::NotHttp,
        Self::Status1xx,
        Self::Status3xx,
        Self::Status4xx,
        Self::Status5xx,
        Self::FailingCode,
        Self::NotJson,
        Self::DeepJson,
        Self::InvalidUtf8,
        Self::HugeHeaders,
        Self::WrongType,
        Self::TooLarge,
        Self::ClockBack,
        Self::Flapping,
    ];
}

/// A certificate that must not be trusted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Certificate {
    OfAnotherAuthority,
    OfAnotherName,
    Expired,
}

/// The fault that is arranged.
#[derive(Clone, Debug)]
pub(super) enum Arranged {
    /// A host name that does not resolve.
    NoName,
    /// A connection through a proxy with this manner.
    FaultyProxy(ProxyFault),
    /// A TLS connection through a proxy with this manner.
    Tls(ProxyFault),
    /// A server with this certificate.
    Certificate(Certificate),
    /// A response of the mock.
    Mock(Fault),
    /// A wall clock that is set back by a day.
    ClockBack,
    /// A token endpoint at which every second login fails.
    Flapping,
}

/// The tool that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CalledTool {
    /// `query_task_status`, which accepts any text.
    State,
    /// `run_big_query`, which returns the platform's JSON.
    Query,
    /// `execute_code_to_dag`, which reads the platform's JSON.
    Code,
    /// `execute_code_to_dag` with code that is larger than all buffers on the way.
    LargeCode,
}

/// A cell of the matrix.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) stage: Stage,
    pub(super) kind: Kind,
    pub(super) arranged: Arranged,
    pub(super) tool: CalledTool,
    /// The expected failure; `None` if the call succeeds despite the fault.
    pub(super) fails: Option<FailureKind>,
    /// The HTTP status in the failure.
    pub(super) status: Option<u16>,
    /// The number of requests sent to the platform.
    pub(super) attempts: u8,
    /// The number of requests that reach the token endpoint.
    pub(super) logins: usize,
    /// Whether the deadline ends the call.
    pub(super) waits: bool,
    /// Whether the credentials count as rejected, so that the next call does not log in.
    pub(super) rejects_credentials: bool,
}

impl Cell {
    /// Returns a cell in which the call succeeds.
    fn new(stage: Stage, kind: Kind, arranged: Arranged) -> Self {
        let reaches = matches!(arranged, Arranged::Mock(_));
        let (attempts, logins) = match stage {
            Stage::TokenRequest | Stage::TokenBody => (1, usize::from(reaches)),
            Stage::Renewal | Stage::Retry => (2, 1),
            _ => (1, 0),
        };
        let (tool, fails, status) = (CalledTool::State, None, None);
        let (waits, rejects_credentials) = (false, false);
        Self {
            stage,
            kind,
            arranged,
            tool,
            fails,
            status,
            attempts,
            logins,
            waits,
            rejects_credentials,
        }
    }

    /// Expects this failure. If the login fails, the request after it is not sent.
    fn fails(self, kind: FailureKind) -> Self {
        let attempts = self.attempts - u8::from(self.stage.is_login());
        Self { fails: Some(kind), attempts, ..self }
    }

    fn tool(self, tool: CalledTool) -> Self {
        Self { tool, ..self }
    }

    fn answered(self, status: u16, kind: FailureKind) -> Self {
        Self { status: Some(status), ..self.fails(kind) }
    }

    fn waits(self, kind: FailureKind) -> Self {
        Self { waits: true, ..self.fails(kind) }
    }

    fn rejects_credentials(self) -> Self {
        Self { rejects_credentials: true, ..self.fails(TokenStore) }
    }

    fn with(self, attempts: u8, logins: usize) -> Self {
        Self { attempts, logins, ..self }
    }

    /// Returns the name for the list of failed cells.
    pub(super) fn name(&self) -> String {
        let arranged = format!("{:?}", self.arranged);
        format!("{:?} × {:?} ({:?}, {arranged:.90})", self.stage, self.kind, self.tool)
    }
}

/// The time for each byte. The shortest response has more bytes than a login's limit has seconds.
const SLOW: Duration = Duration::from_secs(1);
/// More bytes than `OGE_MAX_REPLY_BYTES` and the limit of a login's response.
const HUGE: usize = super::cell::MOST_BYTES + 1;
/// A depth that overflows the stack of a recursive parser.
const DEPTH: usize = 300_000;

/// Returns the cells without those of [`derived`].
fn written() -> Vec<Cell> {
    use CalledTool::{Code, LargeCode, Query};
    use Kind as K;
    use ProxyFault as M;
    use Stage as S;
    let front = |stage, kind, manner| Cell::new(stage, kind, Arranged::FaultyProxy(manner));
    let tls = |stage, kind, manner| Cell::new(stage, kind, Arranged::Tls(manner));
    let certificate =
        |stage, which| Cell::new(stage, K::BadCertificate, Arranged::Certificate(which));
    let mock = |stage, kind, fault| Cell::new(stage, kind, Arranged::Mock(fault));
    let wire = |stage, kind, bytes: &'static str| {
        Cell::new(stage, kind, Arranged::Mock(Fault::Wire(bytes.into())))
    };
    vec![
        Cell::new(S::Resolve, K::Refused, Arranged::NoName).fails(Network),
        front(S::Connect, K::Refused, M::Refuse).fails(Network),
        front(S::Connect, K::Hang, M::Ignore).waits(Timeout),
        front(S::Connect, K::Reset, M::Reset { after: 0 }).fails(Network),
        front(S::Connect, K::Closed, M::Close { after: 0 }).fails(Network),
        certificate(S::Tls, Certificate::OfAnotherAuthority).fails(Network),
        certificate(S::Tls, Certificate::OfAnotherName).fails(Network),
        certificate(S::Tls, Certificate::Expired).fails(Network),
        tls(S::Tls, K::Reset, M::Reset { after: 50 }).fails(Network),
        tls(S::Tls, K::Closed, M::Close { after: 50 }).fails(Network),
        tls(S::Tls, K::Hang, M::Stop { after: 50 }).waits(Timeout),
        tls(S::Tls, K::Drip, M::DripOut(SLOW)).waits(Timeout),
        tls(S::Tls, K::Truncated, M::CutOut { after: 200 }).fails(Network),
        tls(S::Tls, K::NotHttp, M::Answer { after: 50, with: BAD_REQUEST }).fails(Network),
        front(S::Send, K::Reset, M::Reset { after: 100_000 }).tool(LargeCode).fails(Network),
        front(S::Send, K::Closed, M::Close { after: 100_000 }).tool(LargeCode).fails(Network),
        front(S::Send, K::Hang, M::Stop { after: 100_000 }).tool(LargeCode).waits(Timeout),
        front(S::Send, K::Drip, M::DripIn(SLOW)).tool(LargeCode).waits(Timeout),
        front(S::Send, K::Status1xx, M::Answer { after: 100, with: CONTINUE })
            .tool(LargeCode)
            .waits(Timeout),
        front(S::Send, K::Status4xx, M::Answer { after: 100_000, with: TOO_LARGE })
            .tool(LargeCode)
            .answered(413, Api),
        front(S::Send, K::Status5xx, M::Answer { after: 100_000, with: UNAVAILABLE })
            .tool(LargeCode)
            .answered(503, Api),
        mock(S::FirstByte, K::Reset, Fault::Reset).fails(Network),
        mock(S::FirstByte, K::Closed, Fault::Cut).fails(Network),
        mock(S::FirstByte, K::Hang, Fault::Hang).waits(Timeout),
        mock(S::FirstByte, K::Hang, Fault::Delay(Duration::from_secs(60))).waits(Timeout),
        mock(S::FirstByte, K::Drip, Fault::DripAll { every: SLOW }).waits(Timeout),
        wire(S::FirstByte, K::Truncated, "HTTP/1.1 200 OK\r\ncontent-ty").fails(Network),
        wire(S::FirstByte, K::NotHttp, "220 smtp.example ESMTP\r\n").fails(Network),
        wire(S::FirstByte, K::NotHttp, "HTTP/3.7 200 OK\r\n\r\n").fails(Network),
        wire(S::FirstByte, K::WrongLength, "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nrunning")
            .fails(Network),
        wire(S::FirstByte, K::WrongLength, TWO_LENGTHS).fails(Network),
        mock(S::FirstByte, K::InvalidUtf8, Fault::Wire(NOT_TEXT.into())),
        mock(S::FirstByte, K::Status1xx, Fault::Interim(100)),
        mock(S::FirstByte, K::Status1xx, Fault::Interim(103)),
        wire(S::FirstByte, K::Status1xx, SWITCHING).answered(101, Api),
        wire(S::FirstByte, K::Status1xx, CONTINUE).fails(Network),
        mock(S::FirstByte, K::Status3xx, Fault::Status(302)).answered(302, Api),
        mock(S::FirstByte, K::Status3xx, Fault::Status(304)).answered(304, Api),
        mock(S::FirstByte, K::Status4xx, Fault::Status(400)).answered(400, Api),
        mock(S::FirstByte, K::Status4xx, Fault::Status(401)).answered(401, Unauthorized).with(2, 1),
        mock(S::FirstByte, K::Status4xx, Fault::Status(403)).answered(403, Forbidden),
        mock(S::FirstByte, K::Status4xx, Fault::Status(404)).answered(404, Api),
        mock(S::FirstByte, K::Status4xx, Fault::Status(429)).answered(429, Api),
        mock(S::FirstByte, K::Status5xx, Fault::Status(500)).answered(500, Api),
        mock(S::FirstByte, K::Status5xx, Fault::Status(503)).answered(503, Api),
        mock(S::FirstByte, K::Status5xx, Fault::EchoToken).answered(500, Api),
        mock(S::FirstByte, K::HugeHeaders, Fault::Headers { count: 20, bytes: 1000 }),
        mock(S::FirstByte, K::HugeHeaders, Fault::Headers { count: 1, bytes: 200_000 }),
        mock(S::FirstByte, K::HugeHeaders, Fault::Headers { count: 1, bytes: 1 << 20 })
            .fails(Network),
        mock(S::FirstByte, K::HugeHeaders, Fault::Headers { count: 5000, bytes: 10 })
            .fails(Network),
        mock(S::Body, K::Reset, Fault::ResetBody).fails(Network),
        mock(S::Body, K::Hang, Fault::HangBody).waits(Timeout),
        mock(S::Body, K::Drip, Fault::Drip { every: SLOW }).tool(Query).waits(Timeout),
        mock(S::Body, K::WrongLength, Fault::LongLength).fails(Network),
        mock(S::Body, K::WrongLength, Fault::ShortLength).tool(Code).answered(200, BadReply),
        mock(S::Body, K::Truncated, Fault::CutBody).fails(Network),
        wire(S::Body, K::Truncated, CUT_CHUNK).fails(Network),
        wire(S::Body, K::Truncated, CUT_503).answered(503, Api),
        wire(S::Body, K::NotHttp, BAD_CHUNK).fails(Network),
        mock(S::Body, K::FailingCode, Fault::Code(500)).answered(200, Api),
        mock(S::Body, K::FailingCode, Fault::Code(40_001)).answered(200, Api),
        mock(S::Body, K::NotJson, Fault::NotJson).answered(200, BadReply),
        mock(S::Body, K::NotJson, Fault::Empty).answered(200, BadReply),
        mock(S::Body, K::NotJson, Fault::NotJson).tool(Query).answered(200, BadReply),
        mock(S::Body, K::NotJson, Fault::NotJson).tool(Code).answered(200, BadReply),
        mock(S::Body, K::NotJson, Fault::Empty).tool(Code).answered(200, BadReply),
        mock(S::Body, K::DeepJson, Fault::Deep(DEPTH)),
        mock(S::Body, K::DeepJson, Fault::Deep(DEPTH)).tool(Query),
        mock(S::Body, K::DeepJson, Fault::Deep(DEPTH)).tool(Code).answered(200, BadReply),
        mock(S::Body, K::DeepJson, deep_dags()).tool(Code),
        mock(S::Body, K::InvalidUtf8, Fault::InvalidUtf8).tool(Query),
        mock(S::Body, K::InvalidUtf8, Fault::InvalidUtf8).tool(Code).answered(200, BadReply),
        mock(S::Body, K::WrongType, typed("image/png")),
        mock(S::Body, K::WrongType, typed("image/png")).tool(Query),
        mock(S::Body, K::WrongType, typed("")).tool(Code),
        mock(S::Body, K::TooLarge, Fault::Huge(HUGE)).tool(Query).fails(ReplyTooLarge),
        Cell::new(S::TokenRequest, K::Refused, Arranged::NoName).fails(TokenStore),
        front(S::TokenRequest, K::Refused, M::Refuse).fails(TokenStore),
        front(S::TokenRequest, K::Hang, M::Ignore).waits(TokenStore),
        certificate(S::TokenRequest, Certificate::OfAnotherAuthority).fails(TokenStore),
        certificate(S::TokenRequest, Certificate::OfAnotherName).fails(TokenStore),
        tls(S::TokenRequest, K::Hang, M::Stop { after: 50 }).waits(TokenStore),
        tls(S::TokenRequest, K::NotHttp, M::Answer { after: 50, with: BAD_REQUEST })
            .fails(TokenStore),
        mock(S::TokenRequest, K::Reset, Fault::Reset).fails(TokenStore),
        mock(S::TokenRequest, K::Closed, Fault::Cut).fails(TokenStore),
        mock(S::TokenRequest, K::Hang, Fault::Hang).waits(TokenStore),
        mock(S::TokenRequest, K::Hang, Fault::Delay(Duration::from_millis(300))),
        mock(S::TokenRequest, K::Drip, Fault::DripAll { every: SLOW }).waits(TokenStore),
        wire(S::TokenRequest, K::WrongLength, TWO_LENGTHS).fails(TokenStore),
        wire(S::TokenRequest, K::Truncated, "HTTP/1.1 200 OK\r\ncontent-ty").fails(TokenStore),
        wire(S::TokenRequest, K::NotHttp, "220 smtp.example ESMTP\r\n").fails(TokenStore),
        mock(S::TokenRequest, K::Status1xx, Fault::Interim(100)),
        wire(S::TokenRequest, K::Status1xx, SWITCHING).fails(TokenStore),
        wire(S::TokenRequest, K::Status1xx, CONTINUE).fails(TokenStore),
        mock(S::TokenRequest, K::Status3xx, Fault::Status(302)).fails(TokenStore),
        mock(S::TokenRequest, K::Status4xx, Fault::Status(400)).rejects_credentials(),
        mock(S::TokenRequest, K::Status4xx, Fault::Status(401)).rejects_credentials(),
        mock(S::TokenRequest, K::Status4xx, Fault::Status(403)).rejects_credentials(),
        mock(S::TokenRequest, K::Status4xx, Fault::Status(404)).fails(TokenStore),
        mock(S::TokenRequest, K::Status4xx, Fault::Status(429)).fails(TokenStore),
        mock(S::TokenRequest, K::Status5xx, Fault::Status(500)).fails(TokenStore),
        mock(S::TokenRequest, K::Status5xx, Fault::Status(503)).fails(TokenStore),
        mock(S::TokenRequest, K::Status5xx, Fault::EchoToken).fails(TokenStore),
        mock(S::TokenRequest, K::HugeHeaders, Fault::Headers { count: 1, bytes: 1 << 20 })
            .fails(TokenStore),
        mock(S::TokenRequest, K::HugeHeaders, Fault::Headers { count: 5000, bytes: 10 })
            .fails(TokenStore),
        mock(S::TokenBody, K::Reset, Fault::ResetBody).fails(TokenStore),
        mock(S::TokenBody, K::Hang, Fault::HangBody).waits(TokenStore),
        mock(S::TokenBody, K::Drip, Fault::Drip { every: SLOW }).waits(TokenStore),
        mock(S::TokenBody, K::WrongLength, Fault::LongLength).fails(TokenStore),
        mock(S::TokenBody, K::WrongLength, Fault::ShortLength).fails(TokenStore),
        mock(S::TokenBody, K::Truncated, Fault::CutBody).fails(TokenStore),
        wire(S::TokenBody, K::Truncated, CUT_CHUNK).fails(TokenStore),
        wire(S::TokenBody, K::NotHttp, BAD_CHUNK).fails(TokenStore),
        mock(S::TokenBody, K::FailingCode, Fault::Code(500)).fails(TokenStore),
        mock(S::TokenBody, K::FailingCode, Fault::Code(40_001)).rejects_credentials(),
        mock(S::TokenBody, K::NotJson, Fault::NotJson).fails(TokenStore),
        mock(S::TokenBody, K::NotJson, Fault::Empty).fails(TokenStore),
        mock(S::TokenBody, K::DeepJson, Fault::Deep(DEPTH)).fails(TokenStore),
        mock(S::TokenBody, K::InvalidUtf8, Fault::InvalidUtf8).fails(TokenStore),
        mock(S::TokenBody, K::WrongType, typed("text/html")),
        mock(S::TokenBody, K::TooLarge, Fault::Huge(HUGE)).fails(TokenStore),
        Cell::new(S::TokenRequest, K::Flapping, Arranged::Flapping),
        Cell::new(S::Renewal, K::Flapping, Arranged::Flapping),
        Cell::new(S::TokenRequest, K::ClockBack, Arranged::ClockBack),
        Cell::new(S::FirstByte, K::ClockBack, Arranged::ClockBack),
        Cell::new(S::Renewal, K::ClockBack, Arranged::ClockBack),
    ]
}

const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
const NOT_TEXT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: \xff\xfe\r\nconnection: close\r\n\
    content-length: 7\r\n\r\nrunning";
const TOO_LARGE: &str =
    "HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
const UNAVAILABLE: &str =
    "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
const TWO_LENGTHS: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 7\r\n\r\nrunning";
const CUT_CHUNK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nrun";
const BAD_CHUNK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nrunning\r\n";
const CUT_503: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 90\r\n\r\n{\"msg\":";

fn typed(content_type: &str) -> Fault {
    Fault::ContentType(content_type.to_owned())
}

/// Returns deeply nested JSON in a field that the tool must skip.
fn deep_dags() -> Fault {
    let (open, close) = ("{\"a\":".repeat(DEPTH), "}".repeat(DEPTH));
    let body = format!(r#"{{"dags":{open}1{close}}}"#).into();
    Fault::Response { status: 200, content_type: "application/json".to_owned(), body }
}

/// Derives cells for the retry from those of the first request, and for a renewal from those of the first
/// login. Only the counts differ.
fn derived(cells: &[Cell]) -> Vec<Cell> {
    let mut derived = Vec::new();
    for cell in cells {
        match (cell.stage, &cell.arranged) {
            (Stage::FirstByte | Stage::Body, Arranged::Mock(_)) => {
                derived.push(Cell { stage: Stage::Retry, ..cell.clone().with(2, 1) });
            }
            (Stage::Connect, Arranged::FaultyProxy(_)) => {
                derived.push(Cell { stage: Stage::Retry, ..cell.clone().with(2, 1) });
            }
            (Stage::TokenRequest | Stage::TokenBody, Arranged::Mock(_)) => {
                // If the renewal fails, the failure has the status of the first response.
                let (attempts, status) =
                    if cell.fails.is_some() { (1, Some(200)) } else { (2, None) };
                // The kept connection ends before the first byte, so the HTTP client sends the login again.
                let is_sent_again =
                    matches!(cell.arranged, Arranged::Mock(Fault::Cut | Fault::Reset));
                let cell = cell.clone().with(attempts, 1 + usize::from(is_sent_again));
                derived.push(Cell { stage: Stage::Renewal, status, ..cell });
            }
            _ => {}
        }
    }
    derived
}

/// Returns all cells.
pub(super) fn cells() -> Vec<Cell> {
    let mut cells = written();
    cells.extend(derived(&cells));
    cells
}

/// Returns why a fault has no cell at a stage; `None` if there must be one.
pub(super) fn absent(stage: Stage, kind: Kind) -> Option<&'static str> {
    use Kind as K;
    use Stage as S;
    Some(match (stage, kind) {
        (S::Resolve | S::Connect | S::Tls | S::Send, K::ClockBack) => {
            "the wall clock is read for tokens alone; deadlines are on the monotonic one"
        }
        (S::Body | S::TokenBody | S::Retry, K::ClockBack) => "no clock is read there",
        (S::TokenRequest | S::Renewal, K::Flapping | K::ClockBack) => return None,
        (_, K::Flapping) => "only the token endpoint flaps",
        (S::Resolve, K::Refused) => return None,
        (S::Resolve, K::Hang) => {
            "crates/host/src/resolver.rs has a test with a resolver that hangs"
        }
        (S::Resolve, _) => "nothing is connected yet",
        (S::Connect, K::Refused | K::Reset | K::Closed | K::Hang) => return None,
        (S::Connect, _) => "no byte is sent yet",
        (S::Tls, K::Refused) => "that happens when connecting",
        (
            S::Tls,
            K::BadCertificate
            | K::Reset
            | K::Closed
            | K::Hang
            | K::Drip
            | K::Truncated
            | K::NotHttp,
        ) => return None,
        (S::Tls, _) => "no HTTP is sent yet",
        (S::TokenRequest, K::BadCertificate | K::Refused) => return None,
        (_, K::BadCertificate) => "that happens in the handshake",
        (S::Retry, K::Refused) => return None,
        (_, K::Refused) => "that happens when connecting",
        (
            S::Send,
            K::Reset | K::Closed | K::Hang | K::Drip | K::Status1xx | K::Status4xx | K::Status5xx,
        ) => return None,
        (S::Send, _) => "a response does not depend on how much was sent",
        (S::FirstByte, K::InvalidUtf8) => return None,
        (
            S::FirstByte | S::TokenRequest,
            K::FailingCode | K::NotJson | K::DeepJson | K::InvalidUtf8 | K::WrongType | K::TooLarge,
        ) => "that is in the body",
        (
            S::Body | S::TokenBody,
            K::Closed | K::Status1xx | K::Status3xx | K::Status4xx | K::Status5xx | K::HugeHeaders,
        ) => "that is in the first bytes",
        _ => return None,
    })
}
