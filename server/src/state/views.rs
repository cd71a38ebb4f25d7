//! Rows of saved views: all that one user or key has, as one row.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stele_engine::record::committed_at;

/// A saved view: what is asked, and how it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRow {
    /// Id in the API.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// The query.
    pub q: String,
    /// Begin of the time range, as a search takes it.
    pub from: Option<String>,
    /// Its end.
    pub to: Option<String>,
    /// `desc` or `asc`.
    pub order: String,
    /// Columns that the page shows, in their order.
    pub columns: Option<Vec<String>>,
    /// Whether all of the organization see it.
    pub shared: bool,
    /// Goes up with each change of what stands above.
    pub version: u64,
    /// Microseconds since 1970; 0 for one that came with the product.
    pub created_us: u64,
    /// The same, of the last change.
    pub updated_us: u64,
}

/// The views of one user or key, in the order they are listed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewsRow {
    /// Row version, 1.
    pub v: u8,
    /// The owner's name for people, at the last change.
    pub owner: String,
    /// Own ones.
    pub views: Vec<ViewRow>,
    /// Ids with a star, also of views that others share.
    pub starred: Vec<String>,
    /// Ids in the order of the list, also of views that others share; what is not in it follows.
    pub order: Vec<String>,
}

/// Name, query and begin of the views that everybody starts with.
const FIRST: [(&str, &str, &str); 4] = [
    ("Failed API Calls", "category:api status:failure", "now-24h"),
    ("Agent Changes", "category:agent", "now-7d"),
    ("Security Events", "category:(security OR auth)", "now-30d"),
    ("Deployments", "event_type:*deployed*", "now-7d"),
];

impl ViewsRow {
    /// What somebody has who has changed nothing yet.
    pub fn first(subject: &str, owner: &str) -> Self {
        let view = |(name, q, from): (&str, &str, &str)| ViewRow {
            // The same at each asking, and of nobody else, although nothing is saved yet.
            id: format!("view_{}", &blake3::hash(format!("{subject}\n{name}").as_bytes()).to_hex()[..32]),
            name: name.to_owned(),
            q: q.to_owned(),
            from: Some(from.to_owned()),
            to: None,
            order: "desc".to_owned(),
            columns: None,
            shared: false,
            version: 1,
            created_us: 0,
            updated_us: 0,
        };
        Self {
            v: 1,
            owner: owner.to_owned(),
            views: FIRST.into_iter().map(view).collect(),
            starred: Vec::new(),
            order: Vec::new(),
        }
    }

    /// One of its own views.
    pub fn get(&self, id: &str) -> Option<&ViewRow> {
        self.views.iter().find(|view| view.id == id)
    }

    /// Gives or takes a star.
    pub fn star(&mut self, id: &str, starred: bool) {
        self.starred.retain(|known| known != id);
        if starred {
            self.starred.push(id.to_owned());
        }
    }

    /// Takes a view out.
    pub fn remove(&mut self, id: &str) {
        self.views.retain(|view| view.id != id);
        self.star(id, false);
        self.order.retain(|known| known != id);
    }

    /// A place in the list for sorting: first what was ordered, then the rest as it came.
    pub fn place(&self, id: &str) -> usize {
        self.order.iter().position(|known| known == id).unwrap_or(usize::MAX)
    }
}

impl ViewRow {
    /// As the API shows it to somebody: `mine` says whether it is theirs, `starred` whether they gave it a star.
    pub fn show(&self, subject: &str, owner: &str, mine: bool, starred: bool) -> Value {
        let at = |us: u64| (us > 0).then(|| committed_at(us));
        json!({
            "id": self.id,
            "name": self.name,
            "q": self.q,
            "from": self.from,
            "to": self.to,
            "order": self.order,
            "columns": self.columns,
            "shared": self.shared,
            "starred": starred,
            "mine": mine,
            "owner": {"subject": subject, "name": owner},
            "version": self.version,
            "created_at": at(self.created_us),
            "updated_at": at(self.updated_us),
        })
    }

    /// As the log tells a change of it: what is not shared is for its owner's eyes, and events are for all who read.
    pub fn told(&self) -> Value {
        if !self.shared {
            return json!({"shared": false, "version": self.version});
        }
        json!({
            "shared": true,
            "version": self.version,
            "name": self.name,
            "q": self.q,
            "from": self.from,
            "to": self.to,
            "order": self.order,
            "columns": self.columns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_starts_with_four_views_of_their_own_ids() {
        let (a, b) = (ViewsRow::first("usr_a", "A"), ViewsRow::first("usr_b", "B"));
        assert_eq!(a, ViewsRow::first("usr_a", "A"));
        let ids: std::collections::BTreeSet<&str> =
            a.views.iter().chain(&b.views).map(|view| view.id.as_str()).collect();
        assert_eq!(ids.len(), 8);
    }

    #[test]
    fn what_is_removed_leaves_no_star_and_no_place() {
        let mut row = ViewsRow::first("usr_a", "A");
        let id = row.views[1].id.clone();
        row.star(&id, true);
        row.star(&id, true);
        row.order = vec![id.clone()];
        assert_eq!((row.starred.len(), row.place(&id)), (1, 0));
        row.remove(&id);
        assert_eq!((row.views.len(), row.starred.len(), row.order.len()), (3, 0, 0));
        assert_eq!(row.place(&id), usize::MAX);
    }

    #[test]
    fn the_log_tells_only_what_is_shared() {
        let mut view = ViewsRow::first("usr_a", "A").views.remove(0);
        assert!(!view.told().to_string().contains("category"));
        view.shared = true;
        assert_eq!(view.told()["q"], "category:api status:failure");
    }
}
