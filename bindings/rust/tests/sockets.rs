//! Sockets for futures: connecting, accepting, the `poll_…` calls, and the traits of `futures-io`.

mod common;

use cogloop::{Async, Error, Loop};
use common::*;
use futures_io::{AsyncRead, AsyncWrite};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

fn watched(events: &Loop<()>) -> (Async<Stream>, Stream) {
    let (ours, peer) = streams();
    ours.set_nonblocking(true).unwrap();
    (events.watch(ours).unwrap(), peer)
}

/// Three clients connect at a time. Each reads back its own bytes.
#[test]
fn clients_connect_and_are_accepted() {
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let handle = events.handle();
        let listener = Async::<TcpListener>::bind(&handle, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let server = events.spawn({
            let handle = handle.clone();
            async move {
                loop {
                    let (stream, from) = listener.accept().await?;
                    assert_eq!(stream.get_ref().peer_addr()?, from);
                    let echo = async move {
                        let mut buffer = [0; 16];
                        let length = stream.read(&mut buffer).await?;
                        stream.write_all(&buffer[..length]).await
                    };
                    handle.spawn(echo)?.detach();
                }
                #[allow(unreachable_code, reason = "the type of the errors")]
                io::Result::Ok(())
            }
        });
        let clients = ["one", "two", "three"].map(|word| {
            let handle = handle.clone();
            let client = async move {
                let stream = Async::<TcpStream>::connect(&handle, address).await?;
                stream.write_all(word.as_bytes()).await?;
                let mut buffer = [0; 16];
                let length = stream.read(&mut buffer).await?;
                assert_eq!(&buffer[..length], word.as_bytes());
                io::Result::Ok(stream.into_inner())
            };
            events.spawn(client).unwrap()
        });
        for client in clients {
            events.block_on(&mut (), client).unwrap().unwrap().unwrap();
        }
        drop(server);
        events.run(&mut ()).unwrap();
        assert_eq!(events.source_count(), 0);
        events.audit();
    });
}

/// A socket on which no program listens, and its address. No other program gets the port while the socket is open.
fn bound_without_a_listener() -> (OwnedFd, SocketAddr) {
    // On Windows, the standard library's first socket starts the system's sockets.
    drop(TcpListener::bind(("127.0.0.1", 0)));
    let bound = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&bound, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = getsockname(&bound).unwrap().try_into().unwrap();
    (bound, address)
}

#[test]
fn a_refused_connection_is_an_error_and_an_abandoned_one_is_closed() {
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let handle = events.handle();
        let (_bound, silent) = bound_without_a_listener();
        let refused = events.block_on(&mut (), Async::<TcpStream>::connect(&handle, silent)).unwrap();
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);

        let listener = Async::<TcpListener>::bind(&handle, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let given_up = events.timeout(Duration::ZERO, listener.accept());
        assert!(matches!(events.block_on(&mut (), given_up).unwrap(), Err(Error::Elapsed)));
        drop(events.block_on(&mut (), Async::<TcpStream>::connect(&handle, address)).unwrap().unwrap());
        let (stream, _) = events.block_on(&mut (), listener.accept()).unwrap().unwrap();
        assert_eq!(events.block_on(&mut (), stream.read(&mut [0; 8])).unwrap().unwrap(), 0, "the client has gone");
        drop((listener, stream));
        assert_eq!(events.source_count(), 0);
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_connects_by_its_path_and_is_accepted() {
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let handle = events.handle();
        let path = std::env::temp_dir().join(format!("cogloop-sockets-{}", std::process::id()));
        let missing = events.block_on(&mut (), Async::<UnixStream>::connect(&handle, &path)).unwrap();
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
        let listener = Async::<UnixListener>::bind(&handle, &path).unwrap();
        let given_up = events.timeout(Duration::ZERO, listener.accept());
        assert!(matches!(events.block_on(&mut (), given_up).unwrap(), Err(Error::Elapsed)));
        drop(events.block_on(&mut (), Async::<UnixStream>::connect(&handle, &path)).unwrap().unwrap());
        let (stream, _) = events.block_on(&mut (), listener.accept()).unwrap().unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(events.block_on(&mut (), stream.read(&mut [0; 8])).unwrap().unwrap(), 0, "the client has gone");
        drop((listener, stream));
        assert_eq!(events.source_count(), 0);
    });
}

