//! `restock user` and `restock token`: who may use the server of a project. Every change is in the audit trail of its
//! ledger before it is done.

use std::io::Read;
use std::path::Path;

use jiff::SignedDuration;
use restock_ledger::{AuditEntry, Ledger};
use restock_server::{
    COMMAND_LINE_ACTOR, MAX_PASSWORD_BYTES, NewToken, NewUser, Recorder, Token, TokenError, Tokens, User, UserChange,
    UserError, Users,
};
use serde_json::json;

use crate::cli::{RoleName, TokenAction, TokenArgs, UserAction, UserArgs};
use crate::error::CliError;
use crate::i18n::Text;
use crate::ledger::open;
use crate::project::Project;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// The tokens of a project.
pub(crate) fn tokens(dir: &Path) -> Tokens {
    Tokens::at(dir.join(".restock").join("tokens.json"))
}

/// Does what changes users or tokens; the ledger writes it down first.
fn recorded<T>(ledger: &mut dyn Ledger, change: impl FnOnce(&mut Recorder) -> T) -> T {
    let mut write = |entry: &AuditEntry| ledger.record(entry).map(drop);
    change(&mut Recorder::new(COMMAND_LINE_ACTOR, &mut write))
}

pub(crate) fn user(session: &Session, args: &UserArgs) -> Result<Output, CliError> {
    let dir = Project::folder_of(session)?;
    // The file that a server reads.
    let users = restock_server::Security::in_folder(dir.join(".restock")).users;
    let now = session.now;
    match &args.action {
        UserAction::Create { name, role, location, password_stdin } => {
            let locations = (!location.is_empty()).then(|| location.clone());
            let new = NewUser { name: name.clone(), role: role_of(*role), locations };
            let password = password(session, name, *password_stdin)?;
            let made = recorded(&mut *open(&dir)?, |recorder| users.create(new, &password, now, recorder));
            said(session, &made.map_err(|error| user_error(&error))?, Text::UserMade)
        }
        UserAction::List => list(session, &users),
        UserAction::Password { name, password_stdin } => {
            // Nobody types a password for a name that is not there.
            let known = users.find(name).map_err(|error| user_error(&error))?;
            known.ok_or_else(|| user_error(&UserError::NoSuchUser { name: name.clone() }))?;
            let password = password(session, name, *password_stdin)?;
            let change = UserChange { password: Some(password), ..UserChange::default() };
            let changed = recorded(&mut *open(&dir)?, |recorder| users.change(name, change, now, recorder));
            said(session, &changed.map_err(|error| user_error(&error))?, Text::PasswordChanged)
        }
        UserAction::Disable { name } | UserAction::Enable { name } => {
            let is_disabled = matches!(args.action, UserAction::Disable { .. });
            let change = UserChange { is_disabled: Some(is_disabled), ..UserChange::default() };
            let changed = recorded(&mut *open(&dir)?, |recorder| users.change(name, change, now, recorder));
            let text = if is_disabled { Text::UserDisabled } else { Text::UserMade };
            said(session, &changed.map_err(|error| user_error(&error))?, text)
        }
        UserAction::Remove { name } => {
            let removed = recorded(&mut *open(&dir)?, |recorder| users.remove(name, now, recorder));
            removed.map_err(|error| user_error(&error))?;
            if session.json {
                return Output::json(&json!({ "removed": name }));
            }
            Ok(Output::text(session.fill(Text::UserRemoved, &[name]) + "\n"))
        }
    }
}

/// A user after a change.
fn said(session: &Session, user: &User, text: Text) -> Result<Output, CliError> {
    if session.json {
        return Output::json(&user_json(user));
    }
    Ok(Output::text(session.fill(text, &[&user.name, &user.role.name()]) + "\n"))
}

fn list(session: &Session, users: &Users) -> Result<Output, CliError> {
    let all = users.list().map_err(|error| user_error(&error))?;
    if session.json {
        let rows: Vec<_> = all.iter().map(user_json).collect();
        return Output::json(&json!({ "users": rows }));
    }
    let mut grid = Grid::new()
        .column(session.text(Text::TokenName), Align::Left)
        .column(session.text(Text::RoleWord), Align::Left)
        .column(session.text(Text::ByLocation), Align::Text)
        .column(session.text(Text::State), Align::Left);
    for user in &*all {
        let state = if user.is_disabled { Text::KeptOut } else { Text::LetIn };
        grid.row([
            user.name.clone(),
            user.role.name().to_owned(),
            places(user.locations.as_deref()),
            session.text(state).to_owned(),
        ]);
    }
    Ok(Output::text(grid.render(session)))
}

