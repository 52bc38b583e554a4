//! A TCP echo server and its clients in one program, on one loop: the server with callbacks, the clients as tasks. When the
//! last client is done the server is removed, and the loop ends by itself.
//!
//!     cargo run --example echo -p cogloop [-- CLIENTS [MESSAGES]]

use cogloop::{Error, Handle, Interest, Loop};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Counts {
    clients: u32,
    messages: u32,
}

/// Sends back what comes, until the end of the stream.
fn echo(mut stream: &TcpStream) -> io::Result<ControlFlow<()>> {
    let mut buffer = [0; 1024];
    match stream.read(&mut buffer)? {
        0 => Ok(ControlFlow::Break(())),
        length => stream.write_all(&buffer[..length]).map(ControlFlow::Continue),
    }
}

/// Says hello so often, and expects an answer within a second each time.
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
    let server = events.add(listener, Interest::READ, |_: &mut Counts, ready, listener| {
        let (stream, _) = listener.accept()?;
        ready.add(stream, Interest::READ, |_, _, stream| echo(stream))?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    })?;

    let start = Instant::now();
    for _ in 0..clients {
        let handle = events.handle();
        let task = async move {
            if let Err(error) = client(handle.clone(), address, messages).await {
                println!("a client has failed: {error}");
            }
            let count_it = move |counts: &mut Counts, handle: &Handle<Counts>| {
                counts.clients += 1;
                if counts.clients == clients { handle.remove(server) } else { false }
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
