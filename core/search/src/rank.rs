//! How well a document answers a query, among those of its window.

use crate::matching::Matched;

/// A text of so many words is neither short nor long.
const USUAL_WORDS: f64 = 60.0;
/// How soon more of the same word stops to count, and how much length takes away: the usual constants of BM25.
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;
/// What words side by side are worth, in words.
const NEARNESS: f64 = 1.0;
/// What being the newest of the window is worth, in words.
const RECENCY: f64 = 0.5;

/// Scores a document; more is better. `age` is 0 for the newest of the window and 1 for the oldest.
pub fn score(matched: &Matched, age: f64) -> f64 {
    let length = matched.tokens.len() as f64 / USUAL_WORDS;
    let saturation = SATURATION * (1.0 - LENGTH + LENGTH * length);
    let words: f64 = matched.places.iter().map(|places| places.len() as f64).map(|n| n / (n + saturation)).sum();
    words + NEARNESS * nearness(&matched.places) + RECENCY * (1.0 - age)
}

/// Returns 1 when all terms begin side by side, and less the further they are apart.
fn nearness(places: &[Vec<usize>]) -> f64 {
    if places.len() < 2 {
        return 0.0;
    }
    match closest(places) {
        Some((first, last)) => places.len() as f64 / ((last - first + 1).max(places.len())) as f64,
        None => 0.0,
    }
}

/// Finds the shortest stretch of tokens in which every term begins.
pub fn closest(places: &[Vec<usize>]) -> Option<(usize, usize)> {
    let mut all: Vec<(usize, usize)> =
        places.iter().enumerate().flat_map(|(term, at)| at.iter().map(move |at| (*at, term))).collect();
    all.sort_unstable();
    let (mut counts, mut missing, mut left) = (vec![0_usize; places.len()], places.len(), 0);
    let mut best: Option<(usize, usize)> = None;
    for right in 0..all.len() {
        let (end, term) = all[right];
        missing -= usize::from(counts[term] == 0);
        counts[term] += 1;
        while missing == 0 {
            let (start, first) = all[left];
            if best.is_none_or(|(from, to)| end - start < to - from) {
                best = Some((start, end));
            }
            counts[first] -= 1;
            missing += usize::from(counts[first] == 0);
            left += 1;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::tokens;

    fn matched(text: &str, places: Vec<Vec<usize>>) -> Matched {
        Matched { tokens: tokens(text), places }
    }

    #[test]
    fn near_words_repeated_words_and_new_events_count_more() {
        let near = matched("a b c d e", vec![vec![0], vec![1]]);
        let far = matched("a c d e b", vec![vec![0], vec![4]]);
        assert!(score(&near, 0.5) > score(&far, 0.5));
        let once = matched("a c d e b", vec![vec![0]]);
        let twice = matched("a a d e b", vec![vec![0, 1]]);
        assert!(score(&twice, 0.5) > score(&once, 0.5));
        assert!(score(&once, 0.0) > score(&once, 1.0));
    }

    #[test]
    fn the_shortest_stretch_with_every_term_is_found() {
        assert_eq!(closest(&[vec![0, 10], vec![8, 30], vec![12]]), Some((8, 12)));
        assert_eq!(closest(&[vec![3]]), Some((3, 3)));
        assert_eq!(closest(&[]), None);
        assert_eq!(closest(&[vec![1], vec![]]), None);
    }
}
