//! The service over a real socket: what it answers, refuses, keeps and forgets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod place;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cofactor::data::synth::{Synth, generate};
use cofactor::fit::run::Run;
use cofactor::recommender::{HistoryEntry, Recommender, Request, Unknown, Who};
use cofactor::registry;
use cofactor::store::ModelFile;
use cofactor_server::{App, Keys, Limits, Models, Served, Settings, Store};
use place::cluster::Cluster;
use place::{Place, over_both};
use serde_json::{Value, json};

over_both!(
    what_somebody_does_counts_in_the_next_answer_and_survives,
    who_was_erased_and_comes_back_is_somebody_new,
    a_refit_takes_the_place_of_the_model_and_knows_the_events,
);

/// A model file that all tests share.
fn model() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let ratings =
            generate(&Synth::parse("synth:users=80,items=120,ratings=3000").unwrap()).unwrap().ratings;
        let parameters = serde_json::from_value(json!({"factors": 6, "epochs": 20})).unwrap();
        let algorithm = registry::find("mf").unwrap().configure(&parameters).unwrap();
        let model = algorithm.fit(&ratings, &mut Run::new(1, 1).unwrap()).unwrap();
        ModelFile::new("mf", algorithm.config(), 1, ratings, model)
            .save(&folder.path().join("films.cofactor"))
            .unwrap();
        folder
    });
    Box::leak(folder.path().join("films.cofactor").into_boxed_path())
}

/// A running service.
struct Service {
    root: String,
    agent: ureq::Agent,
    key: Option<&'static str>,
}

