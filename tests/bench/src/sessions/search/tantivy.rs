//! tantivy (<https://docs.rs/tantivy>): an inverted index of its own, beside the database.

use std::path::Path;

use anyhow::Result;
use tantivy::{
    Index, IndexReader, IndexWriter, TantivyDocument, Term,
    collector::TopDocs,
    query::{BooleanQuery, Occur, QueryParser, RegexQuery, TermQuery},
    schema::{FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TEXT},
};
use tieline_search::{Document, Query};

use super::beside::Engine;

/// What its writer may use, in bytes: the least that it takes for one thread is 15 MB.
const WRITER_BYTES: usize = 50_000_000;

pub struct Tantivy {
    writer: IndexWriter,
    reader: IndexReader,
    parser: QueryParser,
    cursor: Field,
    session: Field,
    text: Field,
}

impl Engine for Tantivy {
    const NAME: &'static str = "tantivy";

    fn open(folder: &Path) -> Result<Self> {
        let folder = folder.join("tantivy");
        std::fs::create_dir_all(&folder)?;
        let mut schema = Schema::builder();
        let cursor = schema.add_i64_field("cursor", INDEXED | FAST);
        let session = schema.add_text_field("session", STRING);
        let text = schema.add_text_field("text", TEXT);
        let index = Index::create_in_dir(&folder, schema.build())?;
        let parser = QueryParser::for_index(&index, vec![text]);
        // One thread, as our own index has.
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        Ok(Self { writer, reader: index.reader()?, parser, cursor, session, text })
    }

    fn add(&mut self, documents: impl Iterator<Item = Document>) -> Result<()> {
        for document in documents {
            let mut row = TantivyDocument::default();
            row.add_i64(self.cursor, document.cursor);
            row.add_text(self.session, document.session.to_string());
            row.add_text(self.text, document.text);
            self.writer.add_document(row)?;
        }
        self.writer.commit()?;
        Ok(self.reader.reload()?)
    }

    fn search(&mut self, query: &Query, limit: usize) -> Result<usize> {
        let mut wanted: Vec<(Occur, Box<dyn tantivy::query::Query>)> = Vec::new();
        for term in &query.terms {
            let words = term.words.join(" ");
            let part: Box<dyn tantivy::query::Query> = if term.is_prefix {
                Box::new(RegexQuery::from_pattern(&format!("{words}.*"), self.text)?)
            } else {
                self.parser.parse_query(&format!("\"{words}\""))?
            };
            wanted.push((Occur::Must, part));
        }
        if query.sessions.len() == 1 {
            let only = query.sessions.iter().map(|id| Term::from_field_text(self.session, &id.to_string()));
            wanted
                .extend(only.map(|id| (Occur::Must, Box::new(TermQuery::new(id, IndexRecordOption::Basic)) as Box<_>)));
        }
        let parsed = BooleanQuery::new(wanted);
        let found = self.reader.searcher().search(&parsed, &TopDocs::with_limit(limit).order_by_score())?;
        Ok(found.len())
    }
}
