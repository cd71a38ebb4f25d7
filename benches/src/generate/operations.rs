//! Logins, and the health of the platform.

use super::json::Json as _;
use super::kind::Kind;
use super::line::Line;
use super::timeline::Trouble;
use super::words;
use super::world::write_user;

/// Login events, everything after the head.
pub(super) fn login(line: &mut Line<'_>) {
    let world = line.world;
    let attack = line.incident.filter(|incident| incident.trouble == Trouble::LoginAttack);
    let failed = line.kind == Kind::AuthLoginFailed;
    // An attack tries all accounts alike, from few addresses, with the one program.
    let user = match attack {
        Some(_) if failed => line.rng.pick(&world.users),
        _ => world.some_user(&mut line.rng),
    };
    let (address, browser) = match attack {
        Some(incident) if failed => {
            let from = (incident.subject + line.rng.below(5)) % world.hostile_addresses.len();
            (&world.hostile_addresses[from], incident.subject % world.user_agents.len())
        }
        _ => (&user.addresses[line.rng.below(3)], user.browsers[line.rng.below(2)]),
    };
    write_user(line.out, user, address, &world.user_agents[browser]);
    line.on("user", &user.id, Some(&user.name));
    line.verdict(if failed { "failure" } else { "success" });
    line.out
        .text_member("method", if attack.is_some() { "password" } else { usual_method(user.browsers[0]) });
    line.out.text_member("ip", address);
    let number = line.rng.next();
    match line.kind {
        Kind::AuthLoginFailed => {
            line.one_of(
                "reason",
                if attack.is_some() { &words::LOGIN_FAULTS[..2] } else { words::LOGIN_FAULTS },
            );
            line.out.number_member("attempts", number % 5 + 1);
        }
        Kind::AuthLogin => {
            line.out.raw(if number.is_multiple_of(3) { ",\"mfa\":false" } else { ",\"mfa\":true" });
            line.id_member("login_session", "lgn_", number);
        }
        _ => {
            line.id_member("login_session", "lgn_", number);
            line.out.number_member("expires_in_s", 3600);
        }
    }
    line.end();
}

fn usual_method(of: usize) -> &'static str {
    words::LOGIN_METHODS[of % words::LOGIN_METHODS.len()]
}

/// Service and maintenance events, everything after the head.
pub(super) fn platform(line: &mut Line<'_>) {
    // Both ends of an incident speak of the same service.
    let subject = line.incident.map_or_else(|| line.rng.below(1024), |incident| incident.subject);
    let service = words::SERVICES[subject % words::SERVICES.len()];
    let maintenance = matches!(line.kind, Kind::MaintenanceStarted | Kind::MaintenanceCompleted);
    line.by_system(if maintenance { 0 } else { 2 });
    line.on("service", service, None);
    line.verdict(match line.kind {
        Kind::ServiceDegraded => "failure",
        Kind::MaintenanceStarted => "pending",
        _ => "success",
    });
    line.out.text_member("service", service);
    line.out.text_member("region", words::REGIONS[subject % words::REGIONS.len()]);
    line.out.text_member("component", words::COMPONENTS[subject / 7 % words::COMPONENTS.len()]);
    if maintenance {
        line.out.text_member("reason", words::MAINTENANCE[subject / 3 % words::MAINTENANCE.len()]);
        line.id_member("window_id", "mnt_", subject as u64 ^ line.key);
    } else {
        line.out.text_member("reason", words::DEGRADED[subject / 3 % words::DEGRADED.len()]);
        let state = if line.kind == Kind::ServiceDegraded {
            ("operational", "degraded")
        } else {
            ("degraded", "operational")
        };
        line.out.text_member("previous_state", state.0);
        line.out.text_member("state", state.1);
    }
    line.end();
}
