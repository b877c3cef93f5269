//! Requests to the service: the first line is a method and a path, the rest the body. Whatever comes, the service is not to blame for it: no answer says 500 or more.

#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Method, Request, header};
use cofactor_server::{App, Keys, Limits, Models, Served, Settings, Store, router};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;
use tower::ServiceExt;

struct Service {
    runtime: Runtime,
    router: Router,
    /// The events that were sent lie here as long as the program runs.
    _folder: tempfile::TempDir,
}

fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("a store in an empty folder");
        #[expect(clippy::disallowed_methods, reason = "a program reads its environment")]
        let model = std::env::var("COFACTOR_FUZZ_MODEL").expect("COFACTOR_FUZZ_MODEL names a model file");
        let served = Served::open_with(Path::new(&model), &store).expect("a model file of the seeds");
        let settings = Settings {
            models: Models::new(vec![served]).expect("one model"),
            store: Some(store),
            keys: Keys::default(),
            limits: Limits::default(),
            refresh_every: None,
        };
        let runtime = Runtime::new().expect("threads");
        let router = {
            let _inside = runtime.enter();
            router(App::new(settings).expect("a store that can be read"))
        };
        Service { runtime, router, _folder: folder }
    })
}

fuzz_target!(|bytes: &[u8]| {
    let line = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (head, body) = (&bytes[..line], bytes.get(line + 1..).unwrap_or_default());
    let Some((method, path)) = std::str::from_utf8(head).ok().and_then(|head| head.split_once(' ')) else {
        return;
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    let Ok(mut request) = Request::builder().method(method).uri(path).body(Body::from(body.to_vec())) else {
        return;
    };
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))));
    let Service { runtime, router, .. } = service();
    let answer = runtime.block_on(router.clone().oneshot(request)).expect("the router never fails");
    assert!(answer.status().as_u16() < 500, "{}", answer.status());
});
