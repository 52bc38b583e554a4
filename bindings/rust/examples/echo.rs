//! A TCP echo server and its clients in one program, on one loop. The server uses callbacks, and the clients are tasks.
//! When the last client is done, the server is removed, and the loop ends. If a client resets its connection, only that
//! connection ends.
//!
//!     cargo run --example echo -p cogloop [-- CLIENTS [MESSAGES]]

use cogloop::{Error, Handle, Interest, Loop, Ready};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Counts {
    clients: u32,
    messages: u32,
}

/// Sends the bytes of a client back, as fast as the client takes them, until the end of the stream. An error ends only
/// this connection. The callback must not return the error: that would end `run`, and any client may reset its
/// connection.
fn echo(ready: &Ready<'_, Counts>, stream: &TcpStream, unsent: &mut Vec<u8>) -> ControlFlow<()> {
    match echo_some(stream, unsent) {
        Ok(true) => {}
        Ok(false) | Err(_) => return ControlFlow::Break(()),
    }
    // The server reads nothing more until the client has taken these bytes.
    let interest = if unsent.is_empty() { Interest::READ } else { Interest::WRITE };
    match ready.set_interest(ready.source(), interest) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// Returns `false` at the end of the stream.
fn echo_some(mut stream: &TcpStream, unsent: &mut Vec<u8>) -> io::Result<bool> {
    let goes_on = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    };
    if unsent.is_empty() {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(length) => unsent.extend_from_slice(&buffer[..length]),
            Err(error) => goes_on(error)?,
        }
    }
    match stream.write(unsent) {
        Ok(length) => drop(unsent.drain(..length)),
        Err(error) => goes_on(error)?,
    }
    Ok(true)
}

/// Accepts a client. If no descriptor is left, the server pauses for a while, and the client waits in the system's
/// queue.
fn welcome(ready: &Ready<'_, Counts>, listener: &TcpListener) -> Result<(), Error> {
    match listener.accept().and_then(|(stream, _)| stream.set_nonblocking(true).map(|()| stream)) {
        Ok(stream) => {
            let mut unsent = Vec::new();
            // If the connection cannot be observed, it is closed.
            let _ = ready.add(stream, Interest::READ, move |_, ready, stream| echo(ready, stream, &mut unsent));
        }
        Err(error) if [EMFILE, ENFILE].map(Some).contains(&error.raw_os_error()) => {
            let server = ready.source();
            ready.set_interest(server, Interest::NONE)?;
            // This has no effect if the server was removed meanwhile.
            ready
                .after(Duration::from_millis(100), move |_, firing| _ = firing.set_interest(server, Interest::READ))?;
        }
        // The client has already gone.
        Err(_) => {}
    }
    Ok(())
}

const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// A client that sends, and closes its socket before it has read the answer. Its system then resets the connection.
async fn rude_client(events: Handle<Counts>, address: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_nonblocking(true)?;
    let stream = events.watch(stream)?;
    stream.write_all(b"hello").await?;
    stream.readable().await
}

/// Sends this number of messages, and expects each answer within a second.
async fn client(events: Handle<Counts>, address: SocketAddr, messages: u32) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let stream = events.watch(stream)?;
    let mut answer = [0; 5];
    for _ in 0..messages {
        stream.write_all(b"hello").await?;
        let mut length = 0;
        while length < answer.len() {
            length += match events.timeout(Duration::from_secs(1), stream.read(&mut answer[length..])).await?? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => more,
            };
        }
    }
    events.with(move |counts, _| counts.messages += messages).await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let clients = arguments.next().transpose()?.unwrap_or(20);
    let messages = arguments.next().transpose()?.unwrap_or(50);

    let mut events = Loop::new()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let server = events.add(listener, Interest::READ, |_: &mut Counts, ready, listener| welcome(ready, listener))?;

    events.spawn(rude_client(events.handle(), address))?.detach();
    let start = Instant::now();
    for _ in 0..clients {
        let handle = events.handle();
        let task = async move {
            if let Err(error) = client(handle.clone(), address, messages).await {
                println!("a client has failed: {error}");
            }
            let count_it = move |counts: &mut Counts, handle: &Handle<Counts>| {
                counts.clients += 1;
                if counts.clients == clients { handle.cancel(server) } else { false }
            };
            handle.with(count_it).await.map(drop)
        };
        let task: cogloop::Task<Result<(), Error>> = events.spawn(task)?;
        task.detach();
    }
    let mut counts = Counts::default();
    events.run(&mut counts)?;
    println!("{} clients, {} messages echoed in {:?}", counts.clients, counts.messages, start.elapsed());
    Ok(())
}
