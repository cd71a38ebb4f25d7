//! The built-in event types and how often each occurs.

/// The built-in types of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    SessionCreated,
    SessionMessage,
    SessionTransferred,
    SessionCompleted,
    SessionFailed,
    SessionIntervened,
    ApiRequest,
    ApiResponse,
    ApiError,
    ApiRateLimited,
    AgentCreated,
    AgentUpdated,
    AgentDeployed,
    AgentDeleted,
    UserInvited,
    UserRoleChanged,
    IntegrationConnected,
    IntegrationDisconnected,
    ServiceDegraded,
    ServiceRestored,
    MaintenanceStarted,
    MaintenanceCompleted,
    AuthLogin,
    AuthLoginFailed,
    AuthTokenRefreshed,
    ApiKeyCreated,
    ApiKeyRevoked,
}

/// What is the same for all events of a kind, and its weight outside of API calls, which come as
/// pairs of request and answer and are drawn first.
pub(crate) struct Traits {
    pub(crate) kind: Kind,
    pub(crate) event_type: &'static str,
    pub(crate) category: &'static str,
    pub(crate) action: &'static str,
    pub(crate) weight: u32,
}

const fn row(
    kind: Kind,
    event_type: &'static str,
    category: &'static str,
    action: &'static str,
    weight: u32,
) -> Traits {
    Traits { kind, event_type, category, action, weight }
}

/// In the order of [`Kind`].
pub(crate) const KINDS: [Traits; 27] = [
    row(Kind::SessionCreated, "session.created", "session", "create", 900),
    row(Kind::SessionMessage, "session.message", "session", "message", 5600),
    row(Kind::SessionTransferred, "session.transferred", "session", "transfer", 120),
    row(Kind::SessionCompleted, "session.completed", "session", "complete", 760),
    row(Kind::SessionFailed, "session.failed", "session", "fail", 110),
    row(Kind::SessionIntervened, "session.intervened", "session", "intervene", 60),
    row(Kind::ApiRequest, "api.request", "api", "request", 0),
    row(Kind::ApiResponse, "api.response", "api", "respond", 0),
    row(Kind::ApiError, "api.error", "api", "respond", 0),
    row(Kind::ApiRateLimited, "api.rate_limited", "api", "reject", 0),
    row(Kind::AgentCreated, "agent.created", "agent", "create", 18),
    row(Kind::AgentUpdated, "agent.updated", "agent", "update", 220),
    row(Kind::AgentDeployed, "agent.deployed", "agent", "deploy", 70),
    row(Kind::AgentDeleted, "agent.deleted", "agent", "delete", 9),
    row(Kind::UserInvited, "user.invited", "security", "invite", 40),
    row(Kind::UserRoleChanged, "user.role_changed", "security", "update", 35),
    row(Kind::IntegrationConnected, "integration.connected", "integration", "connect", 24),
    row(Kind::IntegrationDisconnected, "integration.disconnected", "integration", "disconnect", 16),
    row(Kind::ServiceDegraded, "service.degraded", "system", "degrade", 4),
    row(Kind::ServiceRestored, "service.restored", "system", "restore", 4),
    row(Kind::MaintenanceStarted, "maintenance.started", "system", "start", 2),
    row(Kind::MaintenanceCompleted, "maintenance.completed", "system", "complete", 2),
    row(Kind::AuthLogin, "auth.login", "auth", "login", 800),
    row(Kind::AuthLoginFailed, "auth.login_failed", "auth", "login", 130),
    row(Kind::AuthTokenRefreshed, "auth.token_refreshed", "auth", "refresh", 1000),
    row(Kind::ApiKeyCreated, "api_key.created", "security", "create", 14),
    row(Kind::ApiKeyRevoked, "api_key.revoked", "security", "revoke", 12),
];

impl Kind {
    pub(crate) fn traits(self) -> &'static Traits {
        &KINDS[self as usize]
    }
}

/// Of 1,000 pairs of events, so many are an API request and its answer.
pub(crate) const API_PAIRS_PERMILLE: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_finds_its_own_row() {
        for (at, row) in KINDS.iter().enumerate() {
            assert_eq!(row.kind as usize, at, "{}", row.event_type);
        }
    }
}
