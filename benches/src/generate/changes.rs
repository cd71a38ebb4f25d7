//! Configuration changes: agents, users, integrations, keys, with both states.

use super::json::Json as _;
use super::kind::Kind;
use super::line::Line;
use super::words;
use super::world::{Named, id};

/// Everything after the head.
pub(super) fn write(line: &mut Line<'_>) {
    match line.kind {
        Kind::AgentCreated | Kind::AgentUpdated | Kind::AgentDeployed | Kind::AgentDeleted => agent(line),
        Kind::UserInvited | Kind::UserRoleChanged => user(line),
        Kind::IntegrationConnected | Kind::IntegrationDisconnected => integration(line),
        _ => api_key(line),
    }
    line.end();
}

fn agent(line: &mut Line<'_>) {
    let world = line.world;
    let agent = world.some_agent(&mut line.rng);
    line.by_some_admin();
    line.on_named("agent", agent);
    line.verdict("success");
    let version = line.rng.within(2, 60);
    line.out.text_member("version", &format!("1.{version}"));
    let (before, after) = (agent_state(line, agent), agent_state(line, agent));
    match line.kind {
        Kind::AgentCreated => line.changes("", &after),
        Kind::AgentDeleted => {
            line.changes(&before, "");
            line.one_of("reason", &["replaced by a newer agent", "pilot ended", "created by mistake"]);
        }
        Kind::AgentDeployed => {
            line.one_of("channel", words::CHANNELS);
            line.one_of("environment", &["production", "production", "staging"]);
            line.changes(
                &format!("\"version\":\"1.{}\"", version - 1),
                &format!("\"version\":\"1.{version}\""),
            );
        }
        _ => line.changes(&before, &after),
    }
}

fn agent_state(line: &mut Line<'_>, agent: &Named) -> String {
    let model = words::MODELS[(agent.trait_no + line.rng.below(2)) % words::MODELS.len()];
    let temperature = line.rng.below(10);
    let turns = 10 + 5 * line.rng.below(8);
    let language = words::LANGUAGES[agent.trait_no % words::LANGUAGES.len()];
    format!(
        "\"model\":\"{model}\",\"temperature\":0.{temperature},\"max_turns\":{turns},\"language\":\"{language}\",\"tools\":[\"search\",\"orders\"]"
    )
}

fn user(line: &mut Line<'_>) {
    let world = line.world;
    let user = world.some_user(&mut line.rng);
    line.by_some_admin();
    line.on("user", &user.id, Some(&user.name));
    line.verdict(if line.kind == Kind::UserInvited { "pending" } else { "success" });
    line.out.text_member("email", &user.email);
    let old = line.rng.below(words::ROLES.len() - 1);
    let new = (old + 1 + line.rng.below(words::ROLES.len() - 1)) % words::ROLES.len();
    let role = format!("\"role\":\"{}\"", words::ROLES[new]);
    if line.kind == Kind::UserInvited {
        line.out.text_member("role", words::ROLES[new]);
        line.changes("", &role);
    } else {
        line.changes(&format!("\"role\":\"{}\"", words::ROLES[old]), &role);
        line.one_of("reason", &["joined another team", "temporary access", "access review", "promotion"]);
    }
}

fn integration(line: &mut Line<'_>) {
    let world = line.world;
    let integration = line.rng.pick(&world.integrations);
    let failed = line.kind == Kind::IntegrationDisconnected && line.rng.permille(400);
    if failed {
        line.by_system(6)
    } else {
        line.by_some_admin()
    }
    line.on_named("integration", integration);
    line.verdict(if failed { "failure" } else { "success" });
    let (provider, channel) = words::PROVIDERS[integration.trait_no];
    line.out.text_member("integration_id", &integration.id);
    line.out.text_member("provider", provider);
    line.out.text_member("channel", channel);
    if line.kind == Kind::IntegrationConnected {
        line.changes("\"state\":\"disconnected\"", "\"state\":\"connected\"");
    } else {
        line.changes("\"state\":\"connected\"", "\"state\":\"disconnected\"");
        let reason =
            if failed { "provider revoked the access token" } else { "disconnected by an administrator" };
        line.out.text_member("reason", reason);
    }
}

fn api_key(line: &mut Line<'_>) {
    let world = line.world;
    let key = &world.keys[world.key_rank.draw(&mut line.rng)];
    let by_rotation = line.kind == Kind::ApiKeyRevoked && line.rng.permille(500);
    if by_rotation {
        line.by_system(4)
    } else {
        line.by_some_admin()
    }
    let fresh = id("key_", line.rng.next());
    let key_id = if line.kind == Kind::ApiKeyCreated { &fresh } else { &key.id };
    line.on("api_key", key_id, Some(&key.name));
    line.verdict("success");
    line.out.text_member("key_id", key_id);
    line.out.text_member("key_name", &key.name);
    let first = line.rng.below(words::SCOPES.len() - 2);
    line.out.raw(",\"scopes\":[\"");
    line.out.raw(words::SCOPES[first]);
    line.out.raw("\",\"");
    line.out.raw(words::SCOPES[first + 1 + line.rng.below(2)]);
    line.out.raw("\"]");
    if line.kind == Kind::ApiKeyCreated {
        line.out.number_member("expires_in_days", 90);
        line.changes("", "\"state\":\"active\"");
    } else {
        line.one_of("reason", words::REVOCATIONS);
        line.changes("\"state\":\"active\"", "\"state\":\"revoked\"");
    }
}
