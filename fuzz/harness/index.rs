//! The index of a sealed segment with any content in its sections.

use std::path::Path;
use std::sync::Arc;

use stele_engine::codec::sections::{Sections, SectionsWriter};
use stele_engine::error::StoreError;
use stele_engine::event::Fields;
use stele_engine::index::{Doc, Live, Stored, View};
use stele_engine::io::{Mapping, SimDisk};
use stele_engine::query::{Ask, Bodies, Budget, Filter, Order, Part, Plan, Source, matching, page};

use super::files::sections_file;
use super::{joined, text};

/// Questions that reach every section of an index.
fn filters() -> Vec<Filter> {
    let one = |value: &str| vec![value.to_owned()];
    vec![
        Filter::default(),
        Filter { own: true, from_ns: Some(0), to_ns: Some(i64::MAX), ..Filter::default() },
        Filter { category: one("agent"), status: one("success"), ..Filter::default() },
        Filter { actor_email: one("ADA@example.com"), actor_id: one("usr_17"), ..Filter::default() },
        Filter { event_type: one("agent.updated"), resource_id: one("agt_42"), ..Filter::default() },
        Filter {
            action: one("call"),
            actor_type: one("api_key"),
            resource_type: one("api"),
            ..Filter::default()
        },
    ]
}

/// Lookups in any sections end without a panic, and hits are documents of the segment.
pub fn index(data: &[u8]) {
    let raw = sections_file(data, "index", &(0, 0));
    let file = Sections::of_bytes(Mapping::held(raw), Path::new("file.idx"), "index");
    let Ok(stored) = Stored::open(Arc::new(file.expect("its hashes are right"))) else { return };
    let docs = View::Stored(&stored).docs().min(1 << 16);
    let source = Arc::new(Alone(stored));
    for filter in filters() {
        let plan = Plan::of(&filter.scope(), &mut |_| Ok(None)).expect("no id is looked up");
        for visible in [docs, docs / 2] {
            let source = Arc::<Alone>::clone(&source);
            let part = Part::new(100, visible, source).expect("it shows itself");
            if let Ok(found) = matching(&part, &plan, &Budget::unlimited()) {
                found.each(|doc| assert!(doc < visible, "a match beyond the segment"));
            }
            for order in [Order::Asc, Order::Desc] {
                let ask = Ask { plan: &plan, order, limit: 10, after: None, count: true };
                if let Ok(hits) = page(std::slice::from_ref(&part), &ask, &Budget::unlimited()) {
                    let inside =
                        |&(_, sequence): &(i64, u64)| (100..100 + u64::from(visible)).contains(&sequence);
                    assert!(hits.hits.len() <= 10 && hits.hits.iter().all(inside), "{hits:?}");
                }
            }
        }
    }
}

/// An index without records.
struct Alone(Stored);

impl Source for Alone {
    fn look(
        &self,
        look: &mut dyn for<'s> FnMut(View<'s>, &'s Bodies<'s>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        look(View::Stored(&self.0), &|_| Err(StoreError::Refused("there are no records".to_owned())))
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let bodies = text::bodies();
    [1, bodies.len(), 40].map(|count| of(bodies.iter().cycle().take(count))).into()
}

/// The sections of an index of these events, as pieces.
fn of<'a>(bodies: impl Iterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut live = Live::default();
    for body in bodies {
        let fields = Fields::scan(body).expect("canonical bytes scan");
        live.push(&Doc::of(&fields, 1000).expect("canonical metadata"));
    }
    let disk = SimDisk::new();
    let path = Path::new("file.idx");
    let mut writer = SectionsWriter::create(&disk, path, "index").expect("the disk works");
    live.write(&mut writer).expect("the disk works");
    writer.finish(&(0_u64, 0_u32)).expect("the disk works");
    let file = Sections::of_bytes(Mapping::held(disk.contents(path)), path, "index").expect("it is one");
    let kept: Vec<_> = (0_u8..=255).filter_map(|tag| Some((tag, file.get(u16::from(tag)).ok()?))).collect();
    joined(kept)
}