impl Service {
    fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let models = Models::new(vec![Served::open(model()).unwrap()]).unwrap();
        let mut settings = Settings {
            models,
            store: None,
            keys: Keys::default(),
            limits: Limits::default(),
            refresh_every: None,
        };
        change(&mut settings);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || cofactor_server::run(App::new(settings).unwrap(), listener).unwrap());
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { root, agent, key: None }
    }

    fn plain() -> Self {
        Self::start(|_| {})
    }

    fn storing(store: Store) -> Self {
        Self::start(|settings| {
            settings.models = Models::new(vec![Served::open_with(model(), &store).unwrap()]).unwrap();
            settings.store = Some(store);
        })
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let mut request = self.agent.get(format!("{}{path}", self.root));
        if let Some(key) = self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        read(request.call().unwrap())
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut request = self.agent.post(format!("{}{path}", self.root));
        if let Some(key) = self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        read(request.send_json(body).unwrap())
    }

    fn delete(&self, path: &str) -> u16 {
        self.agent.delete(format!("{}{path}", self.root)).call().unwrap().status().as_u16()
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn ids(answer: &Value) -> Vec<String> {
    answer["picks"].as_array().unwrap().iter().map(|pick| pick["id"].to_string()).collect()
}

#[test]
fn answers_are_those_of_the_library() {
    let (service, library) = (Service::plain(), Recommender::open(model()).unwrap());
    let request = Request { n: 5, reasons: 2, ..Request::default() };
    let (status, answer) = service.post("/v1/recommend", &json!({"user": "7", "n": 5, "reasons": 2}));
    assert_eq!((status, &answer["basis"], &answer["model"]), (200, &json!("model"), &json!("films")));
    let expected = library.recommend(Who::User("7"), &request).unwrap();
    assert_eq!(ids(&answer), expected.picks.iter().map(|pick| pick.item.id.to_string()).collect::<Vec<_>>());
    let first = &answer["picks"][0];
    assert_eq!(first["score"].as_f64().unwrap() as f32, expected.picks[0].score);
    assert_eq!(first["reasons"].as_array().unwrap().len(), expected.picks[0].reasons.len());
    let (_, short) = service.get("/v1/users/7/recommendations?n=5");
    assert_eq!(ids(&short), ids(&answer));

    // Somebody new is answered in the same request, and the shares add up to the explained score.
    let ratings = json!([{"item": "3", "value": 5.0}, {"item": "9", "value": 1.0}]);
    let (_, answer) = service.post("/v1/recommend", &json!({"ratings": ratings, "n": 5}));
    let entries = [("3", 5.0), ("9", 1.0)].map(|(item, value)| HistoryEntry { item: item.into(), value });
    let expected =
        library.recommend(Who::History(&entries), &Request { n: 5, ..Request::default() }).unwrap();
    assert_eq!(answer["basis"], "fold_in");
    assert_eq!(ids(&answer), expected.picks.iter().map(|pick| pick.item.id.to_string()).collect::<Vec<_>>());
    let (_, why) = service.post("/v1/explain", &json!({"ratings": ratings, "item": ids(&answer)[0]}));
    let number = |name: &str| why[name].as_f64().unwrap();
    let shares: f64 =
        why["contributions"].as_array().unwrap().iter().map(|c| c["share"].as_f64().unwrap()).sum();
    assert!(
        (number("mean") + number("item_bias") + number("prior") + shares - number("explained_score")).abs()
            < 1e-5
    );

    let (_, predicted) = service.post("/v1/predict", &json!({"user": "7", "items": ["3", "9"]}));
    let expected = library.predict("7", "9", Unknown::Error).unwrap();
    assert_eq!(predicted["predictions"][1]["score"].as_f64().unwrap() as f32, expected.value);
    let (_, similar) = service.post("/v1/similar", &json!({"item": "3", "n": 4}));
    assert_eq!(similar["neighbours"].as_array().unwrap().len(), 4);
}

#[test]
fn nobody_gets_a_list_and_questions_that_change_with_the_answers() {
    let service = Service::plain();
    let (status, first) = service.post("/v1/recommend", &json!({}));
    assert_eq!((status, first["basis"].as_str(), ids(&first).len()), (200, Some("popular"), 10));
    let asked = |body: Value| -> Vec<Value> {
        let (status, answer) = service.post("/v1/questions", &body);
        assert_eq!(status, 200, "{answer}");
        answer["questions"].as_array().unwrap().clone()
    };
    let questions = asked(json!({"n": 5}));
    assert!(questions.is_sorted_by(|a, b| a["information"].as_f64() >= b["information"].as_f64()));
    let best = &questions[0]["id"];
    let rated = asked(json!({"n": 5, "ratings": [{"item": best.to_string(), "value": 4.0}]}));
    let skipped = asked(json!({"n": 5, "skip": [best.to_string()]}));
    for later in [&rated, &skipped] {
        assert!(later.iter().all(|question| &question["id"] != best));
    }
    // A rating tells something of the others, a skipped item nothing.
    assert!(rated[0]["information"].as_f64() < questions[1]["information"].as_f64());
    assert_eq!(skipped[0], questions[1]);
}

#[test]
fn the_catalogue_is_searched_and_drawn() {
    let service = Service::plain();
    let (_, models) = service.get("/v1/models");
    assert_eq!(
        (&models["default"], &models["models"][0]["items"], &models["live"]),
        (&json!("films"), &json!(120), &json!(false))
    );
    let (_, item) = service.get("/v1/items/3");
    let title = item["title"].as_str().unwrap();
    let (_, found) =
        service.get(&format!("/v1/items?n=3&search={}", title[..title.len() - 3].replace(' ', "%20")));
    assert!(found["items"].as_array().unwrap().iter().any(|found| found["id"] == item["id"]), "{found}");
    let (_, popular) = service.get("/v1/items?n=120");
    assert!(
        popular["items"]
            .as_array()
            .unwrap()
            .is_sorted_by(|a, b| a["ratings"].as_u64() >= b["ratings"].as_u64())
    );
    let (_, map) = service.get("/v1/map?n=50");
    let points = map["points"].as_array().unwrap();
    assert_eq!(points.len(), 50);
    assert!(
        points
            .iter()
            .all(|point| point["x"].as_f64().unwrap().abs() <= 1.0
                && point["y"].as_f64().unwrap().abs() <= 1.0)
    );
}

#[test]
fn mistakes_are_problems_with_a_way_out() {
    let service = Service::plain();
    for (path, body, status, kind, word) in [
        ("/v1/recommend", json!({"user": "nobody"}), 404, "unknown-user", "nobody"),
        (
            "/v1/recommend",
            json!({"ratings": [{"item": "3", "value": 9}]}),
            400,
            "invalid-request",
            "from 1 to 5",
        ),
        ("/v1/recommend", json!({"user": "1", "ratings": []}), 400, "invalid-request", "both"),
        ("/v1/recommend", json!({"usr": "1"}), 400, "invalid-request", "usr"),
        ("/v1/recommend", json!({"user": "1", "n": 100_000}), 400, "invalid-request", "too many"),
        ("/v1/recommend", json!({"user": "1", "reasons": 101}), 400, "invalid-request", "too many"),
        ("/v1/recommend", json!(["1"]), 400, "invalid-request", "object"),
        ("/v1/recommend", json!({"ratings": [["3", 5]]}), 400, "invalid-request", "object"),
        ("/v1/recommend", json!({"user": "1", "diversity": 2}), 400, "invalid-request", "diversity"),
        ("/v1/recommend", json!({"diversity": -1}), 400, "invalid-request", "diversity"),
        (
            "/v1/recommend",
            json!({"user": "1", "categories": ["Nothing"]}),
            400,
            "invalid-request",
            "category",
        ),
        ("/v1/recommend", json!({"user": "1", "model": "other"}), 404, "unknown-model", "other"),
        ("/v1/explain", json!({"user": "1", "item": "no such"}), 404, "unknown-item", "no such"),
        ("/v1/events", json!({"events": []}), 422, "unsupported", "keeps no events"),
        ("/v1/nothing", json!({}), 404, "not-found", "/v1/nothing"),
    ] {
        let (found, problem) = service.post(path, &body);
        assert_eq!(
            (found, problem["type"].as_str()),
            (status, Some(&*format!("/problems/{kind}"))),
            "{body}: {problem}"
        );
        assert_eq!(problem["status"], status);
        let text = problem.to_string();
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(service.get("/v1/recommend").0, 405);
    for path in ["/v1/items?n=1001", "/v1/map?n=1001"] {
        assert_eq!(service.get(path).0, 400, "{path}");
    }
    let popular = service.post("/v1/recommend", &json!({"user": "nobody", "unknown": "popular"})).1;
    assert_eq!(popular["basis"], "popular");
    let average = service.post("/v1/recommend", &json!({"user": "nobody", "unknown": "fold-in"})).1;
    assert_eq!(average["basis"], "mean");
    let text = service.agent.post(format!("{}/v1/recommend", service.root)).send("{").unwrap();
    assert_eq!(read(text).0, 415);
    // The length is refused before the body comes.
    let mut stream = TcpStream::connect(service.root.trim_start_matches("http://")).unwrap();
    let head = "POST /v1/recommend HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

fn what_somebody_does_counts_in_the_next_answer_and_survives(place: &Place) {
    let event = |user: &str, item: &str, value: f32, id: &str| json!({"user": user, "item": item, "value": value, "id": id});
    let service = Service::storing(place.open());
    let before = ids(&service.get("/v1/users/7/recommendations").1);
    // What tops the list is rated low.
    let events = json!({"events": [event("7", &before[0], 1.0, "a"), event("guest", "3", 5.0, "b")]});
    assert_eq!(service.post("/v1/events", &events), (201, json!({"accepted": 2, "duplicates": 0})));
    assert_eq!(service.post("/v1/events", &events), (201, json!({"accepted": 0, "duplicates": 2})));
    let (_, after) = service.get("/v1/users/7/recommendations");
    assert_eq!(after["basis"], "fold_in");
    assert!(!ids(&after).contains(&before[0]));
    assert_eq!(service.get("/v1/users/guest/recommendations").0, 200);
    assert_eq!(service.get("/v1/users/stranger/recommendations").0, 404);
    let (_, kept) = service.get("/v1/users/7/events");
    assert!(kept["events"].as_array().unwrap().len() == 1 && kept["events"][0]["time"].is_i64());

    let nameless = json!({"events": [event("7", "3\u{0}", 5.0, "c")]});
    assert!(service.post("/v1/events", &nameless).1["detail"] == "event 1: this is no item");
    assert_eq!(service.get("/v1/users/%00/events").0, 400);
    let refused = json!({"events": [event("7", "3", 5.0, "c"), event("7", "3", 6.0, "d")]});
    let (status, problem) = service.post("/v1/events", &refused);
    assert!(
        status == 400 && problem["detail"].as_str().unwrap().starts_with("event 2: value = 6"),
        "{problem}"
    );
    assert_eq!(
        service.get("/v1/users/7/events").1["events"].as_array().unwrap().len(),
        1,
        "nothing of it is kept"
    );

    let parquet = service
        .agent
        .get(format!("{}/v1/export", service.root))
        .call()
        .unwrap()
        .body_mut()
        .read_to_vec()
        .unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));

    assert_eq!(service.delete("/v1/users/guest"), 204);
    assert_eq!(service.delete("/v1/users/8"), 204);
    for gone in ["guest", "8"] {
        assert_eq!(service.get(&format!("/v1/users/{gone}/recommendations")).0, 404, "{gone}");
    }
}

fn who_was_erased_and_comes_back_is_somebody_new(place: &Place) {
    let service = Service::storing(place.open());
    let like = |user: &str| service.post("/v1/similar", &json!({"user": user, "n": 79})).1;
    let neighbours = |user: &str| -> Vec<String> {
        let all = like(user)["neighbours"].as_array().unwrap().clone();
        all.iter().map(|neighbour| neighbour["id"].to_string()).collect()
    };
    assert!(neighbours("7").contains(&"8".to_owned()));
    assert_eq!(service.delete("/v1/users/8"), 204);
    assert!(!neighbours("7").contains(&"8".to_owned()));
    assert_eq!(like("8")["status"], 404);
    let popular = service.get("/v1/users/8/recommendations?unknown=popular").1;
    assert_eq!(popular["basis"], "popular");

    let ratings = json!([{"item": "3", "value": 5.0}, {"item": "5", "value": 1.0}]);
    let events = json!({"events": [
        {"user": "8", "item": "3", "value": 5.0}, {"user": "8", "item": "5", "value": 1.0},
    ]});
    assert_eq!(service.post("/v1/events", &events).0, 201);
    // The vectors are of before still.
    assert_eq!(like("8")["status"], 404);
    for (path, more) in [
        ("recommend", json!({"n": 120, "reasons": 9})),
        ("predict", json!({"items": ["4", "6"]})),
        ("explain", json!({"item": "4"})),
    ] {
        let ask = |name: &str, whom: &Value| {
            let mut body = more.clone();
            body[name] = whom.clone();
            service.post(&format!("/v1/{path}"), &body)
        };
        let (status, answer) = ask("user", &json!("8"));
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer, ask("ratings", &ratings).1);
    }

    refit(&service);
    let known = service.get("/v1/users/8/recommendations?n=120").1;
    assert_eq!((&known["basis"], ids(&known).len()), (&json!("model"), 118));
    // And the next refit keeps what the user has done since.
    refit(&service);
    let file = Recommender::open(&place.refits().join("films.cofactor")).unwrap();
    assert_eq!(file.history("8").unwrap().len(), 2);
}

