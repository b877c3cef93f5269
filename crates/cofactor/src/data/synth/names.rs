//! Invented titles, and genres that follow the factors.

const ADJECTIVES: &[&str] = &[
    "Silent",
    "Crimson",
    "Hidden",
    "Broken",
    "Golden",
    "Distant",
    "Restless",
    "Frozen",
    "Gentle",
    "Hollow",
    "Burning",
    "Secret",
    "Quiet",
    "Wild",
    "Velvet",
    "Lonely",
    "Bright",
    "Fallen",
    "Paper",
    "Iron",
    "Endless",
    "Salted",
    "Wandering",
    "Electric",
    "Borrowed",
    "Midnight",
    "Northern",
    "Scarlet",
    "Second",
    "Unfinished",
    "Clockwork",
];

const NOUNS: &[&str] = &[
    "Harbor",
    "Garden",
    "Letter",
    "Station",
    "River",
    "Orchard",
    "Mirror",
    "Lantern",
    "Summer",
    "Engine",
    "Promise",
    "Island",
    "Winter",
    "Circus",
    "Horizon",
    "Empire",
    "Witness",
    "Bridge",
    "Symphony",
    "Stranger",
    "Detective",
    "Kingdom",
    "Voyage",
    "Window",
    "Carnival",
    "Lighthouse",
    "Machine",
    "Season",
    "Thief",
];

const PATTERNS: usize = 4;

/// The title of the item with that number, without its year; no two items have the same.
pub(super) fn title(item: usize) -> String {
    let titles = PATTERNS * ADJECTIVES.len() * NOUNS.len();
    // The factor shares no divisor with the number of titles (2, 29 and 31), so neighbours differ and nothing repeats.
    let number = item % titles * 1_009 % titles;
    let (pattern, rest) = (number % PATTERNS, number / PATTERNS);
    let (adjective, noun) = (ADJECTIVES[rest % ADJECTIVES.len()], NOUNS[rest / ADJECTIVES.len()]);
    let title = match pattern {
        0 => format!("The {adjective} {noun}"),
        1 => format!("{adjective} {noun}"),
        2 => format!("The {noun} at the {adjective} Door"),
        _ => format!("Return to the {adjective} {noun}"),
    };
    match item / titles {
        0 => title,
        sequel => format!("{title}, Part {}", sequel + 1),
    }
}

/// One pair for each factor: the genre of items high on it, and of items low on it.
const GENRES: &[[&str; 2]] = &[
    ["Comedy", "Drama"],
    ["Action", "Romance"],
    ["Sci-Fi", "Western"],
    ["Thriller", "Musical"],
    ["Fantasy", "Documentary"],
    ["Animation", "Film-Noir"],
    ["Adventure", "Crime"],
    ["Horror", "Children's"],
];

/// All genres in alphabetical order, and for each item those of its largest factor and of any other as large as 0.8 of it.
pub(super) fn genres(factors: &[f32], k: usize, items: usize) -> (Vec<String>, Vec<Vec<u16>>) {
    let shown = k.min(GENRES.len());
    let mut labels: Vec<String> = GENRES[..shown].iter().flatten().map(|&name| name.to_owned()).collect();
    labels.sort_unstable();
    let label = |name: &str| labels.iter().position(|label| label == name).map(|position| position as u16);
    let of_item = |item: usize| {
        let q = &factors[item * k..][..shown];
        let largest = q.iter().fold(0.0_f32, |largest, entry| largest.max(entry.abs()));
        let mut members: Vec<u16> = (0..shown)
            .filter(|&f| q[f].abs() >= 0.8 * largest)
            .filter_map(|f| label(GENRES[f][usize::from(q[f] < 0.0)]))
            .collect();
        members.sort_unstable();
        members
    };
    let members = (0..items).map(of_item).collect();
    (labels, members)
}

pub(super) const OCCUPATIONS: &[&str] = &[
    "artist",
    "baker",
    "carpenter",
    "doctor",
    "engineer",
    "farmer",
    "lawyer",
    "librarian",
    "nurse",
    "other",
    "pilot",
    "student",
    "teacher",
    "writer",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_title_occurs_twice() {
        let titles: BTreeSet<String> = (0..20_000).map(title).collect();
        assert_eq!(titles.len(), 20_000);
    }

    #[test]
    fn genres_follow_the_signs_of_the_factors() {
        let (labels, members) = genres(&[1.0, -0.1, -0.9, -1.0], 2, 2);
        let named =
            |item: usize| members[item].iter().map(|&l| labels[l as usize].as_str()).collect::<Vec<_>>();
        assert_eq!(named(0), ["Comedy"]);
        assert_eq!(named(1), ["Drama", "Romance"]);
    }
}
