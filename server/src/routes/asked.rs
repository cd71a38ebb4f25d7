//! What a request asks about: the text of `q` and the structured filters, as one scope; and the
//! members that every answer gives back about it.

use stele_engine::error::StoreError;
use stele_engine::event::Taxonomy;
use stele_engine::log::{Ask, Gap, Log};
use stele_engine::query::lang::{self, Query};
use stele_engine::query::{Budget, Hint, Scope};

use super::{filters, gaps};
use crate::http::json::{self, Object};
use crate::http::problem::Problem;
use crate::http::query::Params;

/// The question of a request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which events.
    pub scope: Scope,
    text: String,
    query: Query,
}

impl Asked {
    /// Takes `q` and the filters. Relative times count from `now_ns`.
    ///
    /// # Errors
    /// 400 that names the parameter; of a syntax error, also the place in the text.
    pub fn take(params: &mut Params, now_ns: i64, taxonomy: &Taxonomy) -> Result<Self, Problem> {
        Self::read(params, now_ns, Some(taxonomy))
    }

    /// The same question again, from parameters that were taken before.
    ///
    /// # Errors
    /// As [`Asked::take`].
    pub fn again(params: &mut Params, now_ns: i64) -> Result<Self, Problem> {
        Self::read(params, now_ns, None)
    }

    fn read(params: &mut Params, now_ns: i64, taxonomy: Option<&Taxonomy>) -> Result<Self, Problem> {
        let text = params.take("q")?.unwrap_or_default();
        let query = lang::parse(&text).map_err(|error| Problem::query(&error))?;
        let filter = filters::take(params, now_ns, taxonomy)?;
        let scope = Scope::new(&filter, &query, now_ns);
        Ok(Self { scope, text, query })
    }

    /// Refuses parameters that nobody took; `others` are those of the call itself.
    ///
    /// # Errors
    /// 400 that names the first one left, and what the call takes.
    pub fn finish(params: &mut Params, others: &[&str]) -> Result<(), Problem> {
        let takes: Vec<&str> =
            ["q"].into_iter().chain(filters::PARAMETERS).chain(others.iter().copied()).collect();
        std::mem::take(params).finish(&takes)
    }

    /// What the query's author should know, as far as the budget reaches.
    ///
    /// # Errors
    /// `Damaged`, `Cancelled`.
    pub fn hints(&self, log: &Log, budget: &Budget<'_>) -> Result<Vec<Hint>, StoreError> {
        if self.text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let mut hints = lang::hints(&self.text, &self.query);
        hints.extend(log.hints(&self.scope, budget)?);
        hints.sort_by_key(|hint| hint.position);
        hints.dedup();
        Ok(hints)
    }

    /// The query in its canonical form; empty without one.
    pub fn canonical(&self) -> String {
        if self.text.trim().is_empty() { String::new() } else { self.query.to_string() }
    }

    /// Adds `query` and `hints` to an answer.
    pub fn write(&self, answer: &mut Object<'_>, beside: &Beside) {
        json::string(answer.member("query"), &self.canonical());
        json::array(answer.member("hints"), &beside.hints, |out, hint| {
            let mut object = Object::begin(out);
            json::number(object.member("position"), hint.position as u64);
            json::string(object.member("detail"), &hint.detail);
            json::optional_string(object.member("suggestion"), hint.suggestion.as_deref());
            object.end();
        });
        gaps::write(answer.member("archived"), &beside.gaps);
    }

    /// Answers a question, with what stands beside the answer.
    ///
    /// # Errors
    /// Those of the answer.
    pub fn answer<R>(
        &self,
        log: &Log,
        head: Option<u64>,
        budget: &Budget<'_>,
        answer: impl FnOnce(Ask<'_>) -> Result<R, StoreError>,
    ) -> Result<(R, Beside), StoreError> {
        let ask = Ask { scope: &self.scope, head, budget };
        let (answered, gaps) = log.with_gaps(ask, || answer(ask))?;
        Ok((answered, Beside { hints: self.hints(log, budget)?, gaps }))
    }
}

/// What stands beside an answer.
pub struct Beside {
    /// What may have been meant.
    pub hints: Vec<Hint>,
    /// What is archived and was not looked at.
    pub gaps: Vec<Gap>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked, Problem> {
        let mut params = Params::parse(Some(query)).unwrap();
        let asked = Asked::take(&mut params, 1_000_000_000_000, &Taxonomy::built_in())?;
        Asked::finish(&mut params, &["limit"])?;
        Ok(asked)
    }

    #[test]
    fn text_and_filters_make_one_scope() {
        let both = asked("q=status:failure&category=api&from=now-1s&own=true").unwrap();
        let text = asked("q=category%3Dapi+status:failure").unwrap();
        assert_eq!(both.scope.from_ns, Some(999_000_000_000));
        assert!(both.scope.own && !text.scope.own);
        assert_eq!(both.canonical(), "status:failure");
        assert_ne!(both.scope.root, text.scope.root, "the filter is not part of the text");
        assert_eq!(asked("q=++").unwrap().canonical(), "");
        assert_eq!(asked("").unwrap().canonical(), "");
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        let problem = asked("q=status:failure+AND").unwrap_err();
        assert_eq!((problem.status.as_u16(), problem.slug), (400, "query"));
        assert!(problem.detail.starts_with("parameter `q`: at character "), "{}", problem.detail);
        let problem = asked("colour=red").unwrap_err();
        for name in ["`colour`", "q,", "from,", "limit"] {
            assert!(problem.detail.contains(name), "{}", problem.detail);
        }
    }
}
