//! The pages of the documentation: every command that they show is run, and what they say it prints is what it prints.
//!
//! A page is a session in a folder that holds the files of `docs/data`. What stands in a fenced block is told by the words behind the fence:
//!
//! - `console`: lines that begin with `$ ` go to the shell, one after the other, with a terminal as standard output; below each stands what it prints, and
//!   what it says on standard error if it fails. A line with nothing but `…` stands for any lines. `wide` makes the terminal wider than 104 columns,
//!   `ml-100k` leaves the block out where that data set is not at hand.
//! - a language and a file's name (`csv ratings.csv`): that file.
//! - `python` and `output`: run, and what it prints; the wheel's tests look after them.
//! - `rust`: a test of the library's documentation.
//! - `sh`: one of the commands of [`NOT_RUN`].
//! - `text`, `math`: nothing to run.
//!
//! With `COFACTOR_UPDATE=pages` in the environment, what differs is written into the pages.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{Scratch, real_data};

/// What a page may tell a reader to type without a test that runs it: installing, the checks themselves, and what takes hours.
const NOT_RUN: &[&str] = &[
    "COFACTOR_UPDATE=pages cargo ",
    "cargo bench --manifest-path bench/",
    "cargo doc --open",
    "cargo install --path crates/cli",
    "cargo run --release --manifest-path bench/",
    "cargo run --release -- ",
    "cargo xtask ",
    "pip install ./crates/py",
];

#[test]
fn every_page_shows_what_its_commands_print() {
    if real_data().is_none() {
        println!(
            "left out: what is shown of MovieLens 100K, which is neither in the cache nor in the folder of COFACTOR_MIRROR"
        );
    }
    let mut wrong = String::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let (renewed, mut problems) = checked(&text);
        if updating() {
            problems.retain(|problem| !problem.is_mended);
            fs::write(&page, renewed).unwrap();
        }
        for problem in problems {
            let _ = writeln!(wrong, "{}:{}\n", page.display(), problem.text);
        }
    }
    let remedy = "COFACTOR_UPDATE=pages cargo test -p cofactor-cli --test command pages";
    assert!(wrong.is_empty(), "\n{wrong}write the pages anew with\n  {remedy}\nand read what has changed\n");
}

#[test]
fn every_block_says_what_it_is_and_how_it_is_tested() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for block in blocks(&text) {
            let content = &text[block.content.clone()];
            let fine = match block.language() {
                "console" => content.starts_with("$ "),
                "sh" if block.file().is_none() => {
                    content.lines().all(|line| NOT_RUN.iter().any(|known| line.starts_with(known)))
                }
                "python" | "output" | "rust" | "text" | "math" => true,
                _ => block.file().is_some(),
            };
            if !fine {
                wrong.push(format!("{}:{}: ```{}", page.display(), block.line, block.info));
            }
        }
    }
    assert!(wrong.is_empty(), "nothing tests these blocks:\n{}", wrong.join("\n"));
}

#[test]
fn times_and_widths_are_all_that_may_differ() {
    let shown = [
        "Fit   10 epochs  0.123 s",
        "Done  in 2 min 3 s",
        "",
        " fold   fit s   rmse",
        "──────",
        " u1     0.108   0.9",
    ];
    let printed = [
        "Fit   10 epochs  12.0 s",
        "Done  in 0.5 s",
        "",
        " fold    fit s   rmse",
        "───────",
        " u1     12.108   0.9",
    ];
    assert!(fits(&shown, &printed));
    for (line, other) in [(0, "Fit   11 epochs  0.123 s"), (5, " u1     0.108   0.8"), (4, "")] {
        let mut changed = printed;
        changed[line] = other;
        assert!(!fits(&shown, &changed), "{other}");
    }
    assert!(fits(&["a", "…", "d"], &["a", "b", "c", "d"]) && fits(&["…", "d"], &["d"]));
    assert!(
        !fits(&["a", "…", "d"], &["a", "d", "e"]) && !fits(&["a", "…"], &["b", "a"]) && !fits(&[], &["a"])
    );
}

