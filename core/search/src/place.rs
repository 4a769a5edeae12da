//! Where a search goes on: a text that the caller hands back as it is.

use std::{fmt, str::FromStr};

/// A place in the results: a window of events, and how many of its ranked hits were given.
///
/// Below its upper end events do not change, so the same window holds the same hits each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Only events with a smaller cursor.
    pub before: i64,
    /// Only events with this cursor or a larger one; 0 when the window has not been looked through.
    pub from: i64,
    /// How many hits of the window were given.
    pub given: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.before, self.from, self.given)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.split('.').map(|part| part.parse::<i64>().ok().filter(|number| *number >= 0));
        let mut next = || numbers.next().flatten().ok_or(());
        let place = Place { before: next()?, from: next()?, given: usize::try_from(next()?).map_err(drop)? };
        if numbers.next().is_some() { Err(()) } else { Ok(place) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is() {
        let place = Place { before: 900, from: 17, given: 20 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "1", "1.2", "1.2.3.4", "-1.0.0", "a.b.c", "1.2.", "99999999999999999999.0.0"] {
            assert_eq!(wrong.parse::<Place>(), Err(()), "{wrong}");
        }
    }
}
