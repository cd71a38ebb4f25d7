//! Which call a method and path name. The table is the whole surface of the server.

use hyper::{Method, StatusCode, header};

use super::problem::Problem;
use crate::auth::Access;
use crate::page;

/// A call of the API: the row of the table below that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Ingest,
    Search,
    Event,
    Stream,
    Facets,
    Histogram,
    Figures,
    Errors,
    History,
    Chain,
    RotateKey,
    Checkpoint,
    Inclusion,
    Consistency,
    Verify,
    Reports,
    AddReport,
    Report,
    DownloadReport,
    VerifyHash,
    EventTypes,
    AddEventType,
    PutEventType,
    Keys,
    AddKey,
    RevokeKey,
    Users,
    AddUser,
    PutUser,
    RemoveUser,
    AddToken,
    SignIn,
    Session,
    SignOut,
    AddLink,
    Sessions,
    EndSession,
    Settings,
    PutSettings,
    Retention,
    PutRetention,
    Archives,
    AddArchive,
    Restores,
    AddRestore,
    Restore,
    Views,
    AddView,
    PutView,
    DeleteView,
    OrderViews,
    Exports,
    AddExport,
    PreviewExport,
    Export,
    CancelExport,
    DownloadExport,
    ExportManifest,
    State,
    Orgs,
    AddOrg,
    Org,
    LogCheckpoint,
    LogTile,
    Health,
    Ready,
    Metrics,
    Version,
    Page,
}

/// One path and what may be done there.
pub struct Resource {
    /// The pattern, also its name in metrics.
    pub path: &'static str,
    methods: &'static [(&'static str, Call, Access)],
}

/// All pages and their files: one row, under many paths.
const PAGE: Resource = Resource { path: "/", methods: &[("GET", Call::Page, Access::Open)] };

