//! When ratings were given, in as few bytes as the span of the times allows.

use super::Time;

/// A column of times in 4 bytes each while they lie within 68 years of the first, in 8 bytes otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Times {
    /// `origin + offset`.
    Near {
        /// The smallest time that an offset can express.
        origin: Time,
        /// Seconds after the origin.
        offsets: Vec<u32>,
    },
    /// As they are.
    Wide(Vec<Time>),
}

impl Default for Times {
    fn default() -> Self {
        Self::Near { origin: 0, offsets: Vec::new() }
    }
}

impl Times {
    /// Appends one time.
    pub fn push(&mut self, time: Time) {
        if let Self::Near { origin, offsets } = self {
            if offsets.is_empty() {
                *origin = time.saturating_sub(1 << 31);
            }
            if let Some(offset) = time.checked_sub(*origin).and_then(|offset| u32::try_from(offset).ok()) {
                offsets.push(offset);
                return;
            }
            let wide = offsets.iter().map(|&offset| *origin + Time::from(offset)).collect();
            *self = Self::Wide(wide);
        }
        if let Self::Wide(times) = self {
            times.push(time);
        }
    }

    pub(super) fn swap(&mut self, a: usize, b: usize) {
        match self {
            Self::Near { offsets, .. } => offsets.swap(a, b),
            Self::Wide(times) => times.swap(a, b),
        }
    }

    pub(super) fn get(&self, position: usize) -> Time {
        self.slice(position..position + 1).get(0)
    }

    pub(super) fn set(&mut self, position: usize, time: Time) {
        match self {
            Self::Near { origin, offsets } => offsets[position] = (time - *origin) as u32,
            Self::Wide(times) => times[position] = time,
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        match self {
            Self::Near { offsets, .. } => offsets.truncate(len),
            Self::Wide(times) => times.truncate(len),
        }
    }

    pub(super) fn slice(&self, range: std::ops::Range<usize>) -> TimesSlice<'_> {
        match self {
            Self::Near { origin, offsets } => TimesSlice::Near { origin: *origin, offsets: &offsets[range] },
            Self::Wide(times) => TimesSlice::Wide(&times[range]),
        }
    }
}

/// Some of the [`Times`].
#[derive(Debug, Clone, Copy)]
pub enum TimesSlice<'a> {
    /// `origin + offset`.
    Near {
        /// The smallest time that an offset can express.
        origin: Time,
        /// Seconds after the origin.
        offsets: &'a [u32],
    },
    /// As they are.
    Wide(&'a [Time]),
}

impl TimesSlice<'_> {
    /// The time at a position.
    pub fn get(self, position: usize) -> Time {
        match self {
            Self::Near { origin, offsets } => origin + Time::from(offsets[position]),
            Self::Wide(times) => times[position],
        }
    }
}
