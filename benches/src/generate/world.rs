//! Who and what there is: users, keys, agents, integrations, addresses, user agents.
//!
//! Depends on the seed alone, so that logs of different spans tell of the same organization. Actors
//! are kept as finished pieces of JSON, since copying them is most of the work of an event.

use super::json::Json as _;
use super::rng::{Rng, Zipf};
use super::words;

pub(crate) const USERS: usize = 5000;
const KEYS: usize = 150;
const AGENTS: usize = 400;
const INTEGRATIONS: usize = 90;

/// A person with an account.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) addresses: [String; 3],
    /// Indexes of [`World::user_agents`].
    pub(crate) browsers: [usize; 2],
}
/// Anything with an id and a name.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
    /// A number of its own, for what else is said of it.
    pub(crate) trait_no: usize,
}
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) users: Vec<User>,
    pub(crate) user_rank: Zipf,
    pub(crate) keys: Vec<Named>,
    pub(crate) key_addresses: Vec<String>,
    pub(crate) key_rank: Zipf,
    pub(crate) agents: Vec<Named>,
    pub(crate) agent_rank: Zipf,
    pub(crate) integrations: Vec<Named>,
    pub(crate) user_agents: Vec<String>,
    /// The first of [`World::user_agents`] that is a client library.
    pub(crate) first_library: usize,
    /// Where attacks come from.
    pub(crate) hostile_addresses: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::keyed(seed, 0x0077_6f72_6c64);
        let (user_agents, first_library) = user_agents();
        let users = (0..USERS).map(|at| user(at, first_library, &mut rng)).collect();
        Self {
            users,
            user_rank: Zipf::new(USERS, 20),
            keys: (0..KEYS).map(|at| key(at, &mut rng)).collect(),
            key_addresses: (0..KEYS).map(|_| address(&mut rng)).collect(),
            key_rank: Zipf::new(KEYS, 3),
            agents: (0..AGENTS).map(|at| agent(at, &mut rng)).collect(),
            agent_rank: Zipf::new(AGENTS, 4),
            integrations: (0..INTEGRATIONS).map(|_| integration(&mut rng)).collect(),
            user_agents,
            first_library,
            hostile_addresses: (0..40).map(|_| address(&mut rng)).collect(),
        }
    }
    pub(crate) fn some_user(&self, rng: &mut Rng) -> &User {
        &self.users[self.user_rank.draw(rng)]
    }
    /// Administrators are few.
    pub(crate) fn some_admin(&self, rng: &mut Rng) -> &User {
        &self.users[rng.below(60) * 7]
    }
    pub(crate) fn some_agent(&self, rng: &mut Rng) -> &Named {
        &self.agents[self.agent_rank.draw(rng)]
    }
}

/// `prefix` and eight characters that look random.
pub(crate) fn id(prefix: &str, number: u64) -> String {
    let mut text = prefix.as_bytes().to_vec();
    push_id(&mut text, number);
    String::from_utf8(text).unwrap_or_default()
}
/// Ten characters of base 32.
pub(crate) fn push_id(out: &mut Vec<u8>, number: u64) {
    for place in 0..10 {
        out.push(b"0123456789abcdefghjkmnpqrstvwxyz"[(number >> (place * 5) & 31) as usize]);
    }
}

