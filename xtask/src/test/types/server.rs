//! The client's side of a language server: it opens a folder, and asks for the findings of each file.
//!
//! Each message is JSON behind a line with its length, by the Language Server Protocol.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The server takes seconds, on a busy machine a minute. The limit is for a server that hangs.
const LIMIT: Duration = Duration::from_secs(1_200);

/// An error or a warning of a server about a line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// Counted from 1.
    pub(super) line: u64,
    /// The kind, such as `param-type-mismatch`.
    pub(super) code: String,
    pub(super) message: String,
}

pub(super) struct Server {
    child: Child,
    input: ChildStdin,
    messages: mpsc::Receiver<Value>,
    last_id: u64,
    end: Instant,
}

impl Server {
    /// Starts the server for a folder.
    pub(super) fn start(command: &mut Command, folder: &Path) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start the language server: {error}"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or("the language server has no pipes")?;
        let mut server = Self { child, input, messages: receive(output), last_id: 0, end: Instant::now() + LIMIT };
        let uri = uri(folder);
        let folders = json!([{ "uri": uri, "name": "types" }]);
        let capabilities = json!({
            "workspace": { "diagnostics": { "refreshSupport": true } },
            "textDocument": { "diagnostic": { "dynamicRegistration": false } },
        });
        server.ask(
            "initialize",
            json!({ "processId": null, "rootUri": uri, "capabilities": capabilities, "workspaceFolders": folders }),
        )?;
        server.send(json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }))?;
        Ok(server)
    }

    /// Returns the errors and warnings of a file, by line.
    pub(super) fn findings(&mut self, file: &Path) -> Result<Vec<Finding>, String> {
        let answer = self.ask("textDocument/diagnostic", json!({ "textDocument": { "uri": uri(file) } }))?;
        let items = answer["items"].as_array().ok_or_else(|| format!("no findings of {}: {answer}", file.display()))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
        // 1 is an error, 2 a warning; the others are hints.
        let counts = |item: &&Value| item["severity"].as_u64().unwrap_or(1) <= 2;
        let finding = |item: &Value| Finding {
            line: item["range"]["start"]["line"].as_u64().unwrap_or_default() + 1,
            code: text(&item["code"]),
            message: text(&item["message"]),
        };
        let mut findings: Vec<_> = items.iter().filter(counts).map(finding).collect();
        findings.sort();
        Ok(findings)
    }

    /// Sends a request and waits for its answer. Meanwhile it answers each request of the server with an empty result.
    fn ask(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let left = self.end.saturating_duration_since(Instant::now());
            let mut message = self
                .messages
                .recv_timeout(left)
                .map_err(|error| format!("the language server does not answer `{method}`: {error}"))?;
            if message.get("method").is_some() {
                if let Some(id) = message.get("id") {
                    self.send(json!({ "jsonrpc": "2.0", "id": id, "result": null }))?;
                }
            } else if message["id"] == id {
                return match message.get("error") {
                    Some(error) => Err(format!("the language server answers `{method}` with {error}")),
                    None => Ok(message["result"].take()),
                };
            }
        }
    }

    fn send(&mut self, message: Value) -> Result<(), String> {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len())
            .and_then(|()| self.input.flush())
            .map_err(|error| format!("the language server has gone: {error}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that the server has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the server's messages until it ends.
fn receive(output: ChildStdout) -> mpsc::Receiver<Value> {
    let (sender, messages) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        while let Some(message) = read(&mut output) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    messages
}

/// Reads one message. Returns `None` at the end.
fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok(),
            Some(_) => {}
            None => break,
        }
    }
    let mut text = vec![0; length?];
    output.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_one_after_the_other_until_the_output_ends() {
        let mut output =
            &b"Content-Length: 2\r\nContent-Type: x\r\n\r\n{}content-length: 7\r\n\r\n{\"a\":1}Content-Length: 9\r\n\r\n{"[..];
        assert_eq!(read(&mut output), Some(json!({})));
        assert_eq!(read(&mut output), Some(json!({ "a": 1 })));
        assert_eq!(read(&mut output), None);
    }
}
