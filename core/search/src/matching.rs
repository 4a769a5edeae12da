//! Whether a document is what a query looks for, by looking at it: the definition that the index has to agree with.

use crate::{
    Document, Query, Term,
    token::{Token, tokens},
};

/// Where the terms of a query stand in a document: for each term the first token of each place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The text in tokens.
    pub tokens: Vec<Token>,
    /// For each term of the query, in its order, the tokens that it begins at; none is empty.
    pub places: Vec<Vec<usize>>,
}

/// Looks whether a document is wanted, and where it has the words.
pub fn matched(query: &Query, document: &Document) -> Option<Matched> {
    if !fits_filters(query, document) {
        return None;
    }
    let tokens = tokens(&document.text);
    if query.without.iter().any(|term| !places(term, &tokens).is_empty()) {
        return None;
    }
    let places: Vec<Vec<usize>> = query.terms.iter().map(|term| places(term, &tokens)).collect();
    places.iter().all(|found| !found.is_empty()).then_some(Matched { tokens, places })
}

fn fits_filters(query: &Query, document: &Document) -> bool {
    query.sessions.contains(&document.session)
        && (query.kinds.is_empty() || query.kinds.iter().any(|kind| document.kinds.contains(&kind.as_str())))
        && query.authors.as_ref().is_none_or(|any| any.iter().any(|author| document.authors.contains(author)))
        && query.flags.iter().all(|flag| document.flags.contains(flag))
        && query.after.is_none_or(|after| document.at_ms >= after)
        && query.before.is_none_or(|before| document.at_ms < before)
}

fn places(term: &Term, tokens: &[Token]) -> Vec<usize> {
    let count = term.words.len();
    let Some(last) = tokens.len().checked_sub(count) else { return Vec::new() };
    let begins = |start: usize| {
        let span = &tokens[start..start + count];
        let is_one_run = span.iter().zip(span[0].position..).all(|(token, position)| token.position == position);
        is_one_run && span.iter().enumerate().all(|(at, token)| term.fits(at, &token.word))
    };
    (0..=last).filter(|start| begins(*start)).collect()
}
