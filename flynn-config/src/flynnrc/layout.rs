//! Parses a `.flynnrc` into its clusters and their places in the text.

use std::ops::Range;

use toml_edit::{Document, Item, Key, Table, TableLike, Value};

use super::cluster::{Cluster, Field, folds_to};
use crate::Error;
use crate::text::{BOM, bom_len};

/// Keys of entries before September 2015.
const OBSOLETE: [&str; 3] = ["URL", "GitHost", "Domain"];

/// A key and its value in the text.
#[derive(Debug, Clone)]
pub(crate) struct KeySpan {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// The place of a cluster in the text.
#[derive(Debug, Clone)]
pub(crate) struct EntrySpan {
    pub(crate) spots: [Option<KeySpan>; Field::COUNT],
    pub(crate) form: EntryForm,
    /// The end of the last value of the entry, without sub-tables.
    pub(crate) body: usize,
}

/// The syntax of a cluster.
#[derive(Debug, Clone)]
pub(crate) enum EntryForm {
    /// `[[cluster]]`, with the headers of the entry and of its sub-tables.
    Tables(Vec<Header>),
    /// `{ Name = .. }` in `cluster = [..]`.
    Inline(Range<usize>),
}

/// A table header and the end of its last value.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) at: Range<usize>,
    pub(crate) body: usize,
    /// The start of the white space and comments above it.
    pub(crate) floor: usize,
}

/// The syntax of the list of clusters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ListForm {
    Tables,
    /// `cluster = [..]`: the span of the array.
    Inline(Range<usize>),
}

/// The content of a `.flynnrc`.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) default: Option<(KeySpan, String)>,
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) places: Vec<EntrySpan>,
    pub(crate) list: ListForm,
    /// True if there are `[[server]]` entries, as in files before August 2014.
    pub(crate) has_servers: bool,
    /// The end of the last top-level value, or 0.
    pub(crate) root_body: usize,
    /// The starts of all table headers, sorted.
    pub(crate) headers: Vec<usize>,
}

impl Layout {
    /// Moves all offsets after the string at `old` has been replaced by `length` bytes.
    pub(crate) fn shift(&mut self, old: &Range<usize>, length: usize) {
        let moved = |at: &mut usize| {
            if *at >= old.end {
                *at = *at - old.len() + length;
            }
        };
        let both = |span: &mut Range<usize>| {
            moved(&mut span.start);
            moved(&mut span.end);
        };
        let spot = |spot: &mut KeySpan| {
            both(&mut spot.key);
            both(&mut spot.value);
        };
        self.default.iter_mut().for_each(|(default, _)| spot(default));
        for place in &mut self.places {
            place.spots.iter_mut().flatten().for_each(spot);
            moved(&mut place.body);
            match &mut place.form {
                EntryForm::Inline(span) => both(span),
                EntryForm::Tables(headers) => {
                    for header in headers {
                        both(&mut header.at);
                        moved(&mut header.body);
                        moved(&mut header.floor);
                    }
                }
            }
        }
        if let ListForm::Inline(span) = &mut self.list {
            both(span);
        }
        moved(&mut self.root_body);
        self.headers.iter_mut().for_each(moved);
    }
}

/// Reads a `.flynnrc`. Fails where the original CLI fails or picks a value at random.
pub(crate) fn read(text: &str) -> Result<Layout, Error> {
    let bom = bom_len(text.as_bytes());
    let body = text.get(bom..).unwrap_or_default();
    if body.as_bytes().starts_with(BOM) {
        return Err(Error::syntax(text.as_bytes(), bom, "second byte order mark"));
    }
    let document = Document::parse(body).map_err(|e| {
        // The Display of the error would show the line, which can hold a key.
        let at = e.span().map_or(body.len(), |span| span.start);
        Error::syntax(text.as_bytes(), bom + at, e.message())
    })?;
    Reader { text, bom }.document(document.as_table())
}

struct Reader<'a> {
    text: &'a str,
    bom: usize,
}

