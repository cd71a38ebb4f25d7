//! API calls: a request and, as the next event, its answer.

use super::json::Json as _;
use super::kind::Kind;
use super::line::Line;
use super::rng::{Rng, mix};
use super::timeline::{Incident, Trouble};
use super::words;
use super::world::{World, push_id};

/// What a path names.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Session,
    Agent,
    User,
    Integration,
    Nothing,
}

/// Method, path before and after the id, what the id is, weight.
type Route = (&'static str, &'static str, &'static str, Subject);
const ROUTES: [Route; 16] = [
    ("POST", "/v1/sessions/", "/messages", Subject::Session),
    ("GET", "/v1/sessions/", "", Subject::Session),
    ("GET", "/v1/sessions", "", Subject::Nothing),
    ("GET", "/v1/agents/", "", Subject::Agent),
    ("GET", "/v1/sessions/", "/messages", Subject::Session),
    ("GET", "/v1/agents", "", Subject::Nothing),
    ("GET", "/v1/users/", "", Subject::User),
    ("PATCH", "/v1/sessions/", "", Subject::Session),
    ("POST", "/v1/knowledge/search", "", Subject::Nothing),
    ("GET", "/v1/integrations/", "", Subject::Integration),
    ("POST", "/v1/webhooks/inbound", "", Subject::Nothing),
    ("PATCH", "/v1/agents/", "", Subject::Agent),
    ("GET", "/v1/analytics/usage", "", Subject::Nothing),
    ("POST", "/v1/agents/", "/test", Subject::Agent),
    ("DELETE", "/v1/sessions/", "", Subject::Session),
    ("POST", "/v1/exports", "", Subject::Nothing),
];
pub(super) const ROUTE_WEIGHTS: [u32; ROUTES.len()] = [40, 30, 14, 14, 12, 8, 6, 6, 6, 4, 4, 2, 2, 2, 1, 1];

/// All that request and answer have in common; the same for both since both draw it from the pair.
pub(crate) struct Call {
    route: usize,
    /// Of the path's id; what kind it is, the route says.
    subject: usize,
    session: u64,
    /// A key, or a user where absent.
    by_key: Option<usize>,
    by_user: usize,
    /// Which of the user's addresses and browsers.
    place: (usize, usize),
    pub(crate) status_code: u64,
    latency_tenths_ms: u64,
    request_bytes: u64,
    response_bytes: u64,
    fault: usize,
    request_id: (u64, u64),
}

impl Call {
    pub(crate) fn draw(
        rng: &mut Rng,
        world: &World,
        route: usize,
        session: u64,
        incident: Option<&Incident>,
    ) -> Self {
        let trouble = incident.map(|incident| incident.trouble);
        let status_code = status_code(rng, ROUTES[route].0, trouble);
        let by_key = rng.permille(450).then(|| world.key_rank.draw(rng));
        let flooding = incident.filter(|i| i.trouble == Trouble::Flood && status_code == 429);
        let slow = if status_code == 503 || status_code == 504 { 5 } else { 0 };
        Self {
            route,
            subject: match ROUTES[route].3 {
                Subject::Agent => world.agent_rank.draw(rng),
                Subject::Integration => rng.below(world.integrations.len()),
                _ => world.user_rank.draw(rng),
            },
            session,
            by_key: flooding.map(|i| i.subject % world.keys.len()).or(by_key),
            by_user: world.user_rank.draw(rng),
            place: (rng.below(3).min(rng.below(3)), usize::from(rng.permille(200))),
            status_code,
            latency_tenths_ms: rng.long_tailed(6 + slow, 12 + slow),
            request_bytes: if ROUTES[route].0 == "GET" { 0 } else { rng.long_tailed(7, 13) },
            response_bytes: if status_code == 204 { 0 } else { rng.long_tailed(7, 15) },
            fault: fault_of(rng, status_code),
            request_id: (rng.next(), rng.next()),
        }
    }
    pub(crate) fn latency_ns(&self) -> i64 {
        self.latency_tenths_ms as i64 * 100_000
    }
    pub(crate) fn answer(&self) -> Kind {
        match self.status_code {
            429 => Kind::ApiRateLimited,
            400.. => Kind::ApiError,
            _ => Kind::ApiResponse,
        }
    }
    fn write_path(&self, line: &mut Line<'_>) {
        let (_, before, after, subject) = ROUTES[self.route];
        let world = line.world;
        line.out.raw(before);
        match subject {
            Subject::Session => write_session(line.out, self.session),
            Subject::Agent => line.out.raw(&world.agents[self.subject].id),
            Subject::User => line.out.raw(&world.users[self.subject].id),
            Subject::Integration => line.out.raw(&world.integrations[self.subject].id),
            Subject::Nothing => {}
        }
        line.out.raw(after);
    }
    fn write_resource(&self, line: &mut Line<'_>) {
        let world = line.world;
        match ROUTES[self.route].3 {
            Subject::Session => {
                line.out.raw(",\"resource\":{\"type\":\"session\",\"id\":\"");
                write_session(line.out, self.session);
                line.out.raw("\"}");
            }
            Subject::Agent => line.on_named("agent", &world.agents[self.subject]),
            Subject::User => {
                line.on("user", &world.users[self.subject].id, Some(&world.users[self.subject].name))
            }
            Subject::Integration => line.on_named("integration", &world.integrations[self.subject]),
            Subject::Nothing => line.on("endpoint", ROUTES[self.route].1, None),
        }
    }
}

pub(super) fn write_session(out: &mut Vec<u8>, session: u64) {
    out.raw("ses_");
    push_id(out, session);
}

fn status_code(rng: &mut Rng, method: &str, trouble: Option<Trouble>) -> u64 {
    let drawn = rng.below(1000);
    match trouble {
        Some(Trouble::Outage) if drawn < 420 => return *rng.pick(&[500, 502, 503, 503, 504]),
        Some(Trouble::Flood) if drawn < 700 => return 429,
        _ => {}
    }
    match drawn {
        0..=7 => *rng.pick(&[500, 500, 502, 503, 504]),
        8..=19 => 429,
        20..=59 => *rng.pick(&[400, 401, 403, 404, 404, 404, 409, 413, 422, 422]),
        _ => match method {
            "DELETE" => 204,
            "POST" => *rng.pick(&[200, 201]),
            _ => *rng.pick(&[200, 200, 200, 304]),
        },
    }
}

/// A row of [`words::FAULTS`] that fits the status code.
fn fault_of(rng: &mut Rng, status_code: u64) -> usize {
    let fitting: &[usize] = match status_code {
        401 => &[11],
        403 => &[6],
        404 => &[5],
        409 => &[8],
        413 => &[7],
        400 | 422 => &[4, 12],
        502 => &[1, 13],
        503 => &[3, 9],
        504 => &[0],
        _ => &[2, 8, 10, 0, 1],
    };
    *rng.pick(fitting)
}

/// Everything after the head.
pub(super) fn write(line: &mut Line<'_>, call: &Call) {
    let world = line.world;
    match call.by_key {
        Some(key) => line.by_key(key),
        None => line.by_user_at(&world.users[call.by_user], call.place),
    }
    call.write_resource(line);
    line.verdict(match line.kind {
        Kind::ApiRequest => "pending",
        Kind::ApiResponse => "success",
        _ => "failure",
    });
    line.out.text_member("method", ROUTES[call.route].0);
    line.out.raw(",\"path\":\"");
    call.write_path(line);
    line.out.raw("\",\"request_id\":\"req_");
    line.out.hex(call.request_id.0, 16);
    line.out.raw("\"");
    line.out.number_member("request_bytes", call.request_bytes);
    match line.kind {
        Kind::ApiRequest => request(line, call),
        _ => answer(line, call),
    }
    line.end();
}

fn request(line: &mut Line<'_>, call: &Call) {
    line.out.text_member("api_version", "2026-10-01");
    line.out.text_member("region", words::REGIONS[(mix(call.by_user as u64) % 3) as usize]);
    // Clients redact bodies; most do not send them at all.
    if call.request_bytes > 0 && call.request_id.1.is_multiple_of(16) {
        line.out.raw(",\"request\":{\"body\":{\"content\":\"");
        line.texts.sentence(line.out, &mut line.rng, 12);
        line.out.raw("\",\"token\":\"[redacted]\",\"stream\":false}}");
    }
}

fn answer(line: &mut Line<'_>, call: &Call) {
    line.out.number_member("response_bytes", call.response_bytes);
    line.out.number_member("status_code", call.status_code);
    line.out.name("latency_ms");
    line.out.tenths(call.latency_tenths_ms);
    match line.kind {
        Kind::ApiError => line.fault(call.fault, call.status_code >= 500),
        Kind::ApiRateLimited => {
            line.out.number_member("limit", 6000);
            line.out.number_member("remaining", 0);
            let seconds = line.rng.within(1, 60);
            line.out.number_member("retry_after_s", seconds);
            line.out.text_member("reason", "requests per minute exceeded");
        }
        _ => line.out.text_member("region", words::REGIONS[(mix(call.by_user as u64) % 3) as usize]),
    }
}