const RESOURCES: &[Resource] = {
    use Access::{Admin, Any, Audit, Export, Ingest, Instance, Keep, Open, Read, Report};
    &[
        Resource {
            path: "/v1/events",
            methods: &[("GET", Call::Search, Read), ("POST", Call::Ingest, Ingest)],
        },
        Resource { path: "/v1/events/stream", methods: &[("GET", Call::Stream, Read)] },
        Resource { path: "/v1/events/{event_id}", methods: &[("GET", Call::Event, Read)] },
        Resource { path: "/v1/facets", methods: &[("GET", Call::Facets, Read)] },
        Resource { path: "/v1/histogram", methods: &[("GET", Call::Histogram, Read)] },
        Resource { path: "/v1/metrics/query", methods: &[("GET", Call::Figures, Read)] },
        Resource { path: "/v1/errors", methods: &[("GET", Call::Errors, Read)] },
        Resource { path: "/v1/resources/{type}/{id}/history", methods: &[("GET", Call::History, Read)] },
        Resource { path: "/v1/chain", methods: &[("GET", Call::Chain, Read)] },
        Resource { path: "/v1/checkpoint", methods: &[("GET", Call::Checkpoint, Read)] },
        Resource { path: "/v1/proofs/inclusion", methods: &[("GET", Call::Inclusion, Read)] },
        Resource { path: "/v1/proofs/consistency", methods: &[("GET", Call::Consistency, Read)] },
        Resource { path: "/v1/chain/rotate-key", methods: &[("POST", Call::RotateKey, Admin)] },
        Resource { path: "/v1/chain/verify", methods: &[("POST", Call::Verify, Audit)] },
        Resource {
            path: "/v1/reports",
            methods: &[("GET", Call::Reports, Read), ("POST", Call::AddReport, Report)],
        },
        Resource { path: "/v1/reports/{id}", methods: &[("GET", Call::Report, Read)] },
        Resource { path: "/v1/reports/{id}/download", methods: &[("GET", Call::DownloadReport, Read)] },
        Resource { path: "/v1/verify/{hash}", methods: &[("GET", Call::VerifyHash, Read)] },
        Resource {
            path: "/v1/event-types",
            methods: &[("GET", Call::EventTypes, Read), ("POST", Call::AddEventType, Admin)],
        },
        Resource { path: "/v1/event-types/{type}", methods: &[("PUT", Call::PutEventType, Admin)] },
        Resource { path: "/v1/keys", methods: &[("GET", Call::Keys, Admin), ("POST", Call::AddKey, Admin)] },
        Resource { path: "/v1/keys/{id}", methods: &[("DELETE", Call::RevokeKey, Admin)] },
        Resource {
            path: "/v1/users",
            methods: &[("GET", Call::Users, Admin), ("POST", Call::AddUser, Admin)],
        },
        Resource {
            path: "/v1/users/{id}",
            methods: &[("PUT", Call::PutUser, Admin), ("DELETE", Call::RemoveUser, Admin)],
        },
        Resource { path: "/v1/users/{id}/tokens", methods: &[("POST", Call::AddToken, Admin)] },
        Resource {
            path: "/v1/session",
            methods: &[
                ("GET", Call::Session, Any),
                ("POST", Call::SignIn, Open),
                ("DELETE", Call::SignOut, Any),
            ],
        },
        Resource { path: "/v1/session/links", methods: &[("POST", Call::AddLink, Any)] },
        Resource { path: "/v1/sessions", methods: &[("GET", Call::Sessions, Any)] },
        Resource { path: "/v1/sessions/{id}", methods: &[("DELETE", Call::EndSession, Any)] },
        Resource {
            path: "/v1/settings",
            methods: &[("GET", Call::Settings, Read), ("PUT", Call::PutSettings, Admin)],
        },
        Resource {
            path: "/v1/retention",
            methods: &[("GET", Call::Retention, Read), ("PUT", Call::PutRetention, Admin)],
        },
        Resource {
            path: "/v1/archives",
            methods: &[("GET", Call::Archives, Read), ("POST", Call::AddArchive, Admin)],
        },
        Resource {
            path: "/v1/restores",
            methods: &[("GET", Call::Restores, Read), ("POST", Call::AddRestore, Admin)],
        },
        Resource { path: "/v1/restores/{id}", methods: &[("GET", Call::Restore, Read)] },
        Resource { path: "/v1/views", methods: &[("GET", Call::Views, Read), ("POST", Call::AddView, Keep)] },
        Resource { path: "/v1/views/order", methods: &[("PUT", Call::OrderViews, Keep)] },
        Resource {
            path: "/v1/views/{id}",
            methods: &[("PUT", Call::PutView, Keep), ("DELETE", Call::DeleteView, Keep)],
        },
        Resource {
            path: "/v1/exports",
            methods: &[("GET", Call::Exports, Read), ("POST", Call::AddExport, Export)],
        },
        Resource { path: "/v1/exports/preview", methods: &[("POST", Call::PreviewExport, Export)] },
        Resource { path: "/v1/exports/{id}", methods: &[("GET", Call::Export, Read)] },
        Resource { path: "/v1/exports/{id}/cancel", methods: &[("POST", Call::CancelExport, Export)] },
        Resource { path: "/v1/exports/{id}/download", methods: &[("GET", Call::DownloadExport, Export)] },
        Resource { path: "/v1/exports/{id}/manifest", methods: &[("GET", Call::ExportManifest, Export)] },
        Resource { path: "/v1/state", methods: &[("GET", Call::State, Instance)] },
        Resource {
            path: "/v1/orgs",
            methods: &[("GET", Call::Orgs, Instance), ("POST", Call::AddOrg, Instance)],
        },
        Resource { path: "/v1/orgs/{id}", methods: &[("GET", Call::Org, Instance)] },
        Resource { path: "/tlog/{log_id}/checkpoint", methods: &[("GET", Call::LogCheckpoint, Open)] },
        Resource { path: "/tlog/{log_id}/tile/{*tile}", methods: &[("GET", Call::LogTile, Open)] },
        Resource { path: "/healthz", methods: &[("GET", Call::Health, Open)] },
        Resource { path: "/readyz", methods: &[("GET", Call::Ready, Open)] },
        Resource { path: "/metrics", methods: &[("GET", Call::Metrics, Open)] },
        Resource { path: "/version", methods: &[("GET", Call::Version, Open)] },
        PAGE,
    ]
};

/// A request's call.
#[derive(Debug)]
pub struct Routed {
    /// The call.
    pub call: Call,
    /// What it needs.
    pub access: Access,
    /// The pattern of the path.
    pub path: &'static str,
    /// The values of the pattern's parameters, in order, still percent-encoded.
    pub names: Vec<String>,
}