fn user(at: usize, browsers: usize, rng: &mut Rng) -> User {
    let (first, last) = (*rng.pick(words::FIRST_NAMES), *rng.pick(words::LAST_NAMES));
    let domain = words::DOMAINS[rng.below(words::DOMAINS.len()).min(rng.below(words::DOMAINS.len()))];
    let mailbox = format!("{}.{}{}", first.to_lowercase(), last.to_lowercase(), at);
    User {
        id: id("usr_", rng.next()),
        email: format!("{mailbox}@{domain}"),
        name: format!("{first} {last}"),
        addresses: [address(rng), address(rng), address(rng)],
        browsers: [rng.below(browsers), rng.below(browsers)],
    }
}
fn key(at: usize, rng: &mut Rng) -> Named {
    let (purpose, stage) = (rng.pick(words::KEY_USES), rng.pick(words::STAGES));
    Named { id: id("key_", rng.next()), name: format!("{purpose}-{stage}-{at}"), trait_no: rng.below(64) }
}
fn agent(at: usize, rng: &mut Rng) -> Named {
    let (job, place) = (rng.pick(words::AGENT_JOBS), rng.pick(words::AGENT_PLACES));
    Named {
        id: id("agt_", rng.next()),
        name: format!("{job} bot {place} {}", at / 20 + 1),
        trait_no: rng.below(64),
    }
}
fn integration(rng: &mut Rng) -> Named {
    let provider = rng.below(words::PROVIDERS.len());
    let place = rng.pick(words::AGENT_PLACES);
    Named {
        id: id("int_", rng.next()),
        name: format!("{} {place}", words::PROVIDERS[provider].0),
        trait_no: provider,
    }
}

/// An address of the ranges that are set aside for documentation, tests and private networks; every
/// fifth is of version 6.
fn address(rng: &mut Rng) -> String {
    let (a, b, c, d) = (rng.below(64), rng.below(256), rng.below(256), rng.within(1, 255));
    match rng.below(10) {
        0 | 1 => format!("2001:db8:{:x}:{:x}::{d:x}", a * 256 + b + 1, c + 1),
        2 => format!("203.0.113.{d}"),
        3 => format!("198.51.100.{d}"),
        4..=7 => format!("198.{}.{c}.{d}", 18 + b % 2),
        _ => format!("10.{a}.{c}.{d}"),
    }
}

/// Forty-eight browsers, then twelve client libraries.
fn user_agents() -> (Vec<String>, usize) {
    let systems = ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"];
    let mut all = Vec::new();
    for system in systems {
        for version in 138..144 {
            all.push(format!(
                "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
            ));
        }
        for version in 140..144 {
            all.push(format!("Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"));
        }
        for version in [141, 142] {
            all.push(format!(
                "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36 Edg/{version}.0.0.0"
            ));
        }
    }
    for version in 0..12 {
        let (major, minor) = (17 + version / 6, version % 6);
        all.push(format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS {major}_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{major}.{minor} Mobile/15E148 Safari/604.1"
        ));
    }
    let first_library = all.len();
    for version in ["2.3.1", "2.4.0", "3.0.2"] {
        all.push(format!("8bit-python/{version} CPython/3.13.1 Linux/6.12"));
        all.push(format!("8bit-node/{version} node/22.11.0 linux-x64"));
        all.push(format!("8bit-go/{version} go1.24 linux/arm64"));
        all.push(format!("8bit-java/{version} OpenJDK/21.0.5 Linux"));
    }
    (all, first_library)
}

/// Appends an actor object.
pub(crate) fn write_user(out: &mut Vec<u8>, user: &User, address: &str, user_agent: &str) {
    out.raw("{\"type\":\"user\",\"id\":\"");
    out.raw(&user.id);
    out.raw("\",\"email\":\"");
    out.raw(&user.email);
    out.raw("\",\"name\":\"");
    out.raw(&user.name);
    write_origin(out, address, user_agent);
}
/// Appends the actor object of an API key.
pub(crate) fn write_key(out: &mut Vec<u8>, key: &Named, address: &str, user_agent: &str) {
    out.raw("{\"type\":\"api_key\",\"id\":\"");
    out.raw(&key.id);
    out.raw("\",\"name\":\"");
    out.raw(&key.name);
    write_origin(out, address, user_agent);
}
fn write_origin(out: &mut Vec<u8>, address: &str, user_agent: &str) {
    out.raw("\",\"ip_address\":\"");
    out.raw(address);
    out.raw("\",\"user_agent\":\"");
    out.raw(user_agent);
    out.raw("\"}");
}
/// Appends the actor object of a part of the platform.
pub(crate) fn write_system(out: &mut Vec<u8>, id: &str, name: &str) {
    out.raw("{\"type\":\"system\",\"id\":\"");
    out.raw(id);
    out.raw("\",\"name\":\"");
    out.raw(name);
    out.raw("\"}");
}