/// Waits for a refit; returns how it went.
fn refit(service: &Service) -> Value {
    assert_eq!(service.post("/v1/refresh", &json!({})).0, 202);
    loop {
        let (_, state) = service.get("/v1/refresh");
        if state["state"] != "running" {
            assert_eq!(state["state"], "done", "{state}");
            return state;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn a_refit_takes_the_place_of_the_model_and_knows_the_events(place: &Place) {
    let service = Service::storing(place.open());
    let best = ids(&service.get("/v1/users/7/recommendations").1)[0].clone();
    let events = json!({"events": [
        {"user": "7", "item": best, "value": 1.0},
        {"user": "newcomer", "item": "3", "value": 5.0},
        {"user": "newcomer", "item": "unheard of", "value": 4.0},
    ]});
    assert_eq!(service.post("/v1/events", &events).0, 201);
    assert_eq!(service.delete("/v1/users/8"), 204);
    let done = refit(&service);
    assert_eq!(done["events"], 3, "{done}");
    assert!(done["drift"]["users"] == 2 && done["drift"]["overlap"].as_f64().unwrap() > 0.0, "{done}");
    let (_, models) = service.get("/v1/models");
    assert_eq!((&models["models"][0]["generation"], &models["models"][0]["items"]), (&json!(1), &json!(121)));
    for known in ["7", "newcomer"] {
        assert_eq!(service.get(&format!("/v1/users/{known}/recommendations")).1["basis"], "model");
    }
    assert_eq!(service.get("/v1/users/8/recommendations").0, 404);
    // The refit lies in its folder, for the next start.
    let file = Recommender::open(&place.refits().join("films.cofactor")).unwrap();
    assert!(file.predict("newcomer", "unheard of", Unknown::Error).is_ok());
    assert!(file.predict("8", "3", Unknown::Error).is_err());
    if let Place::Database { .. } = place {
        let again = Service::storing(place.open());
        assert_eq!(again.get("/v1/models").1["models"][0]["items"], 121);
        assert_eq!(again.get("/v1/users/newcomer/recommendations").1["basis"], "model");
        let more = json!({"events": [{"user": "newcomer", "item": "5", "value": 1.0}]});
        assert_eq!(again.post("/v1/events", &more).0, 201);
        assert_eq!(again.get("/v1/users/newcomer/recommendations").1["basis"], "fold_in");
        // Where only the model of before is at hand, all that came since is folded in.
        let Place::Database { address, .. } = place else { unreachable!() };
        let elsewhere = Service::storing(Store::connect(address, None).unwrap());
        assert_eq!(elsewhere.get("/v1/users/newcomer/recommendations").1["basis"], "fold_in");
        let (status, problem) = elsewhere.post("/v1/refresh", &json!({}));
        assert!(status == 422 && problem["hint"].as_str().unwrap().contains("--refits"), "{problem}");
    }
}

/// What another program writes may lie outside the scale of a model.
#[test]
fn what_another_program_inserts_counts_in_the_next_answers() {
    let Some(place) = Place::database() else { return };
    let Place::Database { address, .. } = &place else { unreachable!() };
    let service = Service::storing(place.open());
    let best = ids(&service.get("/v1/users/7/recommendations").1)[0].clone();
    place::server().unwrap().sql(
        address,
        &format!("INSERT INTO cofactor_events (user_id, item_id, value) VALUES ('7', '{best}', 1), ('7', '3', 99), ('guest', '3', 5)"),
    );
    let start = Instant::now();
    while service.get("/v1/users/guest/recommendations").0 != 200 {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    let (status, after) = service.get("/v1/users/7/recommendations");
    assert_eq!((status, &after["basis"]), (200, &json!("fold_in")), "{after}");
    assert!(!ids(&after).contains(&best));
    assert_eq!(service.get("/v1/users/7/events").1["events"].as_array().unwrap().len(), 2);
    assert_eq!(refit(&service)["events"], 2);
}

#[test]
fn without_its_database_it_goes_on_answering_and_takes_no_events() {
    let Some(server) = Cluster::start() else { return };
    let service = Service::storing(Store::connect(&server.database(), None).unwrap());
    let event = |id: &str| json!({"events": [{"user": "guest", "item": "3", "value": 5.0, "id": id}]});
    assert_eq!(service.post("/v1/events", &event("a")).0, 201);
    assert_eq!(service.delete("/v1/users/8"), 204);
    let list = service.get("/v1/users/guest/recommendations");
    assert_eq!(list.0, 200);
    server.kill();
    let (status, problem) = service.post("/v1/events", &event("b"));
    assert_eq!((status, &problem["type"]), (503, &json!("/problems/unavailable")), "{problem}");
    assert!(problem["hint"].as_str().unwrap().contains("send it again"), "{problem}");
    assert_eq!(service.delete("/v1/users/7"), 503);
    assert_eq!(service.get("/v1/users/guest/events").0, 503);
    assert_eq!(service.get("/v1/export").0, 503);
    assert_eq!(service.get("/v1/users/guest/recommendations"), list, "what is known still counts");
    assert_eq!(service.get("/v1/users/8/recommendations").0, 404, "who was erased stays erased");
    let (status, ready) = service.get("/health/ready");
    assert_eq!((status, &ready["status"]), (200, &json!("degraded")), "{ready}");
    server.restart();
    assert_eq!(service.post("/v1/events", &event("b")).0, 201);
    assert_eq!(service.post("/v1/events", &event("a")).1, json!({"accepted": 0, "duplicates": 1}));
    assert_eq!(service.get("/v1/users/guest/events").1["events"].as_array().unwrap().len(), 2);
    assert_eq!(service.get("/health/ready").1["status"], "ok");
}

#[test]
fn keys_open_what_their_scope_says_and_the_page_is_open() {
    const READ: &str = "a-key-for-reading-only";
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut service = Service::start(|settings| {
        settings.keys = Keys::parse(&format!("read {READ}")).unwrap();
        settings.store = Some(store);
    });
    assert_eq!(service.get("/v1/models").0, 401);
    for open in ["/", "/docs", "/openapi.json", "/health/live", "/health/ready", "/metrics"] {
        assert_eq!(service.get(open).0, 200, "{open}");
    }
    assert!(service.get("/openapi.json").1["security"][0]["key"].is_array(), "the document says so");
    assert!(Service::plain().get("/openapi.json").1["security"].is_null());
    service.key = Some(READ);
    assert_eq!(service.get("/v1/models").0, 200);
    assert_eq!(service.post("/v1/events", &json!({"events": []})).0, 403);
}

#[test]
fn whoever_asks_too_often_is_told_when_to_come_back() {
    let service = Service::start(|settings| settings.limits.rate = NonZeroU32::new(2));
    let answers: Vec<u16> = (0..12).map(|_| service.get("/v1/models").0).collect();
    assert!(answers.contains(&200) && answers.contains(&429), "{answers:?}");
}

#[test]
fn every_answer_has_its_headers_and_an_id() {
    let service = Service::plain();
    let request = service.agent.get(format!("{}/v1/models", service.root)).header("x-request-id", "mine-1");
    let response = request.call().unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-request-id"), "mine-1");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").starts_with("default-src 'none'"));
    let request = service.agent.get(format!("{}/x", service.root)).header("x-request-id", "<script>");
    assert_eq!(request.call().unwrap().headers()["x-request-id"].len(), 36);
}

#[test]
fn the_document_names_every_route_and_is_openapi() {
    let service = Service::plain();
    let (_, document) = service.get("/openapi.json");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    for path in ["/v1/recommend", "/v1/events", "/v1/refresh", "/v1/users/{user}", "/v1/map"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let (_, page) = service.get("/docs");
    let page = page.as_str().unwrap();
    assert!(
        page.contains("POST /v1/recommend")
            && page.contains("Only items of at least one of these categories")
    );
}