/// Finds calls.
pub struct Router(matchit::Router<&'static Resource>);

impl Router {
    /// Makes the router of the table.
    ///
    /// # Panics
    /// When two patterns of the table collide, which a test would have found.
    pub fn new() -> Self {
        let mut router = matchit::Router::new();
        for resource in RESOURCES {
            let inserted = router.insert(resource.path, resource);
            assert!(inserted.is_ok(), "two routes collide at {}", resource.path);
        }
        for path in page::PAGES.into_iter().chain(page::paths()).filter(|path| *path != PAGE.path) {
            let inserted = router.insert(path, &PAGE);
            assert!(inserted.is_ok(), "a file of the page collides at {path}");
        }
        Self(router)
    }

    /// The call of a request. `HEAD` is `GET` without the body.
    ///
    /// # Errors
    /// 404, or 405 with `Allow`; the second also tells the pattern.
    pub fn find(&self, method: &Method, path: &str) -> Result<Routed, Problem> {
        let matched = self.0.at(path).map_err(|_| Problem::not_found())?;
        let resource = *matched.value;
        let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
        let Some((_, call, access)) = resource.methods.iter().find(|(m, ..)| *m == wanted) else {
            return Err(not_allowed(method, resource));
        };
        let names = match call {
            // Its row is one of many paths: which, is its name.
            Call::Page => vec![path.to_owned()],
            _ => matched.params.iter().map(|(_, value)| value.to_owned()).collect(),
        };
        Ok(Routed { call: *call, access: *access, path: resource.path, names })
    }
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

/// Methods and paths of the table, for tests of all of them.
#[cfg(test)]
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    RESOURCES.iter().flat_map(|resource| resource.methods.iter().map(|(method, ..)| (*method, resource.path)))
}

fn not_allowed(method: &Method, resource: &Resource) -> Problem {
    let mut allowed: Vec<&str> = resource.methods.iter().map(|(m, ..)| *m).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    let allowed = allowed.join(", ");
    let detail = format!("{method} is not possible on {}; {allowed} are", resource.path);
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
    match header::HeaderValue::from_str(&allowed) {
        Ok(value) => problem.with(header::ALLOW, value),
        Err(_) => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_calls() {
        let router = Router::new();
        let found = |m: Method, p: &str| router.find(&m, p).map(|r| (r.call, r.names));
        assert_eq!(found(Method::GET, "/v1/events").unwrap().0, Call::Search);
        assert_eq!(found(Method::HEAD, "/healthz").unwrap().0, Call::Health);
        assert_eq!(found(Method::GET, "/v1/events/stream").unwrap().0, Call::Stream);
        let (call, names) = found(Method::GET, "/v1/events/a%2Fb").unwrap();
        assert_eq!((call, names), (Call::Event, vec!["a%2Fb".to_owned()]));
        let (call, names) = found(Method::GET, "/v1/resources/agent/a%2F1/history").unwrap();
        assert_eq!((call, names), (Call::History, vec!["agent".to_owned(), "a%2F1".to_owned()]));
        assert_eq!(found(Method::GET, "/v1/metrics/query").unwrap().0, Call::Figures);
        assert_eq!(found(Method::DELETE, "/v1/keys/k").unwrap().0, Call::RevokeKey);
        for page in page::PAGES {
            let (call, names) = found(Method::GET, page).unwrap();
            assert_eq!((call, names), (Call::Page, vec![page.to_owned()]));
            assert_eq!(found(Method::POST, page).unwrap_err().status, 405, "{page}");
        }
        for lost in [
            "//",
            "/log/",
            "/assets/none.js",
            "/index.html/x",
            "/v1",
            "/v1/events/",
            "/v1/events/a/b",
            "/v2/events",
            "/v1/keys/a/b",
            "/v1/resources/a/history",
        ] {
            assert_eq!(found(Method::GET, lost).unwrap_err().status, 404, "{lost}");
        }
    }

    #[test]
    fn a_wrong_method_is_405_and_names_the_right_ones() {
        let problem = Router::new().find(&Method::DELETE, "/v1/events").unwrap_err();
        assert_eq!(problem.status, 405);
        assert_eq!(problem.headers[0].1, "GET, POST, HEAD");
    }

    #[test]
    fn every_path_and_method_is_documented() {
        let described = include_str!("../../../docs/openapi.yaml");
        for resource in RESOURCES {
            // What takes several segments is one name to OpenAPI.
            let path = resource.path.replace("{*", "{");
            let (_, behind) = described
                .split_once(&format!("\n  {path}:\n"))
                .unwrap_or_else(|| panic!("{} is not in openapi.yaml", resource.path));
            let methods: Vec<&str> = behind
                .lines()
                .take_while(|l| l.starts_with("    "))
                .filter_map(|l| l.trim_end().strip_suffix(':'))
                .collect();
            for (method, ..) in resource.methods {
                let line = format!("    {}", method.to_lowercase());
                assert!(methods.contains(&line.as_str()), "{method} {}", resource.path);
            }
        }
    }
}