impl Reader<'_> {
    fn document(&self, root: &Table) -> Result<Layout, Error> {
        let mut layout = Layout {
            default: None,
            clusters: Vec::new(),
            places: Vec::new(),
            list: ListForm::Tables,
            has_servers: root.iter().any(|(key, _)| folds_to(key, "server")),
            root_body: self.body_of(root),
            headers: Vec::new(),
        };
        if let Some((key, item)) = self.unique(root, "default")? {
            layout.default = Some(self.string(key, item)?);
        }
        if let Some((key, item)) = self.unique(root, "cluster")? {
            self.clusters(key, item, &mut layout)?;
        }
        let mut headers = Vec::new();
        self.headers(root, &mut headers);
        layout.headers = headers.into_iter().map(|header| header.at.start).collect();
        layout.headers.sort_unstable();
        Ok(layout)
    }

    fn clusters(&self, key: &Key, item: &Item, layout: &mut Layout) -> Result<(), Error> {
        let refuse = || self.error(&self.span(key.span()), "`cluster` must be a list of tables");
        match item {
            Item::ArrayOfTables(tables) => {
                for table in tables {
                    let (cluster, spots) = self.cluster(table)?;
                    let mut headers = Vec::new();
                    self.header_of(table, &mut headers);
                    self.headers(table, &mut headers);
                    let body = headers.first().map_or(0, |header| header.body);
                    let form = EntryForm::Tables(headers);
                    layout.clusters.push(cluster);
                    layout.places.push(EntrySpan { spots, form, body });
                }
            }
            Item::Value(Value::Array(array)) => {
                layout.list = ListForm::Inline(self.span(array.span()));
                for value in array {
                    let table = value.as_inline_table().ok_or_else(refuse)?;
                    let (cluster, spots) = self.cluster(table)?;
                    let form = EntryForm::Inline(self.span(table.span()));
                    let body = self.body_of(table);
                    layout.clusters.push(cluster);
                    layout.places.push(EntrySpan { spots, form, body });
                }
            }
            _ => return Err(refuse()),
        }
        Ok(())
    }

    fn cluster(
        &self,
        table: &dyn TableLike,
    ) -> Result<(Cluster, [Option<KeySpan>; Field::COUNT]), Error> {
        let mut cluster = Cluster::default();
        let mut spots = [const { None }; Field::COUNT];
        for (name, _) in table.iter() {
            let (Some(field), Some((key, item))) = (Field::of_key(name), table.get_key_value(name))
            else {
                if let Some(key) = OBSOLETE.into_iter().find(|key| folds_to(name, key)) {
                    cluster.mark_obsolete(key);
                }
                continue;
            };
            let (span, value) = self.string(key, item)?;
            let Some(slot) = spots.get_mut(field as usize) else { continue };
            if slot.is_some() {
                return Err(self.twice(&span.key, field.as_str()));
            }
            cluster.put(field, &value);
            *slot = Some(span);
        }
        Ok((cluster, spots))
    }

    /// The entry of `table` whose key folds to `name`.
    fn unique<'t>(
        &self,
        table: &'t Table,
        name: &str,
    ) -> Result<Option<(&'t Key, &'t Item)>, Error> {
        let mut first = None;
        for (key, _) in table.iter().filter(|(key, _)| folds_to(key, name)) {
            let entry = table.get_key_value(key);
            if let (Some(_), Some((key, _))) = (&first, entry) {
                return Err(self.twice(&self.span(key.span()), name));
            }
            first = entry;
        }
        Ok(first)
    }

    fn string(&self, key: &Key, item: &Item) -> Result<(KeySpan, String), Error> {
        let spot = KeySpan { key: self.span(key.span()), value: self.span(item.span()) };
        match item.as_str() {
            Some(text) => Ok((spot, text.to_owned())),
            None => Err(self.error(&spot.key, &format!("`{}` must be a string", canonical(key)))),
        }
    }

    /// The headers of all tables under `table`.
    fn headers(&self, table: &Table, into: &mut Vec<Header>) {
        for (_, item) in table {
            match item {
                Item::Table(table) => {
                    self.header_of(table, into);
                    self.headers(table, into);
                }
                Item::ArrayOfTables(tables) => {
                    for table in tables {
                        self.header_of(table, into);
                        self.headers(table, into);
                    }
                }
                _ => {}
            }
        }
    }

    fn header_of(&self, table: &Table, into: &mut Vec<Header>) {
        // Tables that a longer header or a dotted key implies have no header.
        if table.is_implicit() || table.is_dotted() {
            return;
        }
        let Some(span) = table.span() else { return };
        let at = self.span(Some(span));
        let floor = table.decor().prefix().and_then(toml_edit::RawString::span);
        let floor = floor.map_or(at.start, |span| self.span(Some(span)).start);
        let body = self.body_of(table).max(at.end);
        into.push(Header { at, body, floor });
    }

    /// The end of the last value directly in `table`.
    fn body_of(&self, table: &dyn TableLike) -> usize {
        table.iter().fold(0, |end, (_, item)| match item {
            Item::Table(dotted) if dotted.is_dotted() => end.max(self.body_of(dotted)),
            Item::Value(value) => end.max(self.span(value.span()).end),
            _ => end,
        })
    }

    fn span(&self, span: Option<Range<usize>>) -> Range<usize> {
        let span = span.unwrap_or_default();
        span.start + self.bom..span.end + self.bom
    }

    fn twice(&self, at: &Range<usize>, name: &str) -> Error {
        self.error(at, &format!("`{name}` is given twice (keys are case-insensitive)"))
    }

    fn error(&self, at: &Range<usize>, message: &str) -> Error {
        Error::syntax(self.text.as_bytes(), at.start, message)
    }
}

/// The usual spelling of a known key, because an error shows none of the text.
fn canonical(key: &Key) -> &'static str {
    Field::of_key(key).map_or("default", Field::as_str)
}
