//! Finding an item by what a person remembers of its title.

use std::cmp::Reverse;

use crate::data::ids::Item;
use crate::data::ratings::Catalog;
use crate::error::edit_distance;

/// The folded titles of all items.
pub(super) struct Titles(Vec<Folded>);

/// A title as it is compared.
struct Folded {
    /// The words and the year: `the matrix 1999`; empty where there is no title.
    full: String,
    /// How much of it is not the year.
    name: usize,
}

impl Folded {
    fn of(title: &str) -> Self {
        let (name, year) = without_year(title);
        let mut full = fold(name);
        let name = full.len();
        if let Some(year) = year {
            full.push(' ');
            full.push_str(year);
        }
        Self { full, name }
    }

    fn name(&self) -> &str {
        &self.full[..self.name]
    }

    fn year(&self) -> &str {
        &self.full[self.name..]
    }
}

impl Titles {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let title = |index| catalog.item_attributes.title(index).unwrap_or_default();
        Self((0..catalog.items.len()).map(|index| Folded::of(title(index))).collect())
    }

    /// The items that a text fits best: by the whole title, else by the folded title with or without the year, else by a part
    /// of it. Cost: linear in the titles.
    pub(super) fn fits(&self, catalog: &Catalog, text: &str) -> Vec<Item> {
        let exact = self.all(|index, _| catalog.item_attributes.title(index) == Some(text));
        if !exact.is_empty() {
            return exact;
        }
        let wanted = Folded::of(text);
        if wanted.name().is_empty() {
            return Vec::new();
        }
        let whole = self.all(|_, title| title.full == wanted.full || title.name() == wanted.full);
        if !whole.is_empty() {
            return whole;
        }
        let without_article = self.all(|_, title| {
            [&title.full, title.name()].map(without_article).contains(&without_article(&wanted.full))
        });
        if !without_article.is_empty() {
            return without_article;
        }
        let part = memchr::memmem::Finder::new(wanted.name());
        self.all(|_, title| match wanted.year() {
            "" => part.find(title.full.as_bytes()).is_some(),
            year => year == title.year() && part.find(title.name().as_bytes()).is_some(),
        })
    }

    /// The titles that a text may mean, at most `n`: whole, by their beginning, by the beginning of a word, by any part, else those [`Self::near`] it. Within each, the one with most
    /// ratings first; without a text, all of them. Cost: linear in the titles.
    pub(super) fn search(&self, text: &str, counts: &[usize], n: usize) -> Vec<Item> {
        let wanted = Folded::of(text).full;
        let part = memchr::memmem::Finder::new(&wanted);
        let mut found: Vec<(usize, Reverse<usize>, usize)> = Vec::new();
        for (index, title) in self.0.iter().enumerate() {
            let Some(at) = part.find(title.full.as_bytes()) else { continue };
            let name = without_article(title.name());
            let rank = if wanted.is_empty() || [&title.full, title.name(), name].contains(&wanted.as_str()) {
                0
            } else if at == 0 || name.starts_with(&wanted) {
                1
            } else if title.full.contains(&format!(" {wanted}")) {
                2
            } else {
                3
            };
            found.push((rank, Reverse(counts[index]), index));
        }
        if found.is_empty() {
            return self.near(text, counts).into_iter().take(n).collect();
        }
        found.sort_unstable();
        found.into_iter().take(n).map(|(_, _, index)| Item(index as u32)).collect()
    }

    /// The few titles that differ from a text in a few letters, the nearest first, then the one with most ratings.
    pub(super) fn near(&self, text: &str, counts: &[usize]) -> Vec<Item> {
        const SHOWN: usize = 3;
        const LONGEST: usize = 100;
        let wanted = Folded::of(text);
        let len = wanted.full.chars().count();
        if len > LONGEST {
            return Vec::new();
        }
        let allowed = len / 4 + 1;
        let distance = |index: usize| {
            let title = &self.0[index];
            let forms = [title.full.as_str(), title.name(), without_article(title.name())];
            let close = forms
                .into_iter()
                .filter(|form| !form.is_empty() && form.chars().count().abs_diff(len) <= allowed);
            close.map(|form| edit_distance(&wanted.full, form)).min().filter(|&distance| distance <= allowed)
        };
        let mut near: Vec<_> = (0..self.0.len())
            .filter_map(|index| Some((distance(index)?, Reverse(counts[index]), index)))
            .collect();
        near.sort_unstable();
        near.into_iter().take(SHOWN).map(|(_, _, index)| Item(index as u32)).collect()
    }

    fn all(&self, fits: impl Fn(usize, &Folded) -> bool) -> Vec<Item> {
        let fitting = self.0.iter().enumerate().filter(|&(index, title)| fits(index, title));
        fitting.map(|(index, _)| Item(index as u32)).collect()
    }
}

/// Words that catalogues put behind the title they open.
const ARTICLES: &[&str] = &["the", "a", "an", "le", "la", "les", "l", "der", "die", "das", "el", "il", "los"];

/// The title, and the year that ends it in parentheses.
fn without_year(title: &str) -> (&str, Option<&str>) {
    let title = title.trim();
    let cut = title.strip_suffix(')').and_then(|inner| inner.rsplit_once('('));
    match cut {
        Some((name, year)) if year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, Some(year))
        }
        _ => (title, None),
    }
}

/// Lower-case words without accents or punctuation, an article that stands behind a comma moved to the front.
fn fold(name: &str) -> String {
    if let Some((rest, last)) = name.rsplit_once(',') {
        let last = words(last);
        if ARTICLES.contains(&last.as_str()) {
            return format!("{last} {}", words(rest));
        }
    }
    words(name)
}

fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match plain(letter) {
            Plain::Letters(letters) => words.push_str(letters),
            Plain::Nothing => {}
            Plain::Itself if letter.is_alphanumeric() => words.push(letter),
            Plain::Itself if words.ends_with(' ') || words.is_empty() => {}
            Plain::Itself => words.push(' '),
        }
    }
    words.truncate(words.trim_end().len());
    words
}

fn without_article(folded: &str) -> &str {
    match folded.split_once(' ') {
        Some((first, rest)) if ARTICLES.contains(&first) => rest,
        _ => folded,
    }
}

enum Plain {
    Letters(&'static str),
    Nothing,
    Itself,
}

/// A lower-case Latin letter without its accent; apostrophes and combining accents vanish.
fn plain(letter: char) -> Plain {
    Plain::Letters(match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        '\'' | '’' | '`' | '\u{300}'..='\u{36f}' => return Plain::Nothing,
        _ => return Plain::Itself,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_folded() {
        for (title, full, name) in [
            ("Matrix, The (1999)", "the matrix 1999", "the matrix"),
            ("Léon: The Professional (1994)", "leon the professional 1994", "leon the professional"),
            ("Schindler's List (1993)", "schindlers list 1993", "schindlers list"),
            ("Le\u{301}on", "leon", "leon"),
            ("  Ça  -- ira?! ", "ca ira", "ca ira"),
            ("2001: A Space Odyssey (1968)", "2001 a space odyssey 1968", "2001 a space odyssey"),
            ("(500) Days", "500 days", "500 days"),
            ("羅生門 (1950)", "羅生門 1950", "羅生門"),
            ("", "", ""),
        ] {
            let folded = Folded::of(title);
            assert_eq!((folded.full.as_str(), folded.name()), (full, name), "{title}");
        }
    }
}
