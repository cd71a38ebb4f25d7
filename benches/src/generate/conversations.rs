//! Session events: who talks to which agent, over which channel.

use super::calls::write_session;
use super::json::Json as _;
use super::kind::Kind;
use super::line::Line;
use super::rng::{Rng, mix};
use super::words;
use super::world::{Named, User, World, write_system};

/// What all events of one session share, drawn from its number.
struct Talk<'a> {
    session: u64,
    agent: &'a Named,
    user: &'a User,
    channel: &'static str,
    language: &'static str,
}
impl<'a> Talk<'a> {
    fn of(world: &'a World, session: u64) -> Self {
        let mut rng = Rng::keyed(session, 0x7461_6c6b);
        Self {
            session,
            agent: world.some_agent(&mut rng),
            user: world.some_user(&mut rng),
            channel: words::CHANNELS[rng.below(words::CHANNELS.len()).min(rng.below(words::CHANNELS.len()))],
            language: words::LANGUAGES
                [rng.below(words::LANGUAGES.len()).min(rng.below(words::LANGUAGES.len()))],
        }
    }
}

/// The id of a session that is going on at `index`: about twelve events each, near one another.
pub(super) fn session_at(key: u64, index: u64, rng: &mut Rng) -> u64 {
    let age = rng.long_tailed(0, 5) - 1;
    // Some were going on before the first event.
    mix(key ^ mix(index / 12 + 64 - age))
}

/// Everything after the head.
pub(super) fn write(line: &mut Line<'_>) {
    let session = match line.kind {
        Kind::SessionCreated => mix(line.key ^ mix(line.index / 12 + 64)),
        _ => session_at(line.key, line.index, &mut line.rng),
    };
    let talk = Talk::of(line.world, session);
    let by_agent = line.kind == Kind::SessionMessage && line.rng.permille(500);
    match line.kind {
        _ if by_agent => write_system(line.out, &talk.agent.id, &talk.agent.name),
        Kind::SessionTransferred | Kind::SessionIntervened => line.by_some_admin(),
        Kind::SessionFailed => line.by_system(3),
        _ => line.by_user(talk.user),
    }
    line.out.raw(",\"resource\":{\"type\":\"session\",\"id\":\"");
    write_session(line.out, talk.session);
    line.out.raw("\"}");
    line.verdict(if line.kind == Kind::SessionFailed { "failure" } else { "success" });
    line.out.raw("\"session_id\":\"");
    write_session(line.out, talk.session);
    line.out.raw("\"");
    line.out.text_member("channel", talk.channel);
    line.out.text_member("agent_id", &talk.agent.id);
    details(line, &talk, by_agent);
    line.end();
}

fn details(line: &mut Line<'_>, talk: &Talk<'_>, by_agent: bool) {
    let messages = line.rng.long_tailed(0, 5);
    match line.kind {
        Kind::SessionCreated => {
            line.out.text_member("language", talk.language);
            line.out.text_member("agent_name", &talk.agent.name);
        }
        Kind::SessionMessage => message(line, by_agent),
        Kind::SessionTransferred => {
            let world = line.world;
            let target = world.some_agent(&mut line.rng);
            line.out.text_member("from", &talk.agent.id);
            line.out.text_member("to", &target.id);
            line.one_of("reason", words::TRANSFERS);
            line.out.number_member("messages", messages);
        }
        Kind::SessionCompleted => {
            totals(line, messages);
            line.one_of("outcome", &["resolved", "resolved", "abandoned", "handed_over"]);
        }
        Kind::SessionFailed => {
            totals(line, messages);
            let fault = line.rng.below(words::FAULTS.len());
            line.fault(fault, true);
        }
        _ => {
            line.one_of("reason", words::INTERVENTIONS);
            line.out.number_member("messages", messages);
            line.out.raw(",\"intervention\":\"");
            line.texts.sentence(line.out, &mut line.rng, 9);
            line.out.raw("\"");
        }
    }
}

fn message(line: &mut Line<'_>, by_agent: bool) {
    line.out.text_member("role", if by_agent { "agent" } else { "user" });
    let id = line.rng.next();
    line.id_member("message_id", "msg_", id);
    let tokens = line.rng.long_tailed(3, 9);
    line.out.number_member("tokens", tokens);
    line.out.raw(",\"content\":\"");
    let words = 4 + line.rng.below(28);
    line.texts.sentence(line.out, &mut line.rng, words);
    line.out.raw("\"");
}

fn totals(line: &mut Line<'_>, messages: u64) {
    line.out.number_member("messages", messages);
    let (input, output) = (line.rng.long_tailed(7, 13), line.rng.long_tailed(6, 12));
    line.out.number_member("input_tokens", input);
    line.out.number_member("output_tokens", output);
    let duration = line.rng.within(4_000, 3_600_000);
    line.out.number_member("duration_ms", duration);
}
