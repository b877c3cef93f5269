//! What the service counts of itself, for Prometheus.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds; from a cached answer to the limit.
const BUCKETS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    /// The route, not the path, so that nobody can make new ones.
    route: String,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// All that is counted.
pub(crate) struct Numbers {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    /// Requests that have come and are not yet answered.
    pub(crate) in_progress: Gauge,
    /// Events that the store has kept.
    pub(crate) events: Counter,
    /// Models that have taken another's place.
    pub(crate) swaps: Counter,
}

impl Default for Numbers {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("cofactor");
        let requests = Family::default();
        let constructor: fn() -> Histogram = || Histogram::new(BUCKETS);
        let seconds = Family::new_with_constructor(constructor);
        let (in_progress, events, swaps) = (Gauge::default(), Counter::default(), Counter::default());
        registry.register("requests", "Requests answered", Family::clone(&requests));
        registry.register("request_seconds", "Time to the answer", Family::clone(&seconds));
        registry.register("requests_in_progress", "Requests not yet answered", in_progress.clone());
        registry.register("events", "Events kept since the start", events.clone());
        registry.register("model_swaps", "Models put in the place of another", swaps.clone());
        Self { registry, requests, seconds, in_progress, events, swaps }
    }
}

impl Numbers {
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, taken: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        self.seconds.get_or_create(&Route { route: route.clone() }).observe(taken.as_secs_f64());
        self.requests.get_or_create(&Answered { method, route, status: status.into() }).inc();
    }

    /// All of it, in the text format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry)
            .expect("a string takes all that is written, and every histogram has buckets");
        text
    }
}
