//! `wasi:http/outgoing-handler` and the response that it promises, in place of wasmtime's own: what is sent
//! is no task of its own ([`Requests`](crate::requests::Requests)). All else of `wasi:http` is wasmtime's.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header, uri};
use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::p2::{DynPollable, subscribe};
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, HostFutureIncomingResponse as _, Scheme,
};
use wasmtime_wasi_http::p2::body::HostIncomingBody;
use wasmtime_wasi_http::p2::http_request_error;
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest,
};
use wasmtime_wasi_http::{
    Error, FieldMap, RequestOptions, WasiBody, WasiHttpCtxView, WasiHttpView as _,
};
use wasmtime_wasi_io::IoView as _;

use crate::client::HttpClient;
use crate::requests::{InFlight, Taken};
use crate::state::State;

/// As wasmtime names what is replaced: by another version's name, both would be there.
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";
const TYPES: &str = "wasi:http/types@0.2.12";

/// Replaces what wasmtime added.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(HANDLER)?.func_wrap("handle", |mut store, (request, options)| {
        Ok((store.data_mut().handle(request, options)?,))
    })?;
    let mut types = linker.instance(TYPES)?;
    let response = ResourceType::host::<InFlight>();
    types.resource("future-incoming-response", response, |mut store, response| {
        store.data_mut().table().delete(Resource::<InFlight>::new_own(response))?;
        Ok(())
    })?;
    types.func_wrap(
        "[method]future-incoming-response.subscribe",
        |mut store, (response,): (Resource<InFlight>,)| {
            let pollable: Resource<DynPollable> = subscribe(store.data_mut().table(), response)?;
            Ok((pollable,))
        },
    )?;
    types.func_wrap("[method]future-incoming-response.get", |mut store, (response,)| {
        Ok((store.data_mut().response(&response)?,))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// A response, or why there is none; an error where it was asked for before; none while it is awaited.
type Response = Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>;

impl State {
    fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> wasmtime::Result<Result<Resource<InFlight>, ErrorCode>> {
        let options = options.map(|options| self.table().delete(options)).transpose()?;
        let request = match to_http(self.table().delete(request)?) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        let in_flight = self.outgoing.send(request, options.unwrap_or_default());
        Ok(Ok(self.table().push(in_flight)?))
    }

    fn response(&mut self, response: &Resource<InFlight>) -> wasmtime::Result<Response> {
        let sent = match self.table().get(response)?.take() {
            None => return Ok(None),
            Some(Err(Taken)) => return Ok(Some(Err(()))),
            Some(Ok(sent)) => sent,
        };
        let (parts, body) = match sent {
            Ok(response) => response.into_parts(),
            Err(error) => return self.failed(error),
        };
        let headers = FieldMap::new_immutable(self.http().hooks, parts.headers);
        let body = Some(HostIncomingBody::new(body));
        let response = HostIncomingResponse { status: parts.status.as_u16(), headers, body };
        Ok(Some(Ok(Ok(self.table().push(response)?))))
    }

    /// wasmtime alone knows which code stands for which of its errors, and says so of a response in a table.
    /// The guest's may be full.
    fn failed(&mut self, error: Error) -> wasmtime::Result<Response> {
        let mut table = ResourceTable::new();
        let failed = table.push(HostFutureIncomingResponse::Ready(Err(error)))?;
        WasiHttpCtxView { table: &mut table, ..self.http() }.get(failed)
    }
}

/// The request that a guest has put together, if it is one.
fn to_http(request: HostOutgoingRequest) -> Result<Request<WasiBody>, ErrorCode> {
    let method: Result<Method, _> = request.method.try_into();
    let scheme = match request.scheme {
        Some(Scheme::Https) | None => uri::Scheme::HTTPS,
        Some(Scheme::Http) => uri::Scheme::HTTP,
        Some(Scheme::Other(other)) => uri::Scheme::try_from(&*other)
            .ok()
            .filter(|scheme| [uri::Scheme::HTTP, uri::Scheme::HTTPS].contains(scheme))
            .ok_or(ErrorCode::HttpProtocolError)?,
    };
    let authority = request.authority.unwrap_or_default();
    let host = HeaderValue::from_str(&authority).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let mut uri = Uri::builder().scheme(scheme).authority(authority);
    if let Some(path) = request.path_with_query {
        uri = uri.path_and_query(path);
    }
    // First, as RFC 9110 would have it; a guest cannot set another.
    let mut headers = HeaderMap::from_iter([(header::HOST, host)]);
    headers.extend(HeaderMap::from(request.headers));
    let body = match request.body {
        Some(body) => body,
        // What is announced would never come.
        None if headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0") => {
            return Err(ErrorCode::HttpRequestBodySize(Some(0)));
        }
        None => HttpClient::body(Bytes::new()),
    };
    let mut request = Request::new(body);
    *request.method_mut() = method.map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
    *request.uri_mut() = uri.build().map_err(http_request_error)?;
    *request.headers_mut() = headers;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wasmtime_wasi_http::p2::bindings::http::types::Method as WasiMethod;

    use super::*;
    use crate::outgoing::Outgoing;
    use crate::requests::Requests;

    fn request(headers: &[(&str, &str)]) -> HostOutgoingRequest {
        let client = HttpClient::new(None).unwrap();
        let mut hooks = Outgoing::new(client, Arc::new([]), 1, Requests::default());
        let mut fields = FieldMap::new_mutable(1024);
        for (name, value) in headers {
            fields.append(&mut hooks, (*name).to_owned(), value.as_bytes().to_vec()).unwrap();
        }
        HostOutgoingRequest {
            method: WasiMethod::Get,
            scheme: Some(Scheme::Http),
            authority: Some("oge.test:81".to_owned()),
            path_with_query: Some("/dag?a=b".to_owned()),
            headers: fields,
            body: None,
        }
    }

    #[test]
    fn a_request_is_sent_as_the_guest_put_it_together() {
        let request = to_http(request(&[("authorization", "Bearer a"), ("x", "1"), ("x", "2")]));
        let request = request.unwrap();
        assert_eq!(request.method(), Method::GET);
        assert_eq!(request.uri(), "http://oge.test:81/dag?a=b");
        assert_eq!(request.headers().iter().next().unwrap().1, "oge.test:81");
        assert_eq!(request.headers()["authorization"], "Bearer a");
        assert_eq!(request.headers().get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_known_scheme_may_be_spelled_out() {
        let mut spelled = request(&[]);
        spelled.scheme = Some(Scheme::Other("https".to_owned()));
        assert_eq!(to_http(spelled).unwrap().uri().scheme_str(), Some("https"));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_before_it_is() {
        type Wrong = fn(&mut HostOutgoingRequest);
        for (wrong, expected) in [
            (
                (|request| request.method = WasiMethod::Other("A B".to_owned())) as Wrong,
                ErrorCode::HttpRequestMethodInvalid,
            ),
            (
                |request| request.scheme = Some(Scheme::Other("ftp".to_owned())),
                ErrorCode::HttpProtocolError,
            ),
            (|request| request.authority = None, ErrorCode::HttpRequestUriInvalid),
            (
                |request| request.authority = Some("a\nb".to_owned()),
                ErrorCode::HttpRequestUriInvalid,
            ),
            (
                |request| request.authority = Some("a b".to_owned()),
                ErrorCode::HttpRequestUriInvalid,
            ),
            (|request| request.path_with_query = None, ErrorCode::HttpProtocolError),
        ] {
            let mut request = request(&[]);
            wrong(&mut request);
            let refused = to_http(request).unwrap_err();
            assert_eq!(format!("{refused:?}"), format!("{expected:?}"));
        }
    }

    #[test]
    fn a_length_without_a_body_is_refused_unless_it_is_none() {
        assert!(to_http(request(&[("content-length", "0")])).is_ok());
        let refused = to_http(request(&[("content-length", "5")])).unwrap_err();
        assert!(matches!(refused, ErrorCode::HttpRequestBodySize(Some(0))));
    }
}