fn places(locations: Option<&[String]>) -> String {
    locations.map_or("*".to_owned(), |own| own.join(", "))
}

fn user_json(user: &User) -> serde_json::Value {
    json!({
        "name": user.name, "role": user.role.name(), "locations": user.locations,
        "is_disabled": user.is_disabled, "created_at": user.created_at.to_string(),
    })
}

/// The password of a user: asked for twice on the terminal, without an echo, or the first line of standard input.
fn password(session: &Session, name: &str, from_stdin: bool) -> Result<String, CliError> {
    let unread = |error: std::io::Error| CliError::usage(format!("the password cannot be read: {error}"));
    if from_stdin {
        let mut text = String::new();
        // Room for the end of the line; what is longer is refused as a password.
        let limit = MAX_PASSWORD_BYTES as u64 + 3;
        std::io::stdin().lock().take(limit).read_to_string(&mut text).map_err(unread)?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    let terminal = console::Term::stderr();
    if !terminal.is_term() {
        return Err(CliError::usage("there is no terminal to ask for the password")
            .hint("--password-stdin reads it from standard input"));
    }
    let ask = |prompt: &str| terminal.write_str(prompt).and_then(|()| terminal.read_secure_line()).map_err(unread);
    let password = ask(&session.fill(Text::AskPassword, &[&name]))?;
    if ask(session.text(Text::AskAgain))? != password {
        return Err(CliError::usage("the two passwords differ, nothing was changed").hint("run the command again"));
    }
    Ok(password)
}

pub(crate) fn user_error(error: &UserError) -> CliError {
    CliError::usage(error.to_string()).with_hint_of()
}

pub(crate) fn token(session: &Session, args: &TokenArgs) -> Result<Output, CliError> {
    let dir = Project::folder_of(session)?;
    let tokens = tokens(&dir);
    match &args.action {
        TokenAction::Create { name, role, location, days } => {
            let expires_at = days.map(|days| session.now + SignedDuration::from_hours(24 * i64::from(days)));
            let locations = (!location.is_empty()).then(|| location.clone());
            let new = NewToken { name: name.clone(), role: role_of(*role), locations, expires_at };
            let made = recorded(&mut *open(&dir)?, |recorder| tokens.create_recorded(new, session.now, recorder));
            let secret = made.map_err(|error| token_error(&error))?;
            if session.json {
                return Output::json(&json!({ "name": name, "role": role_of(*role).name(), "token": secret }));
            }
            Ok(Output::text(format!("{secret}\n{}\n", session.dim(session.text(Text::TokenOnce)))))
        }
        TokenAction::List => {
            let all = tokens.list().map_err(|error| token_error(&error))?;
            if session.json {
                let rows: Vec<_> = all.iter().map(token_json).collect();
                return Output::json(&json!({ "tokens": rows }));
            }
            let mut grid = Grid::new()
                .column(session.text(Text::TokenName), Align::Left)
                .column(session.text(Text::RoleWord), Align::Left)
                .column(session.text(Text::ByLocation), Align::Text)
                .column(session.text(Text::Expires), Align::Left);
            for token in &*all {
                grid.row([
                    token.name.clone(),
                    token.role.name().to_owned(),
                    places(token.locations.as_deref()),
                    token.expires_at.map_or("-".to_owned(), |at| at.to_string()),
                ]);
            }
            Ok(Output::text(grid.render(session)))
        }
        TokenAction::Revoke { name } => {
            let revoked = recorded(&mut *open(&dir)?, |recorder| tokens.revoke_recorded(name, session.now, recorder));
            revoked.map_err(|error| token_error(&error))?;
            if session.json {
                return Output::json(&json!({ "revoked": name }));
            }
            Ok(Output::text(session.fill(Text::TokenRevoked, &[name]) + "\n"))
        }
    }
}

fn token_json(token: &Token) -> serde_json::Value {
    json!({
        "name": token.name, "role": token.role.name(), "locations": token.locations,
        "created_at": token.created_at.to_string(), "expires_at": token.expires_at.map(|at| at.to_string()),
    })
}

fn role_of(name: RoleName) -> restock_server::Role {
    use restock_server::Role;
    match name {
        RoleName::Viewer => Role::Viewer,
        RoleName::Planner => Role::Planner,
        RoleName::Approver => Role::Approver,
        RoleName::Integrator => Role::Integrator,
        RoleName::Admin => Role::Admin,
    }
}

pub(crate) fn token_error(error: &TokenError) -> CliError {
    CliError::usage(error.to_string()).with_hint_of()
}
