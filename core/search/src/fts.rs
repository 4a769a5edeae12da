//! A query in the language of FTS5 (<https://sqlite.org/fts5.html#full_text_query_syntax>).

use crate::{Query, Term, cover::Cover, mark};

/// Writes the expression, or `None` when nothing can match.
pub fn expression(query: &Query, cover: Cover) -> Option<String> {
    let mut all: Vec<String> = query.terms.iter().map(phrase).collect();
    all.extend(any(query.kinds.iter().map(|kind| mark::kind(kind)).collect()));
    match &query.authors {
        Some(authors) if authors.is_empty() => return None,
        Some(authors) => all.extend(any(authors.iter().map(mark::author).collect())),
        None => {}
    }
    all.extend(query.flags.iter().map(|flag| quoted(&mark::flag(*flag))));
    if cover.marks.is_empty() {
        return None;
    }
    if !cover.is_all || all.is_empty() {
        all.extend(any(cover.marks));
    }
    let wanted = all.join(" AND ");
    if query.without.is_empty() {
        return Some(wanted);
    }
    let unwanted: Vec<String> = query.without.iter().map(phrase).collect();
    Some(format!("({wanted}) NOT ({})", unwanted.join(" OR ")))
}

fn any(marks: Vec<String>) -> Option<String> {
    if marks.is_empty() {
        return None;
    }
    Some(format!("({})", marks.iter().map(|mark| quoted(mark)).collect::<Vec<_>>().join(" OR ")))
}

fn phrase(term: &Term) -> String {
    let words = quoted(&term.words.join(" "));
    if term.is_prefix { format!("{words} *") } else { words }
}

/// Words and marks have letters, digits and `=` alone, so that nothing in them ends the quotation.
fn quoted(words: &str) -> String {
    format!("\"{words}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_made_of_quoted_words_alone() {
        let parsed = crate::parse(r#"a "b c" de* -f"#, tieline_model::TimestampMs(0)).unwrap();
        let query =
            Query { terms: parsed.terms, without: parsed.without, kinds: vec!["said".into()], ..Query::default() };
        let marks = || Cover { marks: vec!["=cmain".into(), "=s00".into()], is_all: false };
        assert_eq!(
            expression(&query, marks()).unwrap(),
            r#"("a" AND "b c" AND "de" * AND ("=ksaid") AND ("=cmain" OR "=s00")) NOT ("f")"#
        );
        assert_eq!(expression(&Query::default(), marks()).unwrap(), r#"("=cmain" OR "=s00")"#);
        assert_eq!(expression(&query, Cover { marks: Vec::new(), is_all: false }), None);
        let all = Cover { is_all: true, ..marks() };
        assert!(!expression(&query, all.clone()).unwrap().contains("=cmain"));
        assert!(expression(&Query::default(), all).unwrap().contains("=cmain"));
        let nobody = Query { authors: Some(Vec::new()), ..Query::default() };
        assert_eq!(expression(&nobody, marks()), None);
    }
}
