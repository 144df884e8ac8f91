//! Who may use a server and how it is reached: everything that is set up and not asked for by requests.

use std::path::PathBuf;

use crate::rates::Rates;
use crate::tls::TlsFiles;
use crate::users::Users;
use crate::webhooks::WebhookOptions;

/// What protects a server.
#[derive(Debug)]
pub struct Security {
    /// The people who may use it.
    pub users: Users,
    /// The file of sessions.
    pub sessions: PathBuf,
    /// Certificate and key; without them connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// A proxy in front of the server speaks TLS and names the address of the client last in `X-Forwarded-For`; nobody else
    /// can reach the server.
    pub behind_proxy: bool,
    /// Names under which it is reached, without a port, beside those of this machine. On loopback other names are refused;
    /// elsewhere too, when there are any here.
    pub hosts: Vec<String>,
    /// How often somebody may ask.
    pub rates: Rates,
    /// Where events and proposals are told, and how.
    pub webhooks: WebhookOptions,
}

impl Security {
    /// What protects a server where nobody says otherwise; users, sessions and webhooks are files of `folder`.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            users: Users::at(folder.join("users.json")),
            sessions: folder.join("sessions.json"),
            tls: None,
            behind_proxy: false,
            hosts: Vec::new(),
            rates: Rates::default(),
            webhooks: WebhookOptions::in_file(folder.join("webhooks.json")),
        }
    }
}
