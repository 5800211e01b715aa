//! One exchange: take the request, let happen what the script says, pass the answer.

use std::io::{self, BufReader, Write as _, sink};
use std::net::{Shutdown, TcpStream};
use std::thread::sleep;

use super::fault::Fault;
use super::message::{Head, pass, pass_request_body};
use super::{Exchange, Shared, lock};

/// Serves one connection; what happened is in `exchange`, also after an error.
pub(super) fn relay(client: &TcpStream, shared: &Shared, exchange: &mut Exchange) -> io::Result<()> {
    if lock(&shared.script).take_refusal() {
        exchange.fault = Some(Fault::Refuse);
        return client.shutdown(Shutdown::Both);
    }
    let mut request = BufReader::new(client);
    let head = Head::read(&mut request)?;
    exchange.method = head.word(0).to_owned();
    exchange.target = head.word(1).to_owned();
    exchange.headers = head.headers.clone();
    exchange.fault = lock(&shared.script).take(&exchange.method);
    match exchange.fault.clone() {
        Some(Fault::Answer { status, code, retry_after_seconds }) => {
            pass_request_body(&head, &mut request, &mut sink(), u64::MAX, &mut 0)?;
            exchange.status = Some(status);
            answer(client, status, code, retry_after_seconds)
        }
        Some(Fault::CutUploadAfter(limit)) => {
            let mut server = TcpStream::connect(&shared.target)?;
            head.write_closing(&mut server)?;
            pass_request_body(&head, &mut request, &mut server, limit, &mut exchange.bytes_up)?;
            server.shutdown(Shutdown::Both)?;
            client.shutdown(Shutdown::Both)
        }
        fault => {
            match &fault {
                Some(Fault::Latency(time)) => sleep(*time),
                Some(Fault::Hold(gate)) => gate.pass(),
                _ => {}
            }
            let mut server = TcpStream::connect(&shared.target)?;
            head.write_closing(&mut server)?;
            pass_request_body(&head, &mut request, &mut server, u64::MAX, &mut exchange.bytes_up)?;
            pass_response(&server, client, fault, exchange)
        }
    }
}

fn pass_response(
    server: &TcpStream,
    mut client: &TcpStream,
    fault: Option<Fault>,
    exchange: &mut Exchange,
) -> io::Result<()> {
    let mut response = BufReader::new(server);
    let head = Head::read(&mut response)?;
    if fault == Some(Fault::DropResponse) {
        // Only after its whole answer is the server's work surely done.
        pass(&mut response, &mut sink(), &mut 0, None)?;
        return client.shutdown(Shutdown::Both);
    }
    exchange.status = head.word(1).parse().ok();
    head.write_closing(&mut client)?;
    let down = &mut exchange.bytes_down;
    match fault {
        Some(Fault::CutAfter(limit)) => {
            pass(&mut io::Read::take(response, limit), &mut client, down, None)?;
        }
        Some(Fault::FlipByte(at)) => pass(&mut response, &mut client, down, Some(at))?,
        _ => pass(&mut response, &mut client, down, None)?,
    }
    client.shutdown(Shutdown::Both)
}

fn answer(mut client: &TcpStream, status: u16, code: &str, retry_after: Option<u32>) -> io::Result<()> {
    let retry_after = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>scripted</Message></Error>");
    let length = body.len();
    client.write_all(
        format!(
            "HTTP/1.1 {status} Scripted\r\nx-ms-error-code: {code}\r\n{retry_after}\
             content-type: application/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .as_bytes(),
    )
}
