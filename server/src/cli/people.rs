//! `stele user`, `stele session`: people, their tokens, and who is signed in where.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use ureq::http::Method;

use super::admin::{Call, Common, object, word};
use super::failure::Failure;
use super::filters::path_of;

/// People of the organization, their roles and tokens
#[derive(Args, Debug)]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand, Debug)]
enum UserCommand {
    /// List users, removed ones too
    List,
    /// Make a user
    Add {
        /// Their e-mail address
        email: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: Role,
        /// Their name
        #[arg(long)]
        name: Option<String>,
    },
    /// Change a user's name or role; it holds at once, for all their tokens
    Set {
        /// Id, or the e-mail address of a user who is there
        user: String,
        /// What they may do from now on
        #[arg(long, value_enum, required_unless_present = "name")]
        role: Option<Role>,
        /// Their name
        #[arg(long)]
        name: Option<String>,
    },
    /// Remove a user: tokens and sessions are refused at once
    Remove {
        /// Id, or the e-mail address of a user who is there
        user: String,
    },
    /// Make a token of a user; prints its secret, once
    Token {
        /// Id, or the e-mail address of a user who is there
        user: String,
        /// What it is for
        #[arg(long)]
        name: Option<String>,
        /// When it ends, RFC 3339
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
}

/// What a user may do.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Everything in the organization, its owners included.
    Owner,
    /// Everything in the organization but its owners.
    Admin,
    /// Send events, read, exports and reports.
    Developer,
    /// Read.
    Viewer,
    /// Read, issue reports, verify.
    Auditor,
}

/// Sessions of browsers
#[derive(Args, Debug)]
pub struct SessionArgs {
    #[command(subcommand)]
    command: SessionCommand,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand, Debug)]
enum SessionCommand {
    /// List sessions: those of the key, with scope admin all of the organization
    List,
    /// Make a link that signs in once, within 10 minutes, with the rights of the key
    Link,
    /// End a session, at once
    End {
        /// Its id
        id: String,
    },
}

/// Runs `stele user`.
pub fn user(args: &UserArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    match &args.command {
        UserCommand::List => {
            call.list("/v1/users", "users", &["id", "email", "name", "role", "created_at", "removed_at"])
        }
        UserCommand::Add { email, role, name } => {
            let mut body = object([("email", json!(email)), ("role", json!(word(role)))]);
            if let Some(name) = name {
                body.insert("name".to_owned(), json!(name));
            }
            call.change(Method::POST, "/v1/users", Some(body), None)
        }
        UserCommand::Set { user, role, name } => {
            let given = [("role", role.as_ref().map(word)), ("name", name.clone())];
            let body =
                given.into_iter().filter_map(|(member, value)| Some((member.to_owned(), json!(value?))));
            let path = path(&call, user)?;
            call.change(Method::PUT, &path, Some(body.collect()), None)
        }
        UserCommand::Remove { user } => {
            let path = path(&call, user)?;
            call.change(Method::DELETE, &path, None, None)
        }
        UserCommand::Token { user, name, expires_at } => {
            let given = [("name", name), ("expires_at", expires_at)];
            let body = given
                .into_iter()
                .filter_map(|(member, value)| Some((member.to_owned(), json!(value.as_ref()?))));
            let path = format!("{}/tokens", path(&call, user)?);
            call.change(Method::POST, &path, Some(body.collect()), Some("secret"))
        }
    }
}

/// The path of a user, who may be named by address.
fn path(call: &Call, user: &str) -> Result<String, Failure> {
    if !user.contains('@') {
        return path_of("/v1/users", user);
    }
    let all: Value = call.client.get("/v1/users")?;
    let id = id_of(&all, user);
    path_of("/v1/users", id.ok_or_else(|| Failure::Usage(format!("{user} is no user")))?)
}

/// The id of the user who is there and has this address.
fn id_of<'a>(all: &'a Value, email: &str) -> Option<&'a str> {
    let email = email.to_lowercase();
    let there = |user: &&Value| user["email"] == email.as_str() && user["removed_at"].is_null();
    all["users"].as_array()?.iter().find(there)?["id"].as_str()
}

/// Runs `stele session`.
pub fn session(args: &SessionArgs) -> Result<(), Failure> {
    let mut call = Call::new(&args.common)?;
    match &args.command {
        SessionCommand::List => {
            call.list("/v1/sessions", "sessions", &["id", "user", "key", "created_at", "expires_at"])
        }
        SessionCommand::Link => {
            let mut link: Value = call.client.send(Method::POST, "/v1/session/links", None::<&Value>)?;
            if let Some(path) = link["path"].as_str() {
                link["url"] = format!("{}{path}", call.client.address()).into();
            }
            call.show(&link, Some("code"))
        }
        SessionCommand::End { id } => call.change(Method::DELETE, &path_of("/v1/sessions", id)?, None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_the_user_who_is_there() {
        let all = json!({"users": [
            {"id": "usr_1", "email": "a@b", "removed_at": "2026-01-01T00:00:00Z"},
            {"id": "usr_2", "email": "a@b", "removed_at": null},
        ]});
        assert_eq!(id_of(&all, "A@b"), Some("usr_2"));
        assert_eq!(id_of(&all, "c@b"), None);
    }

    #[test]
    fn words_are_those_of_the_contract() {
        let words: Vec<String> = Role::value_variants().iter().map(word).collect();
        assert_eq!(words, ["owner", "admin", "developer", "viewer", "auditor"]);
    }
}