/// At the limit of sources, `accept` fails. After an earlier connection is dropped, the listener accepts again.
#[test]
fn accepting_a_connection_beyond_the_limit_is_an_error() {
    let mut events = Loop::<()>::with_options(cogloop::Options::new().max_sources(2)).unwrap();
    let handle = events.handle();
    let listener = Async::<TcpListener>::bind(&handle, ([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.get_ref().local_addr().unwrap();
    let _clients = [(); 3].map(|()| TcpStream::connect(address).unwrap());
    let (first, _) = events.block_on(&mut (), listener.accept()).unwrap().unwrap();
    let refused = events.block_on(&mut (), listener.accept()).unwrap().unwrap_err();
    assert!(matches!(
        refused.get_ref().and_then(|inner| inner.downcast_ref()),
        Some(Error::Limit { what: "sources", limit: 2 })
    ));
    drop(first);
    events.block_on(&mut (), listener.accept()).unwrap().unwrap();
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_polled_wait_wakes_the_task_that_polled_last_and_keeps_no_waker_when_it_is_over() {
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let (stream, mut peer) = watched(&events);
        let counts = [(); 2].map(|()| Arc::new(Count(AtomicUsize::new(0))));
        let wakers = counts.clone().map(Waker::from);
        for waker in &wakers {
            assert!(stream.poll_readable(&mut Context::from_waker(waker)).is_pending());
        }
        events.turn(&mut (), Some(Duration::ZERO)).unwrap();
        peer.write_all(b"x").unwrap();
        while counts[1].0.load(Ordering::Relaxed) == 0 {
            events.turn(&mut (), None).unwrap();
        }
        assert_eq!(counts[0].0.load(Ordering::Relaxed), 0);
        let mut cx = Context::from_waker(&wakers[1]);
        assert!(matches!(stream.poll_readable(&mut cx), Poll::Ready(Ok(()))));
        // This poll starts a new wait for the direction. A read that succeeds ends that wait.
        assert!(stream.poll_readable(&mut cx).is_pending());
        let read = stream.poll_read_with(&mut cx, |mut stream| stream.read(&mut [0; 8]));
        assert!(matches!(read, Poll::Ready(Ok(1))));
        assert_eq!(counts.map(|count| Arc::strong_count(&count)), [2, 2], "no waker but that of this test is kept");
        // Waits for both directions at the same time.
        assert!(stream.poll_readable(&mut cx).is_pending());
        events.block_on(&mut (), poll_fn(|cx| stream.poll_writable(cx))).unwrap().unwrap();
        events.clear();
        assert!(matches!(stream.poll_readable(&mut cx), Poll::Ready(Err(_))));
    });
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<usize> {
    let (mut buffer, mut copied) = ([0; 1000], 0);
    loop {
        let length = poll_fn(|cx| Pin::new(&mut from).poll_read(cx, &mut buffer)).await?;
        if length == 0 {
            poll_fn(|cx| Pin::new(&mut to).poll_close(cx)).await?;
            return Ok(copied);
        }
        let mut left = &buffer[..length];
        while !left.is_empty() {
            left = &left[poll_fn(|cx| Pin::new(&mut to).poll_write(cx, left)).await?..];
        }
        copied += length;
    }
}

/// A future that uses only the traits copies more than fits into the kernel's buffers, from a thread to a thread.
#[test]
fn the_traits_of_futures_io_read_write_and_close() {
    const LENGTH: usize = 1_000_000;
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let ((inlet, mut source), (outlet, mut sink)) = (watched(&events), watched(&events));
        let (reader, writer) = pipe();
        let writing = std::thread::spawn(move || source.write_all(&vec![7; LENGTH]));
        let reading = std::thread::spawn(move || {
            let mut got = Vec::new();
            sink.read_to_end(&mut got).map(|_| got)
        });
        let copied = events.block_on(&mut (), copy(&inlet, outlet)).unwrap().unwrap();
        writing.join().unwrap().unwrap();
        let got = reading.join().unwrap().unwrap();
        assert_eq!((copied, got.len(), got.iter().all(|&byte| byte == 7)), (LENGTH, LENGTH, true));
        // `poll_close` of a file that is not a socket only flushes it. On Windows this writer is a socket, too.
        let mut writer = events.watch(writer).unwrap();
        events.block_on(&mut (), poll_fn(|cx| Pin::new(&mut writer).poll_close(cx))).unwrap().unwrap();
        drop((reader, writer));
    });
}
