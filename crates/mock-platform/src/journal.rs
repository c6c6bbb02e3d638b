//! The recorded requests and the subscribers to their events.

use std::collections::HashMap;

use http::StatusCode;
use http::request::Parts;
use tokio::sync::broadcast;

use crate::received::Received;
use crate::record::{Event, Outcome, Recorded};
use crate::route::Route;

/// How many events a subscriber may lag behind before it loses the oldest.
const EVENTS: usize = 1024;

/// What was decided about a request.
pub(crate) struct RecordedOutcome {
    pub(crate) authorized: bool,
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<StatusCode>,
}

/// The recorded requests.
pub(crate) struct Journal {
    keep: bool,
    sequence: u64,
    counts: HashMap<(Route, Outcome), usize>,
    requests: Vec<Recorded>,
    events: broadcast::Sender<Event>,
}

impl Journal {
    pub(crate) fn new(keep: bool) -> Self {
        Self {
            keep,
            sequence: 0,
            counts: HashMap::new(),
            requests: Vec::new(),
            events: broadcast::Sender::new(EVENTS),
        }
    }

    pub(crate) fn write(&mut self, request: &Received, verdict: &RecordedOutcome) {
        self.sequence += 1;
        *self.counts.entry((request.route, verdict.outcome)).or_default() += 1;
        if self.keep {
            self.requests.push(recorded(self.sequence, request, verdict));
        }
        if self.events.receiver_count() > 0 {
            // An error means that the last subscriber has just been dropped.
            let _ = self.events.send(Event {
                sequence: self.sequence,
                route: request.route,
                method: request.parts.method.clone(),
                outcome: verdict.outcome,
                status: verdict.status,
            });
        }
    }

    pub(crate) fn count(&self, route: Route) -> usize {
        let counts = self.counts.iter();
        counts.filter(|((of, _), _)| *of == route).map(|(_, count)| count).sum()
    }

    pub(crate) fn count_of(&self, route: Route, outcome: Outcome) -> usize {
        self.counts.get(&(route, outcome)).copied().unwrap_or_default()
    }

    pub(crate) fn requests(&self) -> &[Recorded] {
        &self.requests
    }

    pub(crate) fn clear(&mut self) {
        self.counts.clear();
        self.requests.clear();
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}

fn recorded(sequence: u64, request: &Received, verdict: &RecordedOutcome) -> Recorded {
    let Parts { method, uri, headers, .. } = &request.parts;
    Recorded {
        sequence,
        route: request.route,
        method: method.clone(),
        path: uri.path().to_owned(),
        query: request.query(),
        raw_query: uri.query().map(str::to_owned),
        headers: headers.clone(),
        body: request.body.clone(),
        authorized: verdict.authorized,
        outcome: verdict.outcome,
    }
}
