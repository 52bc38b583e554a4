//! hyper on the event loop: a server and its clients, and the time limit for a silent client.
//!
//! This test is in the program and not in `tests`. For a test in `tests`, cargo would build the program once more.

use cogloop::{Async, Handle, Loop};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use std::future::poll_fn;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::time::Duration;

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn text_of(mut body: Incoming) -> Result<String, hyper::Error> {
    let mut text = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        text.extend(frame?.into_data().unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn answer(request: Request<Incoming>) -> Result<Response<String>, hyper::Error> {
    let path = request.uri().path().to_owned();
    Ok(Response::new(format!("{path} {}", text_of(request.into_body()).await?)))
}

/// Serves clients. `limit` is the time that a client may take to send the head of a request.
async fn serve(handle: Handle<()>, listener: Async<TcpListener>, limit: Duration) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        let connection = server::conn::http1::Builder::new()
            .timer(handle.remote().timeouts())
            .header_read_timeout(limit)
            .serve_connection(stream, service_fn(answer));
        // The server does not care if a client gives up.
        handle.spawn(async { drop(connection.await) })?.detach();
    }
}

async fn ask(handle: Handle<()>, address: SocketAddr, nth: usize) -> Result<(), Failure> {
    let stream = Async::<TcpStream>::connect(&handle, address).await?;
    let (mut sender, connection) = client::conn::http1::handshake(stream).await?;
    let driven = handle.spawn(connection)?;
    // The body of the first client is empty. The body of the last client is larger than the buffers of hyper. Each body
    // goes in both directions, over a persistent connection.
    let body = "x".repeat(100_000 * nth);
    for path in ["/one", "/two"] {
        let request = Request::post(path).header("host", "cogloop").body(body.clone())?;
        // The second request has to wait until the connection has noticed that the first is answered.
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        assert_eq!(response.status(), 200);
        assert_eq!(text_of(response.into_body()).await?, format!("{path} {body}"));
    }
    drop(sender);
    Ok(driven.await??)
}

#[test]
fn clients_and_a_server_of_hyper_run_on_one_loop() {
    for name in ["uring", "epoll"] {
        let mut events = Loop::<()>::with_options(cogloop::Options::new().backend(name)).unwrap();
        let handle = events.handle();
        let begin = |limit| {
            let listener = Async::<TcpListener>::bind(&handle, ([127, 0, 0, 1], 0).into()).unwrap();
            let address = listener.get_ref().local_addr().unwrap();
            (address, events.spawn(serve(handle.clone(), listener, limit)).unwrap())
        };
        let (address, server) = begin(Duration::from_secs(600));
        let (address_of_impatient, impatient) = begin(Duration::from_millis(50));
        for client in [0, 1, 5].map(|nth| events.spawn(ask(handle.clone(), address, nth)).unwrap()) {
            events.block_on(&mut (), client).unwrap().unwrap().unwrap();
        }
        // A silent client is closed when its time limit has passed.
        let silent = std::thread::spawn(move || -> io::Result<usize> {
            let mut stream = TcpStream::connect(address_of_impatient)?;
            stream.set_read_timeout(Some(Duration::from_secs(600)))?;
            stream.read(&mut [0; 64])
        });
        let watch = events.remote();
        let silent = std::thread::spawn(move || {
            let read = silent.join();
            watch.post(|(), handle| handle.stop()).unwrap();
            read
        });
        events.run(&mut ()).unwrap();
        assert_eq!(silent.join().unwrap().unwrap().unwrap(), 0, "the end");
        drop((server, impatient));
        events.run(&mut ()).unwrap();
        assert_eq!((events.timer_count(), events.source_count(), events.task_count()), (0, 0, 0));
        events.audit();
    }
}
