//! The workload TCP echo: a server sends back the messages of its clients. The clients are in one thread of this
//! program, and are the same for every server. The server is a script in a process of its own or, for
//! comparison, a thread that calls epoll itself.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use super::workload::{CLIENTS, Sample, Script, Workload};
use crate::measure::cpu_ns;

const MESSAGE: [u8; 64] = [b'x'; 64];
const LONG: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(500);

pub(super) fn run(script: &Script<'_>) -> Result<Sample, String> {
    measure(script, LONG)
}

pub(super) fn run_short(script: &Script<'_>) -> Result<Sample, String> {
    measure(script, SHORT)
}

pub(super) fn bare(_: &Workload) -> Result<Sample, String> {
    measure_bare(LONG).map_err(|error| error.to_string())
}

pub(super) fn bare_short(_: &Workload) -> Result<Sample, String> {
    measure_bare(SHORT).map_err(|error| error.to_string())
}

fn measure(script: &Script<'_>, duration: Duration) -> Result<Sample, String> {
    let mut server = script.start()?;
    let (_, port) = server.line()?;
    let load = load(port as u16, duration).map_err(|error| format!("its clients: {error}"))?;
    let figures = server.finish()?;
    let cpu_s = figures.iter().find(|(name, _)| name == "cpu").map_or(f64::NAN, |figure| figure.1);
    Ok(load.sample(cpu_s * 1e9))
}

fn measure_bare(duration: Duration) -> io::Result<Sample> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let server = thread::spawn(move || serve(&listener));
    let load = load(port, duration)?;
    let cpu_ns = server.join().map_err(|_| io::Error::other("the server panicked"))??;
    Ok(load.sample(cpu_ns))
}

/// The results of the clients.
struct Load {
    in_time: u64,
    messages: u64,
    took: Duration,
}

impl Load {
    fn sample(&self, cpu_ns: f64) -> Sample {
        let rate = self.in_time as f64 / self.took.as_secs_f64();
        vec![("messages".to_owned(), rate), ("message_cpu".to_owned(), cpu_ns / self.messages as f64)]
    }
}

/// Each client sends a message, waits until it comes back, and sends the next one. At the end the function waits for
/// all messages, so that none is in flight when the clients close.
fn load(port: u16, duration: Duration) -> io::Result<Load> {
    let clients = (0..CLIENTS).map(|_| TcpStream::connect(("127.0.0.1", port))).collect::<io::Result<Vec<_>>>()?;
    let mut set = Set::new()?;
    for (index, client) in clients.iter().enumerate() {
        client.set_nodelay(true)?;
        set.add(client, index)?;
    }
    let mut missing = [MESSAGE.len(); CLIENTS];
    let (start, mut messages, mut failure) = (Instant::now(), 0, None);
    clients.iter().try_for_each(|mut client| client.write_all(&MESSAGE))?;
    let (mut took, mut under_way) = (None, CLIENTS);
    while under_way > 0 && failure.is_none() {
        if took.is_none() && start.elapsed() >= duration {
            took = Some((start.elapsed(), messages));
        }
        set.turn(|index| {
            let mut client = &clients[index];
            let mut answer = || {
                match client.read(&mut [0; MESSAGE.len()])? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => missing[index] = missing[index].saturating_sub(count),
                }
                if missing[index] > 0 {
                    return Ok(());
                }
                messages += 1;
                if took.is_some() {
                    under_way -= 1;
                    return Ok(());
                }
                missing[index] = MESSAGE.len();
                client.write_all(&MESSAGE)
            };
            failure = answer().err().or_else(|| failure.take());
        })?;
    }
    let (took, in_time) = took.unwrap_or((start.elapsed(), messages));
    failure.map_or(Ok(Load { in_time, messages, took }), Err)
}

/// The bare server, which runs until each client has closed. Returns its thread's CPU time in ns.
fn serve(listener: &TcpListener) -> io::Result<f64> {
    let start = cpu_ns();
    let mut clients = Vec::with_capacity(CLIENTS);
    let mut set = Set::new()?;
    for index in 0..CLIENTS {
        let (client, _) = listener.accept()?;
        set.add(&client, index)?;
        clients.push(Some(client));
    }
    let mut left = CLIENTS;
    while left > 0 {
        set.turn(|index| {
            let Some(client) = &mut clients[index] else { return };
            let mut buffer = [0; 4096];
            let count = client.read(&mut buffer).unwrap_or(0);
            if count == 0 || client.write_all(&buffer[..count]).is_err() {
                // A descriptor that is closed leaves the set.
                clients[index] = None;
                left -= 1;
            }
        })?;
    }
    Ok((cpu_ns() - start) as f64)
}

/// The bare loop over epoll: level-triggered, for reading.
struct Set {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Set {
    fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, events: Vec::with_capacity(CLIENTS) })
    }

    fn add(&self, stream: &TcpStream, index: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?)
    }

    fn turn(&mut self, serve: impl FnMut(usize)) -> io::Result<()> {
        self.events.clear();
        epoll::wait(&self.epoll, spare_capacity(&mut self.events), None)?;
        self.events.iter().map(|event| event.data.u64() as usize).for_each(serve);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_server_returns_every_message_and_ends_with_its_clients() {
        let sample = measure_bare(Duration::from_millis(20)).unwrap();
        assert!(sample.iter().all(|(name, value)| *value > 0.0 && value.is_finite() && !name.is_empty()), "{sample:?}");
    }
}
