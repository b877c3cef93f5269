//! LIBMF as a child process: reads ratings from files, then fits once for each line on standard input.
//!
//! ```text
//! libmf-peer TRAIN [TEST]      records of user u32, item u32, value f32, little endian
//! k iterations threads λ η bins                                  ← one line for each fit
//! {"cpu": seconds, "wall": seconds, "rmse": on TEST, clipped}     → one line of JSON back
//! ```

use std::fs;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

type Rating = (i32, i32, f32);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let train = read(paths.first().ok_or("usage: libmf-peer TRAIN [TEST]")?)?;
    let test = paths.get(1).map_or(Ok(Vec::new()), |path| read(path))?;
    let mut matrix = libmf::Matrix::with_capacity(train.len());
    for &(user, item, value) in &train {
        matrix.push(user, item, value);
    }
    for line in io::stdin().lock().lines() {
        let numbers: Vec<f32> = line?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let &[k, iterations, threads, lambda, rate, bins] = numbers.as_slice() else {
            return Err("six numbers: k iterations threads lambda rate bins".into());
        };
        let mut params = libmf::Model::params();
        params
            .factors(k as i32)
            .iterations(iterations as i32)
            .threads(threads as i32)
            .lambda_p2(lambda)
            .lambda_q2(lambda)
            .learning_rate(rate)
            .bins(bins as i32)
            .quiet(true);
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let model = params.fit(&matrix).map_err(|error| error.to_string())?;
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        println!("{}", serde_json::json!({ "cpu": cpu, "wall": wall, "rmse": rmse(&model, &train, &test) }));
        io::stdout().flush()?;
    }
    Ok(())
}

fn read(path: &str) -> io::Result<Vec<Rating>> {
    let word = |bytes: &[u8], at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    let rating = |record: &[u8]| {
        let (user, item) = (i32::from_le_bytes(word(record, 0)), i32::from_le_bytes(word(record, 4)));
        (user, item, f32::from_le_bytes(word(record, 8)))
    };
    Ok(fs::read(path)?.chunks_exact(12).map(rating).collect())
}

/// The RMSE on the test part, predictions clipped to the range of the training part; nothing when there is no test part.
fn rmse(model: &libmf::Model, train: &[Rating], test: &[Rating]) -> Option<f64> {
    let (low, high) = train.iter().fold((f32::MAX, f32::MIN), |(low, high), r| (low.min(r.2), high.max(r.2)));
    let square = |&(user, item, value): &Rating| {
        let known = user < model.rows() && item < model.columns();
        let predicted = if known { model.predict(user, item) } else { model.bias() };
        f64::from(predicted.clamp(low, high) - value).powi(2)
    };
    (!test.is_empty()).then(|| (test.iter().map(square).sum::<f64>() / test.len() as f64).sqrt())
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
