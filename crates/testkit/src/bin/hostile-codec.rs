//! `hostile-codec`: stands where ffmpeg should, reads its input through the door as ffmpeg does, and then does
//! what the input orders: one of [`ACTS`]. It knows nothing of Valet but what any codec is given.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use valet_testkit::hostile::{TAIL_BYTES, order};

/// What an order says first, and what is done then with the rest of the order and the output's path.
type Act = (&'static str, fn(&str, &str) -> io::Result<()>);

const ACTS: &[Act] = &[
    ("copy", copy),
    ("send", send),
    ("read", read),
    ("connect", connect),
    ("udp", udp),
    ("spawn", spawn),
    ("flood", flood),
    ("escapes", escapes),
    ("garbage", garbage),
    ("nothing", nothing),
    ("sleep", sleep),
    ("spin", spin),
    ("lie", lie),
    ("fill", fill),
    ("eat", eat),
];

/// How much a flood has, on each of the two streams: far more than anybody should keep.
const FLOOD_BYTES: usize = 256 << 20;
const PIECE_BYTES: usize = 1 << 16;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|word| word == "-version") {
        println!("ffmpeg version hostile Copyright (c) nobody");
        return ExitCode::SUCCESS;
    }
    let output = arguments.last().map_or("", String::as_str).trim_start_matches("file:");
    match act(output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hostile-codec: {error}");
            ExitCode::FAILURE
        }
    }
}

fn act(output: &str) -> io::Result<()> {
    let tail = ask(&get("/input", &format!("Range: bytes=-{TAIL_BYTES}\r\n")))?;
    let order = order(&tail).ok_or_else(|| io::Error::other("the input has no order"))?;
    let (word, argument) = order.split_once(' ').unwrap_or((&order, ""));
    let found = ACTS.iter().find(|(name, _)| *name == word);
    let (_, act) = found.ok_or_else(|| io::Error::other(format!("{word} is no act")))?;
    act(argument, output)
}

/// A request as ffmpeg sends it.
fn get(target: &str, header: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{header}\r\n")
}

/// Sends a request to whoever answers, and returns the body of the answer.
fn ask(request: &str) -> io::Result<Vec<u8>> {
    let mut door = TcpStream::connect(("127.0.0.1", 80))?;
    door.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    door.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    Ok(answer.split_off(head))
}

/// Makes the whole input the output: what an honest remuxer of one file would.
fn copy(_: &str, output: &str) -> io::Result<()> {
    let input = ask(&get("/input", ""))?;
    println!("out_time_us=1000000\nprogress=end");
    std::fs::write(output, input)
}

/// Sends any request, with `|` for the end of a line, and makes the answer the output.
fn send(request: &str, output: &str) -> io::Result<()> {
    let answer = ask(&(request.replace('|', "\r\n") + "\r\n\r\n"))?;
    std::fs::write(output, answer)
}

/// Makes a file of the machine the output.
fn read(path: &str, output: &str) -> io::Result<()> {
    std::fs::write(output, std::fs::read(path)?)
}

/// Makes what a service of the machine says the output.
fn connect(port: &str, output: &str) -> io::Result<()> {
    let mut service = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    service.write_all(format!("GET /secret HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    service.read_to_end(&mut answer)?;
    std::fs::write(output, answer)
}

/// Tells a service of the machine something, without a connection.
fn udp(port: &str, _: &str) -> io::Result<()> {
    UdpSocket::bind("127.0.0.1:0")?.send_to(b"from the codec", format!("127.0.0.1:{port}")).map(drop)
}

/// Becomes two.
fn spawn(program: &str, output: &str) -> io::Result<()> {
    #[allow(clippy::disallowed_methods, reason = "to be refused")]
    let child = std::process::Command::new(program).output()?;
    std::fs::write(output, child.stdout)
}

/// Says more than anybody can hear.
fn flood(_: &str, _: &str) -> io::Result<()> {
    let piece = [b'f'; PIECE_BYTES];
    for _ in 0..FLOOD_BYTES / PIECE_BYTES {
        io::stdout().write_all(&piece)?;
        io::stderr().write_all(&piece)?;
    }
    Err(io::Error::other("the flood is over"))
}

/// Says what does things to terminals, and to people who read from left to right.
fn escapes(_: &str, _: &str) -> io::Result<()> {
    eprintln!("\x1b[2J\x1b]0;owned\x07 red \x1b[31m\r back \u{202e}txet\u{8}");
    Err(io::Error::other("after the escapes"))
}

/// Claims success with what is no media.
fn garbage(_: &str, output: &str) -> io::Result<()> {
    std::fs::write(output, [0xa5; 4_096])
}

/// Claims success with nothing.
fn nothing(_: &str, _: &str) -> io::Result<()> {
    Ok(())
}

fn sleep(_: &str, _: &str) -> io::Result<()> {
    loop {
        std::thread::sleep(Duration::from_secs(3_600));
    }
}

fn spin(_: &str, _: &str) -> io::Result<()> {
    loop {
        std::hint::spin_loop();
    }
}

/// Tells progress that there is none of, for ever, in numbers that are none.
fn lie(_: &str, _: &str) -> io::Result<()> {
    let begun = Instant::now();
    println!(
        "out_time_us=99999999999999999999999\nfps=NaN\nspeed=-1e308x\ntotal_size=N/A\nprogress=continue"
    );
    loop {
        let step = begun.elapsed().as_millis();
        println!("frame={step}\nout_time_us={step}\ntotal_size={step}\nprogress=continue");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Writes until it is stopped, whatever the system says.
fn fill(_: &str, output: &str) -> io::Result<()> {
    let mut file = File::create(output)?;
    let piece = [0xa5; PIECE_BYTES];
    loop {
        if file.write_all(&piece).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Takes memory until there is none, and says what ffmpeg says then.
fn eat(_: &str, _: &str) -> io::Result<()> {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut more = Vec::new();
        if more.try_reserve_exact(16 << 20).is_err() {
            let refused = io::Error::from(ErrorKind::OutOfMemory);
            eprintln!("Cannot allocate memory after {} pieces", eaten.len());
            return Err(refused);
        }
        more.resize(16 << 20, 0xa5);
        eaten.push(more);
    }
}