#[test]
fn a_page_is_written_anew_where_it_differs() {
    let page = "```console\n$ printf 'a\\nb\\nc\\n'\na\n…\nB\n$ echo 1; exit 3\n$ cat f.csv\nold\n```\n\n```csv f.csv\n1,2\n```\n";
    let (renewed, problems) = checked(page);
    let found: Vec<_> =
        problems.iter().map(|problem| (problem.text.split(':').next(), problem.is_mended)).collect();
    assert_eq!(found, [(Some("2"), false), (Some("6"), true), (Some("7"), true)]);
    let page = renewed.replace("…\nB", "…\nc");
    assert!(page.contains("$ echo 1; exit 3\n1\n$ cat f.csv\n") && !page.contains("old"), "{page}");
    assert!(checked(&page).1.is_empty(), "{page}");
}

/// All pages that people read: of the project and of `docs`.
fn pages() -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = vec![root.join("crates/py/README.md"), root.join("bench/README.md")];
    let top = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    found.extend(top.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    below(&root.join("docs"), &mut found);
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn updating() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a test does what its runner says")]
    std::env::var("COFACTOR_UPDATE").is_ok_and(|what| what == "pages")
}

/// A fenced block of a page.
struct Block {
    /// The line of its fence, counted from 1.
    line: usize,
    /// What stands behind the fence.
    info: String,
    /// Where its content stands.
    content: Range<usize>,
}

impl Block {
    fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }

    fn is(&self, word: &str) -> bool {
        self.info.split(' ').skip(1).any(|other| other == word)
    }

    /// The name of the file that it is.
    fn file(&self) -> Option<&str> {
        self.info.split(' ').nth(1).filter(|word| word.contains('.'))
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut at, mut open) = (0, false);
    for (number, line) in page.split_inclusive('\n').enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            match blocks.last_mut() {
                Some(block) if open => block.content.end = at,
                _ => {
                    let start = at + line.len();
                    blocks.push(Block {
                        line: number + 1,
                        info: info.trim().to_owned(),
                        content: start..start,
                    });
                }
            }
            open = !open;
        }
        at += line.len();
    }
    assert!(!open, "a fence is not closed");
    blocks
}

/// A command that prints something else than the page shows.
struct Problem {
    /// The line, the command, and both.
    text: String,
    /// Whether the new page shows what it prints.
    is_mended: bool,
}

/// Runs a page: the page as it should be, and what differs.
fn checked(page: &str) -> (String, Vec<Problem>) {
    let (mut renewed, mut problems) = (String::new(), Vec::new());
    let scratch = Scratch::new();
    for file in fs::read_dir(root().join("docs/data")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), scratch.path(file.file_name())).unwrap();
    }
    let mut copied = 0;
    for block in blocks(page) {
        let content = &page[block.content.clone()];
        if let Some(file) = block.file() {
            scratch.file(file, content);
        }
        if block.language() == "console" && (!block.is("ml-100k") || real_data().is_some()) {
            renewed += &page[copied..block.content.start];
            copied = block.content.end;
            session(content, &block, &scratch, &mut renewed, &mut problems);
        }
    }
    (renewed + &page[copied..], problems)
}

/// Runs the commands of a block.
fn session(
    content: &str,
    block: &Block,
    scratch: &Scratch,
    renewed: &mut String,
    problems: &mut Vec<Problem>,
) {
    let lines: Vec<&str> = content.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let start = at;
        while lines[at].ends_with('\\') {
            at += 1;
        }
        at += 1;
        let command = &lines[start..at];
        let shown = lines[at..].iter().take_while(|line| !line.starts_with("$ ")).count();
        let (shown, number) = (&lines[at..at + shown], block.line + start + 1);
        at += shown.len();
        let printed = printed(&command.join("\n")[2..], block, scratch);
        let printed: Vec<&str> = printed.iter().map(String::as_str).collect();
        let mut right = shown.to_vec();
        if !fits(shown, &printed) {
            right = anew(shown, &printed);
            let (command, shown) = (command.join("\n"), shown.join("\n"));
            let text = format!(
                "{number}: {command}\n--- the page\n{shown}\n--- the command\n{}",
                printed.join("\n")
            );
            problems.push(Problem { text, is_mended: fits(&right, &printed) });
        }
        for line in command.iter().chain(&right) {
            let _ = writeln!(renewed, "{line}");
        }
    }
}

