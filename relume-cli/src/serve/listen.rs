//! Connections: taken, bounded in number and in patience, and let go at the end.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{App, routes};
use crate::exit::{Code, Failure};

/// Connections at the same time.
const CONNECTIONS: usize = 512;
/// How long requests may take to end when the server ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// Listens until Ctrl-C or a request to end.
pub(crate) async fn listen(app: Arc<App>) -> Result<(), Failure> {
    let wanted = SocketAddr::new(app.options.host, app.options.port);
    let failed = |cause: std::io::Error| {
        let message = format!("{wanted}: cannot listen: {cause}; choose another --port");
        Failure::new(Code::Machine, message)
    };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    welcome(&app, listener.local_addr().map_err(failed)?)?;
    let service = routes::router(Arc::clone(&app));
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(app.options.patience);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut end = std::pin::pin!(asked_to_end());
    loop {
        let (stream, place) = tokio::select! {
            taken = take(&listener, &places) => match taken {
                Some(taken) => taken,
                // Too many open files, or a client gone already: a pause helps against the first.
                None => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut end => break,
        };
        let service = TowerToHyperService::new(service.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off is no fault of the server.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    app.console.note("ending; a job that is being worked on goes on at the next start");
    app.stop.send_replace(true);
    // Who is not done by then is cut off.
    let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
    Ok(())
}

/// The next connection, when there is a place for it.
async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((stream, place))
}

/// Ctrl-C, or the system's wish.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the process, which jobs survive.
    let _ = tokio::signal::ctrl_c().await;
}

/// Where others reach a server that listens on all addresses: the one that leads out of here.
fn reachable(address: SocketAddr) -> SocketAddr {
    // Nothing is sent: the system only chooses a way to an address that nobody has.
    let way = || {
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("192.0.2.1:9").ok()?;
        socket.local_addr().ok()
    };
    match way() {
        Some(own) if address.ip().is_unspecified() => SocketAddr::new(own.ip(), address.port()),
        _ => address,
    }
}

/// Says where the page is, and opens it.
fn welcome(app: &App, address: SocketAddr) -> Result<(), Failure> {
    let mut url = format!("http://{}/", reachable(address));
    if let Some(token) = &app.options.token {
        // Behind the #, a browser sends it to nobody.
        url += &format!("#token={token}");
    }
    app.console.text(&url)?;
    app.console.note("Ctrl-C ends the server");
    if app.options.open {
        let (program, arguments): (&str, &[&str]) = match std::env::consts::OS {
            "macos" => ("open", &[]),
            "windows" => ("cmd", &["/c", "start", ""]),
            _ => ("xdg-open", &[]),
        };
        let opened = std::process::Command::new(program)
            .args(arguments)
            .arg(&url)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        if opened.is_err() {
            app.console.warn(&format!("no browser could be opened; go to {url}"));
        }
    }
    Ok(())
}
