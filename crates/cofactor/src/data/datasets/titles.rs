//! Film titles as people say them: MovieLens sorts "The Silent Harbor" under S.

/// Articles that stand after a comma at the end of a sorted title; one with an apostrophe takes no space.
const ARTICLES: &[&str] = &[
    "The", "A", "An", "Le", "La", "Les", "L'", "Un", "Une", "Il", "Lo", "Gli", "El", "Los", "Las", "Una",
    "Der", "Die", "Das", "Ein", "Eine", "De", "Het", "Den", "Det", "En", "Ett", "I", "O",
];

/// "Silent Harbor, The (Port silencieux, Le) (1987)" becomes "The Silent Harbor (Le Port silencieux) (1987)".
pub(super) fn readable(title: &str) -> String {
    let mut text = String::new();
    for piece in title.trim().split_inclusive(['(', ')']) {
        let inner = piece.strip_suffix(['(', ')']).unwrap_or(piece);
        text.push_str(&article_first(inner));
        text.push_str(&piece[inner.len()..]);
    }
    text
}

/// Moves the article of one title, which may end in spaces.
fn article_first(title: &str) -> String {
    let name = title.trim_end();
    let moved = name.rsplit_once(", ").and_then(|(rest, last)| {
        let article = ARTICLES.iter().find(|article| **article == last)?;
        let space = if article.ends_with('\'') { "" } else { " " };
        Some(format!("{article}{space}{rest}{}", &title[name.len()..]))
    });
    moved.unwrap_or_else(|| title.to_owned())
}

/// The year in the last brackets that begin with one: "(1987)", "(1987-1991)", "(1995) (V)".
pub(super) fn year(title: &str) -> Option<f64> {
    title.rsplit('(').find_map(|piece| {
        let digits = piece.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let ends = piece[4..].starts_with([')', '-', '–']);
        let year: u16 = digits.parse().ok().filter(|year| (1850..2200).contains(year))?;
        ends.then(|| f64::from(year))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn articles_go_first() {
        for (sorted, said) in [
            ("Silent Harbor, The (1987)", "The Silent Harbor (1987)"),
            ("Port silencieux, Le (1987)", "Le Port silencieux (1987)"),
            ("Ami, L' (Friend, The) (1990)", "L'Ami (The Friend) (1990)"),
            ("Silent, Crimson, Hidden (1990)", "Silent, Crimson, Hidden (1990)"),
            ("Return to the Harbor, A (1985) ", "A Return to the Harbor (1985)"),
            ("Harbor III: The Voyage (1995) (V)", "Harbor III: The Voyage (1995) (V)"),
            ("unknown", "unknown"),
            ("", ""),
        ] {
            assert_eq!(readable(sorted), said);
        }
    }

    #[test]
    fn the_year_is_the_last_one_in_brackets() {
        assert_eq!(year("2001: A Harbor (1968)"), Some(1968.0));
        assert_eq!(year("1984 (1956)"), Some(1956.0));
        assert_eq!(year("Harbor (1995) (V)"), Some(1995.0));
        assert_eq!(year("Harbor (1994-1998)"), Some(1994.0));
        assert_eq!(year("Harbor (12345)"), None);
        assert_eq!(year("Harbor 1987"), None);
        assert_eq!(year(""), None);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(title in "[ A-c(),'é0-9]{0,30}") {
            let said = readable(&title);
            prop_assert!(said.len() <= title.len());
            let _ = year(&title);
        }
    }
}
