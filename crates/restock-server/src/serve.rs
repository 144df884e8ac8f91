//! Connections: accepted one by one, with limits of time and number, until the server is told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::connection::Connection;
use crate::limits::{DRAIN_TIMEOUT, HANDSHAKE_TIMEOUT, HEADER_TIMEOUT, MAX_CONNECTIONS};
use crate::security::Security;
use crate::server::Server;
use crate::tls::{Tls, TlsError};
use crate::webhooks;

/// Why a server does not begin to answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Tokens and passwords could be read on the way.
    #[error(
        "the server would listen on {listen} without TLS, which others can reach and overhear\n\nhint: set a certificate and its key, listen on 127.0.0.1, or say that a proxy in front of it speaks TLS"
    )]
    Unprotected {
        /// The address.
        listen: SocketAddr,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket has no address.
    #[error("the socket cannot be used: {0}")]
    Socket(std::io::Error),
}

impl Security {
    /// Whether a server may listen on an address: beyond this machine only with TLS, its own or that of a proxy.
    ///
    /// # Errors
    /// [`ServeError::Unprotected`] otherwise.
    pub fn check_listen(&self, listen: SocketAddr) -> Result<(), ServeError> {
        if self.tls.is_some() || self.behind_proxy || listen.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(ServeError::Unprotected { listen })
    }
}

impl Server {
    /// Answers on `listener` until `shutdown` is done; then it accepts nothing more, ends streams, answers the requests that
    /// are under way, commits what waits, saves a snapshot and returns.
    ///
    /// # Errors
    /// [`ServeError`] before the first connection is accepted; the ledger is closed for writing then too.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        match self.prepare(&listener) {
            Ok(tls) => {
                self.accept(listener, tls, shutdown).await;
                Ok(())
            }
            Err(error) => {
                self.shut_down().await;
                Err(error)
            }
        }
    }

    fn prepare(&self, listener: &TcpListener) -> Result<Option<Arc<Tls>>, ServeError> {
        let security = &self.app.security;
        security.check_listen(listener.local_addr().map_err(ServeError::Socket)?)?;
        Ok(security.tls.clone().map(Tls::load).transpose()?.map(Arc::new))
    }

    async fn accept(self, listener: TcpListener, tls: Option<Arc<Tls>>, shutdown: impl Future<Output = ()>) {
        let router = self.router();
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let deliveries = tokio::spawn(webhooks::deliver(self.app.clone()));
        if let Some(tls) = &tls {
            tokio::spawn(tls.clone().watch(self.app.is_closing.subscribe()));
        }
        let mut shutdown = pin!(shutdown);
        loop {
            let permit = tokio::select! {
                () = &mut shutdown => break,
                permit = connections.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            };
            let (stream, peer) = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file handles, or the client has gone: neither is a reason to end.
                        tracing::warn!(error = %error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        continue;
                    }
                },
            };
            // Small answers go out at once; where the system cannot do that, they only take longer.
            let _ = stream.set_nodelay(true);
            let (router, tls, watcher) = (router.clone(), tls.clone(), graceful.watcher());
            tokio::spawn(async move {
                answer(stream, peer, tls, router, watcher).await;
                drop(permit);
            });
        }
        drop(listener);
        tracing::info!("shutting down");
        self.app.is_closing.send_replace(true);
        if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!("some clients were cut off");
        }
        // A delivery that is under way counts when its position is written; otherwise it is sent again.
        drop(deliveries.await);
        self.shut_down().await;
    }
}

async fn answer(stream: TcpStream, peer: SocketAddr, tls: Option<Arc<Tls>>, router: Router, watcher: Watcher) {
    // The client has gone already when its end of the connection has no address.
    let Ok(local) = stream.local_addr() else { return };
    let connection = Connection { peer, local, is_tls: tls.is_some() };
    let Some(tls) = tls else { return answer_on(stream, connection, router, watcher).await };
    let accepted = TlsAcceptor::from(tls.config()).accept(stream);
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, accepted).await {
        Ok(Ok(stream)) => answer_on(stream, connection, router, watcher).await,
        Ok(Err(error)) => tracing::debug!(error = %error, "a connection ended before TLS began"),
        Err(_) => tracing::debug!("a client took too long to begin TLS"),
    }
}

async fn answer_on<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    connection: Connection,
    router: Router,
    watcher: Watcher,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(connection);
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(served).await {
        tracing::debug!(error = %error, "a connection ended early");
    }
}