/// The lines that a command prints on a terminal, and those of standard error if it fails; without blanks at their ends.
fn printed(command: &str, block: &Block, scratch: &Scratch) -> Vec<String> {
    let (mut screen, keyboard) = terminal(if block.is("wide") { 140 } else { 104 });
    let errors = scratch.path("stderr");
    let mut shell = scratch.shell(command);
    if block.is("ml-100k")
        && let Some((name, place)) = real_data()
    {
        shell.env(name, place);
    }
    shell.stdin(Stdio::null()).stdout(keyboard).stderr(File::create(&errors).unwrap());
    let mut running = shell.spawn().unwrap();
    // The end of the terminal is reached when nobody holds its other side any more.
    drop(shell);
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = screen.read(&mut piece) {
        bytes.extend_from_slice(&piece[..length]);
    }
    let failed = !running.wait().unwrap().success();
    let mut text = String::from_utf8(bytes).unwrap();
    if failed {
        text += &fs::read_to_string(&errors).unwrap();
    }
    let here = scratch.path("").display().to_string();
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().replace(&here, "")).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// A terminal: what is read from the first is what a program writes to the second.
fn terminal(columns: u16) -> (File, File) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let keyboard = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    tcsetwinsize(&keyboard, Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (screen.into(), keyboard)
}

/// Whether a command has printed what the page shows.
fn fits(shown: &[&str], printed: &[&str]) -> bool {
    let (shown, printed) = (comparable(shown), comparable(printed));
    let parts: Vec<&[String]> = shown.split(|line| line == "…").collect();
    let (Some((first, others)), mut rest) = (parts.split_first(), &printed[..]) else { return false };
    let Some(after) = rest.strip_prefix(*first) else { return false };
    rest = after;
    for (at, part) in others.iter().enumerate() {
        let is_last = at + 1 == others.len();
        let mut places = 0..(rest.len() + 1).saturating_sub(part.len());
        let fits_at = |place: &usize| rest[*place..].starts_with(part);
        let place = if is_last { places.next_back().filter(fits_at) } else { places.find(fits_at) };
        let Some(place) = place else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.is_empty()
}

/// What the page should show: everything, or of what it shows of it, the same lines as before. A part is found again by its first line.
fn anew<'a>(shown: &[&'a str], printed: &[&'a str]) -> Vec<&'a str> {
    if !shown.contains(&"…") {
        return printed.to_vec();
    }
    let mut right = Vec::new();
    let mut from = 0;
    for part in shown.split_inclusive(|line| *line == "…") {
        let (ends, part) = match part.split_last() {
            Some((&"…", part)) => (true, part),
            _ => (false, part),
        };
        let found = part.first().and_then(|first| {
            let first = comparable(&[first]);
            (from..printed.len()).find(|&at| comparable(&printed[at..=at]) == first)
        });
        match found {
            Some(at) => {
                let end = if ends { (at + part.len()).min(printed.len()) } else { printed.len() };
                right.extend(&printed[at..end]);
                from = end;
            }
            None => right.extend(part),
        }
        right.extend(ends.then_some("…"));
    }
    right
}

/// Lines without what may differ from run to run: times, and the widths of tables that depend on them.
fn comparable(lines: &[&str]) -> Vec<String> {
    let mut timed: Vec<Range<usize>> = Vec::new();
    let mut comparable = Vec::new();
    for line in lines {
        if line.is_empty() {
            timed.clear();
        }
        let words = words(line);
        timed.extend(words.windows(2).filter_map(|pair| match pair {
            [(what, span), ("s", end)] if ["fit", "test", "cpu"].contains(what) => Some(span.start..end.end),
            _ => None,
        }));
        let is_time = |at: usize| {
            let unit = words.get(at + 1).map(|(word, _)| word.trim_end_matches(')'));
            let (word, span) = &words[at];
            let in_column = timed.iter().any(|column| span.start < column.end && column.start < span.end);
            word.parse::<f64>().is_ok() && (in_column || matches!(unit, Some("s" | "min")))
        };
        let plain = (0..words.len()).map(|at| match words[at].0 {
            _ if is_time(at) => "#",
            rule if rule.chars().all(|letter| letter == '─') => "─",
            word => word,
        });
        comparable.push(plain.collect::<Vec<_>>().join(" ").replace("# min # s", "# s"));
    }
    comparable
}

/// The words of a line and where they stand, counted in letters.
fn words(line: &str) -> Vec<(&str, Range<usize>)> {
    let mut words = Vec::new();
    let mut at = 0;
    for piece in line.split(' ') {
        let length = piece.chars().count();
        if length > 0 {
            words.push((piece, at..at + length));
        }
        at += length + 1;
    }
    words
}
