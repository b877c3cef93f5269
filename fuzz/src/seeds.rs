//! Writes what the fuzzers start from: small valid inputs of each kind, in a folder for each target.

use std::fs;
use std::path::Path;

use cofactor::data::synth::{Synth, generate};
use cofactor::fit::run::Run;
use cofactor::registry;
use cofactor::store::ModelFile;

const RATINGS: &[&str] = &[
    "user,item,rating,timestamp\n1,10,4.5,978300760\n2,10,3,978302109\n1,11,5,978301968\n",
    "1\t10\t4\t978300760\n2\t10\t3\t978302109\n",
    "1::10::5::978300760\n2::11::3::978302109\n",
    "{\"user\": \"a\", \"item\": \"x\", \"rating\": 4}\n{\"user\": \"b\", \"item\": \"x\", \"rating\": 2}\n",
    "user;item\n\"a;b\";\"x\"\"y\"\n",
];

const HISTORIES: &[&str] = &["10=5, 11=3.5", "\"Toy Story (1995)\"=4", "[{\"item\": \"10\", \"rating\": 5}]"];

const REQUESTS: &[&str] = &[
    "GET /v1/models\n",
    "GET /v1/users/1/recommendations?n=5&interval=0.9\n",
    "GET /v1/items?q=1&n=2\n",
    "GET /v1/items/1\n",
    "GET /v1/map?n=10\n",
    "GET /v1/users/1/events\n",
    "DELETE /v1/users/1\n",
    "GET /v1/export\n",
    "GET /v1/refresh\n",
    "GET /openapi.json\n",
    "POST /v1/recommend\n{\"ratings\": [{\"item\": \"1\", \"value\": 4.5}], \"n\": 5}",
    "POST /v1/recommend\n{\"user\": \"1\", \"n\": 3, \"popularity\": 0.5, \"diversity\": 0.2, \"deny\": [\"2\"]}",
    "POST /v1/predict\n{\"user\": \"1\", \"items\": [\"2\", \"3\"], \"interval\": 0.9}",
    "POST /v1/explain\n{\"ratings\": [{\"item\": \"1\", \"value\": 4.5}], \"item\": \"2\"}",
    "POST /v1/similar\n{\"item\": \"1\", \"n\": 3}",
    "POST /v1/questions\n{\"ratings\": [{\"item\": \"1\", \"value\": 4.5}], \"n\": 3}",
    "POST /v1/events\n{\"events\": [{\"user\": \"1\", \"item\": \"2\", \"value\": 4}]}",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: seeds FOLDER")?;
    let folder = Path::new(&folder);
    for (target, seeds) in [("ratings", RATINGS), ("history", HISTORIES), ("requests", REQUESTS)] {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    models(&folder.join("model_file"))
}

/// A small model of every algorithm.
fn models(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(folder)?;
    let ratings = generate(&Synth::parse("synth:users=12,items=9,ratings=60")?)?.ratings;
    for entry in registry::ALGORITHMS {
        let algorithm = entry.configure(&serde_json::Map::new())?;
        let model = algorithm.fit(&ratings, &mut Run::new(1, 1)?)?;
        let file = ModelFile::new(entry.name, algorithm.config(), 1, ratings.clone(), model);
        file.save(&folder.join(format!("seed-{}.cofactor", entry.name)))?;
    }
    Ok(())
}
